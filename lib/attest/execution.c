/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/execution.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "attest/report_data.h"
#include "base/mem.h"
#include "base/proto.h"
#include "base/str.h"

enum { MESSAGE_MAX = 64 * 1024 * 1024 };

struct read_request {
	struct execution_request request; /* the first member: what the caller has */
	json_t *root;                     /* has all texts */
	const char **inputs;
};

/* A member by either of its names; NULL if it is not there or null. */
static json_t *member(const json_t *object, const char *camel, const char *snake) {
	json_t *found = json_object_get(object, camel);
	if (found == NULL && snake != NULL) {
		found = json_object_get(object, snake);
	}
	return json_is_null(found) ? NULL : found;
}

/* Which of both it was. */
static const char *spelt(const json_t *object, const char *camel, const char *snake) {
	return snake == NULL || json_object_get(object, camel) != NULL ? camel : snake;
}

static bool refuse(const char *name, const char *what, struct error *err) {
	return error_set(err, ERROR_INVALID, "%s has to be %s", name, what) || error_in(err, name);
}

static bool read_text(const json_t *object, const char *camel, const char *snake, const char **text,
		struct error *err) {
	const json_t *value = member(object, camel, snake);
	if (value == NULL) {
		return true;
	}
	if (!json_is_string(value)) {
		return refuse(spelt(object, camel, snake), "a string", err);
	}
	*text = json_string_value(value);
	return true;
}

static bool read_object(const json_t *object, const char *camel, const char *snake,
		const json_t **found, struct error *err) {
	*found = member(object, camel, snake);
	return *found == NULL || json_is_object(*found) ||
	       refuse(spelt(object, camel, snake), "an object", err);
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

static bool read_inputs(struct read_request *read, const json_t *object, struct error *err) {
	struct execution *execution = &read->request.execution;
	const json_t *list = member(object, "inputs", NULL);
	size_t count = json_array_size(list);
	if (list != NULL && !json_is_array(list)) {
		return refuse("inputs", "a list of strings", err);
	}
	read->inputs = mem_zero(count + 1, sizeof(*read->inputs));
	for (size_t i = 0; i < count; i++) {
		const json_t *item = json_array_get(list, i);
		if (!json_is_string(item)) {
			return error_set(err, ERROR_INVALID,
					       "inputs has to be a list of strings: [\"5\", "
					       "\"3\"]") ||
			       error_in_item(err, i) || error_in(err, "inputs");
		}
		read->inputs[i] = json_string_value(item);
	}
	execution->input_count = count;
	execution->inputs = read->inputs;
	return true;
}

static bool read_execution(struct read_request *read, struct error *err) {
	struct execution *execution = &read->request.execution;
	const json_t *object;
	if (!read_object(read->root, "execution", NULL, &object, err)) {
		return false;
	}
	execution->given = object != NULL;
	bool ok = read_text(object, "version", NULL, &execution->version, err) &&
		  read_text(object, "requestId", "request_id", &execution->request_id, err) &&
		  read_text(object, "bytecode", NULL, &execution->bytecode, err) &&
		  read_text(object, "fnName", "fn_name", &execution->function, err) &&
		  read_int64(object, "timestamp", &execution->timestamp, err) &&
		  read_inputs(read, object, err);
	return ok || error_in(err, "execution");
}

static bool read_gas(const json_t *object, struct execution_config *config, struct error *err) {
	const json_t *use = member(object, "useGasLimit", "use_gas_limit");
	if (use != NULL && !json_is_boolean(use)) {
		return refuse(spelt(object, "useGasLimit", "use_gas_limit"), "true or false", err);
	}
	config->gas_given = object != NULL;
	config->use_gas_limit = json_is_true(use);
	return read_int64(object, "limit", &config->gas_limit, err);
}

static bool read_config(const json_t *root, struct execution_config *config, struct error *err) {
	const json_t *object, *gas;
	if (!read_object(root, "runtimeConfig", "runtime_config", &object, err)) {
		return false;
	}
	config->given = object != NULL;
	const char *name = spelt(root, "runtimeConfig", "runtime_config");
	if (!read_mode(object, &config->mode, err) ||
			!read_object(object, "gasLimit", "gas_limit", &gas, err)) {
		return error_in(err, name);
	}
	return read_gas(gas, config, err) ||
	       error_in(err, spelt(object, "gasLimit", "gas_limit")) || error_in(err, name);
}

static bool read_root(struct read_request *read, struct bytes text, struct error *err) {
	json_error_t where;
	read->root = json_loadb((const char *)text.data, text.size, JSON_REJECT_DUPLICATES, &where);
	if (read->root == NULL) {
		return error_set(err, ERROR_INVALID, "the body is not JSON: %.100s (line %d)",
				where.text, where.line);
	}
	return json_is_object(read->root) ||
	       error_set(err, ERROR_INVALID, "the body has to be a JSON object");
}

struct execution_request *execution_request_read(struct bytes json, struct error *err) {
	struct read_request *read = MEM_NEW(struct read_request);
	read->request.execution = (struct execution){
		.version = "", .request_id = "", .bytecode = "", .function = ""
	};
	if (read_root(read, json, err) && read_execution(read, err) &&
			read_config(read->root, &read->request.config, err)) {
		return &read->request;
	}
	execution_request_destroy(&read->request);
	return NULL;
}

void execution_request_destroy(struct execution_request *request) {
	struct read_request *read = (struct read_request *)request;
	if (read != NULL) {
		json_decref(read->root);
		free(read->inputs);
		free(read);
	}
}

/* --- evidence ----------------------------------------------------------------------------------
 */

static struct bytes bytes_of(const char *text) {
	return (struct bytes){ (const uint8_t *)text, strlen(text) };
}

/* Defaults are left out, but not from lists. */
static bool put_text(struct buf *out, uint32_t number, const char *text, struct error *err) {
	return text[0] == '\0' || proto_put_bytes(out, number, bytes_of(text), err);
}

static bool pack(const struct execution *execution, struct buf *out, struct error *err) {
	bool ok = put_text(out, 1, execution->version, err) &&
		  put_text(out, 2, execution->request_id, err) &&
		  put_text(out, 3, execution->bytecode, err) &&
		  put_text(out, 4, execution->function, err);
	for (size_t i = 0; ok && i < execution->input_count; i++) {
		ok = proto_put_bytes(out, 5, bytes_of(execution->inputs[i]), err);
	}
	return ok && (execution->timestamp == 0 ||
				     proto_put_number(out, 6, (uint64_t)execution->timestamp, err));
}

bool execution_hash(
		const struct execution *execution, uint8_t out[DIGEST_SIZE], struct error *err) {
	struct buf message = BUF_INIT(MESSAGE_MAX);
	bool ok = pack(execution, &message, err);
	if (ok) {
		report_data_execution((struct bytes){ message.data, message.size }, out);
	}
	buf_finish(&message);
	return ok;
}
