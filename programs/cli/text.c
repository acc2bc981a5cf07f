/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/text.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"

struct range {
	uint32_t first, last;
};

/* Turn the direction of writing, or hide: a name must look like what it is. */
static const struct range hidden[] = { { 0x80, 0x9f }, { 0x200b, 0x200f }, { 0x2028, 0x202e },
	{ 0x2060, 0x206f }, { 0xfeff, 0xfeff }, { 0xe0000, 0xe007f } };
static const struct range wide[] = { { 0x1100, 0x115f }, { 0x2e80, 0x303e }, { 0x3041, 0xa4cf },
	{ 0xac00, 0xd7a3 }, { 0xf900, 0xfaff }, { 0xfe30, 0xfe6f }, { 0xff00, 0xff60 },
	{ 0xffe0, 0xffe6 }, { 0x1f300, 0x1f64f }, { 0x1f680, 0x1f6ff }, { 0x1f900, 0x1f9ff },
	{ 0x20000, 0x3fffd } };
static const struct range narrow[] = { { 0x300, 0x36f }, { 0x483, 0x489 }, { 0x591, 0x5bd },
	{ 0x610, 0x61a }, { 0x64b, 0x65f }, { 0x1ab0, 0x1aff }, { 0x20d0, 0x20ff },
	{ 0xfe00, 0xfe0f }, { 0xfe20, 0xfe2f } };

#define IS_IN(ranges, c) is_in(ranges, sizeof(ranges) / sizeof((ranges)[0]), c)

static bool is_in(const struct range *ranges, size_t count, uint32_t c) {
	for (size_t i = 0; i < count; i++) {
		if (c >= ranges[i].first && c <= ranges[i].last) {
			return true;
		}
	}
	return false;
}

/* The character that text begins with; its size is known to be right. */
static uint32_t decode(const unsigned char *text, size_t size) {
	static const unsigned char first[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
	uint32_t c = text[0] & first[size];
	for (size_t i = 1; i < size; i++) {
		c = c << 6 | (text[i] & 0x3f);
	}
	return c;
}

static const uint32_t NONE = UINT32_MAX;

/* The next character of text, its size in *size (1 and NONE for a byte that is none). */
static uint32_t next(const char *text, size_t left, size_t *size) {
	*size = str_utf8_next(text, left);
	if (*size == 0) {
		*size = 1;
		return NONE;
	}
	return decode((const unsigned char *)text, *size);
}

static size_t columns_of(uint32_t c) {
	return IS_IN(narrow, c) ? 0 : IS_IN(wide, c) ? 2 : 1;
}

size_t text_width(const char *text) {
	size_t width = 0, left = strlen(text);
	for (size_t size; left != 0; text += size, left -= size) {
		width += columns_of(next(text, left, &size));
	}
	return width;
}

void text_cut(char *text, size_t width) {
	size_t at = 0, used = 0, left = strlen(text);
	if (width == 0 || text_width(text) <= width) {
		return;
	}
	for (size_t size; left != 0; at += size, left -= size) {
		size_t more = columns_of(next(text + at, left, &size));
		if (used + more + 1 > width) {
			break;
		}
		used += more;
	}
	(void)memcpy(text + at, "~", 2);
}

char *printable(const char *text, size_t width) {
	size_t left = strlen(text), used = 0;
	char *copy = mem_zero(left * 8 + 1, 1); /* the longest is \u{e0000} for four bytes */
	for (size_t size; left != 0; text += size, left -= size) {
		uint32_t c = next(text, left, &size);
		if (c < 0x20 || c == 0x7f || c == NONE) {
			used += (size_t)snprintf(copy + used, 5, "\\x%02x", (unsigned char)*text);
		} else if (IS_IN(hidden, c)) {
			used += (size_t)snprintf(copy + used, 12, "\\u%04x", c);
		} else {
			(void)memcpy(copy + used, text, size);
			used += size;
		}
	}
	text_cut(copy, width);
	return copy;
}

size_t terminal_width(int fd) {
	struct winsize size;
	struct error ignored;
	uint64_t columns;
	const char *set = getenv("COLUMNS");
	if (!isatty(fd)) {
		return 0;
	}
	if (set != NULL && str_to_u64(set, &columns, &ignored) && columns >= 20 &&
			columns < 10000) {
		return (size_t)columns;
	}
	return ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col >= 20 ? size.ws_col : 80;
}

bool terminal_colours(int fd) {
	const char *no = getenv("NO_COLOR"), *kind = getenv("TERM");
	return isatty(fd) && (no == NULL || no[0] == 0) && !str_equal(kind, "dumb");
}
