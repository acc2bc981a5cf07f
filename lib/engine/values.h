/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Numbers of WebAssembly as text, exactly.
 *
 * In: integers in decimal or 0x hexadecimal, signed or unsigned (an i32 takes -2147483648 to
 * 4294967295); floats as strtod() reads them, with inf and nan; always the whole text.
 * Out: the shortest decimal that reads back as the same value, laid out as ECMAScript does
 * ("3", "0.1", "1e+21"), with "-0", "inf", "-inf" and "nan".
 */
#include <stdbool.h>
#include <stddef.h>

#include <wasmtime.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/error.h"

/* The types of a function's parameters or results (WASMTIME_VALTYPE_KIND_*). */
struct value_types {
	wasmtime_valtype_kind_t *kinds;
	size_t count;
};

struct value_types value_types_of(const wasm_valtype_vec_t *types);
/* "i32, f64" or "nothing", cut to fit. */
void value_types_text(const struct value_types *types, char *text, size_t size);
/* True if all of them are numbers that have a text. */
bool value_types_plain(const struct value_types *types);

/* Reads one value; `number` counts from 1 and is for the message. */
bool value_parse(const char *text, wasmtime_valtype_kind_t kind, size_t number,
		wasmtime_val_t *value, struct error *err) MUST_CHECK;
enum { VALUE_TEXT_MAX = 48 };
void value_format(const wasmtime_val_t *value, char text[VALUE_TEXT_MAX]);
