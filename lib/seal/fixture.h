/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* For the tests of this folder: keys and rings of known bytes. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/hex.h"
#include "seal/keys.h"
#include "seal/seal.h"

#define ROOT_A "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define ROOT_B "b0b1b2b3b4b5b6b7b8b9babbbcbdbebfb0b1b2b3b4b5b6b7b8b9babbbcbdbebf"
#define WORKER "5f0c0f2e-58b4-4d0e-9d2a-0c3c2e8b6a11"

static inline struct bytes bytes_of(const char *text) {
	return (struct bytes){ (const uint8_t *)text, strlen(text) };
}

static inline struct bytes bytes_in(const struct buf *buf) {
	return (struct bytes){ buf->data, buf->size };
}

static inline struct seal_key *key_of(const char *text) {
	struct error err;
	struct seal_key *key = seal_key_parse(text, &err);
	assert_non_null(key);
	return key;
}

static inline void ring_add(struct seal_ring *ring, const char *text) {
	struct error err;
	struct seal_key *key = key_of(text);
	assert_true(seal_ring_add(ring, key, &err));
	seal_key_destroy(key);
}

/* `second` may be NULL. */
static inline struct seal_ring *ring_of(const char *worker, const char *first, const char *second) {
	struct error err;
	struct seal_ring *ring = seal_ring_create(worker, &err);
	assert_non_null(ring);
	ring_add(ring, first);
	if (second != NULL) {
		ring_add(ring, second);
	}
	return ring;
}
