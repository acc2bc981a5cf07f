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

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_route_says_who_may),
	};
	return cmocka_run_group_tests_name("manager/api", tests, NULL, NULL);
}
