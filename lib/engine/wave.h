/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Values of the component model as text: WAVE, the WebAssembly Value Encoding
 * (https://github.com/bytecodealliance/wasm-tools/tree/main/crates/wasm-wave). Pure functions of
 * their arguments, for any thread.
 *
 * In: what the README there describes: // comments, trailing commas, %keyword labels, """ strings,
 * options and results without their some() and ok(), fields of option type left out.
 * Out: one line, each field and each some() written out, floats as values.h has them.
 *
 * Text comes from a task and is not trusted: it is at most WAVE_TEXT_MAX bytes, nests at most
 * WAVE_DEPTH_MAX deep and makes at most WAVE_NODES_MAX values, those of fields left out included.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <wasmtime.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/error.h"

enum { WAVE_TEXT_MAX = 4 << 20, WAVE_DEPTH_MAX = 64, WAVE_NODES_MAX = 1 << 20 };
enum { WAVE_STEPS_MAX = 1 << 26 }; /* names of the type looked at, in all */

/*
 * Reads the whole text as one value of the type. *value is the caller's on success
 * (wasmtime_component_val_delete()) and untouched otherwise: ERROR_INVALID, "expected u32, found
 * "x" at column 4" (columns count bytes, from 1).
 */
bool wave_parse(const char *text, const wasmtime_component_valtype_t *type,
		wasmtime_component_val_t *value, struct error *err) MUST_CHECK;
/* Appends the text of a value. ERROR_TOO_LARGE beyond the buffer's limit. */
bool wave_format(const wasmtime_component_val_t *value, struct buf *out,
		struct error *err) MUST_CHECK;
/* A Unicode scalar value as UTF-8; returns its size. */
size_t wave_utf8(uint32_t c, char out[4]);
/* "record { x: u32, y: option<string> }" as in WIT, cut to fit. */
void wave_type_text(const wasmtime_component_valtype_t *type, char *text, size_t size);
/* False if some value of the type has no text (resources, maps, futures, streams). */
bool wave_type_plain(const wasmtime_component_valtype_t *type);
