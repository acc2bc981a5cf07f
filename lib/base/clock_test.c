/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <inttypes.h>
#include <string.h>

static const struct {
	int64_t ns;
	const char *text;
} pairs[] = {
	{ 0, "0001-01-01T00:00:00Z" },
	{ 1, "1970-01-01T00:00:00.000000001Z" },
	{ -1, "1969-12-31T23:59:59.999999999Z" },
	{ -1000000000, "1969-12-31T23:59:59Z" },
	{ -1500000000, "1969-12-31T23:59:58.5Z" },
	{ 1000000000, "1970-01-01T00:00:01Z" },
	{ 1709210096789000000, "2024-02-29T12:34:56.789Z" },
	{ 1709210096700000000, "2024-02-29T12:34:56.7Z" },
	{ 951782400000000000, "2000-02-29T00:00:00Z" },
	{ INT64_MAX, "2262-04-11T23:47:16.854775807Z" },
	{ INT64_MIN, "1677-09-21T00:12:43.145224192Z" },
};

static void test_pairs(void **state) {
	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		char text[CLOCK_TEXT_MAX];
		int64_t ns = 42;
		clock_format(pairs[i].ns, text);
		assert_string_equal(text, pairs[i].text);
		assert_true(clock_parse(text, &ns));
		assert_true(ns == pairs[i].ns);
	}
}

static void test_offsets(void **state) {
	(void)state;
	static const char *const same[] = { "2024-02-29T12:34:56Z", "2024-02-29T12:34:56+00:00",
		"2024-02-29T12:34:56-00:00", "2024-02-29T14:34:56+02:00",
		"2024-02-29T07:04:56-05:30", "2024-03-01T12:33:56+23:59",
		"2024-02-28T12:35:56-23:59", "2024-02-29T12:34:56.000Z",
		"2024-02-29T14:34:56.000000000+02:00" };
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		int64_t ns;
		assert_true(clock_parse(same[i], &ns));
		assert_true(ns == 1709210096000000000);
	}
}

static void test_zero_time(void **state) {
	(void)state;
	int64_t ns = 5;
	assert_true(clock_parse("0001-01-01T00:00:00Z", &ns));
	assert_true(ns == 0);
	ns = 5;
	assert_true(clock_parse("0001-01-01T02:00:00+02:00", &ns));
	assert_true(ns == 0);
	assert_true(clock_parse("1970-01-01T00:00:00Z", &ns));
	assert_true(ns == 0);
}

static void test_refused(void **state) {
	(void)state;
	static const char *const bad[] = {
		"",
		"2024",
		"2024-02-29",
		"2024-02-29T12:34",
		"2024-02-29T12:34:56",
		"2024-02-29 12:34:56Z",
		"2024-02-29t12:34:56Z",
		"2024-02-29T12:34:56z",
		"2024-02-29T12:34:56ZZ",
		"2024-02-29T12:34:56Z ",
		" 2024-02-29T12:34:56Z",
		"+2024-02-29T12:34:56Z",
		"2024-2-29T12:34:56Z",
		"02024-02-29T12:34:56Z",
		"2024-13-01T00:00:00Z",
		"2024-00-01T00:00:00Z",
		"2024-01-00T00:00:00Z",
		"2024-01-32T00:00:00Z",
		"2023-02-29T00:00:00Z",
		"2100-02-29T00:00:00Z",
		"2024-02-30T00:00:00Z",
		"2024-04-31T00:00:00Z",
		"2024-02-29T24:00:00Z",
		"2024-02-29T12:60:00Z",
		"2024-02-29T12:00:60Z",
		"2024-02-29T12:34:56.Z",
		"2024-02-29T12:34:56,5Z",
		"2024-02-29T12:34:56.0000000001Z",
		"2024-02-29T12:34:56+0200",
		"2024-02-29T12:34:56+02",
		"2024-02-29T12:34:56+24:00",
		"2024-02-29T12:34:56+02:60",
		"2024-02-29T12:34:56+2:00",
		"2024-02-29T12:34:56-",
		"2262-04-11T23:47:16.854775808Z",
		"9999-12-31T23:59:59Z",
		"0000-01-01T00:00:00Z",
		"0001-01-01T00:00:00.000000001Z",
		"1677-09-21T00:12:42Z",
		"1677-09-21T00:12:43.145224191Z",
		"2024-02-29T12:34:5\xb2Z",
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		int64_t ns;
		if (clock_parse(bad[i], &ns)) {
			fail_msg("\"%s\" was accepted", bad[i]);
		}
	}
}

static void test_every_day_returns(void **state) {
	(void)state;
	const int64_t day = INT64_C(86400000000000);
	for (int64_t ns = -36500 * day + 1; ns < 100000 * day; ns += 11 * day) {
		char text[CLOCK_TEXT_MAX];
		int64_t parsed = 0;
		clock_format(ns, text);
		assert_true(clock_parse(text, &parsed));
		assert_true(parsed == ns);
	}
}

static void test_monotonic_goes_on(void **state) {
	(void)state;
	uint64_t us = clock_us();
	uint64_t ms = clock_ms();
	assert_true(ms >= us / 1000);
	assert_true(ms - us / 1000 < 60000); /* the same clock */
	uint64_t last = us;
	while (last < us + 2000) { /* it moves at all */
		uint64_t next = clock_us();
		assert_true(next >= last);
		last = next;
	}
}

static void test_wall_clock(void **state) {
	(void)state;
	int64_t seconds = (int64_t)time(NULL);
	int64_t ns = clock_wall_ns();
	assert_true(ns / 1000000000 - seconds <= 60 && seconds - ns / 1000000000 <= 60);
}

static void test_timespec(void **state) {
	(void)state;
	struct timespec time = clock_timespec(12345);
	assert_int_equal(time.tv_sec, 12);
	assert_int_equal(time.tv_nsec, 345000000);
	time = clock_timespec(UINT64_MAX);
	assert_true(time.tv_sec > 0 && time.tv_nsec >= 0 && time.tv_nsec < 1000000000);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pairs),
		cmocka_unit_test(test_offsets),
		cmocka_unit_test(test_zero_time),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_every_day_returns),
		cmocka_unit_test(test_monotonic_goes_on),
		cmocka_unit_test(test_wall_clock),
		cmocka_unit_test(test_timespec),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
