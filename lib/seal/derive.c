/* SPDX-License-Identifier: Apache-2.0 */
#include "seal/derive.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LABEL_MAX = 16 };

/* As with running out of memory: every promise survives an end here, and none survives going on. */
void seal_must(int done) {
	if (done != 1) {
		(void)fputs("OpenSSL has no memory, or no AES-256-GCM or HKDF; ending\n", stderr);
		abort();
	}
}

static size_t write_info(uint8_t *info, const char *label, const char *name) {
	size_t size = strlen(label);
	memcpy(info, label, size);
	if (name != NULL) {
		size_t length = strlen(name);
		info[size++] = 0;
		memcpy(info + size, name, length);
		size += length;
	}
	return size;
}

void seal_derive(const uint8_t key[SEAL_KEY_BYTES], const char *label, const char *name,
		uint8_t *out, size_t size) {
	uint8_t info[LABEL_MAX + 1 + SEAL_TEXT_MAX];
	seal_must(strlen(label) <= LABEL_MAX && (name == NULL || strlen(name) <= SEAL_TEXT_MAX));
	size_t info_size = write_info(info, label, name);
	/* OpenSSL takes them without const, and leaves them alone. */
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)"SHA256", 0),
		OSSL_PARAM_construct_octet_string(
				OSSL_KDF_PARAM_KEY, (void *)(uintptr_t)key, SEAL_KEY_BYTES),
		OSSL_PARAM_construct_octet_string(
				OSSL_KDF_PARAM_SALT, (char *)SEAL_LABEL, sizeof(SEAL_LABEL) - 1),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info, info_size),
		OSSL_PARAM_construct_end(),
	};
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	EVP_KDF_CTX *context = EVP_KDF_CTX_new(kdf);
	seal_must(context != NULL);
	seal_must(EVP_KDF_derive(context, out, size, params));
	EVP_KDF_CTX_free(context);
	EVP_KDF_free(kdf);
}
