/* SPDX-License-Identifier: Apache-2.0 */
/* Dates and times (RFC 3339), with and without an offset. */
#include <string.h>

#include "base/toml_parts.h"

static bool is_digit(char c) {
	return c >= '0' && c <= '9';
}

static size_t count_digits(const char *at) {
	size_t count = 0;
	while (count < 5 && is_digit(at[count])) {
		count++;
	}
	return count;
}

bool toml_begins_time(const struct toml_parser *parser) {
	size_t digits = count_digits(parser->at);
	return (digits == 4 && parser->at[4] == '-') || (digits == 2 && parser->at[2] == ':');
}

/* Exactly so many digits, whose number is in the range. */
static bool read_part(struct toml_parser *parser, int digits, int min, int max, int *number) {
	const char *begin = parser->at;
	*number = 0;
	for (int i = 0; i < digits; i++) {
		if (parser->at == parser->end || !is_digit(*parser->at)) {
			return toml_fail(parser, begin, "%d digits are needed here", digits);
		}
		*number = *number * 10 + (*parser->at++ - '0');
	}
	if (*number < min || *number > max) {
		return toml_fail(parser, begin, "only %d to %d is possible here", min, max);
	}
	return true;
}

static bool expect(struct toml_parser *parser, char c) {
	return toml_take(parser, c) ||
	       toml_fail(parser, parser->at,
			       "a date is written 2006-01-02, a time 15:04:05, both "
			       "2006-01-02T15:04:05Z");
}

static int days_of(int year, int month) {
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	return days[month - 1] + (month == 2 && leap);
}

static bool read_date(struct toml_parser *parser, struct toml_time *time) {
	return read_part(parser, 4, 0, 9999, &time->year) && expect(parser, '-') &&
	       read_part(parser, 2, 1, 12, &time->month) && expect(parser, '-') &&
	       read_part(parser, 2, 1, days_of(time->year, time->month), &time->day);
}

static bool read_fraction(struct toml_parser *parser, struct toml_time *time) {
	int scale = 100000000;
	if (!toml_take(parser, '.')) {
		return true;
	}
	if (!is_digit(*parser->at)) {
		return toml_fail(parser, parser->at, "a digit is needed here");
	}
	for (; is_digit(*parser->at); parser->at++) {
		time->nanosecond += (*parser->at - '0') * scale;
		scale /= 10;
	}
	return true;
}

static bool read_clock(struct toml_parser *parser, struct toml_time *time) {
	return read_part(parser, 2, 0, 23, &time->hour) && expect(parser, ':') &&
	       read_part(parser, 2, 0, 59, &time->minute) && expect(parser, ':') &&
	       read_part(parser, 2, 0, 60, &time->second) && read_fraction(parser, time);
}

static bool read_offset(struct toml_parser *parser, struct toml *value) {
	int hour, minute;
	value->kind = TOML_DATETIME;
	if (toml_take(parser, 'Z') || toml_take(parser, 'z')) {
		return true;
	}
	int sign = toml_at(parser, '-') ? -1 : 1;
	if (!toml_take(parser, '-') && !toml_take(parser, '+')) {
		value->kind = TOML_LOCAL_DATETIME;
		return true;
	}
	if (!read_part(parser, 2, 0, 23, &hour) || !expect(parser, ':') ||
			!read_part(parser, 2, 0, 59, &minute)) {
		return false;
	}
	value->time.offset_minutes = sign * (hour * 60 + minute);
	return true;
}

static bool take_separator(struct toml_parser *parser) {
	bool space = toml_at(parser, ' ') && is_digit(parser->at[1]);
	parser->at += space;
	return space || toml_take(parser, 'T') || toml_take(parser, 't');
}

bool toml_read_time(struct toml_parser *parser, struct toml *value) {
	value->time = (struct toml_time){ 0 };
	if (parser->at[2] == ':') {
		value->kind = TOML_LOCAL_TIME;
		return read_clock(parser, &value->time);
	}
	value->kind = TOML_LOCAL_DATE;
	if (!read_date(parser, &value->time)) {
		return false;
	}
	return !take_separator(parser) ||
	       (read_clock(parser, &value->time) && read_offset(parser, value));
}
