/* SPDX-License-Identifier: Apache-2.0 */
#include "model/member.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "model/workload.h"

json_t *member_parse(struct bytes text, struct error *err) {
	json_error_t where;
	json_t *value = json_loadb((const char *)text.data, text.size, JSON_ALLOW_NUL, &where);
	if (value == NULL) {
		error_set(err, ERROR_INVALID, "not valid JSON: %s (line %d, column %d)", where.text,
				where.line, where.column);
		return NULL;
	}
	if (!json_is_object(value)) {
		json_decref(value);
		error_set(err, ERROR_INVALID, "a JSON object is expected");
		return NULL;
	}
	return value;
}

char *member_dump(json_t *value) {
	char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
	json_decref(value);
	return text != NULL ? text : mem_copy("null", 4);
}

static const char *kind_name(const json_t *value) {
	switch (json_typeof(value)) {
	case JSON_OBJECT: return "an object";
	case JSON_ARRAY: return "a list";
	case JSON_STRING: return "a string";
	case JSON_INTEGER:
	case JSON_REAL: return "a number";
	case JSON_TRUE:
	case JSON_FALSE: return "a boolean";
	case JSON_NULL: break;
	}
	return "null";
}

static const json_t *find(const json_t *object, const char *name) {
	const json_t *value = json_object_get(object, name);
	return json_is_null(value) ? NULL : value;
}

bool member_refuse(struct error *err, const char *name, const char *format, ...) {
	char text[ERROR_MESSAGE_MAX];
	va_list args;
	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	return error_set(err, ERROR_INVALID, "field \"%s\": %s", name, text) || error_in(err, name);
}

static bool wrong(const char *name, const char *expected, const json_t *got, struct error *err) {
	return member_refuse(err, name, "expected %s, got %s", expected, kind_name(got));
}

static bool has_control(const char *text, size_t size) {
	for (size_t i = 0; i < size; i++) {
		if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f) {
			return true;
		}
	}
	return false;
}

/* The checks that every text passes: a string, within its length, no zero byte inside. */
static bool check_text(const char *name, const json_t *value, size_t max, struct error *err) {
	if (!json_is_string(value)) {
		return wrong(name, "a string", value, err);
	}
	size_t size = json_string_length(value);
	if (size > max) {
		return member_refuse(err, name, "%zu bytes are over the limit of %zu", size, max);
	}
	if (memchr(json_string_value(value), 0, size) != NULL) {
		return member_refuse(err, name, "a zero character is not allowed");
	}
	return true;
}

bool member_any_text(const json_t *object, const char *name, size_t max, char **place,
		struct error *err) {
	const json_t *value = find(object, name);
	if (value == NULL) {
		return true;
	}
	if (!check_text(name, value, max, err)) {
		return false;
	}
	str_set(place, json_string_value(value));
	return true;
}

bool member_text(const json_t *object, const char *name, size_t max, char **place,
		struct error *err) {
	const json_t *value = find(object, name);
	if (json_is_string(value) &&
			has_control(json_string_value(value), json_string_length(value))) {
		return member_refuse(err, name, "control characters are not allowed");
	}
	return member_any_text(object, name, max, place, err);
}

bool member_short(const json_t *object, const char *name, char *place, size_t size,
		struct error *err) {
	const json_t *value = find(object, name);
	if (value == NULL) {
		return true;
	}
	if (!check_text(name, value, size - 1, err)) {
		return false;
	}
	(void)snprintf(place, size, "%s", json_string_value(value));
	return true;
}

bool member_digest(const json_t *object, const char *name, char place[DIGEST_HEX_SIZE],
		struct error *err) {
	const json_t *value = find(object, name);
	if (value == NULL) {
		return true;
	}
	/* The length too: a zero character would hide what follows it. */
	if (!json_is_string(value) || json_string_length(value) != DIGEST_HEX_SIZE - 1 ||
			!digest_text_valid(json_string_value(value))) {
		return member_refuse(err, name, "expected 64 lower-case hex digits");
	}
	memcpy(place, json_string_value(value), DIGEST_HEX_SIZE);
	return true;
}

bool member_bool(const json_t *object, const char *name, bool *place, struct error *err) {
	const json_t *value = find(object, name);
	if (value == NULL) {
		return true;
	}
	if (!json_is_boolean(value)) {
		return wrong(name, "true or false", value, err);
	}
	*place = json_is_true(value);
	return true;
}

/* A whole number; 10.0 is one, as some languages write it so. */
static bool whole(const json_t *value, int64_t *number) {
	if (json_is_integer(value)) {
		*number = json_integer_value(value);
		return true;
	}
	double real = json_real_value(value);
	if (!json_is_real(value) || real != floor(real) || fabs(real) > 9007199254740992.0) {
		return false;
	}
	*number = (int64_t)real;
	return true;
}

bool member_u64(const json_t *object, const char *name, uint64_t min, uint64_t max, uint64_t *place,
		struct error *err) {
	const json_t *value = find(object, name);
	int64_t number = 0;
	if (value == NULL) {
		return true;
	}
	if (!whole(value, &number)) {
		return wrong(name, "a whole number", value, err);
	}
	if (number < 0 || (uint64_t)number < min || (uint64_t)number > max) {
		return member_refuse(err, name, "%lld is not within %llu to %llu",
				(long long)number, (unsigned long long)min,
				(unsigned long long)max);
	}
	*place = (uint64_t)number;
	return true;
}

bool member_seconds(const json_t *object, const char *name, uint64_t max_ms, uint64_t *ms,
		struct error *err) {
	const json_t *value = find(object, name);
	if (value == NULL) {
		return true;
	}
	if (!json_is_number(value)) {
		return wrong(name, "a number of seconds", value, err);
	}
	double scaled = json_number_value(value) * 1000.0;
	if (!(scaled >= 0.0) || scaled > (double)max_ms) {
		return member_refuse(err, name, "%g s is not within 0 to %llu s",
				json_number_value(value), (unsigned long long)(max_ms / 1000));
	}
	*ms = (uint64_t)ceil(scaled);
	return true;
}

static void number_text(const json_t *value, char text[40]) {
	if (json_is_integer(value)) {
		(void)snprintf(text, 40, "%lld", (long long)json_integer_value(value));
		return;
	}
	double real = json_real_value(value);
	for (int digits = 1; digits <= 17; digits++) {
		(void)snprintf(text, 40, "%.*g", digits, real);
		if (strtod(text, NULL) == real) {
			return;
		}
	}
}

/* What is wrong is one of those that the member holds. */
static bool inside(struct error *err, const char *name, const char *which) {
	(void)error_of(err, ERROR_IN_BODY, "");
	return error_in(err, which) || error_in(err, name);
}

static bool add_item(struct strings *list, const char *name, bool numbers, const json_t *item,
		struct error *err) {
	char number[40];
	if (numbers && json_is_number(item)) {
		number_text(item, number);
		strings_add(list, number);
		return true;
	}
	if (!json_is_string(item)) {
		return member_refuse(err, name, "item %zu: expected a string%s, got %s",
				list->count, numbers ? " or a number" : "", kind_name(item));
	}
	if (!check_text(name, item, WORKLOAD_STDIN_MAX, err)) {
		return false;
	}
	strings_add(list, json_string_value(item));
	return true;
}

static bool check_count(const char *name, size_t count, struct error *err) {
	if (count > WORKLOAD_LIST_MAX) {
		return member_refuse(err, name, "%zu items are over the limit of %d", count,
				WORKLOAD_LIST_MAX);
	}
	return true;
}

bool member_strings(const json_t *object, const char *name, bool numbers, struct strings *list,
		struct error *err) {
	const json_t *value = find(object, name);
	if (value == NULL) {
		return true;
	}
	if (!json_is_array(value)) {
		return wrong(name, "a list", value, err);
	}
	if (!check_count(name, json_array_size(value), err)) {
		return false;
	}
	strings_finish(list);
	for (size_t i = 0; i < json_array_size(value); i++) {
		if (!add_item(list, name, numbers, json_array_get(value, i), err)) {
			char which[24];
			(void)snprintf(which, sizeof(which), "%zu", i);
			return inside(err, name, which);
		}
	}
	return true;
}

static bool add_variable(struct strings *list, const char *name, const char *key,
		const json_t *value, struct error *err) {
	if (key[0] == 0 || strchr(key, '=') != NULL) {
		return member_refuse(err, name,
				       "a variable's name is neither empty nor has \"=\" in it") ||
		       inside(err, name, key);
	}
	if (!check_text(name, value, WORKLOAD_STDIN_MAX, err)) {
		return error_wrap(err, "variable %.100s", key) || inside(err, name, key);
	}
	char *pair = str_format("%s=%s", key, json_string_value(value));
	strings_add(list, pair);
	free(pair);
	return true;
}

bool member_env(const json_t *object, const char *name, struct strings *list, struct error *err) {
	json_t *value = (json_t *)find(object, name);
	const char *key;
	json_t *item;
	if (value == NULL) {
		return true;
	}
	if (!json_is_object(value)) {
		return wrong(name, "an object of strings", value, err);
	}
	if (!check_count(name, json_object_size(value), err)) {
		return false;
	}
	strings_finish(list);
	json_object_foreach(value, key, item) {
		if (!add_variable(list, name, key, item, err)) {
			return false;
		}
	}
	return true;
}

bool member_object(const json_t *object, const char *name, json_t **place, struct error *err) {
	json_t *value = (json_t *)find(object, name);
	if (value == NULL) {
		return true;
	}
	if (!json_is_object(value)) {
		return wrong(name, "an object", value, err);
	}
	json_decref(*place);
	*place = json_incref(value);
	return true;
}

enum { NANOS = 1000000000, MS = 1000 };

/* Numbers between these are seconds since 1970 (2001 to 2255), a thousand times as much are
 * milliseconds; smaller ones count from the start of a device that has no clock. */
static const double seconds_min = 1e9, seconds_max = 9e9;

static int64_t number_time(double number) {
	int64_t unit = number < seconds_min * MS ? NANOS : NANOS / MS;
	double seconds = unit == NANOS ? number : number / MS;
	if (!(seconds >= seconds_min && seconds < seconds_max)) {
		return 0;
	}
	double whole = floor(number);
	return (int64_t)whole * unit + (int64_t)((number - whole) * (double)unit);
}

/* The first of both members that is there. */
static json_int_t either(const json_t *object, const char *name, const char *other) {
	const json_t *value = find(object, name);
	return json_integer_value(value != NULL ? value : find(object, other));
}

static int64_t parts_time(const json_t *value) {
	json_int_t seconds = either(value, "secs_since_epoch", "secs");
	json_int_t nanos = either(value, "nanos_since_epoch", "nanos");
	if (seconds < 0 || seconds > INT64_MAX / NANOS - 1 || nanos < 0 || nanos >= NANOS) {
		return 0;
	}
	return seconds * NANOS + nanos;
}

bool member_time(const json_t *object, const char *name, int64_t *wall_ns, struct error *err) {
	const json_t *value = find(object, name);
	if (value == NULL) {
		return true;
	}
	if (json_is_string(value)) {
		return clock_parse(json_string_value(value), wall_ns) ||
		       member_refuse(err, name, "not an RFC 3339 time");
	}
	if (!json_is_object(value) && !json_is_number(value)) {
		return wrong(name, "a time", value, err);
	}
	*wall_ns = json_is_object(value) ? parts_time(value)
					 : number_time(json_number_value(value));
	return true;
}

void member_put_text(json_t *object, const char *name, const char *text) {
	if (text != NULL) {
		json_object_set_new(object, name, json_string(text));
	}
}

void member_put_u64(json_t *object, const char *name, uint64_t value) {
	json_object_set_new(object, name, json_integer((json_int_t)value));
}

void member_put_time(json_t *object, const char *name, int64_t wall_ns) {
	char text[CLOCK_TEXT_MAX];
	clock_format(wall_ns, text);
	json_object_set_new(object, name, json_string(text));
}

json_t *member_list(const struct strings *list) {
	json_t *array = json_array();
	for (size_t i = 0; i < list->count; i++) {
		json_array_append_new(array, json_string(list->items[i]));
	}
	return array;
}

json_t *member_env_object(const struct strings *env) {
	json_t *object = json_object();
	for (size_t i = 0; i < env->count; i++) {
		const char *cut = strchr(env->items[i], '=');
		char *key = mem_copy(env->items[i], (size_t)(cut - env->items[i]));
		json_object_set_new(object, key, json_string(cut + 1));
		free(key);
	}
	return object;
}

bool member_need(const char *name, bool there, struct error *err) {
	return there || error_set(err, ERROR_INVALID, "field \"%s\" is missing", name) ||
	       error_in(err, name);
}
