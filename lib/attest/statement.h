/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What a receipt says: which function of which module was called with what, and what came of it.
 * One statement has exactly one encoding (spec/receipt.md), and only that is decoded.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/bytes.h"
#include "base/digest.h"
#include "base/error.h"

enum {
	STATEMENT_FUNCTION_MAX = 4096, /* bytes */
	STATEMENT_TEXT_MAX = 256,      /* of engine, program, trap */
	STATEMENT_NONCE_MAX = 64,
	STATEMENT_VALUES_MAX = 1000,
	STATEMENT_BYTES_MAX = 32 << 10,
};

/* The numbers are those of the executor's protocol and of the encoding. */
enum statement_type { STATEMENT_I32 = 1, STATEMENT_I64, STATEMENT_F32, STATEMENT_F64 };
enum statement_mode {
	STATEMENT_INTERP,
	STATEMENT_SINGLEPASS,
	STATEMENT_MULTIPASS,
	STATEMENT_MODES
};

struct statement_value {
	enum statement_type type;
	uint64_t bits; /* of i32 and f32 the lower half, the upper is 0 */
};

struct statement_values {
	const struct statement_value *items;
	size_t count;
};

/* Texts are UTF-8 without a zero byte. Everything is borrowed, but in what was decoded. */
struct statement {
	struct bytes nonce;        /* what the client chose; may be empty */
	uint8_t wasm[DIGEST_SIZE]; /* SHA-256 of the module's bytes */
	const char *function;
	struct statement_values inputs;
	const char *trap;                /* spec/traps.def; NULL: it returned the outputs */
	struct statement_values outputs; /* none with a trap */
	enum statement_mode mode;
	bool gas_limited;
	uint64_t gas_limit, gas_used; /* the limit is 0 where there is none */
	const char *engine;           /* "wasmtime 48.0.8" */
	const char *program;          /* "propeller-executor 0.1.0" */
};

const char *statement_mode_name(enum statement_mode mode); /* "singlepass" */
const char *statement_type_name(enum statement_type type); /* "i32" */

/* Appends it. ERROR_INVALID, ERROR_TOO_LARGE: it breaks a limit of spec/receipt.md. */
bool statement_encode(
		const struct statement *statement, struct buf *out, struct error *err) MUST_CHECK;
/* To be freed with free(), with all that is in it. NULL: ERROR_INTEGRITY. */
struct statement *statement_decode(struct bytes encoded, struct error *err) MUST_CHECK;
