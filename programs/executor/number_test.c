/* SPDX-License-Identifier: Apache-2.0 */
#include "executor/number.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const struct {
	const char *text;
	enum value_type type;
	uint64_t bits;
} good[] = {
	{ "5", VALUE_I32, 5 },
	{ "+5", VALUE_I32, 5 },
	{ "-1", VALUE_I32, 0xffffffff },
	{ "0x10", VALUE_I32, 16 },
	{ "-0x10", VALUE_I64, (uint64_t)-16 },
	{ "010", VALUE_I32, 10 }, /* not octal */
	{ "4294967295", VALUE_I32, 0xffffffff },
	{ "18446744073709551615", VALUE_I64, UINT64_MAX },
	{ "NQ==", VALUE_I32, 5 },
	{ "LTM=", VALUE_I64, (uint64_t)-3 },
	{ "1234", VALUE_I32, 1234 }, /* base64 too, but a number first */
	{ "0.1", VALUE_F32, 0x3dcccccd },
	{ "MC4x", VALUE_F32, 0x3dcccccd },
	{ "inf", VALUE_F32, 0x7f800000 },
	{ "-inf", VALUE_F64, 0xfff0000000000000 },
	{ "+1.5", VALUE_F64, 0x3ff8000000000000 },
	{ "nan", VALUE_F32, 0x7fc00000 },
	{ "nan", VALUE_F64, 0x7ff8000000000000 },
	{ "-0", VALUE_F64, 0x8000000000000000 },
	{ "0x1p-1", VALUE_F64, 0x3fe0000000000000 },
};

static void number_reads_by_type(void **state) {
	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct value value = { .type = good[i].type };
		struct error err = { .message = "" };
		if (!number_read(good[i].text, good[i].type, 1, &value, &err)) {
			fail_msg("%s: %s", good[i].text, err.message);
		}
		bool wide = value.type == VALUE_I64 || value.type == VALUE_F64;
		assert_int_equal(wide ? value.of.bits64 : value.of.bits32, good[i].bits);
	}
}

static const struct {
	const char *text;
	enum value_type type;
} bad[] = {
	{ "", VALUE_I32 },
	{ "5abc", VALUE_I32 },
	{ " 5", VALUE_I32 },
	{ "5 ", VALUE_F64 },
	{ "++5", VALUE_I32 },
	{ "+-5", VALUE_I32 },
	{ "99999999999", VALUE_I32 },
	{ "-2147483649", VALUE_I32 },
	{ "999999999999", VALUE_I32 }, /* twelve digits: base64 of no number */
	{ "18446744073709551616", VALUE_I64 },
	{ "1.5", VALUE_I32 },
	{ "nan", VALUE_I32 },
	{ "1e400", VALUE_F64 },
	{ "NQ=", VALUE_I32 },
	{ "NWFiYw==", VALUE_I32 }, /* 5abc */
	{ "TlE9PQ==", VALUE_I32 }, /* NQ==, once more */
	{ "NQA=", VALUE_I32 },     /* 5 and a zero byte */
	{ "hello", VALUE_F64 },
};

static void number_refuses_all_else(void **state) {
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct value value = { .type = bad[i].type };
		struct error err = { .message = "" };
		if (number_read(bad[i].text, bad[i].type, 7, &value, &err)) {
			fail_msg("\"%s\" was taken", bad[i].text);
		}
		assert_int_equal(err.code, ERROR_INVALID);
		assert_non_null(strstr(err.message, "argument 7"));
	}
}

static void number_has_a_bound(void **state) {
	(void)state;
	struct value value;
	struct error err;
	static char text[20000];
	memset(text, '1', sizeof(text) - 1);
	assert_false(number_read(text, VALUE_F64, 1, &value, &err));
	assert_int_equal(err.code, ERROR_INVALID);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(number_reads_by_type),
		cmocka_unit_test(number_refuses_all_else),
		cmocka_unit_test(number_has_a_bound),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
