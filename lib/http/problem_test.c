/* SPDX-License-Identifier: Apache-2.0 */
#include "http/problem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/mem.h"

static json_t *problem_of(const struct error *err, const char *path) {
	CLEANUP(mem_freep) char *text = problem_text(err, path);
	assert_int_equal(text[strlen(text) - 1], '\n');
	json_t *problem = json_loads(text, 0, NULL);
	assert_true(json_is_object(problem));
	return problem;
}

static const char *text_in(const json_t *object, const char *member) {
	const char *text = json_string_value(json_object_get(object, member));
	return text != NULL ? text : "(none)";
}

static void every_code_has_its_status_and_type(void **state) {
	(void)state;
#define ERROR(code, slug, http, grpc, exit, title)                                                 \
	{                                                                                          \
		struct error err;                                                                  \
		error_set(&err, ERROR_##code, "what \"%s\" did", slug);                            \
		json_t *problem = problem_of(&err, "/tasks/1");                                    \
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
		assert_null(json_object_get(problem, "errors"));                                   \
		assert_string_equal(text_in(problem, "instance"), "/tasks/1");                     \
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
	(void)error_in(&err, "a\"b");
	json_t *problem = problem_of(&err, "/\xff\x01\"}<");
	assert_string_equal(text_in(problem, "field"), "a\"b");
	assert_string_equal(text_in(problem, "instance"), "/%FF%01%22%7D%3C");
	assert_non_null(strstr(text_in(problem, "detail"), "bad "));
	json_decref(problem);
}

/* Nowhere but to this server, and nothing that means something elsewhere. */
static void an_instance_is_a_path(void **state) {
	(void)state;
	static const char *const rows[][2] = {
		{ "/tasks/a%20b%2fc", "/tasks/a%20b%2fc" },
		{ "//elsewhere.example/x", "/%2Felsewhere.example/x" },
		{ "///x", "/%2F/x" },
		{ "http://elsewhere.example/x", "http%3A//elsewhere.example/x" },
		{ "javascript:alert(1)", "javascript%3Aalert(1)" },
		{ "*", "*" },
		{ "", "" },
		{ "/%", "/%25" },
		{ "/%zz%4", "/%25zz%254" },
		{ "/a?b#c", "/a%3Fb%23c" },
		{ "/\xc3\xbc \r\n\\", "/%C3%BC%20%0D%0A%5C" },
	};
	char instance[PROBLEM_INSTANCE_MAX];
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		problem_instance(rows[i][0], instance);
		assert_string_equal(instance, rows[i][1]);
	}
}

static void an_instance_has_an_end(void **state) {
	(void)state;
	char path[4 * PROBLEM_INSTANCE_MAX] = "/", instance[PROBLEM_INSTANCE_MAX];
	memset(path + 1, '"', sizeof(path) - 2);
	problem_instance(path, instance);
	size_t size = strlen(instance);
	assert_true(size > PROBLEM_INSTANCE_MAX - 5 && size < PROBLEM_INSTANCE_MAX);
	assert_string_equal(instance + size - 3, "%22"); /* and not in the middle of one */
}

static json_t *fault_of(const struct error *err, json_t **problem) {
	*problem = problem_of(err, "/tasks");
	json_t *errors = json_object_get(*problem, "errors");
	assert_int_equal(json_array_size(errors), 1);
	json_t *fault = json_array_get(errors, 0);
	assert_string_equal(text_in(fault, "detail"), text_in(*problem, "detail"));
	assert_int_equal(json_object_size(fault), 2);
	return fault;
}

static void what_is_at_fault_is_pointed_at(void **state) {
	(void)state;
	static const struct {
		const char *member, *inside, *field, *pointer;
	} rows[] = {
		{ "name", NULL, "name", "#/name" },
		{ "limits", "gas", "limits", "#/limits/gas" },
		{ "a/b~c", "d", "a/b~c", "#/a~1b~0c/d" },
		{ "env", "\xc3\xbc \"#%", "env", "#/env/%C3%BC%20%22%23%25" },
		{ "", NULL, "", "#/" },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct error err;
		json_t *problem;
		error_set(&err, ERROR_INVALID, "it is wrong");
		if (rows[i].inside != NULL) {
			(void)error_in(&err, rows[i].inside);
		}
		(void)error_in(&err, rows[i].member);
		json_t *fault = fault_of(&err, &problem);
		assert_string_equal(text_in(fault, "pointer"), rows[i].pointer);
		assert_string_equal(text_in(problem, "field"), rows[i].field);
		json_decref(problem);
	}
}

static void parameters_and_headers_are_named(void **state) {
	(void)state;
	struct error err;
	json_t *problem;
	error_set(&err, ERROR_INVALID, "it is wrong");
	(void)error_of(&err, ERROR_IN_QUERY, "limit");
	assert_string_equal(text_in(fault_of(&err, &problem), "parameter"), "limit");
	assert_string_equal(text_in(problem, "field"), "limit");
	json_decref(problem);
	(void)error_of(&err, ERROR_IN_HEADER, "Idempotency-Key");
	assert_string_equal(text_in(fault_of(&err, &problem), "header"), "Idempotency-Key");
	json_decref(problem);
}

/* A module that is no JSON has no pointer; a full disk is not the module's fault. */
static void what_cannot_be_pointed_at_is_only_named(void **state) {
	(void)state;
	struct error err;
	error_set(&err, ERROR_MODULE, "no module");
	(void)error_of(&err, ERROR_IN_PART, "file");
	json_t *problem = problem_of(&err, "/tasks/1/upload");
	assert_string_equal(text_in(problem, "field"), "file");
	assert_null(json_object_get(problem, "errors"));
	json_decref(problem);
	error_set(&err, ERROR_NO_SPACE, "the disk is full");
	(void)error_in(&err, "file");
	problem = problem_of(&err, "/tasks");
	assert_string_equal(text_in(problem, "field"), "file");
	assert_null(json_object_get(problem, "errors"));
	json_decref(problem);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_code_has_its_status_and_type),
		cmocka_unit_test(odd_bytes_stay_inside),
		cmocka_unit_test(an_instance_is_a_path),
		cmocka_unit_test(an_instance_has_an_end),
		cmocka_unit_test(what_is_at_fault_is_pointed_at),
		cmocka_unit_test(parameters_and_headers_are_named),
		cmocka_unit_test(what_cannot_be_pointed_at_is_only_named),
	};
	return cmocka_run_group_tests_name("http/problem", tests, NULL, NULL);
}
