/* SPDX-License-Identifier: Apache-2.0 */
#include "proplet/pieces.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"

static struct image_chunk chunk_of(uint32_t index, uint32_t count, const char *text) {
	struct image_chunk chunk = { .index = index, .count = count, .data = BUF_INIT(100) };
	struct error err;
	assert_true(buf_append(&chunk.data, text, strlen(text), &err));
	return chunk;
}

/* -1: refused; else whether it was new. */
static int add(struct pieces *pieces, uint32_t index, uint32_t count, const char *text,
		struct error *err) {
	struct image_chunk chunk = chunk_of(index, count, text);
	bool fresh;
	bool ok = pieces_add(pieces, &chunk, &fresh, err);
	image_chunk_finish(&chunk);
	return ok ? fresh : -1;
}

static void any_order_and_repeats(void **state) {
	(void)state;
	struct pieces pieces = PIECES_INIT(100);
	struct buf out = BUF_INIT(100);
	struct error err;
	assert_false(pieces_complete(&pieces));
	assert_int_equal(add(&pieces, 2, 3, "!", &err), true);
	assert_int_equal(add(&pieces, 0, 3, "hel", &err), true);
	assert_int_equal(add(&pieces, 2, 3, "!", &err), false);
	assert_false(pieces_complete(&pieces));
	assert_int_equal(add(&pieces, 1, 3, "lo", &err), true);
	assert_true(pieces_complete(&pieces));
	assert_true(pieces_join(&pieces, &out, &err));
	assert_string_equal(buf_text(&out), "hello!");
	buf_finish(&out);
	pieces_finish(&pieces);
}

static void two_versions_do_not_mix(void **state) {
	(void)state;
	struct pieces pieces = PIECES_INIT(100);
	struct error err;
	assert_int_equal(add(&pieces, 0, 3, "old", &err), true);
	assert_int_equal(add(&pieces, 1, 4, "new", &err), -1);
	assert_int_equal(err.code, ERROR_INTEGRITY);
	assert_int_equal(add(&pieces, 0, 3, "new", &err), -1);
	assert_int_equal(err.code, ERROR_INTEGRITY);
	assert_int_equal(add(&pieces, 0, 3, "older", &err), -1);
	pieces_finish(&pieces);
}

static void the_limit_counts_all(void **state) {
	(void)state;
	struct pieces pieces = PIECES_INIT(5);
	struct error err;
	assert_int_equal(add(&pieces, 0, 2, "abc", &err), true);
	assert_int_equal(add(&pieces, 1, 2, "def", &err), -1);
	assert_int_equal(err.code, ERROR_TOO_LARGE);
	assert_int_equal(add(&pieces, 1, 2, "de", &err), true);
	assert_true(pieces_complete(&pieces));
	pieces_finish(&pieces);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_order_and_repeats),
		cmocka_unit_test(two_versions_do_not_mix),
		cmocka_unit_test(the_limit_counts_all),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
