/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/merkle.h"

#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/mem.h"

enum { LEVELS = MERKLE_PATH_MAX + 1 };

struct merkle {
	size_t counts[LEVELS]; /* of hashes, the leaves first */
	uint8_t (*levels[LEVELS])[MERKLE_BYTES];
	size_t height; /* the level of the root */
};

/* Leaves and nodes begin differently, so that none can be taken for the other. */
static void hash(uint8_t prefix, struct bytes first, struct bytes second, uint8_t *out) {
	struct digest *digest = digest_create();
	digest_update(digest, &prefix, 1);
	digest_update(digest, first.data, first.size);
	digest_update(digest, second.data, second.size);
	digest_finish(digest, out);
	digest_destroy(digest);
}

static void join(const uint8_t *left, const uint8_t *right, uint8_t *out) {
	hash(1, (struct bytes){ left, MERKLE_BYTES }, (struct bytes){ right, MERKLE_BYTES }, out);
}

void merkle_leaf(struct bytes data, uint8_t out[MERKLE_BYTES]) {
	hash(0, data, (struct bytes){ NULL, 0 }, out);
}

static void build_level(struct merkle *tree, size_t level) {
	size_t below = tree->counts[level - 1], count = (below + 1) / 2;
	tree->counts[level] = count;
	tree->levels[level] = mem_zero(count, MERKLE_BYTES);
	for (size_t i = 0; i < count; i++) {
		const uint8_t *left = tree->levels[level - 1][2 * i];
		if (2 * i + 1 < below) {
			join(left, tree->levels[level - 1][2 * i + 1], tree->levels[level][i]);
		} else {
			memcpy(tree->levels[level][i], left, MERKLE_BYTES);
		}
	}
}

struct merkle *merkle_create(const uint8_t (*leaves)[MERKLE_BYTES], size_t count) {
	if (count == 0 || count > MERKLE_LEAVES_MAX) {
		abort(); /* the caller's own batch: a bug, not a peer's doing */
	}
	struct merkle *tree = MEM_NEW(struct merkle);
	tree->counts[0] = count;
	tree->levels[0] = mem_zero(count, MERKLE_BYTES);
	memcpy(tree->levels[0], leaves, count * MERKLE_BYTES);
	while (tree->counts[tree->height] > 1) {
		build_level(tree, ++tree->height);
	}
	return tree;
}

const uint8_t *merkle_root(const struct merkle *tree) {
	return tree->levels[tree->height][0];
}

void merkle_path(const struct merkle *tree, size_t index, struct merkle_path *out) {
	*out = (struct merkle_path){ .index = (uint32_t)index, .size = (uint32_t)tree->counts[0] };
	for (size_t level = 0; level < tree->height; level++, index /= 2) {
		size_t neighbour = index ^ 1;
		if (neighbour < tree->counts[level]) {
			memcpy(out->hashes[out->count++], tree->levels[level][neighbour],
					MERKLE_BYTES);
		}
	}
}

void merkle_destroy(struct merkle *tree) {
	if (tree != NULL) {
		for (size_t i = 0; i <= tree->height; i++) {
			free(tree->levels[i]);
		}
		free(tree);
	}
}

bool merkle_climb(const uint8_t leaf[MERKLE_BYTES], const struct merkle_path *path,
		uint8_t root[MERKLE_BYTES]) {
	if (path->index >= path->size || path->size > MERKLE_LEAVES_MAX ||
			path->count > MERKLE_PATH_MAX) {
		return false;
	}
	uint32_t index = path->index, last = path->size - 1, used = 0;
	memcpy(root, leaf, MERKLE_BYTES);
	for (; last > 0; index /= 2, last /= 2) {
		if (index == last && index % 2 == 0) {
			continue; /* the odd one at the end of its row */
		}
		if (used == path->count) {
			return false;
		}
		const uint8_t *neighbour = path->hashes[used++];
		if (index % 2 == 1) {
			join(neighbour, root, root);
		} else {
			join(root, neighbour, root);
		}
	}
	return used == path->count;
}
