/* SPDX-License-Identifier: Apache-2.0 */
/* What is told of one message; the listening itself is in tests/test_t_up.py, at a real broker. */
#include "cli/spy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/base64.h"
#include "base/mem.h"
#include "base/str.h"
#include "model/message.h"

static const char mark[] = "Hello, world!";

static struct heard read_text(const char *text) {
	struct heard heard = { 0 };
	heard_read(&heard, (struct bytes){ (const uint8_t *)text, strlen(text) }, mark);
	return heard;
}

static void open_messages(void **state) {
	(void)state;
	struct heard heard = read_text("{\"type\":\"start\",\"a\":\"1234567890123456789012345\"}");
	assert_true(!heard.sealed && !heard.marked && heard.size == 48);
	assert_string_equal(heard.begins, "{\"type\":\"start\",\"a\":\"123456789012345678");
	assert_true(read_text("{\"results\":\"Hello, world!\\n\"}").marked);
	assert_string_equal(read_text("a\nb\x80").begins, "a.b.");
	assert_string_equal(read_text("").begins, "");
}

/* Whatever stands before it in the bytes that were encoded. */
static void marks_in_base64(void **state) {
	(void)state;
	for (size_t before = 0; before < 30; before++) {
		CLEANUP(mem_freep)
		char *plain = str_format("%.*s%s and more", (int)before,
				"\1\2\3\4\5\6\7\10\11\12\13\14\15\16\17\20\21\22\23\24\25\26\27\30"
				"\31"
				"\32\33\34\35\36",
				mark);
		CLEANUP(mem_freep)
		char *coded = base64_encode((const uint8_t *)plain, strlen(plain));
		CLEANUP(mem_freep) char *text = str_format("{\"data\":\"%s\"}", coded);
		assert_true(read_text(text).marked);
	}
	assert_false(read_text("{\"data\":\"SGVsbG8sIHdvcmxkPw==\"}").marked); /* "world?" */
}

static void sealed_members(void **state) {
	(void)state;
	struct heard heard = read_text("{\"a\":1,\"sealed\":\"AgECAwQFBgcICQoLDA0ODxAREhM=\"}");
	assert_true(heard.sealed && !heard.marked);
	assert_string_equal(heard.begins, "020102030405060708090a0b");
	assert_false(read_text("{\"sealed\":\"AgEC\"}").sealed);
	assert_false(read_text("{\"sealed\":\"****************************\"}").sealed);
}

static void chunks(void **state) {
	(void)state;
	uint8_t bytes[CHUNK_HEADER_BYTES + 13 + CHUNK_SEALED_MORE] = { 0 };
	struct chunk chunk = { .module_size = 13, .count = 1 };
	struct heard heard = { 0 };
	memset(chunk.digest, 'a', sizeof(chunk.digest) - 1);
	chunk_header_encode(&chunk, bytes);
	memcpy(bytes + CHUNK_HEADER_BYTES, mark, 13);
	heard_read(&heard, (struct bytes){ bytes, CHUNK_HEADER_BYTES + 13 }, mark);
	assert_true(heard.marked && !heard.sealed);
	assert_string_equal(heard.begins, "48656c6c6f2c20776f726c64");
	memset(bytes + CHUNK_HEADER_BYTES, 2, 13);
	heard_read(&heard, (struct bytes){ bytes, sizeof(bytes) }, mark);
	assert_true(!heard.marked && heard.sealed);
	assert_string_equal(heard.begins, "020202020202020202020202");
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(open_messages),
		cmocka_unit_test(marks_in_base64),
		cmocka_unit_test(sealed_members),
		cmocka_unit_test(chunks),
	};
	return cmocka_run_group_tests_name("cli/spy", tests, NULL, NULL);
}
