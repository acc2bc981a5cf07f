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

/* A number as it came: what it is in WebAssembly, and its bounds. */
struct came {
	const char *name;
	enum value_type type;
	int64_t number, min, max; /* of i32 and i64 */
};

static bool take_integer(const Wasm__WasmValue *input, struct came *came) {
	switch (input->value_case) {
	case WASM__WASM_VALUE__VALUE_BOOL_VALUE:
		*came = (struct came){ "bool_value", VALUE_I32, input->bool_value != 0, 0, 1 };
		return true;
	case WASM__WASM_VALUE__VALUE_INT8_VALUE:
		*came = (struct came){ "int8_value", VALUE_I32, input->int8_value, INT8_MIN,
			INT8_MAX };
		return true;
	case WASM__WASM_VALUE__VALUE_UINT8_VALUE:
		*came = (struct came){ "uint8_value", VALUE_I32, input->uint8_value, 0, UINT8_MAX };
		return true;
	case WASM__WASM_VALUE__VALUE_INT16_VALUE:
		*came = (struct came){ "int16_value", VALUE_I32, input->int16_value, INT16_MIN,
			INT16_MAX };
		return true;
	case WASM__WASM_VALUE__VALUE_UINT16_VALUE:
		*came = (struct came){ "uint16_value", VALUE_I32, input->uint16_value, 0,
			UINT16_MAX };
		return true;
	case WASM__WASM_VALUE__VALUE_INT32_VALUE:
		*came = (struct came){ "int32_value", VALUE_I32, input->int32_value, INT32_MIN,
			INT32_MAX };
		return true;
	case WASM__WASM_VALUE__VALUE_UINT32_VALUE:
		*came = (struct came){ "uint32_value", VALUE_I32, input->uint32_value, 0,
			UINT32_MAX };
		return true;
	case WASM__WASM_VALUE__VALUE_INT64_VALUE:
		*came = (struct came){ "int64_value", VALUE_I64, input->int64_value, INT64_MIN,
			INT64_MAX };
		return true;
	case WASM__WASM_VALUE__VALUE_UINT64_VALUE:
		*came = (struct came){ "uint64_value", VALUE_I64, (int64_t)input->uint64_value,
			INT64_MIN, INT64_MAX };
		return true;
	default: return false;
	}
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

static bool put_integer(const struct came *came, size_t index, enum value_type type,
		struct value *value, struct error *err) {
	if (came->number < came->min || came->number > came->max) {
		return error_set(err, ERROR_INVALID, "argument %zu: %lld is out of range for %s",
				index + 1, (long long)came->number, came->name);
	}
	if (came->type != type) {
		return error_set(err, ERROR_INVALID,
				"argument %zu is %s, the function's parameter is %s", index + 1,
				came->name, value_type_name(type));
	}
	value->type = type;
	if (type == VALUE_I32) {
		value->of.i32 = (int32_t)(uint32_t)came->number;
	} else {
		value->of.i64 = came->number;
	}
	return true;
}

static bool wasm_input(const struct asked *asked, size_t index, enum value_type type,
		struct value *value, struct error *err) {
	const Wasm__WasmValue *input = execution_of(asked)->inputs[index];
	struct came came;
	if (take_integer(input, &came)) {
		return put_integer(&came, index, type, value, err);
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
