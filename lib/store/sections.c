/* SPDX-License-Identifier: Apache-2.0 */
#include "store/sections.h"

#include <string.h>

static const uint8_t core[8] = { 0, 'a', 's', 'm', 1, 0, 0, 0 };
static const uint8_t component[8] = { 0, 'a', 's', 'm', 0x0d, 0, 1, 0 };

static bool check_head(const struct sections *s, size_t size, struct error *err) {
	if (memcmp(s->head, core, size) == 0 || memcmp(s->head, component, size) == 0) {
		return true;
	}
	if (size > 4 && memcmp(s->head, core, 4) == 0) {
		return error_set(err, ERROR_MODULE,
				"a WebAssembly module of an unknown version: %02x %02x %02x %02x",
				s->head[4], s->head[5], s->head[6], s->head[7]);
	}
	return error_set(err, ERROR_MODULE,
			"not a WebAssembly module: missing magic bytes (it must begin with "
			"\"\\0asm\")");
}

static bool size_byte(struct sections *s, uint8_t byte, struct error *err) {
	if (s->shift > 28 || (s->shift == 28 && (byte & 0xf0) != 0)) {
		return error_set(err, ERROR_MODULE, "section %u at offset %llu has no sound size",
				s->id, (unsigned long long)s->began);
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
		if (s->offset < sizeof(s->head)) {
			s->head[s->offset] = piece.data[at];
			if (!check_head(s, (size_t)s->offset + 1, err)) {
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
	if (s->offset < sizeof(s->head)) {
		return error_set(err, ERROR_MODULE,
				"not a WebAssembly module: it has only %llu bytes",
				(unsigned long long)s->offset);
	}
	if (s->place != SECTIONS_ID) {
		return error_set(err, ERROR_MODULE,
				"the module is truncated: section %u at offset %llu ends %llu "
				"bytes behind the file",
				s->id, (unsigned long long)s->began, (unsigned long long)s->left);
	}
	return true;
}
