/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base64.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/random.h"

/* RFC 4648 section 10, and the two characters that other alphabets change. */
static const struct {
	const char *plain, *text;
} vectors[] = {
	{ "", "" },
	{ "f", "Zg==" },
	{ "fo", "Zm8=" },
	{ "foo", "Zm9v" },
	{ "foob", "Zm9vYg==" },
	{ "fooba", "Zm9vYmE=" },
	{ "foobar", "Zm9vYmFy" },
	{ "\xfb\xff\xbf", "+/+/" },
};

static void test_vectors(void **state) {
	(void)state;
	struct error err;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		size_t size = strlen(vectors[i].plain);
		CLEANUP(mem_freep)
		char *text = base64_encode((const uint8_t *)vectors[i].plain, size);
		assert_string_equal(text, vectors[i].text);

		struct buf out = BUF_INIT(size); /* no byte more than the result */
		assert_true(base64_decode(text, strlen(text), &out, &err));
		assert_int_equal(out.size, size);
		assert_string_equal(buf_text(&out), vectors[i].plain);
		buf_finish(&out);
	}
}

static void test_refused(void **state) {
	(void)state;
	static const char *const bad[] = {
		"Z", "Zg", "Zg=", "Zm8", "=", "==", "====", "Z===", "=Zg=", "Zg=v", /* padding */
		"Zg==Zg==", "Zm8=Zm8=", "Zg====", "Zg======", "Zm9vZg==Zm9v",
		"Zm9v====",                     /* more after it */
		"Zh==", "Zm9=", "Z/==", "Zg=a", /* bits left over */
		"Zm9 ", " Zm9", "Zm9v\n", "Zm9v\r\n  ", "Zm-_", "Zm9\x80", "Zm9\xff",
		"Zm!v", /* alphabet */
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct error err = { 0 };
		struct buf out = BUF_INIT(100);
		assert_true(buf_append(&out, "before", 6, &err));
		assert_false(base64_decode(bad[i], strlen(bad[i]), &out, &err));
		assert_int_equal(err.code, ERROR_INVALID);
		assert_string_equal(buf_text(&out), "before");
		buf_finish(&out);
	}
}

static void test_zero_byte_is_refused(void **state) {
	(void)state;
	struct error err;
	struct buf out = BUF_INIT(100);
	assert_false(base64_decode("Zm9\0", 4, &out, &err));
	assert_non_null(strstr(err.message, "character 4 (byte 0x00)"));
	buf_finish(&out);
}

static void test_limit(void **state) {
	(void)state;
	struct error err;
	struct buf out = BUF_INIT(3);
	assert_false(base64_decode("Zm9vYg==", 8, &out, &err));
	assert_int_equal(err.code, ERROR_TOO_LARGE);
	assert_int_equal(out.size, 0);
	assert_true(base64_decode("Zm9v", 4, &out, &err));
	assert_string_equal(buf_text(&out), "foo");
	buf_finish(&out);
}

/* Feeds a text in pieces of one size, into rooms of exactly what the header asks for. */
static bool feed_pieces(const char *text, size_t piece, struct buf *out, struct error *err) {
	struct base64_stream stream = { 0 };
	size_t size = strlen(text);
	for (size_t at = 0; at < size; at += piece) {
		size_t part = size - at < piece ? size - at : piece;
		size_t room = 3 * (part / 4 + 1), written;
		CLEANUP(mem_freep) uint8_t *bytes = malloc(room); /* so that ASan watches its end */
		assert_non_null(bytes);
		if (!base64_stream_feed(&stream, text + at, part, bytes, &written, err)) {
			return false;
		}
		assert_true(written <= room);
		assert_true(buf_append(out, bytes, written, err));
	}
	return base64_stream_end(&stream, err);
}

static void test_stream_in_pieces(void **state) {
	(void)state;
	struct error err;
	uint8_t bytes[300];
	random_bytes(bytes, sizeof(bytes));
	for (size_t size = 0; size < sizeof(bytes); size += size < 20 ? 1 : 13) {
		CLEANUP(mem_freep) char *text = base64_encode(bytes, size);
		assert_int_equal(strlen(text), (size + 2) / 3 * 4);
		for (size_t piece = 1; piece < 23; piece++) {
			struct buf out = BUF_INIT(sizeof(bytes));
			assert_true(feed_pieces(text, piece, &out, &err));
			assert_int_equal(out.size, size);
			assert_memory_equal(buf_text(&out), bytes, size);
			buf_finish(&out);
		}
	}
}

/* What the stream refuses does not depend on where the pieces end. */
static void test_stream_refuses_in_pieces(void **state) {
	(void)state;
	static const char *const bad[] = { "Zm9vZ", "Zm9vZg",
		"Zm9vZg=", "Zg==Zg==", "Zg===", "Zh==", "Zm9=", "Zm9v=", "Zm9vZ=", "Zm9vYm.v" };
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		for (size_t piece = 1; piece < 10; piece++) {
			struct error err = { 0 };
			struct buf out = BUF_INIT(100);
			assert_false(feed_pieces(bad[i], piece, &out, &err));
			assert_int_equal(err.code, ERROR_INVALID);
			buf_finish(&out);
		}
	}
}

static void test_message_says_where(void **state) {
	(void)state;
	struct error err;
	struct base64_stream stream = { 0 };
	uint8_t bytes[12];
	size_t written;
	assert_true(base64_stream_feed(&stream, "Zm9vZm", 6, bytes, &written, &err));
	assert_int_equal(written, 3);
	assert_false(base64_stream_feed(&stream, "9v*", 3, bytes, &written, &err));
	assert_non_null(strstr(err.message, "character 9 (byte 0x2a)"));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_zero_byte_is_refused),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_stream_in_pieces),
		cmocka_unit_test(test_stream_refuses_in_pieces),
		cmocka_unit_test(test_message_says_where),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
