/* SPDX-License-Identifier: Apache-2.0 */
#include "base/hex.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

static void test_encode(void **state) {
	(void)state;
	static const uint8_t bytes[] = { 0x00, 0x0f, 0xa5, 0xff };
	char text[9];
	hex_encode(bytes, sizeof(bytes), text);
	assert_string_equal(text, "000fa5ff");
	hex_encode(bytes, 0, text);
	assert_string_equal(text, "");
}

static void test_decode_either_case(void **state) {
	(void)state;
	uint8_t bytes[4];
	assert_true(hex_decode("000fA5Ff", bytes, 4));
	assert_memory_equal(bytes, "\x00\x0f\xa5\xff", 4);
	assert_true(hex_decode("", bytes, 0));
}

static void test_every_byte_returns(void **state) {
	(void)state;
	for (unsigned i = 0; i < 256; i++) {
		uint8_t in = (uint8_t)i, out = (uint8_t)~i;
		char text[3];
		hex_encode(&in, 1, text);
		assert_true(hex_decode(text, &out, 1));
		assert_int_equal(out, in);
	}
}

static void test_refused(void **state) {
	(void)state;
	static const char *const bad[] = { "", "0", "00", "000", "00000", "000000", "0g00", "g000",
		" 000", "00 0", "0x00", "000-", "/0:0", "@`@`", "00\xffz" };
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		uint8_t bytes[2];
		assert_false(hex_decode(bad[i], bytes, sizeof(bytes)));
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_encode),
		cmocka_unit_test(test_decode_either_case),
		cmocka_unit_test(test_every_byte_returns),
		cmocka_unit_test(test_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
