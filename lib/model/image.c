/* SPDX-License-Identifier: Apache-2.0 */
/* Images under a workload key, as they are asked for and as they come: all but the sealing. */
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "model/member.h"
#include "model/message.h"

/* Base64 of a sealed name, which has 1024 bytes at most. */
enum { SEALED_NAME_MAX = 2048 };

static const uint8_t part_magic[4] = { 'A', 'S', 'I', 1 };

static bool read_order(const json_t *object, struct image_order *o, struct error *err) {
	return member_text(object, "proplet_id", MESSAGE_ID_MAX, &o->proplet_id, err) &&
	       member_need("proplet_id", o->proplet_id != NULL && o->proplet_id[0] != 0, err) &&
	       member_short(object, "boot", o->boot, sizeof(o->boot), err) &&
	       member_need("boot", o->boot[0] != 0, err) &&
	       member_u64(object, "number", 1, INT64_MAX, &o->number, err) &&
	       member_need("number", o->number != 0, err) &&
	       member_text(object, "sealed", SEALED_NAME_MAX, &o->sealed, err) &&
	       member_need("sealed", o->sealed != NULL && o->sealed[0] != 0, err);
}

bool image_order_decode(struct image_order *order, struct bytes payload, struct error *err) {
	*order = (struct image_order){ 0 };
	json_auto_t *object = member_parse(payload, err);
	if (object == NULL) {
		return false;
	}
	if (!read_order(object, order, err)) {
		image_order_finish(order);
		return false;
	}
	return true;
}

char *image_order_encode(const struct image_order *order) {
	json_t *object = json_object();
	member_put_text(object, "proplet_id", order->proplet_id);
	member_put_text(object, "boot", order->boot);
	member_put_u64(object, "number", order->number);
	member_put_text(object, "sealed", order->sealed);
	return member_dump(object);
}

void image_order_finish(struct image_order *order) {
	free(order->proplet_id);
	free(order->sealed);
	*order = (struct image_order){ 0 };
}

static uint64_t get_big(const uint8_t *at, int size) {
	uint64_t value = 0;
	for (int i = 0; i < size; i++) {
		value = value << 8 | at[i];
	}
	return value;
}

static void put_big(uint8_t *at, int size, uint64_t value) {
	for (int i = size - 1; i >= 0; i--, value >>= 8) {
		at[i] = (uint8_t)value;
	}
}

/* What is in the envelope has at least a byte of the image. */
static bool part_fits(const struct image_part *part) {
	size_t size = part->data.size;
	if (part->count == 0) {
		return part->index == 0 &&
		       (size == 0 || (size > IMAGE_PART_SEALED_MORE &&
						     size <= IMAGE_PART_SEALED_MORE +
										     ERROR_MESSAGE_MAX));
	}
	return part->count <= IMAGE_CHUNKS_MAX && part->index < part->count &&
	       size > IMAGE_PART_SEALED_MORE + DIGEST_SIZE;
}

bool image_part_decode(struct image_part *part, struct bytes payload, struct error *err) {
	const uint8_t *at = payload.data;
	if (payload.size < IMAGE_PART_HEADER_BYTES ||
			memcmp(at, part_magic, sizeof(part_magic)) != 0) {
		return error_set(err, ERROR_INVALID, "not a sealed chunk of an image, version 1");
	}
	part->number = get_big(at + 4, 8);
	part->index = (uint32_t)get_big(at + 12, 4);
	part->count = (uint32_t)get_big(at + 16, 4);
	part->data = (struct bytes){ at + IMAGE_PART_HEADER_BYTES,
		payload.size - IMAGE_PART_HEADER_BYTES };
	return part_fits(part) ||
	       error_set(err, ERROR_INVALID, "chunk %u of %u of an image with %zu bytes",
			       part->index, part->count, part->data.size);
}

void image_part_header(const struct image_part *part, uint8_t header[IMAGE_PART_HEADER_BYTES]) {
	memcpy(header, part_magic, sizeof(part_magic));
	put_big(header + 4, 8, part->number);
	put_big(header + 12, 4, part->index);
	put_big(header + 16, 4, part->count);
}
