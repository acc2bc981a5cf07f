/* SPDX-License-Identifier: Apache-2.0 */
/* Whole numbers and those with a fraction, with their underscores. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/toml_parts.h"

static const char decimal[] = "0123456789";

/* A number without its underscores. */
struct digits {
	const char *at, *end; /* of what is still to be read */
	char *text;
	size_t size;
};

static void keep(struct digits *digits) {
	digits->text[digits->size++] = *digits->at++;
}

static bool next_is(const struct digits *digits, const char *set) {
	return digits->at < digits->end && strchr(set, *digits->at) != NULL;
}

/* One digit or more of the set; an underscore stands between two of them. */
static bool read_digits(struct digits *digits, const char *set) {
	if (!next_is(digits, set)) {
		return false;
	}
	while (next_is(digits, set)) {
		keep(digits);
		if (next_is(digits, "_")) {
			digits->at++;
			if (!next_is(digits, set)) {
				return false;
			}
		}
	}
	return true;
}

static bool wrong_number(struct toml_parser *parser) {
	return toml_fail(parser, parser->at,
			"a value is needed here: text in quotes, a number, true, false, a date, "
			"[ or {");
}

static bool out_of_range(struct toml_parser *parser) {
	return toml_fail(parser, parser->at, "this number is too large");
}

static bool read_radix(struct toml_parser *parser, struct digits *digits, struct toml *value) {
	char letter = digits->at[1];
	int base = letter == 'x' ? 16 : letter == 'o' ? 8 : 2;
	const char *set = base == 16 ? "0123456789abcdefABCDEF" : base == 8 ? "01234567" : "01";
	digits->at += 2;
	if (!read_digits(digits, set) || digits->at != digits->end) {
		return wrong_number(parser);
	}
	errno = 0;
	unsigned long long number = strtoull(digits->text, NULL, base);
	if (errno != 0 || number > INT64_MAX) {
		return out_of_range(parser);
	}
	value->kind = TOML_INTEGER;
	value->integer = (int64_t)number;
	return true;
}

static bool read_word(struct digits *digits, struct toml *value) {
	size_t left = (size_t)(digits->end - digits->at);
	bool infinite = left == 3 && memcmp(digits->at, "inf", 3) == 0;
	bool none = left == 3 && memcmp(digits->at, "nan", 3) == 0;
	double sign = digits->text[0] == '-' ? -1.0 : 1.0;
	value->kind = TOML_FLOAT;
	value->number = copysign(infinite ? (double)INFINITY : (double)NAN, sign);
	return infinite || none;
}

/* ".5", "e10", ".5e10" */
static bool read_fraction(struct digits *digits) {
	if (next_is(digits, ".")) {
		keep(digits);
		if (!read_digits(digits, decimal)) {
			return false;
		}
	}
	if (next_is(digits, "eE")) {
		keep(digits);
		if (next_is(digits, "+-")) {
			keep(digits);
		}
		return read_digits(digits, decimal);
	}
	return true;
}

static bool convert(struct toml_parser *parser, const char *text, struct toml *value) {
	errno = 0;
	if (value->kind == TOML_INTEGER) {
		value->integer = strtoll(text, NULL, 10);
		return errno == 0 || out_of_range(parser);
	}
	value->number = strtod(text, NULL); /* the programs keep the locale "C" */
	return !isinf(value->number) || out_of_range(parser);
}

static bool read_decimal(struct toml_parser *parser, struct digits *digits, struct toml *value) {
	if (next_is(digits, "+-")) {
		keep(digits);
	}
	if (next_is(digits, "in")) {
		return read_word(digits, value) || wrong_number(parser);
	}
	const char *first = digits->at;
	if (!read_digits(digits, decimal)) {
		return wrong_number(parser);
	}
	if (*first == '0' && digits->at - first > 1) {
		return toml_fail(parser, parser->at, "a number has no zero in front");
	}
	value->kind = next_is(digits, ".eE") ? TOML_FLOAT : TOML_INTEGER;
	if (!read_fraction(digits) || digits->at != digits->end) {
		return wrong_number(parser);
	}
	return convert(parser, digits->text, value);
}

bool toml_read_number(struct toml_parser *parser, struct toml *value) {
	static const char alphabet[] = "0123456789abcdefghijklmnopqrstuvwxyz"
				       "ABCDEFGHIJKLMNOPQRSTUVWXYZ+-_.";
	size_t size = strspn(parser->at, alphabet);
	CLEANUP(mem_freep) char *text = mem_zero(size + 1, 1);
	struct digits digits = { .at = parser->at, .end = parser->at + size, .text = text };
	bool radix = size > 2 && parser->at[0] == '0' && strchr("xob", parser->at[1]) != NULL;
	if (!(radix ? read_radix(parser, &digits, value) : read_decimal(parser, &digits, value))) {
		return false;
	}
	parser->at += size;
	return true;
}
