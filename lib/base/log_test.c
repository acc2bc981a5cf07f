/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"

enum { ROOM = 8192 };

/* What one line writes to stderr; `size` bytes and a zero byte. */
#define CAPTURE(text, call)                                                                        \
	do {                                                                                       \
		int saved = begin_capture();                                                       \
		call;                                                                              \
		end_capture(saved, text);                                                          \
	} while (0)

static int captured = -1;

static int begin_capture(void) {
	FILE *file = tmpfile();
	assert_non_null(file);
	captured = dup(fileno(file));
	(void)fclose(file);
	int saved = dup(STDERR_FILENO);
	assert_true(saved >= 0 && captured >= 0);
	assert_int_equal(dup2(captured, STDERR_FILENO), STDERR_FILENO);
	return saved;
}

static void end_capture(int saved, char text[ROOM]) {
	assert_int_equal(dup2(saved, STDERR_FILENO), STDERR_FILENO);
	(void)close(saved);
	ssize_t size = pread(captured, text, ROOM - 1, 0);
	assert_true(size >= 0);
	text[size] = '\0';
	(void)close(captured);
}

/* The line behind "time LEVEL ". */
static const char *message_of(const char *line) {
	const char *level = strchr(line, ' ');
	assert_non_null(level);
	const char *message = strchr(level + 1, ' ');
	assert_non_null(message);
	return message + 1;
}

static void test_form(void **state) {
	(void)state;
	char text[ROOM], time[25] = { 0 };
	int64_t ns;
	CAPTURE(text, log_warn("task started id=%d name=\"%s\"", 7, "gr\xc3\xbc\xc3\x9f\x65"));
	memcpy(time, text, 24);
	assert_true(clock_parse(time, &ns));
	assert_int_equal(text[19], '.');
	assert_int_equal(text[23], 'Z');
	int64_t age = clock_wall_ns() - ns;
	assert_true(age > -1000000000 && age < INT64_C(60000000000));
	assert_string_equal(text + 24, " WARN task started id=7 name=\"gr\xc3\xbc\xc3\x9f\x65\"\n");
}

static void test_levels(void **state) {
	(void)state;
	char text[ROOM];
	log_set_level(LOG_WARN);
	assert_false(log_enabled(LOG_INFO));
	assert_true(log_enabled(LOG_WARN));
	CAPTURE(text, log_info("unseen"));
	assert_string_equal(text, "");
	CAPTURE(text, log_error("seen"));
	assert_non_null(strstr(text, " ERROR seen\n"));
	log_set_level(LOG_DEBUG);
	CAPTURE(text, log_debug("seen"));
	assert_non_null(strstr(text, " DEBUG seen\n"));
	log_set_level(LOG_INFO);
	assert_false(log_enabled(LOG_DEBUG));
	CAPTURE(text, log_info("seen"));
	assert_non_null(strstr(text, " INFO seen\n"));
}

/* Nobody outside can end a line, clear the screen or fake another line. */
static void test_control_characters(void **state) {
	(void)state;
	static const struct {
		const char *in, *out;
	} pairs[] = {
		{ "a\nb\r\tc", "a\\x0ab\\x0d\\x09c\n" },
		{ "\x1b[2J\x07\x7f", "\\x1b[2J\\x07\\x7f\n" },
		{ "\xc2\x9b"
		  "31m",
				"\\xc2\\x9b31m\n" }, /* C1: a one-character ESC [ */
		{ "\xc2\xa0", "\xc2\xa0\n" },
		{ "\xff\xc3(\xe2\x82", "\\xff\\xc3(\\xe2\\x82\n" },
		{ "\xed\xa0\x80", "\\xed\\xa0\\x80\n" }, /* a surrogate */
		{ "\xc0\xaf", "\\xc0\\xaf\n" },          /* overlong */
		{ "\xe2\x82\xac \xf0\x9f\x9a\x81", "\xe2\x82\xac \xf0\x9f\x9a\x81\n" },
		{ "", "\n" },
	};
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		char text[ROOM];
		CAPTURE(text, log_info("%s", pairs[i].in));
		assert_string_equal(message_of(text), pairs[i].out);
	}
}

static void test_long_lines_are_cut(void **state) {
	(void)state;
	static const char *const fills[] = { "x", "\x01", "\xc3\xbc", "\xf0\x9f\x9a\x81" };
	for (size_t i = 0; i < sizeof(fills) / sizeof(fills[0]); i++) {
		char long_text[20000] = "", text[ROOM];
		for (size_t at = 0; at + 8 < sizeof(long_text); at += strlen(fills[i])) {
			(void)snprintf(long_text + at, 8, "%s", fills[i]);
		}
		CAPTURE(text, log_info("%s", long_text));
		size_t size = strlen(text);
		assert_true(size > 4000 && size <= 4096);
		assert_true(str_ends(text, "...\n"));
		assert_ptr_equal(strchr(text, '\n'), text + size - 1);
		assert_true(str_is_utf8(text, size));
	}
}

static void test_errno_stays(void **state) {
	(void)state;
	char text[ROOM];
	errno = EXDEV;
	CAPTURE(text, errno = EXDEV; log_info("x"); assert_int_equal(errno, EXDEV));
	CAPTURE(text, (void)close(STDERR_FILENO); errno = EXDEV; log_info("x");
			assert_int_equal(errno, EXDEV)); /* nowhere to write to */
	assert_string_equal(text, "");
}

static void test_parse(void **state) {
	(void)state;
	static const struct {
		const char *text;
		enum log_level level;
	} good[] = { { "debug", LOG_DEBUG }, { "INFO", LOG_INFO }, { "warn", LOG_WARN },
		{ "Warning", LOG_WARN }, { "error", LOG_ERROR } };
	struct error err;
	enum log_level level;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_true(log_level_parse(good[i].text, &level, &err));
		assert_int_equal(level, good[i].level);
	}
	static const char *const bad[] = { "", "trace", "infos", " info", "1" };
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_false(log_level_parse(bad[i], &level, &err));
		assert_int_equal(err.code, ERROR_INVALID);
		assert_non_null(strstr(err.message, "debug, info, warn or error"));
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_form),
		cmocka_unit_test(test_levels),
		cmocka_unit_test(test_control_characters),
		cmocka_unit_test(test_long_lines_are_cut),
		cmocka_unit_test(test_errno_stays),
		cmocka_unit_test(test_parse),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
