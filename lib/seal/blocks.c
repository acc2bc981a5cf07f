/* SPDX-License-Identifier: Apache-2.0 */
#include "seal/blocks.h"

#include <string.h>

#include "base/hex.h"
#include "base/random.h"

enum {
	ID_AT = BLOCKS_BEGIN_BYTES,
	ENVELOPE_AT = ID_AT + BLOCKS_ID_BYTES,
	KEY_AT = ENVELOPE_AT + 1,
	PLAIN_AT = ENVELOPE_AT + SEAL_HEADER_BYTES,
	PLAIN_BYTES = DIGEST_SIZE + 8,
};

/* The last byte is the version. */
static const uint8_t magic[BLOCKS_BEGIN_BYTES] = { 0x89, 's', 'e', 'a', 'l', 'e', 'd', 1 };

static uint64_t count_of(uint64_t size) {
	return size / BLOCK_BYTES + (size % BLOCK_BYTES != 0);
}

uint64_t blocks_file_size(uint64_t size) {
	return BLOCKS_HEAD_BYTES + size + count_of(size) * SEAL_OVERHEAD_BYTES;
}

uint64_t blocks_offset(uint64_t index) {
	return BLOCKS_HEAD_BYTES + index * BLOCK_ROOM;
}

bool blocks_key(struct seal_ring *ring, uint8_t id[SEAL_KEY_ID_BYTES], struct error *err) {
	uint8_t envelope[SEAL_OVERHEAD_BYTES];
	const struct seal_context context = { .direction = SEAL_STORE };
	if (!seal_box_into(ring, &context, (struct bytes){ 0 }, envelope, err)) {
		return false;
	}
	memcpy(id, envelope + 1, SEAL_KEY_ID_BYTES);
	return true;
}

const uint8_t *blocks_head_key(const uint8_t head[BLOCKS_HEAD_BYTES]) {
	return head + KEY_AT;
}

void blocks_begin(struct blocks *blocks, struct seal_ring *ring) {
	uint8_t id[BLOCKS_ID_BYTES];
	random_bytes(id, sizeof(id));
	*blocks = (struct blocks){ .ring = ring };
	hex_encode(id, sizeof(id), blocks->id);
}

/* --- blocks ------------------------------------------------------------------------------ */

static struct seal_context block_context(const struct blocks *blocks, uint64_t index) {
	return (struct seal_context){
		.direction = SEAL_STORE, .subject = blocks->id, .index = index
	};
}

bool blocks_seal(const struct blocks *blocks, uint64_t index, size_t size, uint8_t *room,
		struct error *err) {
	const struct seal_context context = block_context(blocks, index);
	const struct bytes plain = { room + SEAL_HEADER_BYTES, size };
	return seal_box_into(blocks->ring, &context, plain, room, err);
}

bool blocks_open(const struct blocks *blocks, uint64_t index, size_t size, uint8_t *room,
		struct error *err) {
	const struct seal_context context = block_context(blocks, index);
	const struct bytes envelope = { room, SEAL_OVERHEAD_BYTES + size };
	return seal_open_into(blocks->ring, &context, envelope, room + SEAL_HEADER_BYTES, err);
}

/* --- the head ---------------------------------------------------------------------------- */

/* No block's: there the count is 0. */
static struct seal_context head_context(const struct blocks *blocks) {
	return (struct seal_context){ .direction = SEAL_STORE, .subject = blocks->id, .count = 1 };
}

static void put_size(uint64_t size, uint8_t out[8]) {
	for (size_t i = 0; i < 8; i++) {
		out[i] = (uint8_t)(size >> 8 * (7 - i));
	}
}

static uint64_t get_size(const uint8_t in[8]) {
	uint64_t size = 0;
	for (size_t i = 0; i < 8; i++) {
		size = size << 8 | in[i];
	}
	return size;
}

bool blocks_seal_head(const struct blocks *blocks, const char *digest,
		uint8_t head[BLOCKS_HEAD_BYTES], struct error *err) {
	const struct seal_context context = head_context(blocks);
	memcpy(head, magic, sizeof(magic));
	if (!hex_decode(blocks->id, head + ID_AT, BLOCKS_ID_BYTES) ||
			!hex_decode(digest, head + PLAIN_AT, DIGEST_SIZE)) {
		return error_set(err, ERROR_INTERNAL, "a sealed file without a digest");
	}
	put_size(blocks->size, head + PLAIN_AT + DIGEST_SIZE);
	return seal_box_into(blocks->ring, &context, (struct bytes){ head + PLAIN_AT, PLAIN_BYTES },
			head + ENVELOPE_AT, err);
}

bool blocks_are(struct bytes begin) {
	return begin.size >= sizeof(magic) && memcmp(begin.data, magic, sizeof(magic) - 1) == 0;
}

static bool say_key(const uint8_t *head, struct error *err) {
	char key[SEAL_KEY_NAME_SIZE];
	hex_encode(blocks_head_key(head), SEAL_KEY_ID_BYTES, key);
	return error_set(err, ERROR_KEY_MISMATCH,
			"it is sealed with a workload key that is not here (key id %s)", key);
}

static bool check_content(const uint8_t plain[PLAIN_BYTES], const char *digest, struct error *err) {
	char text[DIGEST_HEX_SIZE];
	hex_encode(plain, DIGEST_SIZE, text);
	return strcmp(text, digest) == 0 ||
	       error_set(err, ERROR_INTEGRITY, "another module was put there: %s", text);
}

bool blocks_open_head(struct blocks *blocks, struct seal_ring *ring, const char *digest,
		struct bytes head, struct error *err) {
	uint8_t plain[PLAIN_BYTES];
	if (!blocks_are(head)) {
		return error_set(err, ERROR_INTEGRITY, "it is not sealed");
	}
	if (head.data[sizeof(magic) - 1] != magic[sizeof(magic) - 1]) {
		return error_set(err, ERROR_INTEGRITY,
				"it is sealed in version %d, which is not understood",
				head.data[sizeof(magic) - 1]);
	}
	if (head.size != BLOCKS_HEAD_BYTES) {
		return error_set(err, ERROR_INTEGRITY, "it was cut");
	}
	if (ring == NULL) {
		return say_key(head.data, err);
	}
	blocks->ring = ring;
	hex_encode(head.data + ID_AT, BLOCKS_ID_BYTES, blocks->id);
	const struct seal_context context = head_context(blocks);
	const struct bytes envelope = { head.data + ENVELOPE_AT, BLOCKS_HEAD_BYTES - ENVELOPE_AT };
	if (!seal_open_into(ring, &context, envelope, plain, err)) {
		return err->code == ERROR_KEY_MISMATCH ? say_key(head.data, err) : false;
	}
	blocks->size = get_size(plain + DIGEST_SIZE);
	return check_content(plain, digest, err);
}
