/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/etag.h"

#include "manager/request_fixture.h"

static void lists(void **state) {
	static const struct {
		const char *list;
		bool strong, weak;
	} rows[] = { { "\"a\"", true, true }, { "*", true, true }, { " \"b\" ,\"a\"", true, true },
		{ "W/\"a\"", false, true }, { "W/\"b\", \"a\"", true, true }, { "", false, false },
		{ "\"b\"", false, false }, { "a", false, false }, { "\"a", false, false },
		{ "\"", false, false }, { "\"ab\"", false, false }, { "\"b\", *", false, false },
		{ ",,\"a\",", true, true }, { "W/", false, false }, { "\"a,\"a\"", false, false },
		{ "w/\"a\"", false, false } };
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (etag_listed(rows[i].list, "\"a\"", false) != rows[i].strong ||
				etag_listed(rows[i].list, "\"a\"", true) != rows[i].weak) {
			fail_msg("%s", rows[i].list);
		}
	}
}

static void tags(void **state) {
	char one[ETAG_SIZE], two[ETAG_SIZE];
	(void)state;
	etag_of("{}", one);
	etag_of("{} ", two);
	assert_int_equal(strlen(one), 34);
	assert_true(one[0] == '"' && one[33] == '"');
	assert_string_not_equal(one, two);
}

struct exchange {
	char path[64];
	struct http_request request;
};

/* The status of the answer; its tag stays in the request. */
static int ask(struct manager *m, struct exchange *exchange, const char *method, const char *path,
		const char *header, const char *tag) {
	static const char body[] = "{\"name\":\"other\"}";
	exchange->request = (struct http_request){ .method = method,
		.path = path,
		.type = "application/json",
		.header = { header, tag } };
	if (str_equal(method, "PUT")) {
		exchange->request.body = (struct bytes){ (const uint8_t *)body, sizeof(body) - 1 };
	}
	serve(m, &exchange->request);
	json_decref(exchange->request.answer);
	return exchange->request.status;
}

static void only_if_it_is_what_was_read(void **state) {
	struct manager *m = *state;
	struct exchange x;
	char path[80], start[80];
	(void)snprintf(path, sizeof(path), "/tasks/%s", make_task(m)->id);
	(void)snprintf(start, sizeof(start), "%s/start", path);
	assert_int_equal(ask(m, &x, "GET", path, NULL, NULL), 200);
	CLEANUP(mem_freep) char *first = str_copy(x.request.tag);
	assert_int_equal(strlen(first), 34);
	assert_int_equal(ask(m, &x, "GET", path, "If-None-Match", first), 304);
	assert_string_equal(x.request.tag, first);
	assert_int_equal(ask(m, &x, "GET", path, "If-None-Match", "\"x\""), 200);
	assert_int_equal(ask(m, &x, "PUT", path, "If-Match", "\"x\""), 412);
	assert_int_equal(ask(m, &x, "PUT", path, "If-Match", first), 200);
	CLEANUP(mem_freep) char *second = str_copy(x.request.tag);
	assert_string_not_equal(first, second);
	next_batch(m);
	assert_int_equal(ask(m, &x, "GET", path, "If-None-Match", first), 200);
	assert_string_equal(x.request.tag, second);
	assert_int_equal(ask(m, &x, "PUT", path, "If-Match", first), 412);
	announce(m, "w");
	assert_int_equal(ask(m, &x, "POST", start, "If-Match", first), 412);
	assert_int_equal(ask(m, &x, "POST", start, "If-Match", second), 200);
	(void)snprintf(start, sizeof(start), "%s/stop", path);
	assert_int_equal(ask(m, &x, "POST", start, "If-Match", second), 412);
	assert_int_equal(ask(m, &x, "POST", start, "If-Match", "*"), 200);
	assert_int_equal(ask(m, &x, "DELETE", path, "If-Match", second), 412);
	assert_int_equal(ask(m, &x, "GET", "/tasks/" BOOT, "If-None-Match", "*"), 404);
	assert_int_equal(ask(m, &x, "DELETE", "/tasks/" BOOT, "If-Match", "*"), 404);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists),
		cmocka_unit_test(tags),
		WITH_REQUESTS(only_if_it_is_what_was_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
