/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Answers of version 1 (spec/receipt.md): the WASMVMExecutionResponse of spec/dtvm.proto as JSON,
 * by REST or as grpcurl prints it, with its evidence. It says what came and not of which module and
 * function: for that there is the execution that was asked for (attest/execution.h), which whoever
 * has asked still has. Whether one is true: verify.h.
 */
#include "attest/evidence.h"
#include "attest/report_data.h"

enum { ANSWER_JSON_MAX = 32 << 20 }; /* a request may be as large, and its inputs come back */

struct answer {
	const char *request_id;
	const char *const *inputs;
	size_t input_count;
	struct statement_values outputs;
	uint8_t report_data[REPORT_DATA_SIZE]; /* what it says that the evidence is about */
	struct evidence evidence;
};

/* With memory of its own. NULL: ERROR_INTEGRITY, ERROR_TOO_LARGE. */
struct answer *answer_parse(struct bytes json, struct error *err) MUST_CHECK;
void answer_destroy(struct answer *answer); /* takes NULL */
