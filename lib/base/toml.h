/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * TOML 1.0 (https://toml.io/en/v1.0.0), read strictly: whole documents, for settings files.
 *
 * A document owns its values; they are read through const pointers and live until toml_destroy(),
 * which wipes them first, for settings files hold secrets. For the same reason no message quotes a
 * value. What is written by others has bounds: bytes, values, nesting. Pure functions: different
 * documents may be read in different threads.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/error.h"

enum {
	TOML_BYTES_MAX = 256 * 1024, /* of a document */
	TOML_VALUES_MAX = 16384,     /* in a document, tables and arrays included */
	TOML_DEPTH_MAX = 64,         /* of nested values, and parts of a dotted key */
};

enum toml_kind {
	TOML_TABLE,
	TOML_ARRAY,
	TOML_STRING,
	TOML_INTEGER,
	TOML_FLOAT,
	TOML_BOOL,
	TOML_DATETIME,       /* date, time and offset from UTC */
	TOML_LOCAL_DATETIME, /* date and time */
	TOML_LOCAL_DATE,
	TOML_LOCAL_TIME,
};

struct toml_text {
	char *bytes; /* UTF-8, may hold zero bytes; one more stands behind the last */
	size_t size;
};

struct toml_time {
	int year, month, day, hour, minute, second; /* a second may be 60 */
	int nanosecond;                             /* digits beyond are cut */
	int offset_minutes;                         /* east of UTC */
};

/* One value. Everybody but the reader only reads it. */
struct toml {
	enum toml_kind kind;
	int origin;                /* the reader's own: how it came to be */
	size_t key_offset, offset; /* bytes before its key (of a pair) and before itself */
	struct toml_text key;      /* in a table; bytes is NULL in an array */
	struct toml **items;       /* TOML_TABLE, TOML_ARRAY: in the order of the document */
	size_t count;              /* of items */
	union {
		struct toml_text text;
		int64_t integer;
		double number;
		bool truth;
		struct toml_time time;
	};
};

struct toml_place {
	unsigned line, column; /* from 1; columns count characters */
};

struct toml_document;

/*
 * Reads a document of `size` bytes; `name` (copied) stands in front of messages. NULL with
 * ERROR_INVALID "NAME:LINE:COLUMN: what is wrong", or ERROR_TOO_LARGE.
 */
struct toml_document *toml_parse(
		const char *name, const char *text, size_t size, struct error *err) MUST_CHECK;
void toml_destroy(struct toml_document *document); /* accepts NULL */
void toml_destroyp(struct toml_document **document);
/* The table that everything is in. */
const struct toml *toml_root(const struct toml_document *document);
/* The value of a key in a table, NULL if it is not there. */
const struct toml *toml_get(const struct toml *table, const char *key);
/* "a whole number": what messages call it. */
const char *toml_kind_name(enum toml_kind kind);
/* Where an offset of a value is in the document. */
struct toml_place toml_place(const struct toml_document *document, size_t offset);
