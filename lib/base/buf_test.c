/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

static void test_append_ends_with_zero(void **state) {
	(void)state;
	struct error err;
	struct buf buf = BUF_INIT(100);
	assert_string_equal(buf_text(&buf), "");
	assert_true(buf_append(&buf, "abc", 3, &err));
	assert_true(buf_append(&buf, NULL, 0, &err));
	assert_true(buf_append(&buf, "def", 3, &err));
	assert_int_equal(buf.size, 6);
	assert_string_equal(buf_text(&buf), "abcdef");
	buf_finish(&buf);
	assert_null(buf.data);
	assert_int_equal(buf.size, 0);
}

static void test_limit_is_exact(void **state) {
	(void)state;
	struct error err;
	struct buf buf = BUF_INIT(6);
	assert_true(buf_append(&buf, "abcd", 4, &err));
	assert_false(buf_append(&buf, "xyz", 3, &err));
	assert_int_equal(err.code, ERROR_TOO_LARGE);
	assert_non_null(strstr(err.message, "6 bytes"));
	assert_string_equal(buf_text(&buf), "abcd"); /* nothing of it was added */
	assert_true(buf_append(&buf, "ef", 2, &err));
	assert_true(buf_append(&buf, "", 0, &err));
	assert_false(buf_append(&buf, "g", 1, &err));
	assert_true(buf.capacity <= 7);
	buf_finish(&buf);
}

static void test_nothing_fits_a_limit_of_zero(void **state) {
	(void)state;
	struct error err;
	struct buf buf = BUF_INIT(0);
	assert_true(buf_append(&buf, "", 0, &err));
	assert_false(buf_append(&buf, "a", 1, &err));
	assert_int_equal(buf_append_some(&buf, "a", 1), 0);
	assert_string_equal(buf_text(&buf), "");
	buf_finish(&buf);
}

static void test_grows_byte_by_byte(void **state) {
	(void)state;
	struct error err;
	struct buf buf = BUF_INIT(5000);
	for (unsigned i = 0; i < 5000; i++) {
		uint8_t byte = (uint8_t)(i * 7);
		assert_true(buf_append(&buf, &byte, 1, &err));
		assert_true(buf.capacity <= 5001);
	}
	for (unsigned i = 0; i < 5000; i++) {
		assert_int_equal(buf.data[i], (uint8_t)(i * 7));
	}
	assert_int_equal(buf.data[5000], 0);
	buf_finish(&buf);
}

static void test_sizes_that_would_overflow(void **state) {
	(void)state;
	struct error err;
	struct buf buf = BUF_INIT(SIZE_MAX);
	assert_true(buf_append(&buf, "ab", 2, &err));
	assert_false(buf_reserve(&buf, SIZE_MAX, &err));
	assert_int_equal(err.code, ERROR_TOO_LARGE);
	assert_false(buf_reserve(&buf, SIZE_MAX - 2, &err));
	assert_int_equal(err.code, ERROR_NO_MEMORY);
	assert_false(buf_reserve(&buf, PTRDIFF_MAX - 2, &err));
	assert_int_equal(err.code, ERROR_NO_MEMORY);
	assert_string_equal(buf_text(&buf), "ab");
	buf_finish(&buf);
}

static void test_reserve_keeps_the_content(void **state) {
	(void)state;
	struct error err;
	struct buf buf = BUF_INIT(10000);
	assert_true(buf_append(&buf, "ab", 2, &err));
	assert_true(buf_reserve(&buf, 9998, &err));
	assert_int_equal(buf.size, 2);
	const uint8_t *before = buf.data;
	for (int i = 0; i < 9998; i++) {
		assert_true(buf_append(&buf, "c", 1, &err));
	}
	assert_ptr_equal(buf.data, before); /* the room was there */
	buf_finish(&buf);
}

static void test_printf(void **state) {
	(void)state;
	struct error err;
	struct buf buf = BUF_INIT(8);
	assert_true(buf_printf(&buf, &err, "%d-%s", 12, "ab"));
	assert_string_equal(buf_text(&buf), "12-ab");
	assert_false(buf_printf(&buf, &err, "%s", "four"));
	assert_int_equal(err.code, ERROR_TOO_LARGE);
	assert_string_equal(buf_text(&buf), "12-ab");
	assert_true(buf_printf(&buf, &err, "%s", "odd"));
	assert_string_equal(buf_text(&buf), "12-abodd");
	buf_finish(&buf);
}

static void test_append_some_cuts(void **state) {
	(void)state;
	struct buf buf = BUF_INIT(5);
	assert_int_equal(buf_append_some(&buf, "abc", 3), 3);
	assert_int_equal(buf_append_some(&buf, "def", 3), 2);
	assert_int_equal(buf_append_some(&buf, "ghi", 3), 0);
	assert_string_equal(buf_text(&buf), "abcde");
	buf_finish(&buf);
}

static void test_clear_keeps_memory(void **state) {
	(void)state;
	struct error err;
	struct buf buf = BUF_INIT(50);
	assert_true(buf_append(&buf, "abc", 3, &err));
	size_t capacity = buf.capacity;
	buf_clear(&buf);
	assert_string_equal(buf_text(&buf), "");
	assert_int_equal(buf.capacity, capacity);
	assert_true(buf_append(&buf, "x", 1, &err));
	assert_string_equal(buf_text(&buf), "x");
	buf_finish(&buf);
}

static void test_take(void **state) {
	(void)state;
	struct error err;
	struct buf buf = BUF_INIT(50);
	size_t size = 99;
	uint8_t *bytes = buf_take(&buf, &size); /* of an empty one */
	assert_non_null(bytes);
	assert_int_equal(size, 0);
	free(bytes);

	assert_true(buf_append(&buf, "abc", 3, &err));
	bytes = buf_take(&buf, &size);
	assert_int_equal(size, 3);
	assert_string_equal((char *)bytes, "abc");
	assert_null(buf.data);
	assert_int_equal(buf.size, 0);
	assert_int_equal(buf.limit, 50);
	free(bytes);

	assert_true(buf_append(&buf, "abc", 3, &err));
	buf_clear(&buf);
	bytes = buf_take(&buf, &size);
	assert_int_equal(size, 0);
	assert_string_equal((char *)bytes, "");
	free(bytes);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_append_ends_with_zero),
		cmocka_unit_test(test_limit_is_exact),
		cmocka_unit_test(test_nothing_fits_a_limit_of_zero),
		cmocka_unit_test(test_grows_byte_by_byte),
		cmocka_unit_test(test_sizes_that_would_overflow),
		cmocka_unit_test(test_reserve_keeps_the_content),
		cmocka_unit_test(test_printf),
		cmocka_unit_test(test_append_some_cuts),
		cmocka_unit_test(test_clear_keeps_memory),
		cmocka_unit_test(test_take),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
