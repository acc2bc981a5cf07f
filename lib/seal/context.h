/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The additional data of an envelope: its context, in one way only (spec/seal.md). */
#include "seal/seal.h"

/* ERROR_INVALID: a text is too long. */
bool context_check(const struct seal_context *context, struct error *err) MUST_CHECK;
/* Appends it; the context was checked. */
void context_encode(const struct seal_context *context, const uint8_t id[SEAL_KEY_ID_BYTES],
		struct buf *out);
