/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Envelopes, version 1: those of Propeller (spec/seal.md). They prove only that the sender has the
 * key, and fit any task: for peers that know nothing better, where the operator said so.
 */
#include "base/buf.h"
#include "base/bytes.h"
#include "base/digest.h"
#include "seal/keys.h"
#include "seal/memory.h"

enum { SEAL_V1_OVERHEAD_BYTES = 28 }; /* nonce and tag */

/* Appends the envelope, with the ring's first key; `checksum` is what stands beside it. */
bool seal_v1_box(const struct seal_ring *ring, struct bytes plain, struct buf *out,
		char checksum[DIGEST_HEX_SIZE], struct error *err) MUST_CHECK;
/*
 * Opens it with the first key of the ring that fits; the caller finishes the memory, {0} when it
 * fails. `checksum`: what came with it, or NULL. ERROR_INTEGRITY.
 */
bool seal_v1_open(const struct seal_ring *ring, struct bytes envelope, const char *checksum,
		struct seal_memory *plain, struct error *err) MUST_CHECK;
