/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What evidence of version 1 is about, as WASMVM-TEE has it (spec/receipt.md): for a list of
 * messages H = SHA-256 of, for each, its index and its size as big-endian 32-bit numbers and its
 * bytes (fields in order, defaults left out, fields that we do not know behind them); then
 * report_data = H(execution) || H(output 1 … output n). Pure functions.
 */
#include <stdbool.h>
#include <stdint.h>

#include "attest/statement.h"
#include "base/attr.h"
#include "base/buf.h"
#include "base/bytes.h"
#include "base/digest.h"
#include "base/error.h"

enum { REPORT_DATA_SIZE = 2 * DIGEST_SIZE };

/* One half of it: a list whose messages are given one by one. */
struct listed {
	struct digest *digest;
	uint32_t count;
};
struct listed listed_begin(void);
void listed_add(struct listed *list, struct bytes message);
void listed_end(struct listed *list, uint8_t out[DIGEST_SIZE]);

/* The first half: a list with the execution's message alone. */
void report_data_execution(struct bytes message, uint8_t out[DIGEST_SIZE]);

/* Whose messages they are: values look different in spec/dtvm.proto and in spec/wasm.proto. */
enum value_layout { VALUE_LAYOUT_DTVM, VALUE_LAYOUT_WASM };

/* Appends an output's message. */
bool report_data_value(enum value_layout layout, const struct statement_value *value,
		struct buf *out, struct error *err) MUST_CHECK;
/* The other half. */
bool report_data_outputs(enum value_layout layout, const struct statement_values *outputs,
		uint8_t out[DIGEST_SIZE], struct error *err) MUST_CHECK;
