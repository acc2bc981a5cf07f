/* SPDX-License-Identifier: Apache-2.0 */
#include "base/proto.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BYTES(text) ((struct bytes){ (const uint8_t *)(text), sizeof(text) - 1 })

static void test_fields(void **state) {
	struct proto_reader reader = { .left = BYTES("\x08\x96\x01"         /* 1: 150 */
						     "\x12\x02hi"           /* 2: "hi" */
						     "\x1d\1\0\0\0"         /* 3: fixed32 1 */
						     "\x21\2\0\0\0\0\0\0\0" /* 4: fixed64 2 */
						     "\x2a\0") };           /* 5: "" */
	static const struct {
		uint32_t number;
		uint64_t value;
		size_t size;
		bool bytes;
	} rows[] = { { 1, 150, 0, false }, { 2, 0, 2, true }, { 3, 1, 0, false },
		{ 4, 2, 0, false }, { 5, 0, 0, true } };
	struct proto_field field;
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_true(proto_next(&reader, &field));
		assert_int_equal(field.number, rows[i].number);
		assert_true(field.value == rows[i].value);
		assert_int_equal(field.bytes.size, rows[i].size);
		assert_int_equal(field.bytes.data != NULL, rows[i].bytes);
	}
	assert_false(proto_next(&reader, &field));
	assert_false(reader.malformed);
}

static void test_malformed(void **state) {
	static const struct bytes rows[] = {
		{ (const uint8_t *)"\x08", 1 },       /* no value */
		{ (const uint8_t *)"\x08\x80", 2 },   /* cut off */
		{ (const uint8_t *)"\x12\x03hi", 4 }, /* too short */
		{ (const uint8_t *)"\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\1",
				11 }, /* 2^64 - 1 */
		{ (const uint8_t *)"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\2", 11 }, /* 65 bits */
		{ (const uint8_t *)"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\1", 12 },
		{ (const uint8_t *)"\x0b", 1 },                   /* a group */
		{ (const uint8_t *)"\x0f\0", 2 },                 /* no such type */
		{ (const uint8_t *)"\0\0", 2 },                   /* number 0 */
		{ (const uint8_t *)"\x80\x80\x80\x80\x10\0", 6 }, /* number 2^29 */
		{ (const uint8_t *)"\x1d\1\0\0", 4 },
		{ (const uint8_t *)"\x21\1\0\0\0\0\0\0", 8 },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct proto_reader reader = { .left = rows[i] };
		struct proto_field field;
		assert_false(proto_next(&reader, &field));
		assert_true(reader.malformed);
		assert_false(proto_next(&reader, &field));
	}
}

static void test_written_is_read(void **state) {
	static const uint64_t values[] = { 0, 1, 127, 128, 16383, 16384, UINT32_MAX, UINT64_MAX };
	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		struct buf out = BUF_INIT(100);
		struct error err;
		assert_true(proto_put_number(&out, 300, values[i], &err));
		assert_true(proto_put_bytes(&out, 2, BYTES("ab"), &err));
		struct bytes message = { out.data, out.size };
		assert_true(proto_find_number(message, 300) == values[i]);
		assert_int_equal(proto_find(message, 2).size, 2);
		assert_null(proto_find(message, 300).data);
		assert_true(proto_find_number(message, 2) == 0);
		buf_finish(&out);
	}
}

static void test_fixed_numbers(void **state) {
	static const uint8_t wanted[] = "\x25\xcd\xcc\xcc\x3d"    /* 4: 0.1 */
					"\x29\2\0\0\0\0\0\0\x80"; /* 5 */
	struct buf out = BUF_INIT(100);
	struct error err;
	(void)state;
	assert_true(proto_put_32(&out, 4, 0x3dcccccd, &err));
	assert_true(proto_put_64(&out, 5, 0x8000000000000002, &err));
	assert_int_equal(out.size, sizeof(wanted) - 1);
	assert_memory_equal(out.data, wanted, out.size);
	buf_finish(&out);
}

/* As for any field that is not repeated. */
static void test_the_last_counts(void **state) {
	(void)state;
	struct bytes message = BYTES("\x12\1a\x12\1b\x08\1\x08\2");
	assert_int_equal(proto_find(message, 2).data[0], 'b');
	assert_true(proto_find_number(message, 1) == 2);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_written_is_read),
		cmocka_unit_test(test_fixed_numbers),
		cmocka_unit_test(test_the_last_counts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
