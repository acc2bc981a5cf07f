/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What somebody asks an executor for, as JSON: the WASMVMExecutionRequest of spec/dtvm.proto as
 * protobuf maps it, its names also as they stand there; and the half of version 1's evidence that
 * is about it. It owns its texts. What it says is not checked further: the executor does.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/bytes.h"
#include "base/digest.h"
#include "base/error.h"

struct execution {
	bool given;
	const char *version, *request_id, *bytecode, *function; /* "" where there is none */
	const char *const *inputs;
	size_t input_count;
	int64_t timestamp;
};

struct execution_config {
	bool given;
	int mode; /* 0 to 2, or -1 for another number */
	bool gas_given, use_gas_limit;
	int64_t gas_limit;
};

struct execution_request {
	struct execution execution;
	struct execution_config config;
};

/* NULL: ERROR_INVALID, with the member that is not what it should be. */
struct execution_request *execution_request_read(struct bytes json, struct error *err) MUST_CHECK;
void execution_request_destroy(struct execution_request *request); /* takes NULL */
/* The first half of the report data. */
bool execution_hash(const struct execution *execution, uint8_t out[DIGEST_SIZE],
		struct error *err) MUST_CHECK;
