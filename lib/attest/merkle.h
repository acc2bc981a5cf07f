/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Merkle trees of RFC 6962 section 2.1 (SHA-256): leaf = H(00 ‖ data), node = H(01 ‖ left ‖
 * right); an odd one at the end of a row goes up as it is. Pure functions.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/bytes.h"

enum { MERKLE_BYTES = 32, MERKLE_PATH_MAX = 32, MERKLE_LEAVES_MAX = 1 << 20 };

/* How a leaf leads to its root: the neighbours, from the bottom up (RFC 9162 section 2.1.3). */
struct merkle_path {
	uint32_t index, size; /* of the leaf; of the tree in leaves */
	uint32_t count;
	uint8_t hashes[MERKLE_PATH_MAX][MERKLE_BYTES];
};

void merkle_leaf(struct bytes data, uint8_t out[MERKLE_BYTES]);

struct merkle;
/* A tree over 1 to MERKLE_LEAVES_MAX leaves; never NULL, freed with merkle_destroy(). */
struct merkle *merkle_create(const uint8_t (*leaves)[MERKLE_BYTES], size_t count);
const uint8_t *merkle_root(const struct merkle *tree); /* MERKLE_BYTES of it */
void merkle_path(const struct merkle *tree, size_t index, struct merkle_path *out);
void merkle_destroy(struct merkle *tree);

/* The root that a path leads to; false if no path of such a tree has this length. */
bool merkle_climb(const uint8_t leaf[MERKLE_BYTES], const struct merkle_path *path,
		uint8_t root[MERKLE_BYTES]) MUST_CHECK;
