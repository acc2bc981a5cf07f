/* SPDX-License-Identifier: Apache-2.0 */
#include "base/proto.h"

enum { WIRE_VARINT, WIRE_64, WIRE_BYTES, WIRE_32 = 5, VARINT_MAX = 10 };

static bool take_varint(struct bytes *left, uint64_t *value) {
	*value = 0;
	for (size_t i = 0; i < VARINT_MAX && i < left->size; i++) {
		uint8_t byte = left->data[i];
		if (i == VARINT_MAX - 1 && byte > 1) {
			return false; /* more than 64 bits */
		}
		*value |= (uint64_t)(byte & 0x7f) << (7 * i);
		if (byte < 0x80) {
			left->data += i + 1;
			left->size -= i + 1;
			return true;
		}
	}
	return false;
}

static bool take_fixed(struct bytes *left, size_t size, uint64_t *value) {
	*value = 0;
	if (left->size < size) {
		return false;
	}
	for (size_t i = 0; i < size; i++) {
		*value |= (uint64_t)left->data[i] << (8 * i);
	}
	left->data += size;
	left->size -= size;
	return true;
}

static bool take_bytes(struct bytes *left, struct bytes *bytes) {
	uint64_t size;
	if (!take_varint(left, &size) || size > left->size) {
		return false;
	}
	*bytes = (struct bytes){ left->data, (size_t)size };
	left->data += size;
	left->size -= (size_t)size;
	return true;
}

static bool take_value(struct bytes *left, unsigned wire, struct proto_field *field) {
	switch (wire) {
	case WIRE_VARINT: return take_varint(left, &field->value);
	case WIRE_64: return take_fixed(left, 8, &field->value);
	case WIRE_BYTES: return take_bytes(left, &field->bytes);
	case WIRE_32: return take_fixed(left, 4, &field->value);
	default: return false; /* groups are of proto2 and in none of our messages */
	}
}

bool proto_next(struct proto_reader *reader, struct proto_field *field) {
	uint64_t tag;
	*field = (struct proto_field){ 0 };
	if (reader->left.size == 0 || reader->malformed) {
		return false;
	}
	reader->malformed = !take_varint(&reader->left, &tag) || tag >> 3 == 0 ||
			    tag >> 3 > 0x1fffffff ||
			    !take_value(&reader->left, (unsigned)(tag & 7), field);
	if (!reader->malformed) {
		field->number = (uint32_t)(tag >> 3);
	}
	return !reader->malformed;
}

struct bytes proto_find(struct bytes message, uint32_t number) {
	struct proto_reader reader = { .left = message };
	struct proto_field field;
	struct bytes found = { 0 };
	while (proto_next(&reader, &field)) {
		if (field.number == number && field.bytes.data != NULL) {
			found = field.bytes;
		}
	}
	return found;
}

uint64_t proto_find_number(struct bytes message, uint32_t number) {
	struct proto_reader reader = { .left = message };
	struct proto_field field;
	uint64_t found = 0;
	while (proto_next(&reader, &field)) {
		if (field.number == number && field.bytes.data == NULL) {
			found = field.value;
		}
	}
	return found;
}

static bool put_varint(struct buf *out, uint64_t value, struct error *err) {
	uint8_t bytes[VARINT_MAX];
	size_t size = 0;
	for (; value >= 0x80; value >>= 7) {
		bytes[size++] = (uint8_t)(value | 0x80);
	}
	bytes[size++] = (uint8_t)value;
	return buf_append(out, bytes, size, err);
}

bool proto_put_number(struct buf *out, uint32_t number, uint64_t value, struct error *err) {
	return put_varint(out, (uint64_t)number << 3 | WIRE_VARINT, err) &&
	       put_varint(out, value, err);
}

static bool put_fixed(struct buf *out, uint64_t bits, size_t size, struct error *err) {
	uint8_t bytes[8];
	for (size_t i = 0; i < size; i++) {
		bytes[i] = (uint8_t)(bits >> (8 * i));
	}
	return buf_append(out, bytes, size, err);
}

bool proto_put_32(struct buf *out, uint32_t number, uint32_t bits, struct error *err) {
	return put_varint(out, (uint64_t)number << 3 | WIRE_32, err) &&
	       put_fixed(out, bits, 4, err);
}

bool proto_put_64(struct buf *out, uint32_t number, uint64_t bits, struct error *err) {
	return put_varint(out, (uint64_t)number << 3 | WIRE_64, err) &&
	       put_fixed(out, bits, 8, err);
}

bool proto_put_bytes(struct buf *out, uint32_t number, struct bytes value, struct error *err) {
	return put_varint(out, (uint64_t)number << 3 | WIRE_BYTES, err) &&
	       put_varint(out, value.size, err) && buf_append(out, value.data, value.size, err);
}
