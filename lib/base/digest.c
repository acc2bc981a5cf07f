/* SPDX-License-Identifier: Apache-2.0 */
#include "base/digest.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "base/hex.h"
#include "base/mem.h"

struct digest {
	EVP_MD_CTX *context;
};

/* SHA-256 from memory fails only when there is no memory or no OpenSSL left. */
static void must(int done) {
	if (done != 1) {
		(void)fputs("SHA-256 is not available from OpenSSL; ending\n", stderr);
		abort();
	}
}

struct digest *digest_create(void) {
	struct digest *digest = MEM_NEW(struct digest);
	digest->context = EVP_MD_CTX_new();
	must(digest->context != NULL);
	must(EVP_DigestInit_ex(digest->context, EVP_sha256(), NULL));
	return digest;
}

void digest_update(struct digest *digest, const void *bytes, size_t size) {
	if (size != 0) {
		must(EVP_DigestUpdate(digest->context, bytes, size));
	}
}

void digest_finish(struct digest *digest, uint8_t out[DIGEST_SIZE]) {
	must(EVP_DigestFinal_ex(digest->context, out, NULL));
	/* With EVP_sha256() it would look for its provider again. */
	must(EVP_DigestInit_ex(digest->context, NULL, NULL));
}

void digest_destroy(struct digest *digest) {
	if (digest != NULL) {
		EVP_MD_CTX_free(digest->context);
		free(digest);
	}
}

void digest_of(const void *bytes, size_t size, uint8_t out[DIGEST_SIZE]) {
	must(EVP_Digest(size != 0 ? bytes : "", size, out, NULL, EVP_sha256(), NULL));
}

void digest_hex(const void *bytes, size_t size, char out[DIGEST_HEX_SIZE]) {
	uint8_t digest[DIGEST_SIZE];
	digest_of(bytes, size, digest);
	hex_encode(digest, sizeof(digest), out);
}

bool digest_text_valid(const char *text) {
	enum { DIGITS = DIGEST_HEX_SIZE - 1 };
	return strspn(text, "0123456789abcdef") == DIGITS && text[DIGITS] == '\0';
}
