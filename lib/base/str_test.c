/* SPDX-License-Identifier: Apache-2.0 */
#include "base/str.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void test_copy_and_format(void **state) {
	(void)state;
	CLEANUP(mem_freep) char *copy = str_copy("text");
	assert_string_equal(copy, "text");
	assert_null(str_copy(NULL));
	CLEANUP(mem_freep) char *text = str_format("%s-%d", "a", 5);
	assert_string_equal(text, "a-5");
	CLEANUP(mem_freep) char *empty = str_format("%s", "");
	assert_string_equal(empty, "");
}

static void test_comparisons(void **state) {
	(void)state;
	assert_true(str_equal("a", "a"));
	assert_false(str_equal("a", "A"));
	assert_false(str_equal("a", NULL));
	assert_false(str_equal(NULL, "a"));
	assert_true(str_equal(NULL, NULL));
	assert_true(str_starts("abc", "ab"));
	assert_true(str_starts("abc", ""));
	assert_false(str_starts("ab", "abc"));
	assert_true(str_ends("abc", "bc"));
	assert_true(str_ends("abc", ""));
	assert_false(str_ends("bc", "abc"));
	assert_false(str_ends("abc", "ab"));
}

static void test_set(void **state) {
	(void)state;
	char *place = NULL;
	str_set(&place, "first");
	assert_string_equal(place, "first");
	str_set(&place, place + 2); /* a part of itself */
	assert_string_equal(place, "rst");
	str_set(&place, NULL);
	assert_null(place);
}

static void test_u64(void **state) {
	(void)state;
	struct error err;
	uint64_t value;
	assert_true(str_to_u64("0", &value, &err));
	assert_true(value == 0);
	assert_true(str_to_u64("007", &value, &err));
	assert_true(value == 7);
	assert_true(str_to_u64("18446744073709551615", &value, &err));
	assert_true(value == UINT64_MAX);
	static const char *const bad[] = { "", " ", "-", ".", "/", ":", " 5", "5 ", "5abc", "+5",
		"-0", "-1", "0x10", "1e3", "1.0", "18446744073709551616", "99999999999999999999999",
		"\xd9\xa5", "5\n" };
	for (size_t i = 0; i < COUNT(bad); i++) {
		value = 42;
		assert_false(str_to_u64(bad[i], &value, &err));
		assert_int_equal(err.code, ERROR_INVALID);
		assert_true(value == 42);
	}
	assert_false(str_to_u64("5abc", &value, &err));
	assert_non_null(strstr(err.message, "\"5abc\""));
}

static void test_i64(void **state) {
	(void)state;
	static const struct {
		const char *text;
		int64_t value;
	} good[] = { { "0", 0 }, { "-0", 0 }, { "-5", -5 }, { "9223372036854775807", INT64_MAX },
		{ "-9223372036854775808", INT64_MIN } };
	struct error err;
	int64_t value;
	for (size_t i = 0; i < COUNT(good); i++) {
		assert_true(str_to_i64(good[i].text, &value, &err));
		assert_true(value == good[i].value);
	}
	static const char *const bad[] = { "", "-", "--5", "+5", "- 5", " 5", "5-", "5abc",
		"9223372036854775808", "-9223372036854775809", "-18446744073709551616",
		"18446744073709551615" };
	for (size_t i = 0; i < COUNT(bad); i++) {
		assert_false(str_to_i64(bad[i], &value, &err));
		assert_int_equal(err.code, ERROR_INVALID);
	}
}

static void test_bool(void **state) {
	(void)state;
	static const char *const yes[] = { "true", "1", "yes", "on", "TRUE", "Yes", "oN" };
	static const char *const no[] = { "false", "0", "no", "off", "FALSE", "No", "oFF" };
	static const char *const bad[] = { "", "t", "2", "truee", " true", "nope", "01" };
	struct error err;
	for (size_t i = 0; i < COUNT(yes); i++) {
		bool value = false;
		assert_true(str_to_bool(yes[i], &value, &err));
		assert_true(value);
		value = true;
		assert_true(str_to_bool(no[i], &value, &err));
		assert_false(value);
		assert_false(str_to_bool(bad[i], &value, &err));
		assert_int_equal(err.code, ERROR_INVALID);
	}
}

static void test_duration(void **state) {
	(void)state;
	static const struct {
		const char *text;
		uint64_t ms;
	} good[] = { { "0", 0 }, { "30", 30000 }, { "30s", 30000 }, { "500ms", 500 },
		{ "5m", 300000 }, { "1h", 3600000 }, { "1m30s", 90000 }, { "1h0m0s", 3600000 },
		{ "2h3m4s5ms", 7384005 }, { "18446744073709551615ms", UINT64_MAX } };
	struct error err;
	uint64_t ms;
	for (size_t i = 0; i < COUNT(good); i++) {
		assert_true(str_to_duration_ms(good[i].text, &ms, &err));
		assert_true(ms == good[i].ms);
	}
	static const char *const bad[] = { "", "s", "ms", "-5", "-5s", "+5s", " 5s", "5 s", "5s ",
		"1m30", "30ss", "1d", "5S", "1.5s", "1m-30s", "18446744073709551615",
		"18446744073709551615h", "18446744073709551615ms1ms", "18446744073709551616ms" };
	for (size_t i = 0; i < COUNT(bad); i++) {
		ms = 42;
		assert_false(str_to_duration_ms(bad[i], &ms, &err));
		assert_int_equal(err.code, ERROR_INVALID);
		assert_true(ms == 42);
	}
}

static void test_bytes(void **state) {
	(void)state;
	static const struct {
		const char *text;
		uint64_t bytes;
	} good[] = { { "0", 0 }, { "512", 512 }, { "512B", 512 }, { "64KiB", 65536 },
		{ "64k", 65536 }, { "64K", 65536 }, { "64Ki", 65536 }, { "256MiB", 268435456 },
		{ "256M", 268435456 }, { "1GiB", 1073741824 }, { "1G", 1073741824 },
		{ "17179869183GiB", UINT64_C(17179869183) << 30 } };
	struct error err;
	uint64_t bytes;
	for (size_t i = 0; i < COUNT(good); i++) {
		assert_true(str_to_bytes(good[i].text, &bytes, &err));
		assert_true(bytes == good[i].bytes);
	}
	static const char *const bad[] = { "", "k", "MiB", "-1", "1 KiB", " 1k", "1kk", "1kib",
		"1MB", "1.5G", "1T", "17179869184GiB", "18446744073709551616", "1KiB1", "0x10" };
	for (size_t i = 0; i < COUNT(bad); i++) {
		bytes = 42;
		assert_false(str_to_bytes(bad[i], &bytes, &err));
		assert_int_equal(err.code, ERROR_INVALID);
		assert_true(bytes == 42);
	}
}

static void test_utf8(void **state) {
	(void)state;
	static const char *const good[] = { "", "plain", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80",
		"\xed\x9f\xbf", "\xee\x80\x80", "\xef\xbf\xbf", "\xf0\x90\x80\x80",
		"\xf4\x8f\xbf\xbf" };
	static const char *const bad[] = { "\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xc2", "\xc2(",
		"\xe0\x9f\xbf", "\xe2\x82", "\xe2(\xa1", "\xed\xa0\x80", "\xed\xbf\xbf",
		"\xf0\x8f\xbf\xbf", "\xf0\x90\x80", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff",
		"ok\xfe", "\xe2\x82(" };
	for (size_t i = 0; i < COUNT(good); i++) {
		assert_true(str_is_utf8(good[i], strlen(good[i])));
	}
	for (size_t i = 0; i < COUNT(bad); i++) {
		assert_false(str_is_utf8(bad[i], strlen(bad[i])));
	}
	assert_true(str_is_utf8("a\0b", 3));
	assert_false(str_is_utf8("\xe2\x82\xac", 2)); /* only as far as the size says */
	assert_int_equal(str_utf8_next("\xe2\x82\xac", 3), 3);
	assert_int_equal(str_utf8_next("a", 0), 0);
}

static void test_utf8_repair(void **state) {
	(void)state;
	static const struct {
		const char *in, *out;
	} pairs[] = { { "", "" }, { "plain", "plain" },
		{ "gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f" },
		{ "a\xff"
		  "b",
				"a\xef\xbf\xbd"
				"b" },
		{ "\xe2\x82", "\xef\xbf\xbd\xef\xbf\xbd" }, { "\xc3(", "\xef\xbf\xbd(" } };
	for (size_t i = 0; i < COUNT(pairs); i++) {
		size_t copied;
		CLEANUP(mem_freep) char *text = str_utf8(pairs[i].in, strlen(pairs[i].in), &copied);
		assert_string_equal(text, pairs[i].out);
		assert_int_equal(copied, strlen(pairs[i].out));
		assert_true(str_is_utf8(text, copied));
	}
	size_t copied;
	CLEANUP(mem_freep) char *text = str_utf8("a\0\x80", 3, &copied);
	assert_int_equal(copied, 5);
	assert_memory_equal(text, "a\0\xef\xbf\xbd", 6);
}

static void test_strings(void **state) {
	(void)state;
	struct strings list = { 0 }, copy = { 0 };
	strings_add(&list, "a");
	strings_add(&list, "");
	assert_int_equal(list.count, 2);
	assert_true(strings_has(&list, "a"));
	assert_true(strings_has(&list, ""));
	assert_false(strings_has(&list, "b"));
	strings_add(&copy, "old");
	strings_copy(&copy, &list);
	assert_int_equal(copy.count, 2);
	assert_false(strings_has(&copy, "old"));
	assert_ptr_not_equal(copy.items[0], list.items[0]);
	strings_copy(&copy, &copy);
	assert_string_equal(copy.items[0], "a");
	strings_finish(&list);
	strings_finish(&list);
	assert_int_equal(list.count, 0);
	strings_copy(&copy, &list);
	assert_int_equal(copy.count, 0);
	strings_finish(&copy);
}

static void test_split(void **state) {
	(void)state;
	struct strings list = { 0 };
	strings_split(&list, ",a,,bc,d ,", ',');
	assert_int_equal(list.count, 3);
	assert_string_equal(list.items[0], "a");
	assert_string_equal(list.items[1], "bc");
	assert_string_equal(list.items[2], "d ");
	strings_split(&list, "", ',');
	strings_split(&list, ",,", ',');
	assert_int_equal(list.count, 3);
	strings_split(&list, "one", ',');
	assert_string_equal(list.items[3], "one");
	strings_finish(&list);
}

static void test_size(void **state) {
	(void)state;
	static const struct {
		double bytes;
		const char *text;
	} rows[] = { { 0, "0 B" }, { 1023, "1023 B" }, { 1024, "1.0 KiB" }, { 1536, "1.5 KiB" },
		{ 268435456, "256.0 MiB" }, { 18783019008, "17.5 GiB" }, { 1e18, "909494.7 TiB" } };
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		CLEANUP(mem_freep) char *text = str_size(rows[i].bytes);
		assert_string_equal(text, rows[i].text);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_copy_and_format),
		cmocka_unit_test(test_comparisons),
		cmocka_unit_test(test_set),
		cmocka_unit_test(test_u64),
		cmocka_unit_test(test_i64),
		cmocka_unit_test(test_bool),
		cmocka_unit_test(test_duration),
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_utf8),
		cmocka_unit_test(test_utf8_repair),
		cmocka_unit_test(test_size),
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_split),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
