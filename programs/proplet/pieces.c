/* SPDX-License-Identifier: Apache-2.0 */
#include "proplet/pieces.h"

#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "base/mem.h"

static bool begin(struct pieces *pieces, const struct image_chunk *chunk, struct error *err) {
	if (pieces->count == 0) {
		pieces->count = chunk->count;
		pieces->items = mem_zero(chunk->count, sizeof(*pieces->items));
		pieces->sum = digest_create();
	}
	return pieces->count == chunk->count ||
	       error_set(err, ERROR_INTEGRITY,
			       "it changed while it came: first it had %u chunks, now %u",
			       pieces->count, chunk->count);
}

static bool same(const struct pieces *pieces, const struct piece *item, const struct buf *data) {
	const uint8_t *known =
			item->data.data != NULL ? item->data.data : pieces->file.data + item->at;
	return item->size == data->size && memcmp(known, data->data, data->size) == 0;
}

bool pieces_add(struct pieces *pieces, struct image_chunk *chunk, bool *fresh, struct error *err) {
	*fresh = false;
	if (!begin(pieces, chunk, err)) {
		return false;
	}
	struct piece *item = &pieces->items[chunk->index];
	if (item->size != 0) {
		return same(pieces, item, &chunk->data) ||
		       error_set(err, ERROR_INTEGRITY,
				       "it changed while it came: chunk %u came twice and differs",
				       chunk->index);
	}
	if (chunk->data.size > pieces->limit - pieces->size) {
		return error_set(err, ERROR_TOO_LARGE,
				"it has more than %zu bytes, the most that this worker takes",
				pieces->limit);
	}
	*item = (struct piece){ .data = chunk->data, .size = chunk->data.size };
	chunk->data = (struct buf){ 0 };
	pieces->size += item->size;
	pieces->have++;
	*fresh = true;
	return true;
}

bool pieces_ready(const struct pieces *pieces) {
	return pieces->stored < pieces->count && pieces->items[pieces->stored].size != 0;
}

/* Room for all at once, if all have the size of the first one. */
static size_t room_for(const struct pieces *pieces, const struct piece *item) {
	size_t need = pieces->file.size + item->size, room = pieces->file.room;
	uint64_t all = (uint64_t)item->size * (pieces->count - pieces->stored) + pieces->file.size;
	if (need <= room) {
		return room;
	}
	return all < pieces->limit ? (size_t)all : pieces->limit;
}

bool pieces_begin(struct pieces *pieces, struct error *err) {
	struct piece *item = &pieces->items[pieces->stored];
	item->at = pieces->file.size;
	return memory_file_reserve(&pieces->file, room_for(pieces, item), err);
}

bool pieces_store(struct pieces *pieces, struct error *err) {
	const struct piece *item = &pieces->items[pieces->stored];
	const struct bytes bytes = { item->data.data, item->size };
	digest_update(pieces->sum, bytes.data, bytes.size);
	return memory_file_append(&pieces->file, bytes, err);
}

struct buf pieces_end(struct pieces *pieces) {
	struct piece *item = &pieces->items[pieces->stored++];
	struct buf data = item->data;
	item->data = (struct buf){ 0 };
	return data;
}

bool pieces_complete(const struct pieces *pieces) {
	return pieces->count != 0 && pieces->stored == pieces->count;
}

bool pieces_take(struct pieces *pieces, struct memory_file *file, char digest[DIGEST_HEX_SIZE],
		struct error *err) {
	uint8_t bytes[DIGEST_SIZE];
	if (!memory_file_seal(&pieces->file, err)) {
		return false;
	}
	digest_finish(pieces->sum, bytes);
	hex_encode(bytes, sizeof(bytes), digest);
	*file = pieces->file;
	pieces->file = (struct memory_file){ 0 };
	return true;
}

void pieces_finish(struct pieces *pieces) {
	for (uint32_t i = 0; i < pieces->count; i++) {
		buf_finish(&pieces->items[i].data);
	}
	free(pieces->items);
	memory_file_finish(&pieces->file, pieces->wipes);
	digest_destroy(pieces->sum);
	*pieces = (struct pieces){ 0 };
}
