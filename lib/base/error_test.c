/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "base/str.h"

static void test_set(void **state) {
	(void)state;
	struct error err;
	assert_false(error_set(&err, ERROR_NOT_FOUND, "no task %d; list them first", 7));
	assert_int_equal(err.code, ERROR_NOT_FOUND);
	assert_string_equal(err.message, "no task 7; list them first");
	assert_non_null(strstr(err.origin, "error_test.c:"));
}

static void test_errno(void **state) {
	(void)state;
	struct error err;
	assert_false(error_errno(&err, EACCES, "cannot open %s", "x"));
	assert_int_equal(err.code, ERROR_INTERNAL);
	assert_string_equal(err.message, "cannot open x: Permission denied");
	assert_false(error_errno(&err, ENOSPC, "cannot write"));
	assert_int_equal(err.code, ERROR_NO_SPACE);
	assert_false(error_errno(&err, ENOMEM, "cannot map"));
	assert_int_equal(err.code, ERROR_NO_MEMORY);
}

static void test_wrap_keeps_code_and_origin(void **state) {
	(void)state;
	struct error err;
	(void)error_set(&err, ERROR_BUSY, "inner");
	const char *origin = err.origin;
	assert_false(error_wrap(&err, "task %s", "a"));
	assert_false(error_wrap(&err, "outer"));
	assert_int_equal(err.code, ERROR_BUSY);
	assert_ptr_equal(err.origin, origin);
	assert_string_equal(err.message, "outer: task a: inner");
}

static void test_long_messages_are_cut(void **state) {
	(void)state;
	struct error err;
	char text[2 * ERROR_MESSAGE_MAX];
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	(void)error_set(&err, ERROR_INVALID, "%s", text);
	assert_int_equal(strlen(err.message), ERROR_MESSAGE_MAX - 1);
	(void)error_wrap(&err, "while reading");
	assert_int_equal(strlen(err.message), ERROR_MESSAGE_MAX - 1);
	assert_true(str_starts(err.message, "while reading: xxx"));
	(void)error_errno(&err, EIO, "%s", text);
	assert_int_equal(strlen(err.message), ERROR_MESSAGE_MAX - 1);
}

static void test_messages_are_clean(void **state) {
	(void)state;
	struct error err;
	(void)error_set(&err, ERROR_INVALID, "\"%s\"",
			"a\x1b[31m\x7f\xff\xc3(\n\tgr\xc3\xbc\xc3\x9f\x65");
	assert_string_equal(err.message, "\"a?[31m?"
					 "?"
					 "?(\n\tgr\xc3\xbc\xc3\x9f\x65\"");
	(void)error_set(&err, ERROR_INVALID, "%.1s", "\xc3\xbc"); /* cut inside of a character */
	assert_string_equal(err.message, "?");
	(void)error_wrap(&err, "in %s", "\x01");
	assert_string_equal(err.message, "in ?: ?");
	(void)error_errno(&err, ENOENT, "%s", "\x80");
	assert_string_equal(err.message, "?: No such file or directory");
}

static void fail_in(struct error *err, const char *member) {
	(void)error_set(err, ERROR_INVALID, "wrong");
	assert_false(error_in(err, member));
}

static void test_places_in_a_body(void **state) {
	(void)state;
	struct error err;
	(void)error_set(&err, ERROR_INVALID, "wrong");
	assert_true(err.part == ERROR_ANYWHERE && err.place[0] == '\0');
	fail_in(&err, "guest");
	assert_false(error_in_item(&err, 12));
	assert_false(error_wrap(&err, "outer"));
	assert_false(error_in(&err, "dirs"));
	assert_int_equal(err.part, ERROR_IN_BODY);
	assert_string_equal(err.place, "/dirs/12/guest");
	fail_in(&err, "a/b~c~1");
	assert_string_equal(err.place, "/a~1b~0c~01");
	(void)error_set(&err, ERROR_INVALID, "wrong again");
	assert_true(err.part == ERROR_ANYWHERE && err.place[0] == '\0');
}

static void test_places_that_are_too_long(void **state) {
	(void)state;
	struct error err;
	char name[ERROR_PLACE_MAX + 1];
	memset(name, '/', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	fail_in(&err, name);
	assert_string_equal(err.place, "");
	(void)error_in(&err, "env");
	assert_string_equal(err.place, "/env");
	name[120] = '\0';
	fail_in(&err, name);
	assert_int_equal(strlen(err.place), 241);
	(void)error_in(&err, "a member"); /* 250 */
	assert_true(str_starts(err.place, "/a member/~1") && strlen(err.place) == 250);
	(void)error_in(&err, "longer");
	assert_string_equal(err.place, "/longer");
}

static void test_places_elsewhere(void **state) {
	(void)state;
	struct error err;
	(void)error_set(&err, ERROR_INVALID, "wrong");
	assert_false(error_of(&err, ERROR_IN_QUERY, "limit"));
	assert_int_equal(err.part, ERROR_IN_QUERY);
	assert_string_equal(err.place, "limit");
}

static void test_codes(void **state) {
	(void)state;
	assert_int_equal(error_http_status(ERROR_NOT_FOUND), 404);
	assert_int_equal(error_http_status(ERROR_NO_SPACE), 507);
	assert_int_equal(error_grpc_status(ERROR_DENIED), 16);
	assert_int_equal(error_grpc_status(ERROR_NO_SPACE), 8);
	assert_int_equal(error_exit_code(ERROR_INVALID), 2);
	assert_int_equal(error_exit_code(ERROR_NONE), 0);
	assert_string_equal(error_title(ERROR_BUSY), "too much at once");
	assert_string_equal(error_slug(ERROR_MEDIA_TYPE), "media-type");
}

/* Every row is complete, and its slug leads back to it. */
static void test_table(void **state) {
	(void)state;
	static const enum error_code codes[] = {
#define ERROR(name, slug, http, grpc, exit, title) ERROR_##name,
#include "spec/errors.def"
#undef ERROR
	};
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		int status = error_http_status(codes[i]);
		assert_true(status >= 400 && status < 600);
		assert_in_range(error_exit_code(codes[i]), 1, 8);
		assert_true(error_title(codes[i])[0] != '\0');
		assert_int_equal(error_from_slug(error_slug(codes[i])), codes[i]);
	}
	assert_int_equal(error_from_slug("no-such-slug"), ERROR_INTERNAL);
	assert_int_equal(error_from_slug(""), ERROR_INTERNAL);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_set),
		cmocka_unit_test(test_errno),
		cmocka_unit_test(test_wrap_keeps_code_and_origin),
		cmocka_unit_test(test_long_messages_are_cut),
		cmocka_unit_test(test_messages_are_clean),
		cmocka_unit_test(test_places_in_a_body),
		cmocka_unit_test(test_places_that_are_too_long),
		cmocka_unit_test(test_places_elsewhere),
		cmocka_unit_test(test_codes),
		cmocka_unit_test(test_table),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
