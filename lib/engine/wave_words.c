/* SPDX-License-Identifier: Apache-2.0 */
/* WAVE text piece by piece: labels, numbers, characters, strings. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "engine/wave_read.h"

typedef wasmtime_component_valtype_t type_t;
typedef wasmtime_component_val_t val_t;

void wave_skip(struct wave_reader *in) {
	for (; in->at < in->size; in->at++) {
		if (in->text[in->at] == '/' && in->text[in->at + 1] == '/') {
			in->at += strcspn(in->text + in->at, "\n");
		}
		if (in->at == in->size || strchr(" \t\r\n", in->text[in->at]) == NULL) {
			return;
		}
	}
}

/* Y is the next word. */
bool wave_expected_at(struct wave_reader *in, size_t at, const char *what) {
	const char *found = in->text + at;
	if (at >= in->size) {
		return error_set(in->err, ERROR_INVALID,
				"expected %s, found the end of the text at column %zu", what,
				at + 1);
	}
	size_t size = strcspn(found, " \t\r\n,:()[]{}");
	size = size == 0 ? 1 : size;
	size = size > 24 ? 24 : size;
	while (size < in->size - at && ((unsigned char)found[size] & 0xc0) == 0x80) {
		size++;
	}
	return error_set(in->err, ERROR_INVALID, "expected %s, found `%.*s` at column %zu", what,
			(int)size, found, at + 1);
}

bool wave_expected(struct wave_reader *in, const char *what) {
	wave_skip(in);
	return wave_expected_at(in, in->at, what);
}

bool wave_expected_type(struct wave_reader *in, const type_t *type) {
	char text[200];
	wave_type_text(type, text, sizeof(text));
	return wave_expected(in, text);
}

bool wave_peek(struct wave_reader *in, char c) {
	wave_skip(in);
	return in->at < in->size && in->text[in->at] == c;
}

bool wave_take(struct wave_reader *in, char c) {
	if (!wave_peek(in, c)) {
		return false;
	}
	in->at++;
	return true;
}

bool wave_need(struct wave_reader *in, char c) {
	const char what[] = { '`', c, '`', 0 };
	return wave_take(in, c) || wave_expected(in, what);
}

static bool is_label(char c) {
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-';
}

struct wave_word wave_label_ahead(struct wave_reader *in, size_t *end) {
	wave_skip(in);
	size_t at = in->at;
	bool escaped = at < in->size && in->text[at] == '%';
	at += escaped;
	size_t begin = at;
	if (at < in->size && !(in->text[at] >= '0' && in->text[at] <= '9') && in->text[at] != '-') {
		while (at < in->size && is_label(in->text[at])) {
			at++;
		}
	}
	*end = at;
	return (struct wave_word){ in->text + begin, at - begin };
}

bool wave_word_is(struct wave_word word, const char *name, size_t size) {
	return word.size == size && memcmp(word.text, name, size) == 0;
}

bool wave_take_word(struct wave_reader *in, const char *name) {
	size_t end;
	wave_skip(in);
	if (in->at < in->size && in->text[in->at] == '%') {
		return false; /* %some is a label and no keyword */
	}
	if (!wave_word_is(wave_label_ahead(in, &end), name, strlen(name))) {
		return false;
	}
	in->at = end;
	return true;
}

/* The characters of a number; *end is behind them. */
static bool number_ahead(struct wave_reader *in, const char *among, char text[64]) {
	wave_skip(in);
	size_t size = strspn(in->text + in->at, among);
	if (size == 0 || size >= 64) {
		return false;
	}
	memcpy(text, in->text + in->at, size);
	text[size] = '\0';
	return !is_label(in->text[in->at + size]) && in->text[in->at + size] != '.';
}

/* JSON's integers: no sign +, no leading zeros. */
static bool integer_form(const char *text) {
	const char *digits = text + (*text == '-');
	size_t size = strspn(digits, "0123456789");
	return size > 0 && digits[size] == '\0' && (digits[0] != '0' || size == 1);
}

static const struct integer {
	int64_t least;
	uint64_t most;
	wasmtime_component_valkind_t kind;
} integers[] = {
	[WASMTIME_COMPONENT_VALTYPE_S8] = { INT8_MIN, INT8_MAX, WASMTIME_COMPONENT_S8 },
	[WASMTIME_COMPONENT_VALTYPE_S16] = { INT16_MIN, INT16_MAX, WASMTIME_COMPONENT_S16 },
	[WASMTIME_COMPONENT_VALTYPE_S32] = { INT32_MIN, INT32_MAX, WASMTIME_COMPONENT_S32 },
	[WASMTIME_COMPONENT_VALTYPE_S64] = { INT64_MIN, INT64_MAX, WASMTIME_COMPONENT_S64 },
	[WASMTIME_COMPONENT_VALTYPE_U8] = { 0, UINT8_MAX, WASMTIME_COMPONENT_U8 },
	[WASMTIME_COMPONENT_VALTYPE_U16] = { 0, UINT16_MAX, WASMTIME_COMPONENT_U16 },
	[WASMTIME_COMPONENT_VALTYPE_U32] = { 0, UINT32_MAX, WASMTIME_COMPONENT_U32 },
	[WASMTIME_COMPONENT_VALTYPE_U64] = { 0, UINT64_MAX, WASMTIME_COMPONENT_U64 },
};

/* The value's member by its width: the union's members of one width have one representation. */
static void put_integer(val_t *out, wasmtime_component_valkind_t kind, uint64_t bits) {
	out->kind = kind;
	switch (kind) {
	case WASMTIME_COMPONENT_S8:
	case WASMTIME_COMPONENT_U8: out->of.u8 = (uint8_t)bits; break;
	case WASMTIME_COMPONENT_S16:
	case WASMTIME_COMPONENT_U16: out->of.u16 = (uint16_t)bits; break;
	case WASMTIME_COMPONENT_S32:
	case WASMTIME_COMPONENT_U32: out->of.u32 = (uint32_t)bits; break;
	default: out->of.u64 = bits; break;
	}
}

bool wave_read_integer(struct wave_reader *in, const type_t *type, val_t *out) {
	const struct integer *range = &integers[type->kind];
	char text[64];
	if (!number_ahead(in, "-0123456789", text) || !integer_form(text)) {
		return wave_expected_type(in, type);
	}
	errno = 0;
	uint64_t bits = text[0] == '-' ? (uint64_t)strtoll(text, NULL, 10)
				       : strtoull(text, NULL, 10);
	bool fits = text[0] == '-' ? (int64_t)bits >= range->least : bits <= range->most;
	if (errno == ERANGE || !fits) {
		char name[16];
		wave_type_text(type, name, sizeof(name));
		return error_set(in->err, ERROR_INVALID,
				"%s does not fit %s (%lld to %llu) at column %zu", text, name,
				(long long)range->least, (unsigned long long)range->most,
				in->at + 1);
	}
	in->at += strlen(text);
	put_integer(out, range->kind, bits);
	return true;
}

/* JSON's numbers: digits, then perhaps a fraction, then perhaps an exponent. */
static bool float_form(const char *text) {
	const char *at = text + (*text == '-');
	size_t whole = strspn(at, "0123456789");
	if (whole == 0 || (at[0] == '0' && whole > 1)) {
		return false;
	}
	at += whole;
	if (*at == '.') {
		size_t fraction = strspn(at + 1, "0123456789");
		if (fraction == 0) {
			return false;
		}
		at += 1 + fraction;
	}
	if (*at == 'e' || *at == 'E') {
		at++;
		at += *at == '+' || *at == '-';
		size_t exponent = strspn(at, "0123456789");
		if (exponent == 0) {
			return false;
		}
		at += exponent;
	}
	return *at == '\0';
}

static bool read_double(struct wave_reader *in, const type_t *type, bool single, double *value) {
	char text[64];
	if (wave_take_word(in, "nan")) {
		*value = (double)NAN;
		return true;
	}
	wave_skip(in);
	bool minus = strncmp(in->text + in->at, "-inf", 4) == 0 && !is_label(in->text[in->at + 4]);
	if (minus || wave_take_word(in, "inf")) {
		in->at += minus ? 4 : 0;
		*value = minus ? -(double)INFINITY : (double)INFINITY;
		return true;
	}
	if (!number_ahead(in, "-+.eE0123456789", text) || !float_form(text)) {
		return wave_expected_type(in, type);
	}
	*value = single ? (double)strtof(text, NULL) : strtod(text, NULL);
	in->at += strlen(text);
	return true;
}

bool wave_read_float(struct wave_reader *in, const type_t *type, val_t *out) {
	bool single = type->kind == WASMTIME_COMPONENT_VALTYPE_F32;
	double value = 0;
	if (!read_double(in, type, single, &value)) {
		return false;
	}
	if (single) {
		*out = (val_t){ .kind = WASMTIME_COMPONENT_F32, .of.f32 = (float)value };
	} else {
		*out = (val_t){ .kind = WASMTIME_COMPONENT_F64, .of.f64 = value };
	}
	return true;
}

bool wave_read_bool(struct wave_reader *in, const type_t *type, val_t *out) {
	bool yes = wave_take_word(in, "true");
	if (!yes && !wave_take_word(in, "false")) {
		return wave_expected_type(in, type);
	}
	*out = (val_t){ .kind = WASMTIME_COMPONENT_BOOL, .of.boolean = yes };
	return true;
}

size_t wave_utf8(uint32_t c, char out[4]) {
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	size_t size = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	static const uint8_t lead[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
	for (size_t i = size - 1; i > 0; i--, c >>= 6) {
		out[i] = (char)(0x80 | (c & 0x3f));
	}
	out[0] = (char)(lead[size] | c);
	return size;
}

/* Behind "\u": "{" 1 to 6 hexadecimal digits "}". */
static bool read_unicode(struct wave_reader *in, uint32_t *c) {
	size_t begin = in->at;
	bool open = in->text[in->at] == '{'; /* else there may be no text behind it */
	const char *digits = in->text + in->at + open;
	size_t size = open ? strspn(digits, "0123456789abcdefABCDEF") : 0;
	*c = size >= 1 && size <= 6 ? (uint32_t)strtoul(digits, NULL, 16) : UINT32_MAX;
	if (*c > 0x10ffff || (*c >= 0xd800 && *c <= 0xdfff) || digits[size] != '}') {
		return wave_expected_at(in, begin, "a Unicode scalar value like \\u{1f680}");
	}
	in->at += size + 2;
	return true;
}

/* One character, escaped or not. The whole text is known to be UTF-8. */
static bool read_character(struct wave_reader *in, char out[4], size_t *size) {
	static const char names[] = "\"'\\tnr", meant[] = "\"'\\\t\n\r";
	if (in->text[in->at] != '\\') {
		*size = str_utf8_next(in->text + in->at, in->size - in->at);
		memcpy(out, in->text + in->at, *size);
		in->at += *size;
		return true;
	}
	in->at++;
	char name = in->text[in->at];
	const char *known = name != '\0' ? strchr(names, name) : NULL;
	if (known != NULL) {
		out[0] = meant[known - names];
		*size = 1;
		in->at++;
		return true;
	}
	if (name != 'u') {
		return wave_expected_at(
				in, in->at, "an escape (\\\" \\' \\\\ \\t \\n \\r \\u{...})");
	}
	in->at++;
	uint32_t c = 0;
	bool ok = read_unicode(in, &c);
	*size = ok ? wave_utf8(c, out) : 0;
	return ok;
}

static uint32_t scalar_of(const char *bytes, size_t size) {
	static const uint8_t masks[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
	uint32_t c = (uint8_t)bytes[0] & masks[size];
	for (size_t i = 1; i < size; i++) {
		c = c << 6 | ((uint8_t)bytes[i] & 0x3f);
	}
	return c;
}

bool wave_read_char(struct wave_reader *in, const type_t *type, val_t *out) {
	char bytes[4];
	size_t size;
	if (!wave_take(in, '\'')) {
		return wave_expected_type(in, type);
	}
	if (in->at == in->size || in->text[in->at] == '\'' || in->text[in->at] == '\n') {
		return wave_expected_at(in, in->at, "one character");
	}
	if (!read_character(in, bytes, &size)) {
		return false;
	}
	*out = (val_t){ .kind = WASMTIME_COMPONENT_CHAR, .of.character = scalar_of(bytes, size) };
	if (in->at == in->size || in->text[in->at] != '\'') {
		return wave_expected_at(in, in->at, "`'`");
	}
	in->at++;
	return true;
}

/* The bytes up to the closing quote or the end: no escape is longer than what it stands for, so
 * that is room enough. Not all of the text for each string, of which there may be a million. */
static size_t quoted_room(const struct wave_reader *in) {
	size_t at = in->at;
	while (at < in->size && in->text[at] != '"') {
		at += in->text[at] == '\\' ? 2 : 1;
	}
	return at - in->at;
}

/* Up to a place in the text; *size grows. */
static bool read_until(struct wave_reader *in, size_t end, char *out, size_t *size) {
	while (in->at < end) {
		size_t more;
		if (!read_character(in, out + *size, &more)) {
			return false;
		}
		*size += more;
	}
	return true;
}

/* A string's characters up to the closing quote, into `out` that has quoted_room(). */
static bool read_quoted(struct wave_reader *in, char *out, size_t *size) {
	while (in->at < in->size && in->text[in->at] != '"' && in->text[in->at] != '\n') {
		if (!read_until(in, in->at + 1, out, size)) {
			return false;
		}
	}
	if (in->at == in->size || in->text[in->at] != '"') {
		return wave_expected_at(in, in->at, "the closing quotes of the string");
	}
	in->at++;
	return true;
}

/* Where the lines of a """ string are: each begins behind a line end, from `first` on. */
struct lines {
	size_t first, last, indent; /* the last is that of the closing quotes */
};

static bool find_lines(struct wave_reader *in, struct lines *lines) {
	const char *close = strstr(in->text + in->at, "\"\"\"");
	if (close == NULL) {
		return wave_expected_at(in, in->size, "the closing quotes of the string");
	}
	lines->first = in->at + (in->text[in->at] == '\r');
	if (in->text[lines->first] != '\n') {
		return wave_expected_at(in, in->at, "a line end behind the opening \"\"\"");
	}
	size_t end = (size_t)(close - in->text);
	const char *last = memrchr(in->text + lines->first, '\n', end - lines->first);
	lines->last = (size_t)(last - in->text);
	lines->indent = end - lines->last - 1;
	size_t spaces = strspn(last + 1, " ");
	return spaces >= lines->indent || wave_expected_at(in, lines->last + 1 + spaces,
							  "only spaces before the closing \"\"\"");
}

/* One line without its indentation; an empty one need not have any. */
static bool read_line(struct wave_reader *in, const struct lines *lines, size_t end, char *out,
		size_t *size) {
	end -= end > in->at && in->text[end - 1] == '\r';
	size_t space = 0;
	while (space < lines->indent && in->at < end && in->text[in->at] == ' ') {
		in->at++;
		space++;
	}
	if (space < lines->indent && in->at < end) {
		return wave_expected_at(in, in->at, "each line of the string as far in as its end");
	}
	return read_until(in, end, out, size);
}

/* The characters of a """ string, into `out` that has room for as much text. */
static bool read_lines(struct wave_reader *in, const struct lines *lines, char *out, size_t *size) {
	for (size_t at = lines->first; at < lines->last;) {
		const char *end = memchr(in->text + at + 1, '\n', lines->last - at);
		if (at != lines->first) {
			out[(*size)++] = '\n';
		}
		in->at = at + 1;
		at = (size_t)(end - in->text);
		if (!read_line(in, lines, at, out, size)) {
			return false;
		}
	}
	in->at = lines->last + 1 + lines->indent + 3;
	return true;
}

bool wave_read_string(struct wave_reader *in, const type_t *type, val_t *out) {
	struct lines lines = { 0 };
	if (!wave_peek(in, '"')) {
		return wave_expected_type(in, type);
	}
	bool many = strncmp(in->text + in->at, "\"\"\"", 3) == 0;
	in->at += many ? 3 : 1;
	if (many && !find_lines(in, &lines)) {
		return false;
	}
	/* The last character may be written as four bytes. */
	size_t room = many ? lines.last - lines.first : quoted_room(in), size = 0;
	CLEANUP(mem_freep) char *bytes = mem_zero(room + 4, 1);
	if (!(many ? read_lines(in, &lines, bytes, &size) : read_quoted(in, bytes, &size))) {
		return false;
	}
	out->kind = WASMTIME_COMPONENT_STRING;
	wasm_byte_vec_new(&out->of.string, size, bytes);
	return true;
}
