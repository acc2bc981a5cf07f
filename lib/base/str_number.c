/* SPDX-License-Identifier: Apache-2.0 */
#include "base/str.h"

#include <string.h>
#include <strings.h>

/* The digits at the start of the text; false if there are none or the value does not fit. */
static bool take_digits(const char **text, uint64_t *value) {
	const char *start = *text;
	*value = 0;
	for (; **text >= '0' && **text <= '9'; (*text)++) {
		if (__builtin_mul_overflow(*value, 10, value) ||
				__builtin_add_overflow(*value, (uint64_t)(**text - '0'), value)) {
			return false;
		}
	}
	return *text != start;
}

bool str_to_u64(const char *text, uint64_t *value, struct error *err) {
	const char *at = text;
	uint64_t number;
	if (!take_digits(&at, &number) || *at != '\0') {
		return error_set(err, ERROR_INVALID,
				"\"%.80s\" is not a whole number from 0 to 18446744073709551615",
				text);
	}
	*value = number;
	return true;
}

bool str_to_i64(const char *text, int64_t *value, struct error *err) {
	bool negative = *text == '-';
	const char *at = text + negative;
	uint64_t number;
	uint64_t most = (uint64_t)INT64_MAX + negative;
	if (!take_digits(&at, &number) || *at != '\0' || number > most) {
		return error_set(err, ERROR_INVALID,
				"\"%.80s\" is not a whole number from -9223372036854775808 to "
				"9223372036854775807",
				text);
	}
	*value = (int64_t)(negative ? 0 - number : number);
	return true;
}

bool str_to_bool(const char *text, bool *value, struct error *err) {
	static const char *const words[] = { "false", "true", "0", "1", "no", "yes", "off", "on" };
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcasecmp(text, words[i]) == 0) {
			*value = i % 2 == 1;
			return true;
		}
	}
	return error_set(err, ERROR_INVALID, "\"%.80s\" is not a yes or no; use true or false",
			text);
}

struct unit {
	const char *name;
	uint64_t factor;
};

static const struct unit times[] = { { "h", 3600000 }, { "m", 60000 }, { "s", 1000 }, { "ms", 1 } };

/* clang-format off */
static const struct unit sizes[] = {
	{ "", 1 }, { "B", 1 },
	{ "k", 1 << 10 }, { "K", 1 << 10 }, { "Ki", 1 << 10 }, { "KiB", 1 << 10 },
	{ "M", 1 << 20 }, { "Mi", 1 << 20 }, { "MiB", 1 << 20 },
	{ "G", 1 << 30 }, { "Gi", 1 << 30 }, { "GiB", 1 << 30 },
};
/* clang-format on */

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* The letters at the start of the text as a unit; moves *text behind them. NULL if unknown. */
static const struct unit *take_unit(const char **text, const struct unit *units, size_t count) {
	size_t length = strcspn(*text, "0123456789");
	for (size_t i = 0; i < count; i++) {
		if (strlen(units[i].name) == length && memcmp(*text, units[i].name, length) == 0) {
			*text += length;
			return &units[i];
		}
	}
	return NULL;
}

/* "1m30s": each part a number and a unit, added up. */
static bool take_parts(const char *text, uint64_t *ms) {
	*ms = 0;
	do {
		uint64_t number;
		if (!take_digits(&text, &number)) {
			return false;
		}
		const struct unit *unit = take_unit(&text, times, COUNT(times));
		if (unit == NULL || __builtin_mul_overflow(number, unit->factor, &number) ||
				__builtin_add_overflow(*ms, number, ms)) {
			return false;
		}
	} while (*text != '\0');
	return true;
}

static bool whole_seconds(const char *text, uint64_t *ms) {
	return take_digits(&text, ms) && *text == '\0' && !__builtin_mul_overflow(*ms, 1000, ms);
}

bool str_to_duration_ms(const char *text, uint64_t *ms, struct error *err) {
	uint64_t number;
	if (!whole_seconds(text, &number) && !take_parts(text, &number)) {
		return error_set(err, ERROR_INVALID,
				"\"%.80s\" is not a duration; use seconds or units: 30, 500ms, "
				"30s, 1m30s, 1h",
				text);
	}
	*ms = number;
	return true;
}

bool str_to_bytes(const char *text, uint64_t *bytes, struct error *err) {
	const char *at = text;
	uint64_t number;
	const struct unit *unit = NULL;
	if (take_digits(&at, &number)) {
		unit = take_unit(&at, sizes, COUNT(sizes));
	}
	if (unit == NULL || *at != '\0' || __builtin_mul_overflow(number, unit->factor, &number)) {
		return error_set(err, ERROR_INVALID,
				"\"%.80s\" is not a size; use bytes or units: 512, 64KiB, 256MiB, "
				"1GiB",
				text);
	}
	*bytes = number;
	return true;
}

char *str_size(double bytes) {
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	size_t unit = 0;
	while (bytes >= 1024 && unit + 1 < COUNT(units)) {
		bytes /= 1024;
		unit++;
	}
	return str_format(unit == 0 ? "%.0f %s" : "%.1f %s", bytes, units[unit]);
}
