/* SPDX-License-Identifier: Apache-2.0 */
#include "base/random.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

static void test_bytes_differ(void **state) {
	(void)state;
	uint8_t a[600] = { 0 }, b[600] = { 0 };
	random_bytes(a, sizeof(a));
	random_bytes(b, sizeof(b));
	assert_memory_not_equal(a, b, sizeof(a));
	/* The end is filled too, though the kernel hands out large amounts in parts. */
	assert_memory_not_equal(a + 568, b + 568, 32);
}

static void test_stays_inside(void **state) {
	(void)state;
	uint8_t guarded[18];
	memset(guarded, 0xee, sizeof(guarded));
	random_bytes(guarded + 1, 16);
	assert_int_equal(guarded[0], 0xee);
	assert_int_equal(guarded[17], 0xee);
	random_bytes(guarded, 0);
	assert_int_equal(guarded[0], 0xee);
}

static void test_uuid_is_version_4(void **state) {
	(void)state;
	for (int i = 0; i < 200; i++) {
		char text[UUID_SIZE], other[UUID_SIZE];
		random_uuid(text);
		random_uuid(other);
		assert_int_equal(strlen(text), 36);
		assert_true(uuid_valid(text));
		assert_int_equal(text[14], '4');
		assert_non_null(strchr("89ab", text[19]));
		assert_string_not_equal(text, other);
	}
}

static void test_uuid_accepted(void **state) {
	(void)state;
	assert_true(uuid_valid("01890a5d-ac96-774b-bcce-b302099a8057"));
	assert_true(uuid_valid("F81D4FAE-7DEC-11D0-A765-00A0C91E6BF6"));
	assert_true(uuid_valid("00000000-0000-0000-0000-000000000000"));
}

static void test_uuid_refused(void **state) {
	(void)state;
	static const char *const bad[] = {
		"",
		"f81d4fae-7dec-11d0-a765-00a0c91e6bf",
		"f81d4fae-7dec-11d0-a765-00a0c91e6bf66",
		"f81d4fae-7dec-11d0-a765-00a0c91e6bf6 ",
		"{f81d4fae-7dec-11d0-a765-00a0c91e6bf",
		"f81d4fae07dec-11d0-a765-00a0c91e6bf6",
		"f81d4fae-7dec-11d0-a765000a0c91e6bf6",
		"g81d4fae-7dec-11d0-a765-00a0c91e6bf6",
		"f81d4fae-7dec-11d0-a765-00a0c91e6b-6",
		"../../etc/passwd",
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_false(uuid_valid(bad[i]));
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bytes_differ),
		cmocka_unit_test(test_stays_inside),
		cmocka_unit_test(test_uuid_is_version_4),
		cmocka_unit_test(test_uuid_accepted),
		cmocka_unit_test(test_uuid_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
