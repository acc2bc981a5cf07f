/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/answer.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "attest/attestation.h"
#include "base/hex.h"
#include "base/mem.h"
#include "base/str.h"

struct read_answer {
	struct answer answer; /* the first member: what the caller has */
	json_t *root;         /* has all texts */
	const char **inputs;
	struct statement_value *outputs;
};

static bool spoilt(const char *name, struct error *err) {
	return error_set(err, ERROR_INTEGRITY,
			"the answer's member \"%s\" is missing or not what it should be", name);
}

/* A member by either of its names. */
static const json_t *member(const json_t *object, const char *camel, const char *snake) {
	const json_t *found = json_object_get(object, camel);
	return found != NULL ? found : json_object_get(object, snake);
}

/* --- outputs -----------------------------------------------------------------------------------
 */

/* All numbers are read as reals, so that -0 stays what it is; these are exact in one. */
static bool take_i32(const json_t *number, uint64_t *bits) {
	double value = json_real_value(number);
	bool fits = json_is_real(number) && value >= INT32_MIN && value <= INT32_MAX &&
		    value == floor(value);
	*bits = fits ? (uint32_t)(int32_t)value : 0;
	return fits;
}

static bool take_i64(const json_t *number, uint64_t *bits) {
	int64_t value = 0;
	struct error ignored;
	bool fits = json_is_string(number) &&
		    str_to_i64(json_string_value(number), &value, &ignored);
	*bits = (uint64_t)value;
	return fits;
}

/* Numbers that JSON lacks are texts; NaN is the canonical one, for the executor gives no other. */
static bool take_real(const json_t *number, double *value) {
	static const struct {
		const char *text;
		double value;
	} rows[] = { { "NaN", (double)NAN }, { "Infinity", (double)INFINITY },
		{ "-Infinity", (double)-INFINITY } };
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (str_equal(json_string_value(number), rows[i].text)) {
			*value = rows[i].value;
			return true;
		}
	}
	*value = json_real_value(number);
	return json_is_real(number);
}

static bool take_f32(const json_t *number, uint64_t *bits) {
	double value;
	bool fits = take_real(number, &value);
	float narrow = (float)value;
	uint32_t half;
	memcpy(&half, &narrow, sizeof(half));
	*bits = isnan(narrow) ? 0x7fc00000 : half;
	return fits;
}

static bool take_f64(const json_t *number, uint64_t *bits) {
	double value;
	bool fits = take_real(number, &value);
	memcpy(bits, &value, sizeof(value));
	*bits = isnan(value) ? 0x7ff8000000000000 : *bits;
	return fits;
}

static const struct {
	enum statement_type type;
	const char *name, *camel, *snake;
	bool (*take)(const json_t *number, uint64_t *bits);
} types[] = {
	{ STATEMENT_I32, "VALUE_TYPE_INT32", "int32Value", "int32_value", take_i32 },
	{ STATEMENT_I64, "VALUE_TYPE_INT64", "int64Value", "int64_value", take_i64 },
	{ STATEMENT_F32, "VALUE_TYPE_FLOAT32", "float32Value", "float32_value", take_f32 },
	{ STATEMENT_F64, "VALUE_TYPE_FLOAT64", "float64Value", "float64_value", take_f64 },
};

static bool read_output(const json_t *object, struct statement_value *value) {
	const char *type = json_string_value(json_object_get(object, "type"));
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (str_equal(type, types[i].name)) {
			value->type = types[i].type;
			return types[i].take(member(object, types[i].camel, types[i].snake),
					&value->bits);
		}
	}
	return false;
}

static bool read_outputs(struct read_answer *read, const json_t *result, struct error *err) {
	const json_t *list = member(result, "outputValues", "output_values");
	size_t count = json_array_size(list);
	if ((list != NULL && !json_is_array(list)) || count > STATEMENT_VALUES_MAX) {
		return spoilt("outputValues", err);
	}
	read->outputs = mem_zero(count + 1, sizeof(*read->outputs));
	for (size_t i = 0; i < count; i++) {
		if (!read_output(json_array_get(list, i), &read->outputs[i])) {
			return spoilt("outputValues", err);
		}
	}
	read->answer.outputs = (struct statement_values){ read->outputs, count };
	return true;
}

/* --- the rest ----------------------------------------------------------------------------------
 */

static bool read_inputs(struct read_answer *read, const json_t *result, struct error *err) {
	const json_t *list = json_object_get(result, "inputs");
	size_t count = json_array_size(list);
	read->inputs = mem_zero(count + 1, sizeof(*read->inputs));
	for (size_t i = 0; i < count; i++) {
		read->inputs[i] = json_string_value(json_array_get(list, i));
		if (read->inputs[i] == NULL) {
			return spoilt("inputs", err);
		}
	}
	read->answer.inputs = read->inputs;
	read->answer.input_count = count;
	return list == NULL || json_is_array(list) || spoilt("inputs", err);
}

static bool read_evidence(struct read_answer *read, const json_t *result, struct error *err) {
	const json_t *text = json_object_get(result, "attestation");
	const char *data = json_string_value(member(result, "reportData", "report_data"));
	if (data == NULL || strlen(data) != 2 * (size_t)REPORT_DATA_SIZE ||
			!hex_decode(data, read->answer.report_data, REPORT_DATA_SIZE)) {
		return spoilt("reportData", err);
	}
	return json_is_string(text)
			       ? attestation_parse(
						 (struct bytes){ (const uint8_t *)json_string_value(
										 text),
								 json_string_length(text) },
						 &read->answer.evidence, err)
			       : spoilt("attestation", err);
}

static bool read_all(struct read_answer *read, struct bytes json, struct error *err) {
	json_error_t where;
	read->root = json_loadb((const char *)json.data, json.size,
			JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL, &where);
	if (read->root == NULL) {
		return error_set(err, ERROR_INTEGRITY, "the answer is not JSON: line %d: %s",
				where.line, where.text);
	}
	const json_t *result = json_object_get(read->root, "result");
	const char *id = json_string_value(member(read->root, "requestId", "request_id"));
	read->answer.request_id = id != NULL ? id : "";
	return (json_is_object(result) || spoilt("result", err)) &&
	       read_inputs(read, result, err) && read_outputs(read, result, err) &&
	       read_evidence(read, result, err);
}

struct answer *answer_parse(struct bytes json, struct error *err) {
	if (json.size > ANSWER_JSON_MAX) {
		(void)error_set(err, ERROR_TOO_LARGE, "an answer of %zu bytes is too large",
				json.size);
		return NULL;
	}
	struct read_answer *read = MEM_NEW(struct read_answer);
	evidence_init(&read->answer.evidence);
	if (read_all(read, json, err)) {
		return &read->answer;
	}
	answer_destroy(&read->answer);
	return NULL;
}

void answer_destroy(struct answer *answer) {
	struct read_answer *read = (struct read_answer *)answer;
	if (read != NULL) {
		evidence_finish(&answer->evidence);
		json_decref(read->root);
		free(read->inputs);
		free(read->outputs);
		free(read);
	}
}
