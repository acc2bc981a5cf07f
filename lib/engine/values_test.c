/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/values.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"

static const wasmtime_valtype_kind_t I32 = WASMTIME_VALTYPE_KIND_I32;
static const wasmtime_valtype_kind_t I64 = WASMTIME_VALTYPE_KIND_I64;
static const wasmtime_valtype_kind_t F32 = WASMTIME_VALTYPE_KIND_F32;
static const wasmtime_valtype_kind_t F64 = WASMTIME_VALTYPE_KIND_F64;

/* Reads a text and writes it again. */
static void same(wasmtime_valtype_kind_t kind, const char *in, const char *out) {
	struct error err;
	wasmtime_val_t value;
	char text[VALUE_TEXT_MAX];
	if (!value_parse(in, kind, 1, &value, &err)) {
		fail_msg("%s: %s", in, err.message);
	}
	value_format(&value, text);
	assert_string_equal(text, out);
}

static void refused(wasmtime_valtype_kind_t kind, const char *in, const char *message) {
	struct error err;
	wasmtime_val_t value;
	assert_false(value_parse(in, kind, 2, &value, &err));
	assert_int_equal(err.code, ERROR_INVALID);
	assert_string_equal(err.message, message);
}

static void integers_take_signed_and_unsigned(void **state) {
	(void)state;
	same(I32, "0", "0");
	same(I32, "-0", "0");
	same(I32, "007", "7");
	same(I32, "2147483647", "2147483647");
	same(I32, "2147483648", "-2147483648");
	same(I32, "-2147483648", "-2147483648");
	same(I32, "4294967295", "-1");
	same(I32, "0xffffffff", "-1");
	same(I32, "-0x80000000", "-2147483648");
	same(I64, "-9223372036854775808", "-9223372036854775808");
	same(I64, "18446744073709551615", "-1");
	same(I64, "0X7fffffffffffffff", "9223372036854775807");
}

static void integers_are_whole_texts_in_range(void **state) {
	(void)state;
	const char *const not_numbers[] = { "", "-", "5abc", " 5", "5 ", "+5", "1.0", "1e3", "0x",
		"0xg", "--1", "abc", "٣" };
	for (size_t i = 0; i < sizeof(not_numbers) / sizeof(not_numbers[0]); i++) {
		struct error err;
		wasmtime_val_t value;
		assert_false(value_parse(not_numbers[i], I32, 1, &value, &err));
		assert_non_null(strstr(err.message, "only a decimal or 0x hexadecimal number is"));
		assert_false(value_parse(not_numbers[i], I64, 1, &value, &err));
	}
	refused(I32, "4294967296", "argument 2, \"4294967296\", is not an i32: it is out of range");
	refused(I32, "-2147483649",
			"argument 2, \"-2147483649\", is not an i32: it is out of range");
	refused(I64, "18446744073709551616",
			"argument 2, \"18446744073709551616\", is not an i64: it is out of range");
	refused(I64, "-9223372036854775809",
			"argument 2, \"-9223372036854775809\", is not an i64: it is out of range");
	refused(I64, "99999999999999999999999999999999999",
			"argument 2, \"99999999999999999999999999999999999\", is not an i64: it is "
			"out of range");
}

static void floats_are_shortest(void **state) {
	(void)state;
	same(F64, "3", "3");
	same(F64, "-0", "-0");
	same(F64, "0.1", "0.1");
	same(F64, "0.30000000000000004", "0.30000000000000004");
	same(F64, "100", "100");
	same(F64, "123456789.125", "123456789.125");
	same(F64, "9007199254740993", "9007199254740992");
	same(F64, "1e20", "100000000000000000000");
	same(F64, "1e21", "1e+21");
	same(F64, "1.5e300", "1.5e+300");
	same(F64, "0.000001", "0.000001");
	same(F64, "0.0000012", "0.0000012");
	same(F64, "1e-7", "1e-7");
	same(F64, "5e-324", "5e-324");
	same(F64, "1.7976931348623157e308", "1.7976931348623157e+308");
	same(F64, "0x1.8p1", "3");
	same(F64, "inf", "inf");
	same(F64, "-inf", "-inf");
	same(F64, "nan", "nan");
	same(F64, "-nan", "nan");
	same(F32, "0.1", "0.1");
	same(F32, "16777217", "16777216");
	same(F32, "3.4028235e38", "3.4028235e+38");
	same(F32, "1e-45", "1e-45");
	same(F32, "1e-60", "0");
}

static void floats_are_whole_texts_in_range(void **state) {
	(void)state;
	const char *const not_numbers[] = { "", " 1", "1 ", "1,5", "abc", "1.2.3", "-", "infx" };
	for (size_t i = 0; i < sizeof(not_numbers) / sizeof(not_numbers[0]); i++) {
		struct error err;
		wasmtime_val_t value;
		assert_false(value_parse(not_numbers[i], F64, 1, &value, &err));
		assert_non_null(strstr(err.message, "only a number, inf or nan is"));
	}
	refused(F32, "1e39", "argument 2, \"1e39\", is not an f32: it is out of range");
	refused(F64, "-1e309", "argument 2, \"-1e309\", is not an f64: it is out of range");
}

/* Any bits but a NaN's come back as they were. */
static void every_float_comes_back(void **state) {
	(void)state;
	uint64_t seed = 88172645463325252;
	for (int i = 0; i < 20000; i++) {
		seed ^= seed << 13;
		seed ^= seed >> 7;
		seed ^= seed << 17;
		wasmtime_val_t value = { .kind = i % 2 ? WASMTIME_F64 : WASMTIME_F32 }, again;
		memcpy(&value.of, &seed, i % 2 ? 8 : 4);
		if (i % 2 ? isnan(value.of.f64) : isnan(value.of.f32)) {
			continue;
		}
		struct error err;
		char text[VALUE_TEXT_MAX];
		value_format(&value, text);
		assert_true(value_parse(text, i % 2 ? F64 : F32, 1, &again, &err));
		assert_memory_equal(&value.of, &again.of, i % 2 ? 8 : 4);
	}
}

static void a_long_text_is_cut_in_the_message(void **state) {
	(void)state;
	char text[5000];
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	struct error err;
	wasmtime_val_t value;
	assert_false(value_parse(text, I32, 1, &value, &err));
	assert_true(strlen(err.message) < 200);
	assert_non_null(strstr(err.message, "is not an i32"));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(integers_take_signed_and_unsigned),
		cmocka_unit_test(integers_are_whole_texts_in_range),
		cmocka_unit_test(floats_are_shortest),
		cmocka_unit_test(floats_are_whole_texts_in_range),
		cmocka_unit_test(every_float_comes_back),
		cmocka_unit_test(a_long_text_is_cut_in_the_message),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
