/* SPDX-License-Identifier: Apache-2.0 */
#include "http/trace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define ID "4bf92f3577b34da6a3ce929d0e0e4736"

static void read_as_the_standard_has_it(void **state) {
	static const struct {
		const char *parent;
		bool good;
	} rows[] = {
		{ "00-" ID "-00f067aa0ba902b7-01", true },
		{ "00-" ID "-00f067aa0ba902b7-00", true },
		{ "00-" ID "-00f067aa0ba902b7-ff", true },
		{ "cc-" ID "-00f067aa0ba902b7-01", true },
		{ "cc-" ID "-00f067aa0ba902b7-01-what comes later", true },
		{ "cc-" ID "-00f067aa0ba902b7-01.what", false },
		{ "00-" ID "-00f067aa0ba902b7-01-more", false },
		{ "00-" ID "-00f067aa0ba902b7-01 ", false },
		{ "ff-" ID "-00f067aa0ba902b7-01", false },
		{ "00-00000000000000000000000000000000-00f067aa0ba902b7-01", false },
		{ "00-" ID "-0000000000000000-01", false },
		{ "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", false },
		{ "00-" ID "-00f067aa0ba902b7-0", false },
		{ "00-" ID "-00f067aa0ba902b7-0x", false },
		{ "00-" ID "-00f067aa0ba902b-01", false },
		{ "00 " ID "-00f067aa0ba902b7-01", false },
		{ "", false },
		{ NULL, false },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char id[TRACE_ID_SIZE] = "before";
		if (trace_read(rows[i].parent, id) != rows[i].good ||
				strcmp(id, rows[i].good ? ID : "") != 0) {
			fail_msg("%s", rows[i].parent);
		}
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(read_as_the_standard_has_it),
	};
	return cmocka_run_group_tests_name("http/trace", tests, NULL, NULL);
}
