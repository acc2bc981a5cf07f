/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/api.h"

#include <stdlib.h>

#include "manager/fixture.h"
#include "manager/tokens.h"

static void every_route_says_who_may(void **state) {
	const struct manager_settings settings = { .module_max = 1024 };
	size_t count = 0;
	(void)state;
	struct http_route *routes = (struct http_route *)(uintptr_t)api_routes(&settings, &count);
	assert_true(count > 20);
	for (size_t i = 0; i < count; i++) {
		const struct http_route *route = &routes[i];
		bool reads = strcmp(route->method, "GET") == 0;
		if (route->open ? route->rank != 0 : route->rank < ROLE_VIEWER) {
			fail_msg("%s %s: .rank or .open, one of them", route->method,
					route->pattern);
		}
		if (!reads && route->rank < ROLE_OPERATOR) {
			fail_msg("%s %s is not for viewers", route->method, route->pattern);
		}
	}
	free(routes);
}

static void numbers_stay_what_they_are(void **state) {
	static const char *const rows[][2] = {
		{ "{\"n\":9007199254740993}", "{\"n\":9007199254740993}" },
		{ "{\"n\":9223372036854775807,\"m\":-9223372036854775808}",
				"{\"n\":9223372036854775807,\"m\":-9223372036854775808}" },
		{ "{\"n\":9223372036854775808,\"m\":9007199254740993}",
				"{\"n\":9.2233720368547758e18,\"m\":9007199254740993}" },
		{ "{\"n\":-9223372036854775809,\"m\":-1.5,\"k\":-0}",
				"{\"n\":-9.2233720368547758e18,\"m\":-1.5,\"k\":0}" },
		{ "[1000000000000000000000,1,2.0,\"10000000000000000000\\\"10000000000000000000\"]",
				"[1e21,1,2.0,\"10000000000000000000\\\"10000000000000000000\"]" },
		{ "{\"10000000000000000000\":10000000000000000000.5,\"e\":10000000000000000000E2}",
				"{\"10000000000000000000\":1e19,\"e\":1e21}" },
		{ "[1e400,9223372036854775808]", NULL },
		{ "[9223372036854775808,\"\\", NULL },
		{ "[9223372036854775808 9223372036854775808]", NULL },
		{ "[01000000000000000000000]", NULL },
		{ "[9223372036854775808", NULL },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		json_error_t where;
		json_t *json = api_parse(
				(struct bytes){ (const uint8_t *)rows[i][0], strlen(rows[i][0]) },
				&where);
		char *text = json != NULL ? json_dumps(json, JSON_COMPACT) : NULL;
		if (rows[i][1] == NULL ? text != NULL
				       : text == NULL || strcmp(text, rows[i][1]) != 0) {
			fail_msg("%s is %s", rows[i][0], text != NULL ? text : where.text);
		}
		free(text);
		json_decref(json);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_route_says_who_may),
		cmocka_unit_test(numbers_stay_what_they_are),
	};
	return cmocka_run_group_tests_name("manager/api", tests, NULL, NULL);
}
