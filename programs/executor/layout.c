/* SPDX-License-Identifier: Apache-2.0 */
/* What both layouts have in common: evidence of version 1, and an answer's fields, which have the
 * same numbers in spec/dtvm.proto and in spec/wasm.proto. */
#include "executor/layout.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/proto.h"

enum { MESSAGE_MAX = 64 * 1024 * 1024, VALUE_MAX = 64 };

/* WASMVMExecutionResponse, WASMVMExecutionResult */
enum { RESPONSE_REQUEST_ID = 1, RESPONSE_RESULT = 2, RESPONSE_RECEIPT = 100 };
enum { RESULT_INPUTS = 1, RESULT_OUTPUTS = 3, RESULT_ATTESTATION = 5, RESULT_REPORT_DATA = 6 };

struct statement_value layout_value(const struct value *value) {
	bool wide = value->type == VALUE_I64 || value->type == VALUE_F64;
	return (struct statement_value){ (enum statement_type)value->type,
		wide ? value->of.bits64 : value->of.bits32 };
}

/* --- evidence of version 1 ---------------------------------------------------------------------
 */

static bool hash_execution(const struct asked *asked, uint8_t out[DIGEST_SIZE], struct error *err) {
	struct buf message = BUF_INIT(MESSAGE_MAX);
	bool ok = asked->layout->pack_execution(asked, &message, err);
	if (ok) {
		report_data_execution((struct bytes){ message.data, message.size }, out);
	}
	buf_finish(&message);
	return ok;
}

bool layout_report_data(const struct asked *asked, const struct value *outputs, size_t count,
		uint8_t report_data[REPORT_DATA_SIZE], struct error *err) {
	CLEANUP(mem_freep)
	struct statement_value *values = mem_zero(count + 1, sizeof(*values));
	for (size_t i = 0; i < count; i++) {
		values[i] = layout_value(&outputs[i]);
	}
	return hash_execution(asked, report_data, err) &&
	       report_data_outputs(asked->layout->values,
			       &(const struct statement_values){ values, count },
			       report_data + DIGEST_SIZE, err);
}

/* --- answers -----------------------------------------------------------------------------------
 */

/* A text or bytes that are not there are left out. */
static bool put_some(struct buf *out, uint32_t number, struct bytes bytes, struct error *err) {
	return bytes.size == 0 || proto_put_bytes(out, number, bytes, err);
}

static bool put_text(struct buf *out, uint32_t number, const char *text, struct error *err) {
	return text == NULL ||
	       put_some(out, number, (struct bytes){ (const uint8_t *)text, strlen(text) }, err);
}

static bool put_output(const struct asked *asked, const struct value *value, struct buf *out,
		struct error *err) {
	struct buf message = BUF_INIT(VALUE_MAX);
	const struct statement_value plain = layout_value(value);
	bool ok = report_data_value(asked->layout->values, &plain, &message, err) &&
		  proto_put_bytes(out, RESULT_OUTPUTS, (struct bytes){ message.data, message.size },
				  err);
	buf_finish(&message);
	return ok;
}

static bool put_result(const struct asked *asked, const struct answered *answered, struct buf *out,
		struct error *err) {
	bool ok = true;
	for (size_t i = 0; ok && i < asked->input_count; i++) {
		ok = asked->layout->put_input(asked, i, RESULT_INPUTS, out, err);
	}
	for (size_t i = 0; ok && i < answered->output_count; i++) {
		ok = put_output(asked, &answered->outputs[i], out, err);
	}
	return ok && put_text(out, RESULT_ATTESTATION, answered->attestation, err) &&
	       put_text(out, RESULT_REPORT_DATA, answered->report_data, err);
}

bool layout_pack_answer(const struct asked *asked, const struct answered *answered, struct buf *out,
		struct error *err) {
	struct buf result = BUF_INIT(out->limit);
	bool ok = put_result(asked, answered, &result, err) &&
		  put_text(out, RESPONSE_REQUEST_ID, asked->request_id, err) &&
		  proto_put_bytes(out, RESPONSE_RESULT, (struct bytes){ result.data, result.size },
				  err) &&
		  put_some(out, RESPONSE_RECEIPT, answered->receipt, err);
	buf_finish(&result);
	return ok;
}
