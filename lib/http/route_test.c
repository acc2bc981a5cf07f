/* SPDX-License-Identifier: Apache-2.0 */
#include "http/route.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const struct http_route routes[] = {
	{ .method = "GET", .pattern = "/tasks" },
	{ .method = "POST", .pattern = "/tasks" },
	{ .method = "GET", .pattern = "/tasks/{id}" },
	{ .method = "POST", .pattern = "/tasks/{id}/start", .exact = true },
};

enum { COUNT = sizeof(routes) / sizeof(routes[0]) };

static void paths_find_their_routes(void **state) {
	(void)state;
	static const struct {
		const char *method, *path;
		enum route_outcome outcome;
		size_t route;
		const char *id;
	} rows[] = {
		{ "GET", "/tasks", ROUTE_FOUND, 0, NULL },
		{ "GET", "/tasks/", ROUTE_FOUND, 0, NULL },
		{ "HEAD", "/tasks", ROUTE_FOUND, 0, NULL },
		{ "GET", "/tasks/abc", ROUTE_FOUND, 2, "abc" },
		{ "GET", "/tasks/a%2Fb%20c", ROUTE_FOUND, 2, "a/b c" },
		{ "POST", "/tasks/7/start", ROUTE_FOUND, 3, "7" },
		{ "POST", "/tasks/7/start/", ROUTE_NO_PATH, 0, NULL },
		{ "GET", "/tasks/7/start", ROUTE_NO_METHOD, 0, NULL },
		{ "GET", "/task", ROUTE_NO_PATH, 0, NULL },
		{ "GET", "/", ROUTE_NO_PATH, 0, NULL },
		{ "GET", "", ROUTE_NO_PATH, 0, NULL },
		{ "GET", "/tasks/a%00b", ROUTE_NO_PATH, 0, NULL },
		{ "GET", "/tasks/a%0ab", ROUTE_NO_PATH, 0, NULL },
		{ "GET", "/tasks/%zz", ROUTE_NO_PATH, 0, NULL },
		{ "GET", "/tasks/%4", ROUTE_NO_PATH, 0, NULL },
		{ "GET", "/tasks/%", ROUTE_NO_PATH, 0, NULL },
		{ "GET", "//tasks", ROUTE_NO_PATH, 0, NULL },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct route_match match;
		assert_int_equal(route_find(routes, COUNT, rows[i].method, rows[i].path, &match),
				rows[i].outcome);
		if (rows[i].outcome == ROUTE_FOUND) {
			assert_ptr_equal(match.route, &routes[rows[i].route]);
		}
		if (rows[i].id != NULL) {
			assert_string_equal(match.params[0].value, rows[i].id);
		}
	}
}

static void the_methods_of_a_path_are_listed(void **state) {
	(void)state;
	struct route_match match;
	assert_int_equal(route_find(routes, COUNT, "DELETE", "/tasks", &match), ROUTE_NO_METHOD);
	assert_string_equal(match.allow, "GET, HEAD, POST, OPTIONS");
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths_find_their_routes),
		cmocka_unit_test(the_methods_of_a_path_are_listed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
