/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Reading and writing what spec/receipt.md encodes: big-endian numbers, bytes led by their size.
 * A reader that ran out of bytes stays there: `bad`, and everything that it reads is empty.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "base/error.h"

struct reader {
	struct bytes left;
	bool bad;
};

static inline struct bytes reader_take(struct reader *reader, size_t size) {
	if (size > reader->left.size) {
		reader->bad = true;
		reader->left.size = 0;
		return (struct bytes){ NULL, 0 };
	}
	struct bytes taken = { reader->left.data, size };
	reader->left.data += size;
	reader->left.size -= size;
	return taken;
}

static inline uint64_t reader_number(struct reader *reader, size_t size) {
	struct bytes taken = reader_take(reader, size);
	uint64_t value = 0;
	for (size_t i = 0; i < taken.size; i++) {
		value = value << 8 | taken.data[i];
	}
	return value;
}

/* A number of four bytes and as many bytes; at most `most`. */
static inline struct bytes reader_bytes(struct reader *reader, size_t most) {
	uint64_t size = reader_number(reader, 4);
	if (size > most) {
		reader->bad = true;
		return (struct bytes){ NULL, 0 };
	}
	return reader_take(reader, size);
}

static inline void reader_copy(struct reader *reader, uint8_t *out, size_t size) {
	struct bytes taken = reader_take(reader, size);
	if (taken.size == size && size != 0) {
		memcpy(out, taken.data, size);
	}
}

static inline bool write_number(struct buf *out, uint64_t value, size_t size, struct error *err) {
	uint8_t bytes[8];
	for (size_t i = 0; i < size; i++) {
		bytes[i] = (uint8_t)(value >> 8 * (size - 1 - i));
	}
	return buf_append(out, bytes, size, err);
}

static inline bool write_bytes(struct buf *out, struct bytes bytes, struct error *err) {
	return write_number(out, bytes.size, 4, err) &&
	       buf_append(out, bytes.data, bytes.size, err);
}
