/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The inside of reading WAVE (wave.h): wave.c follows the type, wave_words.c takes the pieces of
 * the text. A function that returns false has set the error and left its output alone.
 */
#include "engine/wave.h"

struct wave_reader {
	const char *text;
	size_t at, size;
	unsigned depth;
	size_t nodes, steps;
	struct error *err;
};

/* A piece of the text. */
struct wave_word {
	const char *text;
	size_t size;
};

void wave_skip(struct wave_reader *in); /* white space and comments */
/* "expected X, found Y at column N", always false; the second begins at what comes next. */
bool wave_expected_at(struct wave_reader *in, size_t at, const char *what);
bool wave_expected(struct wave_reader *in, const char *what);
bool wave_expected_type(struct wave_reader *in, const wasmtime_component_valtype_t *type);

bool wave_peek(struct wave_reader *in, char c);
bool wave_take(struct wave_reader *in, char c);
bool wave_need(struct wave_reader *in, char c) MUST_CHECK;
/* The label that comes next, not yet taken; *end is behind it. Empty if there is none. */
struct wave_word wave_label_ahead(struct wave_reader *in, size_t *end);
bool wave_word_is(struct wave_word word, const char *name, size_t size);
/* Takes a keyword if it comes next. */
bool wave_take_word(struct wave_reader *in, const char *name);

/* What has no parts. */
typedef bool (*wave_read_fn)(struct wave_reader *in, const wasmtime_component_valtype_t *type,
		wasmtime_component_val_t *out);
bool wave_read_bool(struct wave_reader *in, const wasmtime_component_valtype_t *type,
		wasmtime_component_val_t *out) MUST_CHECK;
bool wave_read_integer(struct wave_reader *in, const wasmtime_component_valtype_t *type,
		wasmtime_component_val_t *out) MUST_CHECK;
bool wave_read_float(struct wave_reader *in, const wasmtime_component_valtype_t *type,
		wasmtime_component_val_t *out) MUST_CHECK;
bool wave_read_char(struct wave_reader *in, const wasmtime_component_valtype_t *type,
		wasmtime_component_val_t *out) MUST_CHECK;
bool wave_read_string(struct wave_reader *in, const wasmtime_component_valtype_t *type,
		wasmtime_component_val_t *out) MUST_CHECK;
