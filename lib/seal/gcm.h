/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * AES-256-GCM (NIST SP 800-38D) and XAES-256-GCM (C2SP), at once over a whole message. `out` may
 * be where the input is, or apart from it. At most SEAL_PLAIN_MAX bytes.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/bytes.h"

enum {
	GCM_KEY_BYTES = 32,
	GCM_NONCE_BYTES = 12,
	GCM_TAG_BYTES = 16,
	XAES_NONCE_BYTES = 24,
};

/* Writes plain.size + GCM_TAG_BYTES bytes. */
void gcm_seal(const uint8_t key[GCM_KEY_BYTES], const uint8_t nonce[GCM_NONCE_BYTES],
		struct bytes aad, struct bytes plain, uint8_t *out);
/*
 * `sealed` has its tag at the end (at least that). False if it does not fit: then the
 * sealed.size - GCM_TAG_BYTES bytes at `out` are zeroed.
 */
bool gcm_open(const uint8_t key[GCM_KEY_BYTES], const uint8_t nonce[GCM_NONCE_BYTES],
		struct bytes aad, struct bytes sealed, uint8_t *out) MUST_CHECK;
void xaes_seal(const uint8_t key[GCM_KEY_BYTES], const uint8_t nonce[XAES_NONCE_BYTES],
		struct bytes aad, struct bytes plain, uint8_t *out);
bool xaes_open(const uint8_t key[GCM_KEY_BYTES], const uint8_t nonce[XAES_NONCE_BYTES],
		struct bytes aad, struct bytes sealed, uint8_t *out) MUST_CHECK;
