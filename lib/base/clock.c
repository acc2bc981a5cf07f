/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include <stdio.h>
#include <string.h>

enum { NS_PER_S = 1000000000, DAY_S = 86400 };

static const char zero_text[] = "0001-01-01T00:00:00Z";
static const int64_t zero_seconds = -62135596800; /* of that text, counted from 1970 */

static struct timespec now(clockid_t which) {
	struct timespec time = { 0 };
	(void)clock_gettime(which, &time); /* cannot fail for these two clocks */
	return time;
}

uint64_t clock_ms(void) {
	return clock_us() / 1000;
}

uint64_t clock_us(void) {
	struct timespec time = now(CLOCK_MONOTONIC);
	return (uint64_t)time.tv_sec * 1000000 + (uint64_t)time.tv_nsec / 1000;
}

int64_t clock_wall_ns(void) {
	struct timespec time = now(CLOCK_REALTIME);
	return (int64_t)time.tv_sec * NS_PER_S + time.tv_nsec;
}

struct timespec clock_timespec(uint64_t monotonic_ms) {
	return (struct timespec){
		.tv_sec = (time_t)(monotonic_ms / 1000),
		.tv_nsec = (long)(monotonic_ms % 1000) * 1000000,
	};
}

/* ".5" for 500000000, nothing for 0. */
static void format_fraction(int64_t ns, char text[12]) {
	text[0] = '\0';
	if (ns == 0) {
		return;
	}
	int length = snprintf(text, 12, ".%09d", (int)ns);
	while (text[length - 1] == '0') {
		text[--length] = '\0';
	}
}

void clock_format(int64_t wall_ns, char text[CLOCK_TEXT_MAX]) {
	if (wall_ns == 0) {
		memcpy(text, zero_text, sizeof(zero_text));
		return;
	}
	time_t seconds = wall_ns / NS_PER_S;
	int64_t ns = wall_ns % NS_PER_S;
	if (ns < 0) {
		ns += NS_PER_S;
		seconds--;
	}
	struct tm tm;
	char fraction[12];
	(void)gmtime_r(&seconds, &tm);
	format_fraction(ns, fraction);
	(void)snprintf(text, CLOCK_TEXT_MAX, "%04d-%02d-%02dT%02d:%02d:%02d%sZ", tm.tm_year + 1900,
			tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, fraction);
}

struct fields {
	int year, month, day, hour, minute, second, ns, offset_minutes;
};

/* Exactly `digits` digits, at most `max`. Moves *text behind them. */
static bool take_number(const char **text, int digits, int max, int *value) {
	*value = 0;
	for (int i = 0; i < digits; i++, (*text)++) {
		if (**text < '0' || **text > '9') {
			return false;
		}
		*value = *value * 10 + (**text - '0');
	}
	return *value <= max;
}

static bool take_character(const char **text, char c) {
	return *(*text)++ == c;
}

static bool take_fraction(const char **text, int *ns) {
	*ns = 0;
	if (**text != '.') {
		return true;
	}
	(*text)++;
	size_t digits = strspn(*text, "0123456789");
	if (digits < 1 || digits > 9 || !take_number(text, (int)digits, NS_PER_S - 1, ns)) {
		return false;
	}
	for (; digits < 9; digits++) {
		*ns *= 10;
	}
	return true;
}

static bool take_offset(const char **text, int *minutes) {
	char sign = *(*text)++;
	int hour, minute;
	*minutes = 0;
	if (sign == 'Z') {
		return true;
	}
	if ((sign != '+' && sign != '-') || !take_number(text, 2, 23, &hour) ||
			!take_character(text, ':') || !take_number(text, 2, 59, &minute)) {
		return false;
	}
	*minutes = (sign == '-' ? -1 : 1) * (hour * 60 + minute);
	return true;
}

static bool take_fields(const char *text, struct fields *f) {
	return take_number(&text, 4, 9999, &f->year) && take_character(&text, '-') &&
	       take_number(&text, 2, 12, &f->month) && take_character(&text, '-') &&
	       take_number(&text, 2, 31, &f->day) && take_character(&text, 'T') &&
	       take_number(&text, 2, 23, &f->hour) && take_character(&text, ':') &&
	       take_number(&text, 2, 59, &f->minute) && take_character(&text, ':') &&
	       take_number(&text, 2, 59, &f->second) && take_fraction(&text, &f->ns) &&
	       take_offset(&text, &f->offset_minutes) && *text == '\0';
}

static bool date_valid(const struct fields *f) {
	static const int lengths[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	if (f->month < 1 || f->day < 1) {
		return false;
	}
	bool leap = (f->year % 4 == 0 && f->year % 100 != 0) || f->year % 400 == 0;
	return f->day <= lengths[f->month - 1] + (f->month == 2 && leap);
}

static int64_t seconds_of(const struct fields *f) {
	struct tm tm = {
		.tm_year = f->year - 1900,
		.tm_mon = f->month - 1,
		.tm_mday = f->day,
		.tm_hour = f->hour,
		.tm_min = f->minute,
		.tm_sec = f->second,
	};
	return (int64_t)timegm(&tm) - (int64_t)f->offset_minutes * 60;
}

bool clock_parse(const char *text, int64_t *wall_ns) {
	struct fields fields;
	if (!take_fields(text, &fields) || !date_valid(&fields)) {
		return false;
	}
	int64_t seconds = seconds_of(&fields);
	if (seconds == zero_seconds && fields.ns == 0) {
		*wall_ns = 0;
		return true;
	}
	/* Before 1970 one second too many and back again, for INT64_MIN lies between two seconds.
	 */
	int64_t borrow = seconds < 0 ? 1 : 0;
	int64_t rest = fields.ns - borrow * NS_PER_S;
	return !__builtin_mul_overflow(seconds + borrow, (int64_t)NS_PER_S, wall_ns) &&
	       !__builtin_add_overflow(*wall_ns, rest, wall_ns);
}
