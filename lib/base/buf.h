/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A byte buffer that grows up to a limit that it was made with, and never past it.
 *
 * It owns its bytes. When it is not empty there is a zero byte behind the last one (not counted),
 * so that text can be read as a string. Not for use from two threads at once.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/error.h"

struct buf {
	uint8_t *data;
	size_t size, capacity, limit;
};

#define BUF_INIT(max) ((struct buf){ .limit = (max) })

/* ERROR_TOO_LARGE when it would pass the limit (then nothing is added), ERROR_NO_MEMORY. */
bool buf_append(struct buf *buf, const void *bytes, size_t size, struct error *err) MUST_CHECK;
bool buf_printf(struct buf *buf, struct error *err, const char *format, ...)
		PRINTF(3, 4) MUST_CHECK;
/* Makes room for `size` more bytes without changing the content. */
bool buf_reserve(struct buf *buf, size_t size, struct error *err) MUST_CHECK;
/* Adds as much as fits; returns how many bytes that was. For output that is cut at a limit. */
size_t buf_append_some(struct buf *buf, const void *bytes, size_t size);
const char *buf_text(const struct buf *buf); /* "" when empty */
void buf_clear(struct buf *buf);             /* keeps the memory */
/* Gives the bytes away (to be freed with free()); the buffer is empty afterwards. Never NULL. */
uint8_t *buf_take(struct buf *buf, size_t *size) MUST_CHECK;
void buf_finish(struct buf *buf);
