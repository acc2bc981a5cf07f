/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Protocol Buffers' wire format, field by field: enough to walk descriptors and the few messages
 * of our own services without code made for them. Nothing is copied; nothing nests here.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/bytes.h"

struct proto_reader {
	struct bytes left;
	bool malformed;
};

struct proto_field {
	uint32_t number;
	uint64_t value;     /* of a varint or a fixed number */
	struct bytes bytes; /* of text, bytes or a message; else data is NULL */
};

/* The next field; false at the end, or when the rest is malformed. */
bool proto_next(struct proto_reader *reader, struct proto_field *field) MUST_CHECK;
/* The last field of that number with bytes; data is NULL if there is none. */
struct bytes proto_find(struct bytes message, uint32_t number);
uint64_t proto_find_number(struct bytes message, uint32_t number); /* 0 if there is none */

/* Each appends one field. */
bool proto_put_number(
		struct buf *out, uint32_t number, uint64_t value, struct error *err) MUST_CHECK;
/* A float's or fixed32's bits, and a double's or fixed64's. */
bool proto_put_32(struct buf *out, uint32_t number, uint32_t bits, struct error *err) MUST_CHECK;
bool proto_put_64(struct buf *out, uint32_t number, uint64_t bits, struct error *err) MUST_CHECK;
bool proto_put_bytes(
		struct buf *out, uint32_t number, struct bytes value, struct error *err) MUST_CHECK;
