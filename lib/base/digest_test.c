/* SPDX-License-Identifier: Apache-2.0 */
#include "base/digest.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "base/hex.h"
#include "base/mem.h"

/* FIPS 180-4 and the NIST example values. */
static const struct {
	const char *text, *hex;
} vectors[] = {
	{ "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
	{ "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
	{ "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
			"248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
};
enum { VECTORS = sizeof(vectors) / sizeof(vectors[0]) };

static void check_hex(const uint8_t digest[DIGEST_SIZE], const char *expected) {
	char text[DIGEST_HEX_SIZE];
	hex_encode(digest, DIGEST_SIZE, text);
	assert_string_equal(text, expected);
}

static void test_vectors_at_once(void **state) {
	(void)state;
	for (size_t i = 0; i < VECTORS; i++) {
		char text[DIGEST_HEX_SIZE];
		digest_hex(vectors[i].text, strlen(vectors[i].text), text);
		assert_string_equal(text, vectors[i].hex);
	}
	uint8_t digest[DIGEST_SIZE];
	digest_of(NULL, 0, digest);
	check_hex(digest, vectors[0].hex);
}

/* One object for all vectors: finishing starts anew. */
static void test_vectors_byte_by_byte(void **state) {
	(void)state;
	struct digest *digest = digest_create();
	for (size_t i = 0; i < VECTORS; i++) {
		uint8_t out[DIGEST_SIZE];
		for (const char *at = vectors[i].text; *at != '\0'; at++) {
			digest_update(digest, at, 1);
			digest_update(digest, NULL, 0);
		}
		digest_finish(digest, out);
		check_hex(out, vectors[i].hex);
	}
	digest_destroy(digest);
}

static void test_a_million_letters(void **state) {
	(void)state;
	char letters[1000];
	memset(letters, 'a', sizeof(letters));
	struct digest *digest = digest_create();
	for (int i = 0; i < 1000; i++) {
		digest_update(digest, letters, sizeof(letters));
	}
	uint8_t out[DIGEST_SIZE];
	digest_finish(digest, out);
	check_hex(out, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
	digest_destroy(digest);
}

static void test_destroy_accepts_null(void **state) {
	(void)state;
	digest_destroy(NULL);
}

static void test_text(void **state) {
	(void)state;
	char text[DIGEST_HEX_SIZE + 1] = { 0 };
	memcpy(text, vectors[1].hex, DIGEST_HEX_SIZE);
	assert_true(digest_text_valid(text));
	text[0] = 'B'; /* upper case */
	assert_false(digest_text_valid(text));
	text[0] = 'g';
	assert_false(digest_text_valid(text));
	text[0] = 'b';
	text[64] = '0'; /* one too many */
	assert_false(digest_text_valid(text));
	text[63] = '\0'; /* one too few */
	assert_false(digest_text_valid(text));
	assert_false(digest_text_valid(""));
	assert_false(digest_text_valid("sha256:"));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors_at_once),
		cmocka_unit_test(test_vectors_byte_by_byte),
		cmocka_unit_test(test_a_million_letters),
		cmocka_unit_test(test_destroy_accepts_null),
		cmocka_unit_test(test_text),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
