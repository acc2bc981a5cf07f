/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What the parts of base/toml share. Private to them. */
#include "base/toml.h"

/* How a value came to be, which decides what may still be added to it. */
enum toml_origin {
	TOML_CLOSED,  /* a value, also an inline table or an array in brackets: complete */
	TOML_IMPLIED, /* a table that only stands in the name of another: may be defined later */
	TOML_DEFINED, /* by its own [header] or [[header]] */
	TOML_DOTTED,  /* by a dotted key */
};

struct toml_parser {
	const char *name;             /* of the document, for messages */
	const char *begin, *at, *end; /* *end is a zero byte */
	size_t values, depth;
	struct error *err;
};

struct toml_key {
	struct toml_text text;
	size_t offset;
};

/* The parts of a dotted key. */
struct toml_keys {
	struct toml_key items[TOML_DEPTH_MAX];
	size_t count;
};

/* Sets the error with the place of `at`; returns false. */
bool toml_fail(struct toml_parser *parser, const char *at, const char *format, ...) PRINTF(3, 4);
size_t toml_offset(const struct toml_parser *parser);

bool toml_at(const struct toml_parser *parser, char c); /* the next byte is c */
bool toml_take(struct toml_parser *parser, char c);     /* and goes past it */
void toml_skip_space(struct toml_parser *parser);       /* spaces and tabs */
bool toml_take_newline(struct toml_parser *parser);
/* Goes past a comment if there is one; false if it holds control characters. */
bool toml_skip_comment(struct toml_parser *parser) MUST_CHECK;
/* A control character that stands nowhere in TOML (tabs and newlines are looked at elsewhere). */
bool toml_is_control(char c);

/*
 * Adds an empty value to a table (takes the key's text over) or, without a key, to an array. NULL
 * when there are too many.
 */
struct toml *toml_add(struct toml_parser *parser, struct toml *parent, struct toml_key *key,
		enum toml_kind kind, enum toml_origin origin);
struct toml *toml_find(const struct toml *table, const struct toml_text *key);

bool toml_read_keys(struct toml_parser *parser, struct toml_keys *keys) MUST_CHECK;
void toml_finish_keys(struct toml_keys *keys);
/* "a.b = value" into a table. */
bool toml_read_pair(struct toml_parser *parser, struct toml *table) MUST_CHECK;
/* Each fills a value that is in its parent already. */
bool toml_read_value(struct toml_parser *parser, struct toml *value) MUST_CHECK;
bool toml_read_number(struct toml_parser *parser, struct toml *value) MUST_CHECK;
bool toml_read_time(struct toml_parser *parser, struct toml *value) MUST_CHECK;
/* True where a date or a time begins, which no number does. */
bool toml_begins_time(const struct toml_parser *parser);
/* A string in its quotes. Keys take no `multiline` ones. */
bool toml_read_string(
		struct toml_parser *parser, bool multiline, struct toml_text *text) MUST_CHECK;
void toml_wipe(struct toml_text *text);
