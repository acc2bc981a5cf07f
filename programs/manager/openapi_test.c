/* SPDX-License-Identifier: Apache-2.0 */
/* The table of routes and spec/openapi.yaml have the same operations. */
#include "manager/openapi.h"

#include "http/standing.h"
#include "manager/api.h"
#include "manager/fixture.h"

enum { OPERATIONS_MAX = 100, TEXT_MAX = 80 };

static const char *const methods[] = { "get", "put", "post", "delete", "patch", "head", "options",
	"trace" };

struct operations {
	char text[OPERATIONS_MAX][TEXT_MAX]; /* "GET /tasks" */
	size_t count;
};

static void add(struct operations *operations, const char *method, const char *path) {
	assert_true(operations->count < OPERATIONS_MAX);
	char *text = operations->text[operations->count++];
	(void)snprintf(text, TEXT_MAX, "%s %s", method, path);
	for (; *text != ' '; text++) {
		*text = (char)(*text & ~0x20);
	}
}

static bool has(const struct operations *operations, const char *text) {
	for (size_t i = 0; i < operations->count; i++) {
		if (strcmp(operations->text[i], text) == 0) {
			return true;
		}
	}
	return false;
}

/* "    get:" in a path: one of its methods. */
static void see_line(struct operations *operations, char path[TEXT_MAX], const char *line) {
	char word[TEXT_MAX];
	if (strncmp(line, "  /", 3) == 0) {
		assert_int_equal(sscanf(line, " %79[^:]:", path), 1);
		return;
	}
	for (size_t i = 0; path[0] != 0 && i < sizeof(methods) / sizeof(methods[0]); i++) {
		int size = snprintf(word, sizeof(word), "    %s:\n", methods[i]);
		if (strncmp(line, word, (size_t)size) == 0) {
			add(operations, methods[i], path);
		}
	}
}

static void read_document(struct operations *operations) {
	char path[TEXT_MAX] = "";
	const char *line = strstr((const char *)openapi, "\npaths:\n");
	assert_non_null(line);
	for (line += 1; strncmp(line, "components:", 11) != 0; line = strchr(line, '\n') + 1) {
		assert_non_null(strchr(line, '\n'));
		see_line(operations, path, line);
	}
}

static void read_routes(struct operations *operations) {
	size_t count;
	const struct http_route *routes = api_routes(&fixture_settings, &count);
	for (size_t i = 0; i < count; i++) {
		add(operations, routes[i].method, routes[i].pattern);
	}
	free((void *)(uintptr_t)routes);
	routes = standing_routes(&count);
	for (size_t i = 0; i < count; i++) {
		add(operations, routes[i].method, routes[i].pattern);
	}
}

static void expect_all(
		const struct operations *these, const struct operations *those, const char *where) {
	for (size_t i = 0; i < these->count; i++) {
		if (!has(those, these->text[i])) {
			fail_msg("%s is not %s", these->text[i], where);
		}
	}
}

static void the_document_has_every_route_and_no_other(void **state) {
	struct operations routes = { .count = 0 }, document = { .count = 0 };
	(void)state;
	read_routes(&routes);
	read_document(&document);
	assert_int_equal(strlen((const char *)openapi), openapi_size);
	expect_all(&routes, &document, "in spec/openapi.yaml");
	expect_all(&document, &routes, "in the table of routes");
	assert_int_equal(routes.count, document.count);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_document_has_every_route_and_no_other),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
