/* SPDX-License-Identifier: Apache-2.0 */
#include "executor/json.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <dtvm.pb-c.h>

#include "attest/execution.h"
#include "base/mem.h"

struct json_request {
	struct execution_request *asked; /* has all texts */
	Dtvm__WASMVMExecutionRequest message;
	Dtvm__WASMVMExecution execution;
	Dtvm__WASMVMRuntimeConfig config;
	Dtvm__GasLimitConfig gas;
};

/* --- in ----------------------------------------------------------------------------------------
 */

/* protobuf-c wants texts that may be written to; it only reads them. */
static char *writable(const char *text) {
	return (char *)(uintptr_t)text;
}

static void fill_execution(struct json_request *request) {
	const struct execution *asked = &request->asked->execution;
	Dtvm__WASMVMExecution *execution = &request->execution;
	execution->version = writable(asked->version);
	execution->request_id = writable(asked->request_id);
	execution->bytecode = writable(asked->bytecode);
	execution->fn_name = writable(asked->function);
	execution->n_inputs = asked->input_count;
	execution->inputs = (char **)(uintptr_t)asked->inputs;
	execution->timestamp = asked->timestamp;
	request->message.execution = asked->given ? execution : NULL;
}

static void fill_config(struct json_request *request) {
	const struct execution_config *asked = &request->asked->config;
	request->config.mode = (Dtvm__WASMVMMode)asked->mode;
	request->gas.use_gas_limit = asked->use_gas_limit;
	request->gas.limit = asked->gas_limit;
	request->config.gas_limit = asked->gas_given ? &request->gas : NULL;
	request->message.runtime_config = asked->given ? &request->config : NULL;
}

struct json_request *json_request_read(struct bytes text, struct asked *asked, struct error *err) {
	struct json_request *request = MEM_NEW(struct json_request);
	dtvm__wasmvmexecution_request__init(&request->message);
	dtvm__wasmvmexecution__init(&request->execution);
	dtvm__wasmvmruntime_config__init(&request->config);
	dtvm__gas_limit_config__init(&request->gas);
	request->asked = execution_request_read(text, err);
	if (request->asked != NULL) {
		fill_execution(request);
		fill_config(request);
		if (layout_dtvm.read(&request->message, asked, err)) {
			return request;
		}
	}
	json_request_destroy(request);
	return NULL;
}

void json_request_destroy(struct json_request *request) {
	if (request != NULL) {
		execution_request_destroy(request->asked);
		free(request);
	}
}

/* --- out ---------------------------------------------------------------------------------------
 */

bool json_text_write(const char *text, struct buf *out, struct error *err) {
	json_t *value = json_string(text);
	CLEANUP(mem_freep) char *dumped = value != NULL ? json_dumps(value, JSON_ENCODE_ANY) : NULL;
	json_decref(value);
	return dumped != NULL ? buf_append(out, dumped, strlen(dumped), err)
			      : error_set(err, ERROR_INTERNAL, "a text is not UTF-8");
}

static bool put(struct buf *out, const char *text, struct error *err) {
	return buf_append(out, text, strlen(text), err);
}

/* Numbers that JSON lacks are strings. */
static bool put_float(const struct value *value, struct buf *out, struct error *err) {
	char text[VALUE_TEXT_SIZE];
	double number = value->type == VALUE_F32 ? (double)value->of.f32 : value->of.f64;
	value_write(value, text);
	return put(out,
			isnan(number)     ? "\"NaN\""
			: !isinf(number)  ? text
			: signbit(number) ? "\"-Infinity\""
					  : "\"Infinity\"",
			err);
}

static bool put_output(const struct value *value, struct buf *out, struct error *err) {
	switch (value->type) {
	case VALUE_I32:
		return buf_printf(out, err, "{\"type\":\"VALUE_TYPE_INT32\",\"int32Value\":%d}",
				value->of.i32);
	case VALUE_I64:
		return buf_printf(out, err,
				"{\"type\":\"VALUE_TYPE_INT64\",\"int64Value\":\"%lld\"}",
				(long long)value->of.i64);
	case VALUE_F32:
		return put(out, "{\"type\":\"VALUE_TYPE_FLOAT32\",\"float32Value\":", err) &&
		       put_float(value, out, err) && put(out, "}", err);
	case VALUE_F64:
		return put(out, "{\"type\":\"VALUE_TYPE_FLOAT64\",\"float64Value\":", err) &&
		       put_float(value, out, err) && put(out, "}", err);
	}
	return error_set(err, ERROR_INTERNAL, "a value of no type");
}

/* A comma where something stands before it. */
static bool put_name(const char *name, struct buf *out, struct error *err) {
	bool first = out->data[out->size - 1] == '{';
	return buf_printf(out, err, "%s\"%s\":", first ? "" : ",", name);
}

static bool put_text(const char *name, const char *text, struct buf *out, struct error *err) {
	return text == NULL || *text == '\0' ||
	       (put_name(name, out, err) && json_text_write(text, out, err));
}

static bool put_inputs(const struct asked *asked, struct buf *out, struct error *err) {
	const Dtvm__WASMVMExecutionRequest *message = asked->request;
	bool ok = asked->input_count == 0 || (put_name("inputs", out, err) && put(out, "[", err));
	for (size_t i = 0; ok && i < asked->input_count; i++) {
		ok = (i == 0 || put(out, ",", err)) &&
		     json_text_write(message->execution->inputs[i], out, err);
	}
	return ok && (asked->input_count == 0 || put(out, "]", err));
}

static bool put_outputs(const struct answered *answered, struct buf *out, struct error *err) {
	bool some = answered->output_count != 0;
	bool ok = !some || (put_name("outputValues", out, err) && put(out, "[", err));
	for (size_t i = 0; ok && i < answered->output_count; i++) {
		ok = (i == 0 || put(out, ",", err)) && put_output(&answered->outputs[i], out, err);
	}
	return ok && (!some || put(out, "]", err));
}

bool json_answer_write(const struct asked *asked, const struct answered *answered,
		const char *receipt, struct buf *out, struct error *err) {
	return put(out, "{", err) && put_text("requestId", asked->request_id, out, err) &&
	       put_name("result", out, err) && put(out, "{", err) && put_inputs(asked, out, err) &&
	       put_outputs(answered, out, err) &&
	       put_text("attestation", answered->attestation, out, err) &&
	       put_text("reportData", answered->report_data, out, err) && put(out, "}", err) &&
	       (*receipt == '\0' || (put_name("receipt", out, err) && put(out, receipt, err))) &&
	       put(out, "}\n", err);
}
