/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Takes the text of a top-level member "file" out of JSON that arrives piece by piece, so that
 * 130 MiB of base64 never stand in memory. It follows strings and depth only; whether the rest is
 * JSON is for the parser to say afterwards; how many values it has is bounded, since a parser
 * makes 200 bytes of the two in "{}".
 */
#include <stdbool.h>

#include "base/buf.h"
#include "base/bytes.h"

enum { SPLITTER_VALUES_MAX = 16384 };

enum splitter_place {
	SPLITTER_OUTSIDE, /* between tokens */
	SPLITTER_KEY,     /* in a string at depth 1 that may be "file" */
	SPLITTER_STRING,  /* in any other string */
	SPLITTER_FILE,    /* in the text that is taken out */
};

struct splitter {
	struct buf *rest; /* JSON without the text; its limit is the limit of what may stand around
			     it */
	bool (*file)(void *context, struct bytes text, struct error *err);
	void *context;

	enum splitter_place place;
	unsigned depth, values;
	bool expect_key, escaped;
	char key[8];
	unsigned key_size; /* over sizeof(key): some other key */
	bool is_file;      /* the last key was "file" */
	bool began;        /* there was a text to take out */
	bool again;        /* and here is another: parsers disagree about which one counts */
};

/* A second text is refused: the module must not be of two halves. ERROR_TOO_LARGE: too long around
 * it, or too many values. */
bool splitter_feed(struct splitter *splitter, struct bytes piece, struct error *err) MUST_CHECK;
