/* SPDX-License-Identifier: Apache-2.0 */
/* spec/dtvm.proto. */
#include <dtvm.pb-c.h>

#include "base/mem.h"
#include "executor/layout.h"
#include "executor/message.h"
#include "executor/number.h"

/* An absent text of an answer: what protobuf-c compares with. */
static char *text_or_empty(const char *text) {
	return text != NULL ? (char *)text : (char *)protobuf_c_empty_string;
}

static bool read_mode(int mode, enum engine_kind *kind, struct error *err) {
	static const enum engine_kind kinds[] = { ENGINE_INTERP, ENGINE_SINGLEPASS,
		ENGINE_MULTIPASS };
	if (mode < 0 || mode > 2) {
		return error_set(err, ERROR_INVALID,
				"runtime_config.mode is %d: 0 is the interpreter, 1 single-pass, "
				"2 multi-pass",
				mode);
	}
	*kind = kinds[mode];
	return true;
}

static bool read_gas(const Dtvm__GasLimitConfig *config, struct asked *asked, struct error *err) {
	asked->gas_limited = config != NULL && config->use_gas_limit;
	if (!asked->gas_limited) {
		return true;
	}
	if (config->limit < 0) {
		return error_set(err, ERROR_INVALID,
				"runtime_config.gas_limit.limit is %lld: a limit is not negative",
				(long long)config->limit);
	}
	asked->gas_limit = (uint64_t)config->limit;
	return true;
}

static bool dtvm_read(const void *request, struct asked *asked, struct error *err) {
	const Dtvm__WASMVMExecutionRequest *message = request;
	const Dtvm__WASMVMExecution *execution = message->execution;
	const Dtvm__WASMVMRuntimeConfig *config = message->runtime_config;
	if (execution == NULL) {
		return error_set(err, ERROR_INVALID,
				"execution is missing: it has the bytecode, fn_name and inputs");
	}
	*asked = (struct asked){ .layout = &layout_dtvm,
		.request = request,
		.request_id = execution->request_id,
		.bytecode = execution->bytecode,
		.function = execution->fn_name,
		.input_count = execution->n_inputs,
		.mode = ENGINE_INTERP };
	return config == NULL || (read_mode((int)config->mode, &asked->mode, err) &&
						 read_gas(config->gas_limit, asked, err));
}

static void dtvm_close(void *request) {
	if (request != NULL) {
		protobuf_c_message_free_unpacked(request, NULL);
	}
}

static void *dtvm_open(struct bytes bytes, struct asked *asked, struct error *err) {
	void *request = message_open(
			&dtvm__wasmvmexecution_request__descriptor, bytes, "the request", err);
	if (request != NULL && !dtvm_read(request, asked, err)) {
		dtvm_close(request);
		return NULL;
	}
	return request;
}

static const Dtvm__WASMVMExecution *execution_of(const struct asked *asked) {
	return ((const Dtvm__WASMVMExecutionRequest *)asked->request)->execution;
}

static bool dtvm_input(const struct asked *asked, size_t index, enum value_type type,
		struct value *value, struct error *err) {
	return number_read(execution_of(asked)->inputs[index], type, index + 1, value, err);
}

static bool pack_execution(const struct asked *asked, struct buf *out, struct error *err) {
	return message_pack(execution_of(asked), out, err);
}

static Dtvm__Value value_of(const struct value *value) {
	Dtvm__Value out = DTVM__VALUE__INIT;
	out.type = (Dtvm__ValueType)value->type; /* the same numbers, in oneof one higher */
	out.value_case = (Dtvm__Value__ValueCase)(value->type + 1);
	switch (value->type) {
	case VALUE_I32: out.int32_value = value->of.i32; break;
	case VALUE_I64: out.int64_value = value->of.i64; break;
	case VALUE_F32: out.float32_value = value->of.f32; break;
	case VALUE_F64: out.float64_value = value->of.f64; break;
	}
	return out;
}

static bool pack_output(const struct value *value, struct buf *out, struct error *err) {
	Dtvm__Value message = value_of(value);
	return message_pack(&message, out, err);
}

static bool pack_answer(const struct asked *asked, const struct answered *answered, struct buf *out,
		struct error *err) {
	const Dtvm__WASMVMExecution *execution = execution_of(asked);
	size_t count = answered->output_count;
	CLEANUP(mem_freep) Dtvm__Value *values = mem_zero(count + 1, sizeof(*values));
	CLEANUP(mem_freep) Dtvm__Value **list = mem_zero(count + 1, sizeof(*list));
	for (size_t i = 0; i < count; i++) {
		values[i] = value_of(&answered->outputs[i]);
		list[i] = &values[i];
	}
	Dtvm__WASMVMExecutionResult result = DTVM__WASMVMEXECUTION_RESULT__INIT;
	result.n_inputs = execution->n_inputs;
	result.inputs = execution->inputs;
	result.n_output_values = count;
	result.output_values = list;
	result.attestation = text_or_empty(answered->attestation);
	result.report_data = text_or_empty(answered->report_data);
	Dtvm__WASMVMExecutionResponse response = DTVM__WASMVMEXECUTION_RESPONSE__INIT;
	response.request_id = execution->request_id;
	response.result = &result;
	response.receipt = (ProtobufCBinaryData){ answered->receipt.size,
		(uint8_t *)answered->receipt.data };
	return message_pack(&response, out, err);
}

const struct layout layout_dtvm = { "dtvm", dtvm_open, dtvm_close, dtvm_read, dtvm_input,
	pack_execution, pack_output, pack_answer };
