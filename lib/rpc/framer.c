/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/framer.h"

#include <stdlib.h>
#include <string.h>

static size_t take(void *to, size_t room, struct bytes *piece) {
	size_t size = piece->size < room ? piece->size : room;
	if (size != 0) {
		memcpy(to, piece->data, size);
		piece->data += size;
		piece->size -= size;
	}
	return size;
}

static size_t read_size(const uint8_t *p) {
	return (size_t)p[1] << 24 | (size_t)p[2] << 16 | (size_t)p[3] << 8 | p[4];
}

enum framer_event framer_feed(struct framer *framer, struct bytes *piece) {
	if (framer->have < FRAMER_PREFIX) {
		framer->have += take(
				framer->prefix + framer->have, FRAMER_PREFIX - framer->have, piece);
		if (framer->have < FRAMER_PREFIX) {
			return FRAMER_MORE;
		}
		framer->size = read_size(framer->prefix);
		return FRAMER_SIZE;
	}
	if (framer->data == NULL) {
		return FRAMER_SIZE;
	}
	framer->filled += take(framer->data + framer->filled, framer->size - framer->filled, piece);
	return framer->filled == framer->size ? FRAMER_MESSAGE : FRAMER_MORE;
}

uint8_t framer_flag(const struct framer *framer) {
	return framer->prefix[0];
}

bool framer_accept(struct framer *framer) {
	framer->data = malloc(framer->size + 1);
	if (framer->data != NULL) {
		framer->data[framer->size] = 0;
	}
	return framer->data != NULL;
}

bool framer_empty(const struct framer *framer) {
	return framer->have == 0;
}

void framer_next(struct framer *framer) {
	free(framer->data);
	*framer = (struct framer){ 0 };
}

void framer_write_prefix(uint8_t out[FRAMER_PREFIX], uint32_t size) {
	out[0] = 0;
	out[1] = (uint8_t)(size >> 24);
	out[2] = (uint8_t)(size >> 16);
	out[3] = (uint8_t)(size >> 8);
	out[4] = (uint8_t)size;
}
