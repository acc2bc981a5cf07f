/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What the rest of this folder asks a ring. A form is a way to make a worker key of one of the
 * ring's keys: forms 2k and 2k + 1 are the root form and the own form of key k.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "seal/keys.h"
#include "seal/seal.h"

enum { RING_KEYS_MAX = 8, RING_FORMS_MAX = 2 * RING_KEYS_MAX, RING_NO_FORM = RING_FORMS_MAX };

struct ring_key {
	uint8_t id[SEAL_KEY_ID_BYTES];
	uint8_t bytes[SEAL_KEY_BYTES]; /* of the direction; to be wiped */
};

size_t ring_keys(const struct seal_ring *ring);
const uint8_t *ring_key_bytes(const struct seal_ring *ring, size_t key);
/* Whether a form is one that this ring seals and opens with. */
bool ring_has_form(const struct seal_ring *ring, size_t form);
/* The one to seal with. */
size_t ring_form(const struct seal_ring *ring);
/* The one whose key has this id for this worker, or RING_NO_FORM. */
size_t ring_find(struct seal_ring *ring, const char *worker, const uint8_t id[SEAL_KEY_ID_BYTES]);
/* Something was opened with it. */
void ring_opened(struct seal_ring *ring, size_t form);
void ring_derive(struct seal_ring *ring, size_t form, const char *worker,
		enum seal_direction direction, struct ring_key *key);
/* ERROR_INVALID: a worker's ring was asked for another worker, or it has no keys. */
bool ring_check(const struct seal_ring *ring, const char *worker, struct error *err) MUST_CHECK;
