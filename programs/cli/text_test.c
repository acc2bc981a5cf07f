/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <fcntl.h>
#include <pty.h>
#include <unistd.h>

#include "base/mem.h"

/* Nothing that a guest or a worker wrote reaches the terminal as a command to it. */
static void printable_text(void **state) {
	(void)state;
	static const struct {
		const char *text;
		size_t width;
		const char *shown;
	} rows[] = {
		{ "plain", 0, "plain" },
		{ "", 5, "" },
		{ "\x1b[31mred\x07\n", 0, "\\x1b[31mred\\x07\\x0a" },
		{ "\x7f", 0, "\\x7f" },
		{ "\xc2\x9b"
		  "31m",
				0, "\\u009b31m" }, /* CSI in one character */
		{ "\xe2\x80\xae"
		  "gpj.exe",
				0, "\\u202egpj.exe" },
		{ "\xf3\xa0\x81\x81", 0, "\\ue0041" },
		{ "\x9b\xff", 0, "\\x9b\\xff" },
		{ "too long", 5, "too ~" },
		{ "exact", 5, "exact" },
		{ "gr\xc3\xbc\xc3\x9f"
		  "e",
				0,
				"gr\xc3\xbc\xc3\x9f"
				"e" },
		{ "gr\xc3\xbc\xc3\x9f"
		  "e",
				4, "gr\xc3\xbc~" },
		{ "\xe6\xbc\xa2\xe5\xad\x97", 4, "\xe6\xbc\xa2\xe5\xad\x97" },
		{ "\xe6\xbc\xa2\xe5\xad\x97", 3, "\xe6\xbc\xa2~" },
		{ "\xe6\xbc\xa2\xe5\xad\x97", 2, "~" },
		{ "e\xcc\x81t\xc3\xa9", 3, "e\xcc\x81t\xc3\xa9" },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		CLEANUP(mem_freep) char *text = printable(rows[i].text, rows[i].width);
		assert_string_equal(text, rows[i].shown);
	}
}

static void widths(void **state) {
	(void)state;
	assert_int_equal(text_width(""), 0);
	assert_int_equal(text_width("abc"), 3);
	assert_int_equal(text_width("gr\xc3\xbcn"), 4);
	assert_int_equal(text_width("\xe6\xbc\xa2\xe5\xad\x97"), 4);
	assert_int_equal(text_width("e\xcc\x81"), 1);
	assert_int_equal(text_width("\xf0\x9f\x98\x80"), 2);
}

static void terminals(void **state) {
	(void)state;
	int master, slave, none = open("/dev/null", O_RDONLY | O_CLOEXEC);
	struct winsize size = { .ws_col = 123, .ws_row = 10 };
	assert_int_equal(openpty(&master, &slave, NULL, NULL, &size), 0);
	(void)setenv("TERM", "xterm", 1);
	(void)unsetenv("NO_COLOR");
	(void)unsetenv("COLUMNS");
	assert_int_equal(terminal_width(none), 0);
	assert_int_equal(terminal_width(slave), 123);
	assert_true(terminal_colours(slave) && !terminal_colours(none));
	(void)setenv("COLUMNS", "60", 1);
	assert_int_equal(terminal_width(slave), 60);
	assert_int_equal(terminal_width(none), 0);
	(void)setenv("COLUMNS", "wide", 1);
	assert_int_equal(terminal_width(slave), 123);
	(void)setenv("TERM", "dumb", 1);
	assert_false(terminal_colours(slave));
	(void)setenv("TERM", "xterm", 1);
	(void)setenv("NO_COLOR", "", 1);
	assert_true(terminal_colours(slave));
	(void)setenv("NO_COLOR", "1", 1);
	assert_false(terminal_colours(slave));
	(void)close(master), (void)close(slave), (void)close(none);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(printable_text),
		cmocka_unit_test(widths),
		cmocka_unit_test(terminals),
	};
	return cmocka_run_group_tests_name("cli/text", tests, NULL, NULL);
}
