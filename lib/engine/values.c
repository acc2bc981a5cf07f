/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/values.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "engine/function.h"

static const char *const type_names[] = {
	[WASMTIME_VALTYPE_KIND_I32] = "i32",
	[WASMTIME_VALTYPE_KIND_I64] = "i64",
	[WASMTIME_VALTYPE_KIND_F32] = "f32",
	[WASMTIME_VALTYPE_KIND_F64] = "f64",
	[WASMTIME_VALTYPE_KIND_V128] = "v128",
	[WASMTIME_VALTYPE_KIND_REF] = "reference",
};

/* wasm_valtype_kind() ends the process on a v128 and on most references: this way it does not. */
static wasmtime_valtype_kind_t kind_of(const wasm_valtype_t *type) {
	wasmtime_valtype_t whole;
	wasmtime_valtype_new(type, &whole);
	wasmtime_valtype_kind_t kind = whole.kind;
	wasmtime_valtype_delete(&whole);
	return kind;
}

struct value_types value_types_of(const wasm_valtype_vec_t *types) {
	struct value_types out = { .kinds = mem_zero(types->size, sizeof(*out.kinds)),
		.count = types->size };
	for (size_t i = 0; i < types->size; i++) {
		out.kinds[i] = kind_of(types->data[i]);
	}
	return out;
}

void value_types_text(const struct value_types *types, char *text, size_t size) {
	size_t used = (size_t)snprintf(text, size, "%s", types->count == 0 ? "nothing" : "");
	for (size_t i = 0; i < types->count && used < size; i++) {
		const char *comma = i == 0 ? "" : ", ";
		int more = snprintf(text + used, size - used, "%s%s", comma,
				type_names[types->kinds[i]]);
		used += (size_t)more;
	}
}

bool value_types_plain(const struct value_types *types) {
	for (size_t i = 0; i < types->count; i++) {
		if (types->kinds[i] > WASMTIME_VALTYPE_KIND_F64) {
			return false;
		}
	}
	return true;
}

static bool refuse(const char *text, wasmtime_valtype_kind_t kind, size_t number, const char *why,
		struct error *err) {
	return error_set(err, ERROR_INVALID, "argument %zu, \"%.64s\", is not an %s: %s", number,
			text, type_names[kind], why);
}

static int digit_of(char c) {
	if (c >= '0' && c <= '9') {
		return c - '0';
	}
	if (c >= 'a' && c <= 'f') {
		return c - 'a' + 10;
	}
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : 99;
}

/* Digits of a base, all of the text; false with *wide set if the value needs more than 64 bits. */
static bool read_digits(const char *text, int base, uint64_t *value, bool *wide) {
	bool some = *text != '\0';
	*value = 0;
	for (; *text != '\0'; text++) {
		int digit = digit_of(*text);
		if (digit >= base) {
			return false;
		}
		*wide = *wide || *value > (UINT64_MAX - (uint64_t)digit) / (uint64_t)base;
		*value = *value * (uint64_t)base + (uint64_t)digit;
	}
	return some;
}

/* Signed and unsigned numbers of `bits` bits, as the bits that they are. */
static const char *read_integer(const char *text, unsigned bits, uint64_t *value) {
	bool negative = *text == '-', wide = false;
	text += negative;
	bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
	if (!read_digits(hex ? text + 2 : text, hex ? 16 : 10, value, &wide)) {
		return "only a decimal or 0x hexadecimal number is";
	}
	uint64_t most = negative ? (uint64_t)1 << (bits - 1) : UINT64_MAX >> (64 - bits);
	if (wide || *value > most) {
		return "it is out of range";
	}
	*value = negative ? 0 - *value : *value;
	return NULL;
}

static const char *after_float(const char *text, const char *end) {
	/* "nan(5)" is a NaN of strtod()'s own making. */
	if (*end != '\0' || end == text || strchr(" \t\n\v\f\r", *text) != NULL ||
			strchr(text, '(') != NULL) {
		return "only a number, inf or nan is";
	}
	return errno == ERANGE ? "it is out of range" : NULL;
}

/* Reading sets ERANGE for tiny numbers too; those are simply rounded. */
static const char *read_f32(const char *text, float *value) {
	char *end;
	errno = 0;
	*value = strtof(text, &end);
	errno = isinf(*value) ? errno : 0;
	return after_float(text, end);
}

static const char *read_f64(const char *text, double *value) {
	char *end;
	errno = 0;
	*value = strtod(text, &end);
	errno = isinf(*value) ? errno : 0;
	return after_float(text, end);
}

bool value_parse(const char *text, wasmtime_valtype_kind_t kind, size_t number,
		wasmtime_val_t *value, struct error *err) {
	uint64_t bits = 0;
	const char *why = NULL;
	switch (kind) {
	case WASMTIME_VALTYPE_KIND_I32:
		why = read_integer(text, 32, &bits);
		*value = (wasmtime_val_t){ .kind = WASMTIME_I32,
			.of.i32 = (int32_t)(uint32_t)bits };
		break;
	case WASMTIME_VALTYPE_KIND_I64:
		why = read_integer(text, 64, &bits);
		*value = (wasmtime_val_t){ .kind = WASMTIME_I64, .of.i64 = (int64_t)bits };
		break;
	case WASMTIME_VALTYPE_KIND_F32:
		value->kind = WASMTIME_F32;
		why = read_f32(text, &value->of.f32);
		break;
	case WASMTIME_VALTYPE_KIND_F64:
		value->kind = WASMTIME_F64;
		why = read_f64(text, &value->of.f64);
		break;
	default: why = "values of this type have no text"; break;
	}
	return why == NULL || refuse(text, kind, number, why, err);
}

/* A finite number other than zero as 0.d1d2d3... times ten to the `point`. */
struct decimal {
	char digits[20];
	int count, point;
};

static struct decimal decimal_of(const char *scientific) {
	struct decimal decimal = { 0 };
	const char *at = scientific;
	for (; *at != 'e'; at++) {
		if (*at != '.') {
			decimal.digits[decimal.count++] = *at;
		}
	}
	decimal.point = (int)strtol(at + 1, NULL, 10) + 1;
	return decimal;
}

/* Number::toString of ECMAScript, for a positive number. */
static void layout(const struct decimal *d, char *text, size_t size) {
	if (d->point > 21 || d->point <= -6) {
		bool fraction = d->count > 1;
		(void)snprintf(text, size, "%c%s%.*se%+d", d->digits[0], fraction ? "." : "",
				d->count - 1, d->digits + 1, d->point - 1);
	} else if (d->point <= 0) {
		(void)snprintf(text, size, "0.%.*s%s", -d->point, "000000", d->digits);
	} else if (d->point >= d->count) {
		(void)snprintf(text, size, "%s%.*s", d->digits, d->point - d->count,
				"000000000000000000000");
	} else {
		(void)snprintf(text, size, "%.*s.%s", d->point, d->digits, d->digits + d->point);
	}
}

/* The fewest digits that read back as the same value. */
static void shortest(double value, bool single, char text[32]) {
	int most = single ? 9 : 17;
	for (int digits = 1; digits <= most; digits++) {
		(void)snprintf(text, 32, "%.*e", digits - 1, value);
		bool same = single ? strtof(text, NULL) == (float)value
				   : strtod(text, NULL) == value;
		if (same) {
			return;
		}
	}
}

static void format_float(double value, bool single, char text[VALUE_TEXT_MAX]) {
	const char *sign = signbit(value) && !isnan(value) ? "-" : "";
	if (isnan(value) || isinf(value) || value == 0) {
		const char *word = isnan(value) ? "nan" : isinf(value) ? "inf" : "0";
		(void)snprintf(text, VALUE_TEXT_MAX, "%s%s", sign, word);
		return;
	}
	char scientific[32];
	shortest(fabs(value), single, scientific);
	struct decimal decimal = decimal_of(scientific);
	size_t used = (size_t)snprintf(text, VALUE_TEXT_MAX, "%s", sign);
	layout(&decimal, text + used, VALUE_TEXT_MAX - used);
}

void value_format(const wasmtime_val_t *value, char text[VALUE_TEXT_MAX]) {
	switch (value->kind) {
	case WASMTIME_I32: (void)snprintf(text, VALUE_TEXT_MAX, "%d", value->of.i32); break;
	case WASMTIME_I64:
		(void)snprintf(text, VALUE_TEXT_MAX, "%lld", (long long)value->of.i64);
		break;
	case WASMTIME_F32: format_float((double)value->of.f32, true, text); break;
	case WASMTIME_F64: format_float(value->of.f64, false, text); break;
	default: text[0] = '\0'; break;
	}
}

/* --- values of function.h ----------------------------------------------------------------------
 */

static const wasmtime_valtype_kind_t kinds_of_types[] = {
	[VALUE_I32] = WASMTIME_VALTYPE_KIND_I32,
	[VALUE_I64] = WASMTIME_VALTYPE_KIND_I64,
	[VALUE_F32] = WASMTIME_VALTYPE_KIND_F32,
	[VALUE_F64] = WASMTIME_VALTYPE_KIND_F64,
};

const char *value_type_name(enum value_type type) {
	return type_names[kinds_of_types[type]];
}

bool value_read(const char *text, enum value_type type, size_t number, struct value *value,
		struct error *err) {
	wasmtime_val_t read;
	*value = (struct value){ .type = type };
	if (!value_parse(text, kinds_of_types[type], number, &read, err)) {
		return false;
	}
	bool small = type == VALUE_I32 || type == VALUE_F32;
	value->of.bits64 = small ? (uint32_t)read.of.i32 : (uint64_t)read.of.i64;
	return true;
}

void value_write(const struct value *value, char text[VALUE_TEXT_SIZE]) {
	wasmtime_val_t whole = { .kind = kinds_of_types[value->type] };
	whole.of.i64 = value->of.i64;
	value_format(&whole, text);
}
