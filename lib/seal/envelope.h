/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Sealing with all that is otherwise chosen given: for signatures, and for test vectors. */
#include "seal/gcm.h"
#include "seal/seal.h"

/* With a form of the ring's keys (seal/ring.h) and a nonce; else as seal_box_into(). */
bool envelope_seal(struct seal_ring *ring, size_t form, const struct seal_context *context,
		const uint8_t nonce[XAES_NONCE_BYTES], struct bytes plain, uint8_t *out,
		struct error *err) MUST_CHECK;
