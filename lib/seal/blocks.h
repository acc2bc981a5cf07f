/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Sealed files in blocks (spec/seal.md, "Files"): a head, then the plaintext in blocks of which
 * each is an envelope of its own, so that any of them is read alone. Here is the form; reading and
 * writing is for others. Safe from any thread.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/digest.h"
#include "base/error.h"
#include "seal/seal.h"

enum {
	BLOCK_BYTES = 256 * 1024, /* of plaintext; the last block has fewer */
	BLOCK_ROOM = SEAL_OVERHEAD_BYTES + BLOCK_BYTES,
	BLOCKS_ID_BYTES = 16,
	BLOCKS_BEGIN_BYTES = 8, /* what tells such a file from others */
	BLOCKS_HEAD_BYTES = BLOCKS_BEGIN_BYTES + BLOCKS_ID_BYTES + SEAL_OVERHEAD_BYTES +
			    DIGEST_SIZE + 8,
};

/* One file. */
struct blocks {
	struct seal_ring *ring;
	char id[2 * BLOCKS_ID_BYTES + 1]; /* random: no block fits another file */
	uint64_t size;                    /* of the plaintext */
};

/* How large the file is, and where in it a block begins. */
uint64_t blocks_file_size(uint64_t size);
uint64_t blocks_offset(uint64_t index);
/* The id of the key that new files are sealed with, and of the one that a head says. */
bool blocks_key(struct seal_ring *ring, uint8_t id[SEAL_KEY_ID_BYTES],
		struct error *err) MUST_CHECK;
const uint8_t *blocks_head_key(const uint8_t head[BLOCKS_HEAD_BYTES]);

/* A new file. Its blocks can be sealed at once, its head when its size is known. */
void blocks_begin(struct blocks *blocks, struct seal_ring *ring);
bool blocks_seal_head(const struct blocks *blocks, const char *digest,
		uint8_t head[BLOCKS_HEAD_BYTES], struct error *err) MUST_CHECK;
/* In its place: the plaintext is at room + SEAL_HEADER_BYTES, before and after. */
bool blocks_seal(const struct blocks *blocks, uint64_t index, size_t size, uint8_t *room,
		struct error *err) MUST_CHECK;
bool blocks_open(const struct blocks *blocks, uint64_t index, size_t size, uint8_t *room,
		struct error *err) MUST_CHECK;

/* Whether a file that begins so is one of these. */
bool blocks_are(struct bytes begin);
/*
 * What a file begins with, at most BLOCKS_HEAD_BYTES of it. ERROR_KEY_MISMATCH: the ring is NULL or
 * has not this key; ERROR_INTEGRITY: it was changed or cut, or is not the head of that module.
 */
bool blocks_open_head(struct blocks *blocks, struct seal_ring *ring, const char *digest,
		struct bytes head, struct error *err) MUST_CHECK;
