/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The layouts of messages in which an execution can be asked for: spec/dtvm.proto and
 * spec/wasm.proto. Everything that differs between them is behind this table; the rest of the
 * executor sees one `struct asked`, which borrows from the message that it was read from.
 */
#include <stdbool.h>
#include <stdint.h>

#include "attest/report_data.h"
#include "base/attr.h"
#include "base/buf.h"
#include "base/bytes.h"
#include "base/error.h"
#include "engine/function.h"

struct layout;

/* What somebody wants to have executed. */
struct asked {
	const struct layout *layout;
	const void *request; /* the message */
	const char *request_id, *bytecode, *function;
	size_t input_count;
	enum engine_kind mode;
	bool gas_limited;
	uint64_t gas_limit;
};

/* What is answered; texts are borrowed, NULL counts as "". */
struct answered {
	const struct value *outputs;
	size_t output_count;
	const char *attestation, *report_data;
	struct bytes receipt; /* its binary form */
};

struct layout {
	const char *name; /* for logs */
	/* The message, to be freed by close(), and what it says. ERROR_INVALID. */
	void *(*open)(struct bytes bytes, struct asked *asked, struct error *err);
	void (*close)(void *request);
	/* What an existing message says; open() does it too. */
	bool (*read)(const void *request, struct asked *asked, struct error *err);
	/* Input `index` as a value of a type; errors count inputs from 1. */
	bool (*input)(const struct asked *asked, size_t index, enum value_type type,
			struct value *value, struct error *err);
	/* Appends the execution as its message's bytes. */
	bool (*pack_execution)(const struct asked *asked, struct buf *out, struct error *err);
	/* Appends input `index` as field `number` of another message. */
	bool (*put_input)(const struct asked *asked, size_t index, uint32_t number, struct buf *out,
			struct error *err);
	enum value_layout values; /* how it writes outputs */
};

extern const struct layout layout_dtvm, layout_wasm;

bool layout_report_data(const struct asked *asked, const struct value *outputs, size_t count,
		uint8_t report_data[REPORT_DATA_SIZE], struct error *err) MUST_CHECK;

/* Appends the answer's bytes. */
bool layout_pack_answer(const struct asked *asked, const struct answered *answered, struct buf *out,
		struct error *err) MUST_CHECK;
/* The same value, as statements and evidence have it. */
struct statement_value layout_value(const struct value *value);
