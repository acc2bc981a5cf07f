/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/executed.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static float f32_of(const struct statement_value *value) {
	uint32_t bits = (uint32_t)value->bits;
	float number;
	memcpy(&number, &bits, sizeof(number));
	return number;
}

static double f64_of(const struct statement_value *value) {
	double number;
	memcpy(&number, &value->bits, sizeof(number));
	return number;
}

/* --- as text -----------------------------------------------------------------------------------
 */

static bool reads_back(const char *text, bool wide, double number) {
	return wide ? strtod(text, NULL) == number : strtof(text, NULL) == (float)number;
}

static void float_text(double number, bool wide, char text[EXECUTED_TEXT_SIZE]) {
	if (isnan(number)) {
		(void)snprintf(text, EXECUTED_TEXT_SIZE, "nan");
		return;
	}
	for (int digits = 1; digits <= 17; digits++) {
		(void)snprintf(text, EXECUTED_TEXT_SIZE, "%.*g", digits, number);
		if (reads_back(text, wide, number)) {
			return;
		}
	}
}

void executed_text(const struct statement_value *value, char text[EXECUTED_TEXT_SIZE]) {
	switch (value->type) {
	case STATEMENT_I32:
		(void)snprintf(text, EXECUTED_TEXT_SIZE, "%d", (int32_t)(uint32_t)value->bits);
		break;
	case STATEMENT_I64:
		(void)snprintf(text, EXECUTED_TEXT_SIZE, "%lld", (long long)value->bits);
		break;
	case STATEMENT_F32: float_text((double)f32_of(value), false, text); break;
	case STATEMENT_F64: float_text(f64_of(value), true, text); break;
	}
}

json_t *executed_values(const struct statement *statement) {
	json_t *list = json_array();
	for (size_t i = 0; i < statement->outputs.count; i++) {
		char text[EXECUTED_TEXT_SIZE];
		executed_text(&statement->outputs.items[i], text);
		json_array_append_new(list, json_string(text));
	}
	return list;
}

/* --- against what was asked for ----------------------------------------------------------------
 */

/* Signed or unsigned, decimal or 0x hexadecimal (never octal), as its lowest 64 bits. */
static bool read_integer(const char *text, uint64_t *bits) {
	const char *digits = text + (text[0] == '-' || text[0] == '+');
	int base = digits[0] == '0' && (digits[1] == 'x' || digits[1] == 'X') ? 16 : 10;
	char *end;
	errno = 0;
	uint64_t number = strtoull(digits, &end, base);
	*bits = text[0] == '-' ? 0 - number : number;
	return errno == 0 && end != digits && *end == '\0';
}

static bool same_float(double mine, double theirs) {
	return (isnan(mine) && isnan(theirs)) ||
	       (mine == theirs && signbit(mine) == signbit(theirs));
}

/* True also if the text is none of a number: then nobody can say. */
static bool same_input(const char *text, const struct statement_value *value) {
	uint64_t bits;
	char *end;
	switch (value->type) {
	case STATEMENT_I32:
		return !read_integer(text, &bits) || (uint32_t)bits == (uint32_t)value->bits;
	case STATEMENT_I64: return !read_integer(text, &bits) || bits == value->bits;
	case STATEMENT_F32: {
		float mine = strtof(text, &end);
		return *end != '\0' || same_float((double)mine, (double)f32_of(value));
	}
	case STATEMENT_F64: {
		double mine = strtod(text, &end);
		return *end != '\0' || same_float(mine, f64_of(value));
	}
	}
	return false;
}

static bool differs(const char *what, struct error *err) {
	return error_set(err, ERROR_INTEGRITY,
			"the receipt does not verify: it is about another %s than was asked for",
			what);
}

bool executed_matches(const struct executed *asked, const struct statement *statement,
		struct error *err) {
	if (memcmp(asked->wasm, statement->wasm, DIGEST_SIZE) != 0) {
		return differs("module", err);
	}
	if (strcmp(asked->function, statement->function) != 0) {
		return differs("function", err);
	}
	if (statement->nonce.size != asked->nonce_size ||
			memcmp(statement->nonce.data, asked->nonce, asked->nonce_size) != 0) {
		return differs("nonce", err);
	}
	size_t count = 0;
	while (asked->inputs[count] != NULL) {
		if (count >= statement->inputs.count ||
				!same_input(asked->inputs[count],
						&statement->inputs.items[count])) {
			return differs("input", err);
		}
		count++;
	}
	return count == statement->inputs.count || differs("input", err);
}
