/* SPDX-License-Identifier: Apache-2.0 */
#include "base/str.h"

#include <string.h>

#include "base/mem.h"

/* Table 3-7 of the Unicode standard: by first byte, how many follow and what the second may be. */
struct form {
	uint8_t first, last, size, low, high;
};

static const struct form forms[] = {
	{ 0x00, 0x7f, 1, 0x00, 0x00 },
	{ 0xc2, 0xdf, 2, 0x80, 0xbf },
	{ 0xe0, 0xe0, 3, 0xa0, 0xbf },
	{ 0xe1, 0xec, 3, 0x80, 0xbf },
	{ 0xed, 0xed, 3, 0x80, 0x9f },
	{ 0xee, 0xef, 3, 0x80, 0xbf },
	{ 0xf0, 0xf0, 4, 0x90, 0xbf },
	{ 0xf1, 0xf3, 4, 0x80, 0xbf },
	{ 0xf4, 0xf4, 4, 0x80, 0x8f },
};

static bool fits(const struct form *form, const uint8_t *at, size_t size) {
	if (form->size > size) {
		return false;
	}
	if (form->size > 1 && (at[1] < form->low || at[1] > form->high)) {
		return false;
	}
	for (size_t i = 2; i < form->size; i++) {
		if ((at[i] & 0xc0) != 0x80) {
			return false;
		}
	}
	return true;
}

size_t str_utf8_next(const char *bytes, size_t size) {
	const uint8_t *at = (const uint8_t *)bytes;
	for (size_t i = 0; size > 0 && i < sizeof(forms) / sizeof(forms[0]); i++) {
		if (at[0] >= forms[i].first && at[0] <= forms[i].last) {
			return fits(&forms[i], at, size) ? forms[i].size : 0;
		}
	}
	return 0;
}

bool str_is_utf8(const char *bytes, size_t size) {
	while (size > 0) {
		size_t step = str_utf8_next(bytes, size);
		if (step == 0) {
			return false;
		}
		bytes += step;
		size -= step;
	}
	return true;
}

static const char replacement[] = "\xef\xbf\xbd";

/* Writes the text to `to`, or only counts when that is NULL. */
static size_t repair(const char *bytes, size_t size, char *to) {
	size_t written = 0;
	for (size_t at = 0; at < size;) {
		size_t step = str_utf8_next(bytes + at, size - at);
		const char *piece = step != 0 ? bytes + at : replacement;
		size_t length = step != 0 ? step : sizeof(replacement) - 1;
		if (to != NULL) {
			memcpy(to + written, piece, length);
		}
		written += length;
		at += step != 0 ? step : 1;
	}
	return written;
}

char *str_utf8(const char *bytes, size_t size, size_t *copied) {
	*copied = repair(bytes, size, NULL);
	char *text = mem_zero(*copied + 1, 1);
	(void)repair(bytes, size, text);
	return text;
}
