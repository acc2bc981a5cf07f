/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base64.h"

#include <inttypes.h>

#include "base/mem.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* The value of each character plus one, so that what is not listed is 0: not in the alphabet. */
/* clang-format off */
static const uint8_t values[256] = {
	['A'] = 1,  ['B'] = 2,  ['C'] = 3,  ['D'] = 4,  ['E'] = 5,  ['F'] = 6,  ['G'] = 7,
	['H'] = 8,  ['I'] = 9,  ['J'] = 10, ['K'] = 11, ['L'] = 12, ['M'] = 13, ['N'] = 14,
	['O'] = 15, ['P'] = 16, ['Q'] = 17, ['R'] = 18, ['S'] = 19, ['T'] = 20, ['U'] = 21,
	['V'] = 22, ['W'] = 23, ['X'] = 24, ['Y'] = 25, ['Z'] = 26, ['a'] = 27, ['b'] = 28,
	['c'] = 29, ['d'] = 30, ['e'] = 31, ['f'] = 32, ['g'] = 33, ['h'] = 34, ['i'] = 35,
	['j'] = 36, ['k'] = 37, ['l'] = 38, ['m'] = 39, ['n'] = 40, ['o'] = 41, ['p'] = 42,
	['q'] = 43, ['r'] = 44, ['s'] = 45, ['t'] = 46, ['u'] = 47, ['v'] = 48, ['w'] = 49,
	['x'] = 50, ['y'] = 51, ['z'] = 52, ['0'] = 53, ['1'] = 54, ['2'] = 55, ['3'] = 56,
	['4'] = 57, ['5'] = 58, ['6'] = 59, ['7'] = 60, ['8'] = 61, ['9'] = 62, ['+'] = 63,
	['/'] = 64,
};
/* clang-format on */

static void encode_group(const uint8_t *bytes, size_t size, char *text) {
	uint32_t bits = (uint32_t)bytes[0] << 16;
	bits |= size > 1 ? (uint32_t)bytes[1] << 8 : 0;
	bits |= size > 2 ? bytes[2] : 0;
	text[0] = alphabet[bits >> 18];
	text[1] = alphabet[bits >> 12 & 63];
	text[2] = size > 1 ? alphabet[bits >> 6 & 63] : '=';
	text[3] = size > 2 ? alphabet[bits & 63] : '=';
}

char *base64_encode(const uint8_t *bytes, size_t size) {
	char *text = mem_zero(size / 3 + 2, 4);
	char *at = text;
	for (; size >= 3; bytes += 3, size -= 3, at += 4) {
		encode_group(bytes, 3, at);
	}
	if (size > 0) {
		encode_group(bytes, size, at);
	}
	return text;
}

/* Groups of four letters in the middle of the text, which is nearly all of a module. */
static size_t decode_groups(const char *text, size_t size, uint8_t *out) {
	const uint8_t *at = (const uint8_t *)text;
	size_t done = 0;
	for (; size - done >= 4; done += 4, at += 4, out += 3) {
		uint8_t a = values[at[0]], b = values[at[1]], c = values[at[2]], d = values[at[3]];
		if (a == 0 || b == 0 || c == 0 || d == 0) {
			break;
		}
		uint32_t bits = (a - 1U) << 18 | (b - 1U) << 12 | (c - 1U) << 6 | (d - 1U);
		out[0] = (uint8_t)(bits >> 16);
		out[1] = (uint8_t)(bits >> 8);
		out[2] = (uint8_t)bits;
	}
	return done;
}

static bool add_character(struct base64_stream *stream, char c, struct error *err) {
	uint8_t value = values[(uint8_t)c];
	bool pad = c == '=' && stream->count >= 2;
	bool over = stream->padding > 0 && (stream->count == 0 || !pad);
	if (over) {
		return error_set(err, ERROR_INVALID,
				"base64: character %" PRIu64
				" comes after the padding; the text must end there",
				stream->position + 1);
	}
	if (value == 0 && !pad) {
		return error_set(err, ERROR_INVALID,
				"base64: character %" PRIu64
				" (byte 0x%02x) does not belong there; the standard "
				"alphabet with padding is expected",
				stream->position + 1, (uint8_t)c);
	}
	stream->padding += pad;
	stream->quad[stream->count++] = pad ? 0 : (uint8_t)(value - 1);
	stream->position++;
	return true;
}

/* Writes the 1 to 3 bytes of a full group. */
static bool end_group(
		struct base64_stream *stream, uint8_t *out, size_t *written, struct error *err) {
	const uint8_t *quad = stream->quad;
	uint32_t bits = (uint32_t)quad[0] << 18 | (uint32_t)quad[1] << 12 | (uint32_t)quad[2] << 6 |
			quad[3];
	uint32_t left_over = stream->padding == 2   ? bits & 0xffff
			     : stream->padding == 1 ? bits & 0xff
						    : 0;
	if (left_over != 0) {
		return error_set(err, ERROR_INVALID,
				"base64: the bits left over before character %" PRIu64
				" are not zero; the text is cut "
				"or damaged",
				stream->position);
	}
	for (unsigned i = 0; i < 3 - stream->padding; i++) {
		out[(*written)++] = (uint8_t)(bits >> (16 - 8 * i));
	}
	stream->count = 0;
	return true;
}

bool base64_stream_feed(struct base64_stream *stream, const char *text, size_t size, uint8_t *out,
		size_t *written, struct error *err) {
	size_t at = 0;
	*written = 0;
	while (at < size) {
		if (stream->count == 0 && stream->padding == 0) {
			size_t done = decode_groups(text + at, size - at, out + *written);
			at += done;
			*written += done / 4 * 3;
			stream->position += done;
			if (at == size) {
				break;
			}
		}
		if (!add_character(stream, text[at++], err)) {
			return false;
		}
		if (stream->count == 4 && !end_group(stream, out, written, err)) {
			return false;
		}
	}
	return true;
}

bool base64_stream_end(const struct base64_stream *stream, struct error *err) {
	if (stream->count != 0) {
		return error_set(err, ERROR_INVALID,
				"base64: the text ends after %" PRIu64
				" characters inside a group of four; it is cut "
				"or has no padding",
				stream->position);
	}
	return true;
}

/* The exact size, so that a text that just fits the buffer's limit is not refused. */
static size_t decoded_size(const char *text, size_t size) {
	size_t padding = 0;
	while (padding < 2 && padding < size && text[size - 1 - padding] == '=') {
		padding++;
	}
	return size / 4 * 3 - padding;
}

bool base64_decode(const char *text, size_t size, struct buf *out, struct error *err) {
	if (size % 4 != 0) {
		return error_set(err, ERROR_INVALID,
				"base64: %zu characters are not whole groups of four; the text is "
				"cut or has no padding",
				size);
	}
	if (!buf_reserve(out, size == 0 ? 0 : decoded_size(text, size), err)) {
		return false;
	}
	struct base64_stream stream = { 0 };
	size_t written;
	bool good = base64_stream_feed(&stream, text, size, out->data + out->size, &written, err);
	out->size += good ? written : 0;
	out->data[out->size] = 0; /* where a text that went wrong later has left its first bytes */
	return good;
}
