/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* HKDF-SHA256 as spec/seal.md uses it, and the bytes of a key for the rest of this folder. */
#include <stddef.h>
#include <stdint.h>

#include "seal/keys.h"

#define SEAL_LABEL "airscrew-seal-v2"

/* info = label, or label ‖ 00 ‖ name where there is a name (at most SEAL_TEXT_MAX bytes). */
void seal_derive(const uint8_t key[SEAL_KEY_BYTES], const char *label, const char *name,
		uint8_t *out, size_t size);
const uint8_t *seal_key_bytes(const struct seal_key *key);
/* Ends the process: a step of OpenSSL that fails only without memory or without OpenSSL. */
void seal_must(int done);
