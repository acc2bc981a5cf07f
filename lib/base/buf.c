/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

enum { FIRST_CAPACITY = 64 };

/* Doubles, so that many small pieces stay cheap, but never allocates past the limit. */
static size_t next_capacity(const struct buf *buf, size_t need) {
	size_t capacity = buf->capacity < FIRST_CAPACITY ? FIRST_CAPACITY : buf->capacity;
	while (capacity < need) {
		capacity *= 2; /* need is at most PTRDIFF_MAX: no overflow */
	}
	return buf->limit < capacity ? buf->limit + 1 : capacity;
}

bool buf_reserve(struct buf *buf, size_t size, struct error *err) {
	if (size > buf->limit - buf->size) {
		return error_set(err, ERROR_TOO_LARGE, "more than the limit of %zu bytes",
				buf->limit);
	}
	if (size >= PTRDIFF_MAX - buf->size) {
		return error_set(err, ERROR_NO_MEMORY, "no memory for %zu more bytes", size);
	}
	size_t need = buf->size + size + 1; /* the zero byte */
	if (need <= buf->capacity) {
		return true;
	}
	size_t capacity = next_capacity(buf, need);
	uint8_t *data = realloc(buf->data, capacity);
	if (data == NULL) {
		return error_set(err, ERROR_NO_MEMORY, "no memory for %zu more bytes", size);
	}
	buf->data = data;
	buf->capacity = capacity;
	buf->data[buf->size] = 0;
	return true;
}

bool buf_append(struct buf *buf, const void *bytes, size_t size, struct error *err) {
	if (!buf_reserve(buf, size, err)) {
		return false;
	}
	if (size != 0) {
		memcpy(buf->data + buf->size, bytes, size);
	}
	buf->size += size;
	buf->data[buf->size] = 0;
	return true;
}

bool buf_printf(struct buf *buf, struct error *err, const char *format, ...) {
	va_list args;
	va_start(args, format);
	int length = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (length < 0) {
		return error_set(err, ERROR_INTERNAL, "a text could not be formatted");
	}
	if (!buf_reserve(buf, (size_t)length, err)) {
		return false;
	}
	va_start(args, format);
	(void)vsnprintf((char *)buf->data + buf->size, (size_t)length + 1, format, args);
	va_end(args);
	buf->size += (size_t)length;
	return true;
}

size_t buf_append_some(struct buf *buf, const void *bytes, size_t size) {
	struct error ignored; /* no room is what this function is for */
	size_t room = buf->limit - buf->size;
	size_t part = size < room ? size : room;
	return buf_append(buf, bytes, part, &ignored) ? part : 0;
}

const char *buf_text(const struct buf *buf) {
	return buf->size != 0 ? (const char *)buf->data : "";
}

void buf_clear(struct buf *buf) {
	buf->size = 0;
}

uint8_t *buf_take(struct buf *buf, size_t *size) {
	uint8_t *data = buf->data != NULL ? buf->data : mem_zero(1, 1);
	data[buf->size] = 0; /* buf_clear() leaves an older text behind */
	*size = buf->size;
	*buf = BUF_INIT(buf->limit);
	return data;
}

void buf_finish(struct buf *buf) {
	free(buf->data);
	*buf = BUF_INIT(buf->limit);
}
