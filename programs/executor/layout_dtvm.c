/* SPDX-License-Identifier: Apache-2.0 */
/* spec/dtvm.proto. */
#include <dtvm.pb-c.h>

#include <string.h>

#include "base/proto.h"
#include "executor/layout.h"
#include "executor/message.h"
#include "executor/number.h"

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
				       "execution is missing: it has the bytecode, fn_name and "
				       "inputs") ||
		       error_in(err, "execution");
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

static bool put_input(const struct asked *asked, size_t index, uint32_t number, struct buf *out,
		struct error *err) {
	const char *text = execution_of(asked)->inputs[index];
	return proto_put_bytes(
			out, number, (struct bytes){ (const uint8_t *)text, strlen(text) }, err);
}

const struct layout layout_dtvm = { "dtvm", dtvm_open, dtvm_close, dtvm_read, dtvm_input,
	pack_execution, put_input, VALUE_LAYOUT_DTVM };
