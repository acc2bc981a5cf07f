/* SPDX-License-Identifier: Apache-2.0 */
/* Strings of all four kinds, and keys. */
#include <string.h>

#include "base/mem.h"
#include "base/toml_parts.h"

/* A string while it is read: what stands between its quotes. */
struct quoted {
	struct toml_parser *parser;
	const char *at, *close;
	bool basic, multiline; /* basic: with escapes */
	struct toml_text *text;
};

void toml_wipe(struct toml_text *text) {
	if (text->bytes != NULL) {
		explicit_bzero(text->bytes, text->size);
		free(text->bytes);
		*text = (struct toml_text){ 0 };
	}
}

static size_t count_quotes(const char *at, char quote, size_t most) {
	size_t count = 0;
	while (count < most && at[count] == quote) {
		count++;
	}
	return count;
}

/*
 * Finds the quotes at the end; up to two of a multiline string's own may stand before them. NULL:
 * there are none.
 */
static const char *find_close(const struct quoted *string, char quote) {
	const char *at = string->at, *end = string->parser->end;
	while (at < end) {
		if (string->basic && *at == '\\' && at + 1 < end) {
			at += 2;
			continue;
		}
		if (*at == quote && !string->multiline) {
			return at;
		}
		size_t quotes = count_quotes(at, quote, 5);
		if (quotes >= 3) {
			return at + quotes - 3;
		}
		if (*at == '\n' && !string->multiline) {
			return NULL;
		}
		at++;
	}
	return NULL;
}

static void put(struct quoted *string, char byte) {
	string->text->bytes[string->text->size++] = byte;
}

static void put_utf8(struct quoted *string, uint32_t code) {
	if (code < 0x80) {
		put(string, (char)code);
		return;
	}
	int more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
	static const unsigned char lead[] = { 0, 0xC0, 0xE0, 0xF0 };
	put(string, (char)(lead[more] | (code >> (6 * more))));
	while (more-- > 0) {
		put(string, (char)(0x80 | ((code >> (6 * more)) & 0x3F)));
	}
}

static int hex_value(char c) {
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
				      : -1;
}

/* \u1234 or \U12345678, from behind the letter. */
static bool read_code(struct quoted *string, int digits) {
	const char *begin = string->at;
	uint32_t code = 0;
	for (int i = 0; i < digits; i++) {
		int digit = string->at < string->close ? hex_value(*string->at) : -1;
		if (digit < 0) {
			return toml_fail(string->parser, begin,
					"%d hexadecimal digits are needed here", digits);
		}
		code = code << 4 | (uint32_t)digit;
		string->at++;
	}
	if (code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) {
		return toml_fail(string->parser, begin, "no character has this number");
	}
	put_utf8(string, code);
	return true;
}

/* A backslash at the end of a line hides everything up to the next text. */
static bool skip_fold(struct quoted *string) {
	const char *at = string->at;
	while (at < string->close && (*at == ' ' || *at == '\t')) {
		at++;
	}
	if (!string->multiline || (*at != '\n' && !(*at == '\r' && at[1] == '\n'))) {
		return false;
	}
	while (at < string->close && (*at == ' ' || *at == '\t' || *at == '\n' ||
						     (*at == '\r' && at[1] == '\n'))) {
		at++;
	}
	string->at = at;
	return true;
}

static bool read_escape(struct quoted *string) {
	static const char letters[] = "btnfr\"\\", meanings[] = "\b\t\n\f\r\"\\";
	const char *begin = string->at++;
	if (skip_fold(string)) {
		return true;
	}
	char letter = *string->at;
	const char *known = letter != '\0' ? strchr(letters, letter) : NULL;
	if (string->at < string->close && known != NULL) {
		put(string, meanings[known - letters]);
		string->at++;
		return true;
	}
	if (string->at < string->close && (letter == 'u' || letter == 'U')) {
		string->at++;
		return read_code(string, letter == 'u' ? 4 : 8);
	}
	return toml_fail(string->parser, begin,
			"a backslash is followed by b, t, n, f, r, u, U, \" or \\; in single "
			"quotes it means itself");
}

static bool read_characters(struct quoted *string) {
	while (string->at < string->close) {
		char c = *string->at;
		bool line_ends = string->multiline &&
				 (c == '\n' || (c == '\r' && string->at[1] == '\n'));
		if (string->basic && c == '\\') {
			if (!read_escape(string)) {
				return false;
			}
			continue;
		}
		if (toml_is_control(c) && !line_ends) {
			return toml_fail(string->parser, string->at,
					"a control character in a string; write it as \\u%04X",
					(unsigned)(unsigned char)c);
		}
		put(string, c);
		string->at++;
	}
	return true;
}

bool toml_read_string(struct toml_parser *parser, bool multiline, struct toml_text *text) {
	const char *begin = parser->at;
	char quote = *begin;
	bool three = count_quotes(begin, quote, 3) == 3;
	if (three && !multiline) {
		return toml_fail(parser, begin, "a key is in one line");
	}
	struct quoted string = { .parser = parser,
		.at = begin + (three ? 3 : 1),
		.basic = quote == '"',
		.multiline = three,
		.text = text };
	string.close = find_close(&string, quote);
	if (string.close == NULL) {
		return toml_fail(parser, begin, "the string that begins here has no end%s",
				three ? "" : " in this line");
	}
	if (three) { /* a newline right behind the quotes is none of the text */
		parser->at = string.at;
		(void)toml_take_newline(parser);
		string.at = parser->at;
	}
	*text = (struct toml_text){ mem_zero((size_t)(string.close - begin) + 1, 1), 0 };
	if (!read_characters(&string)) {
		return false;
	}
	parser->at = string.close + (three ? 3 : 1);
	return true;
}

static bool is_bare(char c) {
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '-';
}

static bool read_key(struct toml_parser *parser, struct toml_key *key) {
	key->offset = toml_offset(parser);
	if (toml_at(parser, '"') || toml_at(parser, '\'')) {
		return toml_read_string(parser, false, &key->text);
	}
	const char *begin = parser->at;
	while (parser->at < parser->end && is_bare(*parser->at)) {
		parser->at++;
	}
	size_t size = (size_t)(parser->at - begin);
	if (size == 0) {
		return toml_fail(parser, begin,
				"a key is needed here: letters, digits, _ and -, or text in "
				"quotes");
	}
	key->text = (struct toml_text){ mem_copy(begin, size), size };
	return true;
}

bool toml_read_keys(struct toml_parser *parser, struct toml_keys *keys) {
	keys->count = 0;
	do {
		toml_skip_space(parser);
		if (keys->count == TOML_DEPTH_MAX) {
			toml_finish_keys(keys);
			return toml_fail(parser, parser->at, "a key has at most %d parts",
					TOML_DEPTH_MAX);
		}
		struct toml_key *key = &keys->items[keys->count++];
		*key = (struct toml_key){ 0 };
		if (!read_key(parser, key)) {
			toml_finish_keys(keys);
			return false;
		}
		toml_skip_space(parser);
	} while (toml_take(parser, '.'));
	return true;
}

void toml_finish_keys(struct toml_keys *keys) {
	for (size_t i = 0; i < keys->count; i++) {
		free(keys->items[i].text.bytes);
	}
	keys->count = 0;
}
