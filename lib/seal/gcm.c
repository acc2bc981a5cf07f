/* SPDX-License-Identifier: Apache-2.0 */
#include "seal/gcm.h"

#include <openssl/evp.h>
#include <string.h>

#include "seal/derive.h"

enum { BLOCK = 16 };

static EVP_CIPHER_CTX *begin(const uint8_t *key, const uint8_t *nonce, int encrypting) {
	EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
	seal_must(context != NULL);
	seal_must(EVP_CipherInit_ex(context, EVP_aes_256_gcm(), NULL, key, nonce, encrypting));
	return context;
}

static void update(EVP_CIPHER_CTX *context, uint8_t *out, struct bytes in) {
	int done;
	if (in.size != 0) {
		seal_must(EVP_CipherUpdate(context, out, &done, in.data, (int)in.size));
	}
}

void gcm_seal(const uint8_t key[GCM_KEY_BYTES], const uint8_t nonce[GCM_NONCE_BYTES],
		struct bytes aad, struct bytes plain, uint8_t *out) {
	uint8_t nothing[BLOCK];
	int none;
	EVP_CIPHER_CTX *context = begin(key, nonce, 1);
	update(context, NULL, aad);
	update(context, out, plain);
	seal_must(EVP_CipherFinal_ex(context, nothing, &none));
	seal_must(EVP_CIPHER_CTX_ctrl(
			context, EVP_CTRL_AEAD_GET_TAG, GCM_TAG_BYTES, out + plain.size));
	EVP_CIPHER_CTX_free(context); /* which wipes its round keys */
}

bool gcm_open(const uint8_t key[GCM_KEY_BYTES], const uint8_t nonce[GCM_NONCE_BYTES],
		struct bytes aad, struct bytes sealed, uint8_t *out) {
	size_t size = sealed.size - GCM_TAG_BYTES;
	uint8_t tag[GCM_TAG_BYTES], nothing[BLOCK];
	int none;
	memcpy(tag, sealed.data + size, sizeof(tag));
	EVP_CIPHER_CTX *context = begin(key, nonce, 0);
	seal_must(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, GCM_TAG_BYTES, tag));
	update(context, NULL, aad);
	update(context, out, (struct bytes){ sealed.data, size });
	bool fits = EVP_CipherFinal_ex(context, nothing, &none) == 1;
	EVP_CIPHER_CTX_free(context);
	if (!fits) {
		explicit_bzero(out, size);
	}
	return fits;
}

/* The subkey K1 of AES-CMAC: the cipher of zeros, doubled in GF(2^128). */
static void double_block(uint8_t block[BLOCK]) {
	uint8_t carry = (uint8_t)(block[0] >> 7);
	for (size_t i = 0; i + 1 < BLOCK; i++) {
		block[i] = (uint8_t)(block[i] << 1 | block[i + 1] >> 7);
	}
	block[BLOCK - 1] = (uint8_t)(block[BLOCK - 1] << 1 ^ (0x87 & (uint8_t)-carry));
}

/* Two blocks of CMAC: counter, 'X', 0, the first half of the nonce. */
static void xaes_key(const uint8_t key[GCM_KEY_BYTES], const uint8_t nonce[XAES_NONCE_BYTES],
		uint8_t out[GCM_KEY_BYTES]) {
	uint8_t zero[BLOCK] = { 0 }, mask[BLOCK], blocks[2][BLOCK];
	int done;
	EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
	seal_must(context != NULL);
	seal_must(EVP_EncryptInit_ex(context, EVP_aes_256_ecb(), NULL, key, NULL));
	seal_must(EVP_EncryptUpdate(context, mask, &done, zero, BLOCK));
	double_block(mask);
	for (uint8_t i = 0; i < 2; i++) {
		const uint8_t head[] = { 0, (uint8_t)(i + 1), 'X', 0 };
		memcpy(blocks[i], head, sizeof(head));
		memcpy(blocks[i] + sizeof(head), nonce, BLOCK - sizeof(head));
		for (size_t j = 0; j < BLOCK; j++) {
			blocks[i][j] ^= mask[j];
		}
	}
	seal_must(EVP_EncryptUpdate(context, out, &done, blocks[0], sizeof(blocks)));
	EVP_CIPHER_CTX_free(context);
	explicit_bzero(mask, sizeof(mask));
	explicit_bzero(blocks, sizeof(blocks));
}

void xaes_seal(const uint8_t key[GCM_KEY_BYTES], const uint8_t nonce[XAES_NONCE_BYTES],
		struct bytes aad, struct bytes plain, uint8_t *out) {
	uint8_t derived[GCM_KEY_BYTES];
	xaes_key(key, nonce, derived);
	gcm_seal(derived, nonce + GCM_NONCE_BYTES, aad, plain, out);
	explicit_bzero(derived, sizeof(derived));
}

bool xaes_open(const uint8_t key[GCM_KEY_BYTES], const uint8_t nonce[XAES_NONCE_BYTES],
		struct bytes aad, struct bytes sealed, uint8_t *out) {
	uint8_t derived[GCM_KEY_BYTES];
	xaes_key(key, nonce, derived);
	bool fits = gcm_open(derived, nonce + GCM_NONCE_BYTES, aad, sealed, out);
	explicit_bzero(derived, sizeof(derived));
	return fits;
}
