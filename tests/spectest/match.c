/* SPDX-License-Identifier: Apache-2.0 */
#include "match.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

/* A number's type in the JSON: how wide it is and, if it is a float, what its NaN looks like. */
struct shape {
	const char *name;
	wasmtime_valkind_t kind; /* of a whole value; lanes have none of their own */
	unsigned bytes;
	uint64_t nan, quiet; /* exponent with the quiet bit; the same without the sign is
				"canonical" */
};

static const struct shape shapes[] = {
	{ "i8", WASMTIME_V128, 1, 0, 0 },
	{ "i16", WASMTIME_V128, 2, 0, 0 },
	{ "i32", WASMTIME_I32, 4, 0, 0 },
	{ "i64", WASMTIME_I64, 8, 0, 0 },
	{ "f32", WASMTIME_F32, 4, 0x7fc00000, 0x80000000 },
	{ "f64", WASMTIME_F64, 8, 0x7ff8000000000000, 0x8000000000000000 },
};

static const char *text_of(const json_t *json, const char *name) {
	const char *text = json_string_value(json_object_get(json, name));
	return text != NULL ? text : "";
}

static const struct shape *shape_of(const char *name) {
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		if (str_equal(name, shapes[i].name)) {
			return &shapes[i];
		}
	}
	return NULL;
}

static bool is_reference(const char *type) {
	return str_equal(type, "funcref") || str_equal(type, "externref");
}

/* The lanes of a vector, lowest first; false if the JSON is not like that. */
static bool read_lanes(const json_t *json, wasmtime_v128 out) {
	const struct shape *shape = shape_of(text_of(json, "lane_type"));
	const json_t *lanes = json_object_get(json, "value");
	if (shape == NULL || json_array_size(lanes) * shape->bytes != sizeof(wasmtime_v128)) {
		return false;
	}
	for (size_t i = 0; i < json_array_size(lanes); i++) {
		uint64_t bits = strtoull(json_string_value(json_array_get(lanes, i)), NULL, 10);
		memcpy(out + i * shape->bytes, &bits, shape->bytes);
	}
	return true;
}

bool value_of_json(const json_t *json, wasmtime_val_t *value) {
	const char *type = text_of(json, "type");
	*value = (wasmtime_val_t){ 0 };
	if (str_equal(type, "v128")) {
		value->kind = WASMTIME_V128;
		return read_lanes(json, value->of.v128);
	}
	if (is_reference(type)) {
		value->kind = str_equal(type, "funcref") ? WASMTIME_FUNCREF : WASMTIME_EXTERNREF;
		return str_equal(text_of(json, "value"), "null");
	}
	const struct shape *shape = shape_of(type);
	if (shape == NULL) {
		return false;
	}
	value->kind = shape->kind;
	uint64_t bits = strtoull(text_of(json, "value"), NULL, 10);
	memcpy(&value->of, &bits, shape->bytes);
	return true;
}

static bool bits_match(const struct shape *shape, const char *expected, const void *bytes) {
	uint64_t bits = 0;
	memcpy(&bits, bytes, shape->bytes);
	if (str_equal(expected, "nan:canonical")) {
		return (bits & ~shape->quiet) == shape->nan;
	}
	if (str_equal(expected, "nan:arithmetic")) {
		return (bits & shape->nan) == shape->nan;
	}
	return strtoull(expected, NULL, 10) == bits;
}

static bool lanes_match(const json_t *expected, const wasmtime_val_t *value) {
	const struct shape *shape = shape_of(text_of(expected, "lane_type"));
	const json_t *lanes = json_object_get(expected, "value");
	if (shape == NULL || value->kind != WASMTIME_V128 ||
			json_array_size(lanes) * shape->bytes != sizeof(wasmtime_v128)) {
		return false;
	}
	for (size_t i = 0; i < json_array_size(lanes); i++) {
		const char *lane = json_string_value(json_array_get(lanes, i));
		if (!bits_match(shape, lane, value->of.v128 + i * shape->bytes)) {
			return false;
		}
	}
	return true;
}

bool value_matches(const json_t *expected, const wasmtime_val_t *value) {
	const char *type = text_of(expected, "type");
	if (str_equal(type, "v128")) {
		return lanes_match(expected, value);
	}
	if (is_reference(type)) {
		bool null = value->kind == WASMTIME_FUNCREF
					    ? wasmtime_funcref_is_null(&value->of.funcref)
					    : true;
		/* Without a value: any that is not null. */
		return null == str_equal(text_of(expected, "value"), "null");
	}
	const struct shape *shape = shape_of(type);
	return shape != NULL && shape->kind == value->kind &&
	       bits_match(shape, text_of(expected, "value"), &value->of);
}

void value_show(const wasmtime_val_t *value, char *text, size_t size) {
	uint64_t halves[2];
	memcpy(halves, &value->of, sizeof(halves));
	switch (value->kind) {
	case WASMTIME_I32:
	case WASMTIME_F32: (void)snprintf(text, size, "%08x", (unsigned)halves[0]); break;
	case WASMTIME_I64:
	case WASMTIME_F64:
		(void)snprintf(text, size, "%016llx", (unsigned long long)halves[0]);
		break;
	default:
		(void)snprintf(text, size, "%016llx%016llx", (unsigned long long)halves[1],
				(unsigned long long)halves[0]);
		break;
	}
}
