/* SPDX-License-Identifier: Apache-2.0 */
#include "model/member.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "model/workload.h"

#define SECOND INT64_C(1000000000)

static json_t *json(const char *text) {
	json_t *object = json_loads(text, JSON_ALLOW_NUL, NULL);
	assert_non_null(object);
	return object;
}

static struct bytes bytes_of(const char *text) {
	return (struct bytes){ (const uint8_t *)text, strlen(text) };
}

/* Every refusal is ERROR_INVALID and says which member it was. */
static void assert_names(const struct error *err, const char *name) {
	assert_int_equal(err->code, ERROR_INVALID);
	assert_non_null(strstr(err->message, name));
}

static void only_one_object_is_parsed(void **state) {
	(void)state;
	static const char *const bad[] = { "", "{", "[]", "1", "null", "{} {}", "{\"a\":}",
		"{\"a\":\"\xff\"}" };
	struct error err;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		err = (struct error){ 0 };
		assert_null(member_parse(bytes_of(bad[i]), &err));
		assert_int_equal(err.code, ERROR_INVALID);
	}
	json_t *object = member_parse(bytes_of(" {\"a\": [1, null]} "), &err);
	assert_non_null(object);
	char *text = member_dump(object);
	assert_string_equal(text, "{\"a\":[1,null]}");
	free(text);
}

static void depth_has_a_limit(void **state) {
	(void)state;
	enum { DEPTH = 100000 };
	char text[DEPTH + 1];
	memset(text, '[', DEPTH);
	memcpy(text, "{\"a\":", 5);
	text[DEPTH] = '\0';
	struct error err = { 0 };
	assert_null(member_parse(bytes_of(text), &err));
	assert_int_equal(err.code, ERROR_INVALID);
}

static void absent_and_null_leave_the_value(void **state) {
	(void)state;
	static const char *const texts[] = { "{}", "{\"x\":null}" };
	for (size_t i = 0; i < 2; i++) {
		json_t *object = json(texts[i]);
		struct error err;
		char *text = NULL, brief[8] = "kept", digest[DIGEST_HEX_SIZE] = "kept";
		bool flag = true;
		uint64_t number = 7, ms = 8;
		int64_t time = 9;
		struct strings list = { 0 };
		strings_add(&list, "kept");
		json_t *inner = NULL;
		assert_true(member_text(object, "x", 9, &text, &err));
		assert_true(member_any_text(object, "x", 9, &text, &err));
		assert_true(member_short(object, "x", brief, sizeof(brief), &err));
		assert_true(member_digest(object, "x", digest, &err));
		assert_true(member_bool(object, "x", &flag, &err));
		assert_true(member_u64(object, "x", 1, 2, &number, &err));
		assert_true(member_seconds(object, "x", 1, &ms, &err));
		assert_true(member_strings(object, "x", true, &list, &err));
		assert_true(member_env(object, "x", &list, &err));
		assert_true(member_object(object, "x", &inner, &err));
		assert_true(member_time(object, "x", &time, &err));
		assert_true(text == NULL && inner == NULL && flag);
		assert_string_equal(brief, "kept");
		assert_string_equal(digest, "kept");
		assert_true(number == 7 && ms == 8 && time == 9 && list.count == 1);
		strings_finish(&list);
		json_decref(object);
	}
}

static void a_wrong_type_is_named(void **state) {
	(void)state;
	json_t *object = json("{\"odd\":[{}]}");
	struct error err;
	char *text = NULL, brief[8], digest[DIGEST_HEX_SIZE];
	bool flag;
	uint64_t number;
	int64_t time;
	struct strings list = { 0 };
	json_t *inner = NULL;
	assert_false(member_text(object, "odd", 9, &text, &err));
	assert_names(&err, "\"odd\"");
	assert_false(member_any_text(object, "odd", 9, &text, &err));
	assert_names(&err, "\"odd\"");
	assert_false(member_short(object, "odd", brief, sizeof(brief), &err));
	assert_names(&err, "\"odd\"");
	assert_false(member_digest(object, "odd", digest, &err));
	assert_names(&err, "\"odd\"");
	assert_false(member_bool(object, "odd", &flag, &err));
	assert_names(&err, "\"odd\"");
	assert_false(member_u64(object, "odd", 0, 9, &number, &err));
	assert_names(&err, "\"odd\"");
	assert_false(member_seconds(object, "odd", 9, &number, &err));
	assert_names(&err, "\"odd\"");
	assert_false(member_strings(object, "odd", true, &list, &err));
	assert_names(&err, "\"odd\"");
	assert_false(member_env(object, "odd", &list, &err));
	assert_names(&err, "\"odd\"");
	assert_false(member_object(object, "odd", &inner, &err));
	assert_names(&err, "\"odd\"");
	assert_false(member_time(object, "odd", &time, &err));
	assert_names(&err, "\"odd\"");
	strings_finish(&list);
	json_decref(object);
}

static void text_has_limits(void **state) {
	(void)state;
	json_t *object = json("{\"five\":\"12345\",\"line\":\"a\\nb\",\"zero\":\"a\\u0000b\"}");
	struct error err;
	char *text = NULL, brief[6];
	assert_true(member_text(object, "five", 5, &text, &err));
	assert_string_equal(text, "12345");
	assert_false(member_text(object, "five", 4, &text, &err));
	assert_names(&err, "five");
	assert_true(member_short(object, "five", brief, 6, &err));
	assert_string_equal(brief, "12345");
	assert_false(member_short(object, "five", brief, 5, &err));
	assert_names(&err, "five");
	assert_false(member_text(object, "line", 9, &text, &err));
	assert_names(&err, "line");
	assert_true(member_any_text(object, "line", 9, &text, &err));
	assert_string_equal(text, "a\nb");
	assert_false(member_any_text(object, "zero", 9, &text, &err));
	assert_names(&err, "zero");
	free(text);
	json_decref(object);
}

#define HEX16 "0123456789abcdef"
#define HEX64 HEX16 HEX16 HEX16 HEX16

static void a_digest_is_64_hex_digits_and_nothing_else(void **state) {
	(void)state;
	json_t *object = json("{\"good\":\"" HEX64 "\",\"short\":\"" HEX16
			      "\",\"upper\":\"A" HEX16 HEX16 HEX16
			      "123456789abcdef\",\"tail\":\"" HEX64 "\\u0000junk\"}");
	char digest[DIGEST_HEX_SIZE] = "";
	struct error err;
	assert_true(member_digest(object, "good", digest, &err));
	assert_string_equal(digest, HEX64);
	static const char *const bad[] = { "short", "upper", "tail" };
	for (size_t i = 0; i < 3; i++) {
		assert_false(member_digest(object, bad[i], digest, &err));
		assert_names(&err, bad[i]);
	}
	json_decref(object);
}

static void numbers_keep_their_bounds(void **state) {
	(void)state;
	json_t *object =
			json("{\"ten\":10,\"real\":10.0,\"half\":10.5,\"less\":-1,\"huge\":1e300}");
	uint64_t n = 0;
	struct error err;
	assert_true(member_u64(object, "ten", 10, 10, &n, &err) && n == 10);
	assert_false(member_u64(object, "ten", 11, 20, &n, &err));
	assert_names(&err, "ten");
	assert_false(member_u64(object, "ten", 0, 9, &n, &err));
	n = 0;
	assert_true(member_u64(object, "real", 0, 10, &n, &err) && n == 10);
	static const char *const bad[] = { "half", "less", "huge" };
	for (size_t i = 0; i < 3; i++) {
		assert_false(member_u64(object, bad[i], 0, UINT64_MAX, &n, &err));
		assert_names(&err, bad[i]);
	}
	assert_true(member_seconds(object, "half", 10500, &n, &err) && n == 10500);
	assert_false(member_seconds(object, "half", 10499, &n, &err));
	assert_names(&err, "half");
	assert_false(member_seconds(object, "less", UINT64_MAX, &n, &err));
	assert_false(member_seconds(object, "huge", UINT64_MAX, &n, &err));
	json_decref(object);
}

static void lists_are_replaced_and_bounded(void **state) {
	(void)state;
	json_t *object = json("{\"list\":[\"a\",1,2.5],\"bad\":[\"a\",true]}");
	struct strings list = { 0 };
	struct error err;
	strings_add(&list, "old");
	assert_true(member_strings(object, "list", true, &list, &err));
	assert_int_equal(list.count, 3);
	assert_string_equal(list.items[1], "1");
	assert_string_equal(list.items[2], "2.5");
	assert_false(member_strings(object, "list", false, &list, &err));
	assert_names(&err, "list");
	assert_false(member_strings(object, "bad", true, &list, &err));
	assert_names(&err, "bad");
	json_t *many = json_array();
	for (int i = 0; i < WORKLOAD_LIST_MAX; i++) {
		json_array_append_new(many, json_string("x"));
	}
	json_object_set_new(object, "many", many);
	assert_true(member_strings(object, "many", false, &list, &err));
	assert_int_equal(list.count, WORKLOAD_LIST_MAX);
	json_array_append_new(many, json_string("x"));
	assert_false(member_strings(object, "many", false, &list, &err));
	assert_names(&err, "many");
	strings_finish(&list);
	json_decref(object);
}

static void variables_have_names(void **state) {
	(void)state;
	json_t *object = json("{\"env\":{\"A\":\"1=2\",\"B\":\"\"},\"none\":{\"\":\"x\"},"
			      "\"sign\":{\"A=B\":\"x\"},\"type\":{\"A\":1}}");
	struct strings env = { 0 };
	struct error err;
	assert_true(member_env(object, "env", &env, &err));
	json_t *back = member_env_object(&env);
	assert_true(json_equal(back, json_object_get(object, "env")));
	json_decref(back);
	static const char *const bad[] = { "none", "sign", "type" };
	for (size_t i = 0; i < 3; i++) {
		assert_false(member_env(object, bad[i], &env, &err));
		assert_names(&err, bad[i]);
	}
	strings_finish(&env);
	json_decref(object);
}

static void a_time_has_three_forms(void **state) {
	(void)state;
	const int64_t moment = 1700000000 * SECOND;
	static const struct {
		const char *json;
		int64_t behind; /* in ns behind the moment; -1: no time at all */
	} rows[] = {
		{ "\"2023-11-14T22:13:20Z\"", 0 },
		{ "\"2023-11-15T00:13:20.5+02:00\"", SECOND / 2 },
		{ "{\"secs_since_epoch\":1700000000,\"nanos_since_epoch\":7}", 7 },
		{ "{\"secs\":1700000000,\"nanos\":7}", 7 },
		{ "{\"secs_since_epoch\":1700000000,\"nanos_since_epoch\":null}", 0 },
		{ "1700000000", 0 },
		{ "1700000000.5", SECOND / 2 },
		{ "1700000000250", SECOND / 4 },
		{ "123456", -1 }, /* ms since the start of a chip */
		{ "0", -1 },
		{ "-5", -1 },
		{ "1e300", -1 },
		{ "{}", -1 },
		{ "{\"secs_since_epoch\":-1}", -1 },
		{ "{\"secs\":9223372036854775807,\"nanos\":0}", -1 },
		{ "{\"secs\":1700000000,\"nanos\":1000000000}", -1 },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		CLEANUP(mem_freep) char *text = str_format("{\"at\":%s}", rows[i].json);
		json_t *object = json(text);
		struct error err;
		int64_t time = 9;
		assert_true(member_time(object, "at", &time, &err));
		assert_int_equal(time, rows[i].behind < 0 ? 0 : moment + rows[i].behind);
		json_decref(object);
	}
	json_t *object = json("{\"bad\":\"now\",\"flag\":true}");
	struct error err;
	int64_t time = 9;
	assert_false(member_time(object, "bad", &time, &err));
	assert_names(&err, "bad");
	assert_false(member_time(object, "flag", &time, &err));
	assert_names(&err, "flag");
	json_decref(object);
}

static void an_object_outlives_its_parent(void **state) {
	(void)state;
	json_t *object = json("{\"x\":{\"a\":1}}");
	json_t *inner = json("{}");
	struct error err;
	assert_true(member_object(object, "x", &inner, &err));
	json_decref(object);
	assert_int_equal(json_integer_value(json_object_get(inner, "a")), 1);
	json_decref(inner);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_one_object_is_parsed),
		cmocka_unit_test(depth_has_a_limit),
		cmocka_unit_test(absent_and_null_leave_the_value),
		cmocka_unit_test(a_wrong_type_is_named),
		cmocka_unit_test(text_has_limits),
		cmocka_unit_test(a_digest_is_64_hex_digits_and_nothing_else),
		cmocka_unit_test(numbers_keep_their_bounds),
		cmocka_unit_test(lists_are_replaced_and_bounded),
		cmocka_unit_test(variables_have_names),
		cmocka_unit_test(a_time_has_three_forms),
		cmocka_unit_test(an_object_outlives_its_parent),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
