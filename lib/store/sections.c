/* SPDX-License-Identifier: Apache-2.0 */
#include "store/sections.h"

#include <stdio.h>
#include <string.h>

static const uint8_t core[8] = { 0, 'a', 's', 'm', 1, 0, 0, 0 };
static const uint8_t component[8] = { 0, 'a', 's', 'm', 0x0d, 0, 1, 0 };

enum { HEAD = 8, MAGIC = 4 };

/* What the bytes look like: printable ones as they are, others as \\xx. */
static void describe(const uint8_t *bytes, size_t size, char text[3 * HEAD + 1]) {
	size_t used = 0;
	for (size_t i = 0; i < size; i++) {
		bool plain = bytes[i] >= 0x20 && bytes[i] < 0x7f;
		int more = snprintf(text + used, 4, plain ? "%c" : "\\%02x", bytes[i]);
		used += (size_t)more;
	}
}

static bool is_text_format(const uint8_t *head, size_t size) {
	return size > 1 && head[0] == '(' && (head[1] == 'm' || head[1] == 'c' || head[1] == ';');
}

static bool refuse_head(const uint8_t *head, size_t size, struct error *err) {
	char text[3 * HEAD + 1] = "";
	describe(head, size, text);
	if (size > MAGIC && memcmp(head, core, MAGIC) == 0) {
		return error_set(err, ERROR_MODULE,
				"a WebAssembly file of an unknown version: it begins with \"%s\"; "
				"known are "
				"modules of version 1 and components",
				text);
	}
	return error_set(err, ERROR_MODULE,
			"not a WebAssembly module: missing magic bytes (\"\\00asm\"), it begins "
			"with "
			"\"%s\"%s",
			text, is_text_format(head, size) ? "; translate text with wat2wasm" : "");
}

/* Takes what is there of the first eight bytes; returns how many that were, 0 for an error. */
static size_t feed_head(struct sections *s, struct bytes piece, struct error *err) {
	size_t at = (size_t)s->offset, step = HEAD - at < piece.size ? HEAD - at : piece.size;
	memcpy(s->head + at, piece.data, step);
	if (memcmp(s->head, core, at + step) != 0 && memcmp(s->head, component, at + step) != 0) {
		(void)refuse_head(s->head, at + step, err);
		return 0;
	}
	return step;
}

static bool size_byte(struct sections *s, uint8_t byte, struct error *err) {
	if (s->shift == 28 && (byte & 0xf0) != 0) {
		return error_set(err, ERROR_MODULE,
				"the size of section %u at offset %llu is no 32-bit number", s->id,
				(unsigned long long)s->began);
	}
	s->left |= (uint64_t)(byte & 0x7f) << s->shift;
	s->shift += 7;
	if ((byte & 0x80) == 0) {
		s->place = s->left != 0 ? SECTIONS_BODY : SECTIONS_ID;
	}
	return true;
}

static bool one_byte(struct sections *s, uint8_t byte, struct error *err) {
	if (s->place == SECTIONS_SIZE) {
		return size_byte(s, byte, err);
	}
	s->id = byte;
	s->began = s->offset;
	s->left = s->shift = 0;
	s->place = SECTIONS_SIZE;
	return true;
}

bool sections_feed(struct sections *s, struct bytes piece, struct error *err) {
	for (size_t at = 0; at < piece.size;) {
		size_t step = 1;
		if (s->offset < HEAD) {
			step = feed_head(s, piece, err);
			if (step == 0) {
				return false;
			}
		} else if (s->place == SECTIONS_BODY) {
			step = piece.size - at < s->left ? piece.size - at : (size_t)s->left;
			s->left -= step;
			s->place = s->left != 0 ? SECTIONS_BODY : SECTIONS_ID;
		} else if (!one_byte(s, piece.data[at], err)) {
			return false;
		}
		at += step;
		s->offset += step;
	}
	return true;
}

bool sections_end(const struct sections *s, struct error *err) {
	unsigned long long size = s->offset, began = s->began, left = s->left;
	if (size < HEAD) {
		return error_set(err, ERROR_MODULE,
				"not a WebAssembly module: it has only %llu bytes", size);
	}
	if (s->place == SECTIONS_SIZE) {
		return error_set(err, ERROR_MODULE,
				"the module is truncated: it ends at byte %llu, within the head of "
				"section "
				"%u at offset %llu",
				size, s->id, began);
	}
	return s->place == SECTIONS_ID ||
	       error_set(err, ERROR_MODULE,
			       "the module is truncated: it ends at byte %llu, and section %u at "
			       "offset %llu "
			       "needs %llu bytes more",
			       size, s->id, began, left);
}
