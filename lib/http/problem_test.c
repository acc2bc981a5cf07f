/* SPDX-License-Identifier: Apache-2.0 */
#include "http/problem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/mem.h"

static json_t *problem_of(const struct error *err, const char *field) {
	CLEANUP(mem_freep) char *text = problem_text(err, field);
	assert_int_equal(text[strlen(text) - 1], '\n');
	json_t *problem = json_loads(text, 0, NULL);
	assert_true(json_is_object(problem));
	return problem;
}

static void every_code_has_its_status_and_type(void **state) {
	(void)state;
#define ERROR(code, slug, http, grpc, exit, title)                                                 \
	{                                                                                          \
		struct error err;                                                                  \
		error_set(&err, ERROR_##code, "what \"%s\" did", slug);                            \
		json_t *problem = problem_of(&err, NULL);                                          \
		assert_int_equal(json_integer_value(json_object_get(problem, "status")), http);    \
		assert_string_equal(json_string_value(json_object_get(problem, "type")),           \
				"/problems/" slug);                                                \
		assert_string_equal(json_string_value(json_object_get(problem, "title")), title);  \
		assert_string_equal(json_string_value(json_object_get(problem, "detail")),         \
				"what \"" slug "\" did");                                          \
		const char *old = json_string_value(json_object_get(problem, "error"));            \
		assert_string_equal(old, (http) == 400 ? "something went wrong with the request\n" \
							 "what \"" slug "\" did"                   \
						       : "what \"" slug "\" did");                 \
		CLEANUP(mem_freep) char *page = problem_page(slug);                                \
		assert_non_null(strstr(page, slug ": " title));                                    \
		assert_null(json_object_get(problem, "field"));                                    \
		json_decref(problem);                                                              \
	}
#include "spec/errors.def"
#undef ERROR
}

/* Whatever somebody sent and a message repeats, the answer is JSON. */
static void odd_bytes_stay_inside(void **state) {
	(void)state;
	struct error err;
	error_set(&err, ERROR_INVALID, "bad \xff\xfe \x01 \"}, {\"");
	json_t *problem = problem_of(&err, "a\"b");
	assert_string_equal(json_string_value(json_object_get(problem, "field")), "a\"b");
	assert_non_null(strstr(json_string_value(json_object_get(problem, "detail")), "bad "));
	json_decref(problem);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_code_has_its_status_and_type),
		cmocka_unit_test(odd_bytes_stay_inside),
	};
	return cmocka_run_group_tests_name("http/problem", tests, NULL, NULL);
}
