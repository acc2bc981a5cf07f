/* SPDX-License-Identifier: Apache-2.0 */
#include "executor/message.h"

#include <string.h>

#include "base/str.h"

/* How deep messages may lie in each other: none of ours needs more than 4. */
enum { DEPTH_MAX = 16 };

enum wire { WIRE_VARINT, WIRE_8, WIRE_SIZED, WIRE_4 = 5 };

struct walk {
	const uint8_t *at, *end;
};

static bool take_varint(struct walk *walk, uint64_t *number) {
	*number = 0;
	for (unsigned shift = 0; shift < 64 && walk->at < walk->end; shift += 7) {
		uint8_t byte = *walk->at++;
		*number |= (uint64_t)(byte & 0x7f) << shift;
		if (byte < 0x80) {
			return true;
		}
	}
	return false;
}

/* The bytes of a sized field; of others nothing. */
static bool take_field(struct walk *walk, uint64_t key, struct bytes *content) {
	uint64_t size = 0;
	*content = (struct bytes){ 0 };
	switch ((enum wire)(key & 7)) {
	case WIRE_VARINT: return take_varint(walk, &size);
	case WIRE_8: size = 8; break;
	case WIRE_4: size = 4; break;
	case WIRE_SIZED:
		if (!take_varint(walk, &size)) {
			return false;
		}
		content->data = walk->at;
		break;
	default: return false;
	}
	if (size > (uint64_t)(walk->end - walk->at)) {
		return false;
	}
	content->size = content->data != NULL ? (size_t)size : 0;
	walk->at += size;
	return true;
}

static bool refuse_text(const ProtobufCFieldDescriptor *field, const char *why, struct error *err) {
	return error_set(err, ERROR_INVALID, "%s %s", field->name, why);
}

static bool check_text(
		const ProtobufCFieldDescriptor *field, struct bytes text, struct error *err) {
	if (text.size != 0 && memchr(text.data, 0, text.size) != NULL) {
		return refuse_text(field, "has a zero byte in it", err);
	}
	return str_is_utf8((const char *)text.data, text.size) ||
	       refuse_text(field, "is not UTF-8", err);
}

static bool check_texts(const ProtobufCMessageDescriptor *type, struct bytes bytes, unsigned depth,
		struct error *err);

static bool check_field(const ProtobufCFieldDescriptor *field, struct bytes content, unsigned depth,
		struct error *err) {
	if (field->type == PROTOBUF_C_TYPE_STRING) {
		return check_text(field, content, err);
	}
	return field->type != PROTOBUF_C_TYPE_MESSAGE ||
	       check_texts(field->descriptor, content, depth + 1, err);
}

static bool check_texts(const ProtobufCMessageDescriptor *type, struct bytes bytes, unsigned depth,
		struct error *err) {
	struct walk walk = { bytes.data, bytes.data + bytes.size };
	while (walk.at < walk.end) {
		struct bytes content;
		uint64_t key;
		if (depth > DEPTH_MAX || !take_varint(&walk, &key) ||
				!take_field(&walk, key, &content)) {
			return error_set(err, ERROR_INVALID, "the bytes are no message %s",
					type->name);
		}
		const ProtobufCFieldDescriptor *field =
				(key & 7) == WIRE_SIZED && key >> 3 <= UINT32_MAX
						? protobuf_c_message_descriptor_get_field(
								  type, (unsigned)(key >> 3))
						: NULL;
		if (field != NULL && !check_field(field, content, depth, err)) {
			return false;
		}
	}
	return true;
}

ProtobufCMessage *message_open(const ProtobufCMessageDescriptor *type, struct bytes bytes,
		const char *what, struct error *err) {
	if (!check_texts(type, bytes, 0, err)) {
		(void)error_wrap(err, "%s", what);
		return NULL;
	}
	ProtobufCMessage *message = protobuf_c_message_unpack(type, NULL, bytes.size, bytes.data);
	if (message == NULL) {
		error_set(err, ERROR_INVALID, "%s: the bytes are no message %s", what, type->name);
	}
	return message;
}

bool message_pack(const void *message, struct buf *out, struct error *err) {
	size_t size = protobuf_c_message_get_packed_size(message);
	if (!buf_reserve(out, size, err)) {
		return false;
	}
	out->size += protobuf_c_message_pack(message, out->data + out->size);
	if (out->size != 0) {
		out->data[out->size] = 0;
	}
	return true;
}
