/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Base64, RFC 4648 section 4: the standard alphabet with padding. Decoding is strict (padding
 * where it belongs, zero bits left over) and can be fed piece by piece, so that a module of
 * 100 MiB never stands in memory.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/error.h"

/* The text for `size` bytes, to be freed by the caller; never NULL. */
char *base64_encode(const uint8_t *bytes, size_t size) MUST_CHECK;
/* Appends the decoded bytes. */
bool base64_decode(const char *text, size_t size, struct buf *out, struct error *err) MUST_CHECK;

struct base64_stream {
	uint8_t quad[4]; /* values of the characters of an unfinished group */
	unsigned count;
	unsigned padding;
	uint64_t position; /* of the next character, for messages */
};
/* Decodes `size` characters into out, which has room for 3 * (size / 4 + 1) bytes. */
bool base64_stream_feed(struct base64_stream *stream, const char *text, size_t size, uint8_t *out,
		size_t *written, struct error *err) MUST_CHECK;
/* At the end of the text: false if a group is unfinished. */
bool base64_stream_end(const struct base64_stream *stream, struct error *err) MUST_CHECK;
