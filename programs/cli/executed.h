/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What an executor's receipt says, held against what was asked for: for `execute`, which shows
 * nothing that a receipt does not say.
 */
#include <jansson.h>

#include "attest/statement.h"
#include "base/attr.h"
#include "base/error.h"

/* What was asked for. */
struct executed {
	const uint8_t *wasm; /* SHA-256 of the module */
	const char *function;
	const char *const *inputs; /* NULL-ended */
	const uint8_t *nonce;
	size_t nonce_size;
};

/*
 * True if the statement is about that. ERROR_INTEGRITY with what differs: module, function, nonce,
 * or an input. One that is not the text of a number (base64 of it) is not held against anything.
 */
bool executed_matches(const struct executed *asked, const struct statement *statement,
		struct error *err) MUST_CHECK;
/* "8", "0.1", "nan": the shortest text that reads back the same. */
enum { EXECUTED_TEXT_SIZE = 48 };
void executed_text(const struct statement_value *value, char text[EXECUTED_TEXT_SIZE]);
/* The outputs as a list of such texts. */
json_t *executed_values(const struct statement *statement);
