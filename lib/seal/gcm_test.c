/* SPDX-License-Identifier: Apache-2.0 */
/* The published vectors of XAES-256-GCM (C2SP), and AES-256-GCM's own (McGrew and Viega). */
#include "seal/gcm.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "base/mem.h"

static const struct bytes nothing = { (const uint8_t *)"", 0 };

static struct bytes bytes_of(const char *text) {
	return (struct bytes){ (const uint8_t *)text, strlen(text) };
}

static void test_c2sp_vectors(void **state) {
	(void)state;
	static const struct {
		uint8_t key;
		const char *aad, *sealed;
	} cases[] = {
		{ 1, "", "ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271" },
		{ 3, "c2sp.org/XAES-256-GCM",
				"986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d" },
	};
	static const uint8_t nonce[] = "ABCDEFGHIJKLMNOPQRSTUVWX";
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t key[GCM_KEY_BYTES], sealed[28], plain[12];
		char text[2 * sizeof(sealed) + 1];
		memset(key, cases[i].key, sizeof(key));
		xaes_seal(key, nonce, bytes_of(cases[i].aad), bytes_of("XAES-256-GCM"), sealed);
		hex_encode(sealed, sizeof(sealed), text);
		assert_string_equal(text, cases[i].sealed);
		assert_true(xaes_open(key, nonce, bytes_of(cases[i].aad),
				(struct bytes){ sealed, sizeof(sealed) }, plain));
		assert_memory_equal(plain, "XAES-256-GCM", 12);
	}
}

enum { ROUNDS = 10000, ROUND_MAX = 32 + 24 + 2 * 256 };

static EVP_MD_CTX *shake(void) {
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	assert_non_null(context);
	assert_int_equal(EVP_DigestInit_ex(context, EVP_shake128(), NULL), 1);
	return context;
}

static struct bytes take(const uint8_t **at, size_t size) {
	struct bytes taken = { *at, size };
	*at += size;
	return taken;
}

static struct bytes take_prefixed(const uint8_t **at) {
	size_t size = *take(at, 1).data;
	return take(at, size);
}

/* 10,000 messages from SHAKE-128's stream; their ciphertexts have this SHAKE-128. */
static void test_c2sp_accumulated(void **state) {
	(void)state;
	CLEANUP(mem_freep) uint8_t *stream = mem_zero(ROUNDS, ROUND_MAX);
	EVP_MD_CTX *source = shake(), *sum = shake();
	assert_int_equal(EVP_DigestFinalXOF(source, stream, (size_t)ROUNDS * ROUND_MAX), 1);
	const uint8_t *at = stream;
	for (int i = 0; i < ROUNDS; i++) {
		uint8_t sealed[256 + GCM_TAG_BYTES], again[256];
		struct bytes key = take(&at, GCM_KEY_BYTES), nonce = take(&at, XAES_NONCE_BYTES);
		struct bytes plain = take_prefixed(&at), aad = take_prefixed(&at);
		size_t size = plain.size + GCM_TAG_BYTES;
		xaes_seal(key.data, nonce.data, aad, plain, sealed);
		assert_int_equal(EVP_DigestUpdate(sum, sealed, size), 1);
		assert_true(xaes_open(
				key.data, nonce.data, aad, (struct bytes){ sealed, size }, again));
		assert_memory_equal(again, plain.data, plain.size);
	}
	uint8_t digest[32];
	char text[65];
	assert_int_equal(EVP_DigestFinalXOF(sum, digest, sizeof(digest)), 1);
	hex_encode(digest, sizeof(digest), text);
	assert_string_equal(
			text, "e6b9edf2df6cec60c8cbd864e2211b597fb69a529160cd040d56c0c210081939");
	EVP_MD_CTX_free(source);
	EVP_MD_CTX_free(sum);
}

static void test_gcm_vectors(void **state) {
	(void)state;
	uint8_t key[GCM_KEY_BYTES] = { 0 }, nonce[GCM_NONCE_BYTES] = { 0 }, zeros[16] = { 0 };
	uint8_t sealed[32];
	char text[65];
	gcm_seal(key, nonce, nothing, nothing, sealed);
	hex_encode(sealed, 16, text);
	assert_string_equal(text, "530f8afbc74536b9a963b4f1c4cb738b");
	gcm_seal(key, nonce, nothing, (struct bytes){ zeros, sizeof(zeros) }, sealed);
	hex_encode(sealed, 32, text);
	assert_string_equal(
			text, "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919");
}

static void test_in_place_and_wiped(void **state) {
	(void)state;
	uint8_t key[GCM_KEY_BYTES] = { 7 }, nonce[XAES_NONCE_BYTES] = { 9 };
	uint8_t block[100 + GCM_TAG_BYTES], apart[sizeof(block)], zeros[100] = { 0 };
	memset(block, 'x', 100);
	struct bytes plain = { block, 100 }, sealed = { block, sizeof(block) };
	xaes_seal(key, nonce, nothing, plain, apart);
	xaes_seal(key, nonce, nothing, plain, block);
	assert_memory_equal(block, apart, sizeof(block));
	assert_true(xaes_open(key, nonce, nothing, sealed, block));
	assert_int_equal(block[0], 'x');
	assert_int_equal(block[99], 'x');

	memcpy(block, apart, sizeof(block));
	block[50] ^= 1;
	assert_false(xaes_open(key, nonce, nothing, sealed, block));
	assert_memory_equal(block, zeros, 100);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_c2sp_vectors),
		cmocka_unit_test(test_c2sp_accumulated),
		cmocka_unit_test(test_gcm_vectors),
		cmocka_unit_test(test_in_place_and_wiped),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
