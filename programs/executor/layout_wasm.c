/* SPDX-License-Identifier: Apache-2.0 */
/* spec/wasm.proto: inputs come with their types, and there are neither modes nor gas limits. */
#include <wasm.pb-c.h>

#include "base/proto.h"
#include "executor/layout.h"
#include "executor/message.h"

static bool wasm_read(const void *request, struct asked *asked, struct error *err) {
	const Wasm__WASMVMExecution *execution =
			((const Wasm__WASMVMExecutionRequest *)request)->execution;
	if (execution == NULL) {
		return error_set(err, ERROR_INVALID,
				"execution is missing: it has the bytecode, fn_name and inputs");
	}
	*asked = (struct asked){ .layout = &layout_wasm,
		.request = request,
		.request_id = execution->request_id,
		.bytecode = execution->bytecode,
		.function = execution->fn_name,
		.input_count = execution->n_inputs,
		.mode = ENGINE_INTERP };
	return true;
}

static void wasm_close(void *request) {
	if (request != NULL) {
		protobuf_c_message_free_unpacked(request, NULL);
	}
}

static void *wasm_open(struct bytes bytes, struct asked *asked, struct error *err) {
	void *request = message_open(
			&wasm__wasmvmexecution_request__descriptor, bytes, "the request", err);
	if (request != NULL && !wasm_read(request, asked, err)) {
		wasm_close(request);
		return NULL;
	}
	return request;
}

static const Wasm__WASMVMExecution *execution_of(const struct asked *asked) {
	return ((const Wasm__WASMVMExecutionRequest *)asked->request)->execution;
}

/* The integers that a value can be: what each is in WebAssembly, and its bounds. */
struct kind {
	Wasm__WasmValue__ValueCase is;
	const char *name;
	enum value_type type;
	int64_t min, max;
};

static const struct kind kinds[] = {
	{ WASM__WASM_VALUE__VALUE_BOOL_VALUE, "bool_value", VALUE_I32, 0, 1 },
	{ WASM__WASM_VALUE__VALUE_INT8_VALUE, "int8_value", VALUE_I32, INT8_MIN, INT8_MAX },
	{ WASM__WASM_VALUE__VALUE_UINT8_VALUE, "uint8_value", VALUE_I32, 0, UINT8_MAX },
	{ WASM__WASM_VALUE__VALUE_INT16_VALUE, "int16_value", VALUE_I32, INT16_MIN, INT16_MAX },
	{ WASM__WASM_VALUE__VALUE_UINT16_VALUE, "uint16_value", VALUE_I32, 0, UINT16_MAX },
	{ WASM__WASM_VALUE__VALUE_INT32_VALUE, "int32_value", VALUE_I32, INT32_MIN, INT32_MAX },
	{ WASM__WASM_VALUE__VALUE_UINT32_VALUE, "uint32_value", VALUE_I32, 0, UINT32_MAX },
	{ WASM__WASM_VALUE__VALUE_INT64_VALUE, "int64_value", VALUE_I64, INT64_MIN, INT64_MAX },
	{ WASM__WASM_VALUE__VALUE_UINT64_VALUE, "uint64_value", VALUE_I64, INT64_MIN, INT64_MAX },
};

static const struct kind *kind_of(const Wasm__WasmValue *input) {
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (kinds[i].is == input->value_case) {
			return &kinds[i];
		}
	}
	return NULL;
}

/* The members are those of one union, each as wide as its type, and with a sign if it can be < 0.
 */
static int64_t number_of(const Wasm__WasmValue *input, const struct kind *kind) {
	return kind->type == VALUE_I64 ? input->int64_value
	       : kind->min < 0         ? input->int32_value
				       : (int64_t)input->uint32_value;
}

static bool refuse(size_t index, const char *why, struct error *err) {
	return error_set(err, ERROR_INVALID, "argument %zu %s", index + 1, why);
}

static bool refuse_kind(const Wasm__WasmValue *input, size_t index, struct error *err) {
	if (input->value_case == WASM__WASM_VALUE__VALUE__NOT_SET) {
		return refuse(index, "has no value", err);
	}
	return error_set(err, ERROR_UNSUPPORTED,
			"argument %zu is a string, bytes or an array: only numbers are passed, for "
			"what else means to a module is no part of WebAssembly",
			index + 1);
}

static bool check_integer(const struct kind *kind, int64_t number, size_t index,
		enum value_type type, struct error *err) {
	if (number < kind->min || number > kind->max) {
		return error_set(err, ERROR_INVALID, "argument %zu: %lld is out of range for %s",
				index + 1, (long long)number, kind->name);
	}
	return kind->type == type ||
	       error_set(err, ERROR_INVALID, "argument %zu is %s, the function's parameter is %s",
			       index + 1, kind->name, value_type_name(type));
}

static bool wasm_input(const struct asked *asked, size_t index, enum value_type type,
		struct value *value, struct error *err) {
	const Wasm__WasmValue *input = execution_of(asked)->inputs[index];
	const struct kind *kind = kind_of(input);
	if (kind != NULL) {
		int64_t number = number_of(input, kind);
		*value = kind->type == VALUE_I64 ? (struct value){ VALUE_I64, { .i64 = number } }
						 : (struct value){ VALUE_I32,
							   { .i32 = (int32_t)(uint32_t)number } };
		return check_integer(kind, number, index, type, err);
	}
	if (input->value_case == WASM__WASM_VALUE__VALUE_FLOAT32_VALUE) {
		*value = (struct value){ VALUE_F32, { .f32 = input->float32_value } };
	} else if (input->value_case == WASM__WASM_VALUE__VALUE_FLOAT64_VALUE) {
		*value = (struct value){ VALUE_F64, { .f64 = input->float64_value } };
	} else {
		return refuse_kind(input, index, err);
	}
	return value->type == type ||
	       refuse(index, "is a floating-point number, the function's parameter is not such",
			       err);
}

static bool pack_execution(const struct asked *asked, struct buf *out, struct error *err) {
	return message_pack(execution_of(asked), out, err);
}

static bool put_input(const struct asked *asked, size_t index, uint32_t number, struct buf *out,
		struct error *err) {
	struct buf message = BUF_INIT(out->limit);
	bool ok = message_pack(execution_of(asked)->inputs[index], &message, err) &&
		  proto_put_bytes(out, number, (struct bytes){ message.data, message.size }, err);
	buf_finish(&message);
	return ok;
}

const struct layout layout_wasm = { "wasm", wasm_open, wasm_close, wasm_read, wasm_input,
	pack_execution, put_input, VALUE_LAYOUT_WASM };
