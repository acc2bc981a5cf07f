/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/framer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Two messages and an empty one, as a client would send them. */
static const uint8_t wire[] = { 0, 0, 0, 0, 3, 'a', 'b', 'c', 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 'd' };
static const struct {
	uint8_t flag;
	const char *text;
} messages[] = { { 0, "abc" }, { 1, "" }, { 0, "d" } };

static void feed(struct framer *framer, struct bytes piece, size_t *seen) {
	for (;;) {
		switch (framer_feed(framer, &piece)) {
		case FRAMER_MORE: assert_int_equal(piece.size, 0); return;
		case FRAMER_SIZE:
			assert_int_equal(framer->size, strlen(messages[*seen].text));
			assert_int_equal(framer_flag(framer), messages[*seen].flag);
			assert_true(framer_accept(framer));
			break;
		case FRAMER_MESSAGE:
			assert_string_equal((const char *)framer->data, messages[*seen].text);
			framer_next(framer);
			assert_true(framer_empty(framer));
			(*seen)++;
			break;
		}
	}
}

/* Cut anywhere, it comes out the same. */
static void test_cuts(void **state) {
	(void)state;
	for (size_t first = 0; first <= sizeof(wire); first++) {
		for (size_t second = first; second <= sizeof(wire); second++) {
			struct framer framer = { 0 };
			size_t seen = 0;
			feed(&framer, (struct bytes){ wire, first }, &seen);
			feed(&framer, (struct bytes){ wire + first, second - first }, &seen);
			feed(&framer, (struct bytes){ wire + second, sizeof(wire) - second },
					&seen);
			assert_int_equal(seen, 3);
			framer_next(&framer);
		}
	}
}

static void test_prefix(void **state) {
	static const uint32_t sizes[] = { 0, 1, 255, 256, 65536, 16777216, UINT32_MAX };
	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		uint8_t prefix[FRAMER_PREFIX];
		struct framer framer = { 0 };
		struct bytes piece = { prefix, sizeof(prefix) };
		framer_write_prefix(prefix, sizes[i]);
		assert_int_equal(framer_feed(&framer, &piece), FRAMER_SIZE);
		assert_true(framer.size == sizes[i]);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cuts),
		cmocka_unit_test(test_prefix),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
