/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/progress.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <pty.h>
#include <unistd.h>

#include "base/clock.h"

static uint64_t now_ms = 1000;

uint64_t __wrap_clock_ms(void);
uint64_t __wrap_clock_ms(void) {
	return now_ms;
}

enum { MIB = 1024 * 1024 };

static void lines(void **state) {
	(void)state;
	static const struct {
		uint64_t sent, total, ms;
		const char *line;
	} rows[] = {
		{ 0, 50ull * MIB, 0, "a.wasm  0 %  0.0 MiB of 50.0 MiB" },
		{ 5ull * MIB, 50ull * MIB, 100, "a.wasm  10 %  5.0 MiB of 50.0 MiB" },
		{ 25ull * MIB, 50ull * MIB, 2500,
				"a.wasm  50 %  25.0 MiB of 50.0 MiB  10.0 MiB/s  3 s left" },
		{ 1ull * MIB, 601ull * MIB, 1000,
				"a.wasm  0 %  1.0 MiB of 601.0 MiB  1.0 MiB/s  10 min left" },
		{ 50ull * MIB, 50ull * MIB, 5000,
				"a.wasm  100 %  50.0 MiB of 50.0 MiB  10.0 MiB/s  0 s left" },
		{ 0, 50ull * MIB, 5000, "a.wasm  0 %  0.0 MiB of 50.0 MiB" },
		{ 0, 0, 500, "a.wasm  100 %  0.0 MiB of 0.0 MiB" },
		{ 60ull * MIB, 50ull * MIB, 500, "a.wasm  120 %  60.0 MiB of 50.0 MiB" },
	};
	char line[PROGRESS_LINE_MAX];
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		progress_line(line, "a.wasm", rows[i].sent, rows[i].total, rows[i].ms);
		assert_string_equal(line, rows[i].line);
	}
	progress_line(line, "\x1b[31m", 0, 1, 0);
	assert_null(strchr(line, '\x1b'));
}

static void a_terminal_and_none(void **state) {
	(void)state;
	char text[1024] = "";
	int master, slave, ends[2];
	assert_int_equal(openpty(&master, &slave, NULL, NULL, NULL), 0);
	assert_int_equal(pipe(ends), 0);
	struct progress quiet = { .name = "a", .fd = ends[1] };
	progress_show(&quiet, 1, 50ull * MIB);
	progress_end(&quiet);
	(void)close(ends[1]);
	assert_int_equal(read(ends[0], text, sizeof(text)), 0);
	(void)close(ends[0]);
	struct progress shown = { .name = "a", .fd = slave };
	progress_show(&shown, 1, MIB); /* too small for a line */
	progress_show(&shown, 0, 50ull * MIB);
	now_ms += 50;
	progress_show(&shown, MIB, 50ull * MIB); /* too soon */
	now_ms += 450;
	progress_show(&shown, 10ull * MIB, 50ull * MIB);
	progress_end(&shown);
	(void)close(slave);
	size_t used = 0; /* it comes in pieces */
	for (ssize_t got; (got = read(master, text + used, sizeof(text) - 1 - used)) > 0;) {
		used += (size_t)got;
	}
	text[used] = 0;
	assert_string_equal(text,
			"\ra  0 %  0.0 MiB of 50.0 MiB\033[K"
			"\ra  20 %  10.0 MiB of 50.0 MiB  20.0 MiB/s  2 s left\033[K\r\033[K");
	(void)close(master);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines),
		cmocka_unit_test(a_terminal_and_none),
	};
	return cmocka_run_group_tests_name("cli/progress", tests, NULL, NULL);
}
