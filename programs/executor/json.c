/* SPDX-License-Identifier: Apache-2.0 */
#include "executor/json.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <dtvm.pb-c.h>

#include "base/mem.h"
#include "base/str.h"

struct json_request {
	json_t *root; /* has all texts */
	Dtvm__WASMVMExecutionRequest message;
	Dtvm__WASMVMExecution execution;
	Dtvm__WASMVMRuntimeConfig config;
	Dtvm__GasLimitConfig gas;
	char **inputs;
};

/* --- in ----------------------------------------------------------------------------------------
 */

/* A member by either of its names; NULL if it is not there or null. */
static json_t *member(const json_t *object, const char *camel, const char *snake) {
	json_t *found = json_object_get(object, camel);
	if (found == NULL && snake != NULL) {
		found = json_object_get(object, snake);
	}
	return json_is_null(found) ? NULL : found;
}

static bool refuse(const char *name, const char *what, struct error *err) {
	return error_set(err, ERROR_INVALID, "%s has to be %s", name, what);
}

/* protobuf-c wants texts that may be written to; it only reads them. */
static bool read_text(const json_t *object, const char *camel, const char *snake, char **text,
		struct error *err) {
	const json_t *value = member(object, camel, snake);
	if (value == NULL) {
		return true;
	}
	if (!json_is_string(value)) {
		return refuse(camel, "a string", err);
	}
	*text = (char *)json_string_value(value);
	return true;
}

static bool read_object(const json_t *object, const char *camel, const char *snake,
		const json_t **found, struct error *err) {
	*found = member(object, camel, snake);
	return *found == NULL || json_is_object(*found) || refuse(camel, "an object", err);
}

static bool read_int64(
		const json_t *object, const char *camel, int64_t *number, struct error *err) {
	const json_t *value = member(object, camel, NULL);
	if (value == NULL) {
		return true;
	}
	if (json_is_integer(value)) {
		*number = json_integer_value(value);
		return true;
	}
	return (json_is_string(value) && str_to_i64(json_string_value(value), number, err)) ||
	       refuse(camel, "a 64-bit number, or one as a string", err);
}

static bool find_mode(const char *name, int *mode) {
	static const char *const names[] = { "INTERP_UNSPECIFIED", "SINGLEPASS", "MULTIPASS" };
	static const char *const prefixes[] = { "WASMVM_MODE_", "DTVM_MODE_" };
	for (size_t p = 0; p < 2; p++) {
		size_t size = strlen(prefixes[p]);
		for (int i = 0; i < 3 && strncmp(name, prefixes[p], size) == 0; i++) {
			if (strcmp(name + size, names[i]) == 0) {
				*mode = i;
				return true;
			}
		}
	}
	return false;
}

static bool read_mode(const json_t *object, int *mode, struct error *err) {
	const json_t *value = member(object, "mode", NULL);
	if (value == NULL) {
		return true;
	}
	if (json_is_integer(value)) {
		json_int_t number = json_integer_value(value);
		*mode = number < 0 || number > 2 ? -1 : (int)number;
		return true;
	}
	return (json_is_string(value) && find_mode(json_string_value(value), mode)) ||
	       refuse("mode",
			       "WASMVM_MODE_INTERP_UNSPECIFIED, WASMVM_MODE_SINGLEPASS, "
			       "WASMVM_MODE_MULTIPASS, or 0, 1, 2",
			       err);
}

static bool read_inputs(struct json_request *request, const json_t *object, struct error *err) {
	const json_t *list = member(object, "inputs", NULL);
	size_t count = json_array_size(list);
	if (list != NULL && !json_is_array(list)) {
		return refuse("inputs", "a list of strings", err);
	}
	request->inputs = mem_zero(count + 1, sizeof(*request->inputs));
	for (size_t i = 0; i < count; i++) {
		const json_t *item = json_array_get(list, i);
		if (!json_is_string(item)) {
			return refuse("inputs", "a list of strings: [\"5\", \"3\"]", err);
		}
		request->inputs[i] = (char *)json_string_value(item);
	}
	request->execution.n_inputs = count;
	request->execution.inputs = request->inputs;
	return true;
}

static bool read_execution(struct json_request *request, struct error *err) {
	Dtvm__WASMVMExecution *execution = &request->execution;
	const json_t *object;
	if (!read_object(request->root, "execution", NULL, &object, err)) {
		return false;
	}
	if (object == NULL) {
		return true; /* layout_dtvm says what is missing */
	}
	request->message.execution = execution;
	return read_text(object, "version", NULL, &execution->version, err) &&
	       read_text(object, "requestId", "request_id", &execution->request_id, err) &&
	       read_text(object, "bytecode", NULL, &execution->bytecode, err) &&
	       read_text(object, "fnName", "fn_name", &execution->fn_name, err) &&
	       read_int64(object, "timestamp", &execution->timestamp, err) &&
	       read_inputs(request, object, err);
}

static bool read_gas(struct json_request *request, const json_t *object, struct error *err) {
	const json_t *use = member(object, "useGasLimit", "use_gas_limit");
	if (use != NULL && !json_is_boolean(use)) {
		return refuse("useGasLimit", "true or false", err);
	}
	request->config.gas_limit = &request->gas;
	request->gas.use_gas_limit = json_is_true(use);
	return read_int64(object, "limit", &request->gas.limit, err);
}

static bool read_config(struct json_request *request, struct error *err) {
	const json_t *config, *gas;
	int mode = 0;
	if (!read_object(request->root, "runtimeConfig", "runtime_config", &config, err)) {
		return false;
	}
	if (config == NULL) {
		return true;
	}
	request->message.runtime_config = &request->config;
	if (!read_mode(config, &mode, err) ||
			!read_object(config, "gasLimit", "gas_limit", &gas, err)) {
		return false;
	}
	request->config.mode = (Dtvm__WASMVMMode)mode;
	return gas == NULL || read_gas(request, gas, err);
}

static bool read_root(struct json_request *request, struct bytes text, struct error *err) {
	json_error_t where;
	request->root = json_loadb(
			(const char *)text.data, text.size, JSON_REJECT_DUPLICATES, &where);
	if (request->root == NULL) {
		return error_set(err, ERROR_INVALID, "the body is not JSON: %.100s (line %d)",
				where.text, where.line);
	}
	return json_is_object(request->root) || refuse("the body", "a JSON object", err);
}

struct json_request *json_request_read(struct bytes text, struct asked *asked, struct error *err) {
	struct json_request *request = MEM_NEW(struct json_request);
	dtvm__wasmvmexecution_request__init(&request->message);
	dtvm__wasmvmexecution__init(&request->execution);
	dtvm__wasmvmruntime_config__init(&request->config);
	dtvm__gas_limit_config__init(&request->gas);
	if (read_root(request, text, err) && read_execution(request, err) &&
			read_config(request, err) &&
			layout_dtvm.read(&request->message, asked, err)) {
		return request;
	}
	json_request_destroy(request);
	return NULL;
}

void json_request_destroy(struct json_request *request) {
	if (request != NULL) {
		json_decref(request->root);
		free(request->inputs);
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
