/* SPDX-License-Identifier: Apache-2.0 */
#include "proplet/pieces.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static bool begin(struct pieces *pieces, const struct image_chunk *chunk, struct error *err) {
	if (pieces->count == 0) {
		pieces->count = chunk->count;
		pieces->items = mem_zero(chunk->count, sizeof(*pieces->items));
	}
	return pieces->count == chunk->count ||
	       error_set(err, ERROR_INTEGRITY,
			       "it changed while it came: first it had %u chunks, now %u",
			       pieces->count, chunk->count);
}

static bool same(const struct buf *a, const struct buf *b) {
	return a->size == b->size && memcmp(a->data, b->data, a->size) == 0;
}

bool pieces_add(struct pieces *pieces, struct image_chunk *chunk, bool *fresh, struct error *err) {
	*fresh = false;
	if (!begin(pieces, chunk, err)) {
		return false;
	}
	struct buf *item = &pieces->items[chunk->index];
	if (item->size != 0) {
		return same(item, &chunk->data) ||
		       error_set(err, ERROR_INTEGRITY,
				       "it changed while it came: chunk %u came twice and differs",
				       chunk->index);
	}
	if (chunk->data.size > pieces->limit - pieces->size) {
		return error_set(err, ERROR_TOO_LARGE,
				"it has more than %zu bytes, the most that this worker takes",
				pieces->limit);
	}
	*item = chunk->data;
	chunk->data = (struct buf){ 0 };
	pieces->size += item->size;
	pieces->have++;
	*fresh = true;
	return true;
}

bool pieces_complete(const struct pieces *pieces) {
	return pieces->count != 0 && pieces->have == pieces->count;
}

bool pieces_join(struct pieces *pieces, struct buf *out, struct error *err) {
	if (!buf_reserve(out, pieces->size, err)) {
		return false;
	}
	for (uint32_t i = 0; i < pieces->count; i++) {
		struct buf *item = &pieces->items[i];
		if (!buf_append(out, item->data, item->size, err)) {
			return false;
		}
		buf_finish(item); /* at once: it need not be there twice */
	}
	return true;
}

void pieces_finish(struct pieces *pieces) {
	for (uint32_t i = 0; i < pieces->count; i++) {
		buf_finish(&pieces->items[i]);
	}
	free(pieces->items);
	*pieces = (struct pieces){ 0 };
}
