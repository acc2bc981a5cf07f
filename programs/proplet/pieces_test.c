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

/* Stores what can be stored. */
static void store(struct pieces *pieces) {
	struct error err;
	while (pieces_ready(pieces)) {
		assert_true(pieces_begin(pieces, &err) && pieces_store(pieces, &err));
		struct buf memory = pieces_end(pieces);
		buf_finish(&memory);
	}
}

static void expect_image(struct pieces *pieces, const char *content) {
	struct memory_file file;
	char digest[DIGEST_HEX_SIZE], right[DIGEST_HEX_SIZE];
	struct error err;
	assert_true(pieces_complete(pieces));
	assert_true(pieces_take(pieces, &file, digest, &err));
	assert_int_equal(file.size, strlen(content));
	assert_memory_equal(file.data, content, file.size);
	digest_hex((const uint8_t *)content, strlen(content), right);
	assert_string_equal(digest, right);
	memory_file_finish(&file, false);
}

/* Whether what can be stored is at once, or all at the end. */
static void any_order_and_repeats_stored(bool at_once) {
	static const struct {
		uint32_t index;
		const char *text;
		bool fresh;
	} rows[] = { { 2, "ther", true }, { 0, "hel", true }, { 2, "ther", false },
		{ 0, "hel", false }, { 1, "lo ", true }, { 0, "hel", false }, { 3, "e", true } };
	struct pieces pieces = PIECES_INIT(100);
	struct error err;
	assert_false(pieces_complete(&pieces));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_false(pieces_complete(&pieces));
		assert_int_equal(add(&pieces, rows[i].index, 4, rows[i].text, &err), rows[i].fresh);
		if (at_once) {
			store(&pieces);
		}
	}
	store(&pieces);
	assert_int_equal(add(&pieces, 1, 4, "lo ", &err), false);
	expect_image(&pieces, "hello there");
	pieces_finish(&pieces);
}

static void any_order_and_repeats(void **state) {
	(void)state;
	any_order_and_repeats_stored(true);
	any_order_and_repeats_stored(false);
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
	store(&pieces);
	assert_int_equal(add(&pieces, 0, 3, "old", &err), false);
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
	store(&pieces);
	expect_image(&pieces, "abcde");
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
