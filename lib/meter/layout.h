/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What has to be known of a module before its code is rewritten: its sections, types, functions,
 * which memories and tables are 64 bits wide, how many globals there are. Owns its arrays; the
 * sections are borrowed from the module's bytes.
 */
#include "meter/reader.h"

enum section_id {
	SECTION_CUSTOM,
	SECTION_TYPE,
	SECTION_IMPORT,
	SECTION_FUNCTION,
	SECTION_TABLE,
	SECTION_MEMORY,
	SECTION_GLOBAL,
	SECTION_EXPORT,
	SECTION_START,
	SECTION_ELEMENT,
	SECTION_CODE,
	SECTION_DATA,
	SECTION_DATA_COUNT,
	SECTIONS
};

/* What wasmtime's validator allows, too: so the arrays are bounded. */
enum { LAYOUT_MANY = 1000000, LAYOUT_LOCALS = 50000, LAYOUT_BODY_BYTES = 7654321 };

enum { LAYOUT_NONE = UINT32_MAX };

struct function_type {
	struct bytes params, results; /* a byte for each */
	/* The type () -> results, for a block: LAYOUT_NONE until some function needs one. */
	uint32_t block;
};

/* An array of indices, or of 0 and 1. */
struct indices {
	uint32_t *items;
	uint32_t count, capacity;
};

struct layout {
	struct bytes sections[SECTIONS]; /* .data NULL: it is not there; of custom ones, `name` */
	struct function_type *types;
	uint32_t type_count;
	uint32_t added_types;            /* behind the module's own */
	struct indices functions;        /* their types, imported ones first */
	struct indices memories, tables; /* 1: 64 bits wide */
	uint32_t imported_functions;
	uint32_t imported_globals, own_globals;
	uint32_t start;        /* a function, or LAYOUT_NONE */
	uint32_t gas_function; /* the module's own that charges, or LAYOUT_NONE */
};

/* Fails as meter_rewrite() does. Afterwards layout_finish(), also if it failed. */
bool layout_read(struct layout *layout, struct bytes wasm, struct error *err) MUST_CHECK;
void layout_finish(struct layout *layout);

/* The type of a function; NULL if there is none. */
const struct function_type *layout_function(const struct layout *layout, uint32_t index);
