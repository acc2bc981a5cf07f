/* SPDX-License-Identifier: Apache-2.0 */
/* What people see; standard output goes to a file for the time of a test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "cli/cli.h"

static char shown[8192];

static void see(void (*print)(const json_t *), const char *json) {
	FILE *file = tmpfile();
	json_t *value = json_loads(json, JSON_ALLOW_NUL, NULL);
	assert_true(file != NULL && value != NULL);
	(void)fflush(stdout);
	int kept = dup(STDOUT_FILENO);
	assert_true(dup2(fileno(file), STDOUT_FILENO) >= 0);
	print(value);
	(void)fflush(stdout);
	assert_true(dup2(kept, STDOUT_FILENO) >= 0);
	(void)close(kept);
	rewind(file);
	shown[fread(shown, 1, sizeof(shown) - 1, file)] = 0;
	(void)fclose(file);
	json_decref(value);
}

static void assert_shown(const char *part) {
	if (strstr(shown, part) == NULL) {
		fail_msg("\"%s\" is not in:\n%s", part, shown);
	}
}

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
		{ "too long", 5, "too ~" },
		{ "exact", 5, "exact" },
		{ "gr\xc3\xbc\xc3\x9f"
		  "e",
				0,
				"gr\xc3\xbc\xc3\x9f"
				"e" },
		{ "gr\xc3\xbc\xc3\x9f"
		  "e",
				4, "gr~" },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		CLEANUP(mem_freep) char *text = printable(rows[i].text, rows[i].width);
		assert_string_equal(text, rows[i].shown);
	}
}

static void a_list_of_tasks(void **state) {
	(void)state;
	see(print_tasks, "{\"total\":12,\"tasks\":[{\"id\":\"0b0d9e2c-6d0f-4c9a-8d54-"
			 "0f2f3f4d5e6f\",\"name\":"
			 "\"a\\u001b[2Jname\",\"state\":3,\"created_at\":\"2026-01-02T03:04:05Z\"},"
			 "{\"id\":\"x\",\"state\":99}]}");
	assert_shown("0b0d9e2c-6d0f-4c9a-8d54-0f2f3f4d5e6f");
	assert_shown("Completed");
	assert_shown("a\\x1b[2Jname");
	assert_shown("2 of 12");
	assert_null(strchr(shown, '\x1b')); /* no colours where nobody looks */
}

static void one_task(void **state) {
	(void)state;
	see(print_task, "{\"id\":\"x\",\"name\":\"n\",\"state\":4,\"attempt\":2,\"error\":"
			"\"boom\\u001b[0m\","
			"\"history\":[{\"at\":\"2026-01-02T03:04:05Z\",\"state\":4,\"attempt\":2,"
			"\"cause\":\"it failed: boom\"}]}");
	assert_shown("Failed");
	assert_shown("boom\\x1b[0m");
	assert_shown("it failed: boom");
	see(print_task, "{}"); /* a foreign manager may say little */
	see(print_task, "{\"history\":7,\"state\":\"x\"}");
}

static void workers(void **state) {
	(void)state;
	see(print_proplets, "{\"total\":1,\"proplets\":[{\"id\":\"w-1\",\"name\":\"calm-owl\","
			    "\"alive\":true,"
			    "\"task_count\":3}]}");
	assert_shown("w-1");
	assert_shown("yes");
	assert_shown("1 of 1");
	see(print_proplets, "{}");
}

static void a_placement(void **state) {
	(void)state;
	see(print_placement, "{\"summary\":\"Pending: would go to "
			     "a\",\"workers\":[{\"proplet_id\":\"a\","
			     "\"eligible\":true,\"reason\":\"can run "
			     "it\"},{\"proplet_id\":\"b\",\"eligible\":"
			     "false,\"reason\":\"is busy\"}]}");
	assert_shown("Pending: would go to a\n");
	assert_shown("yes    can run it");
	assert_shown("no     is busy");
}

static void metrics_of_a_task(void **state) {
	(void)state;
	see(print_task_metrics,
			"{\"total\":7,\"metrics\":[{\"proplet_id\":\"w-1\",\"timestamp\":"
			"\"2026-01-02T03:04:05.678Z\",\"metrics\":{\"cpu_percent\":99.96,"
			"\"memory_bytes\":65536,\"uptime_seconds\":30}},{\"proplet_id\":7}]}");
	assert_shown("2026-01-02T03:04:05 ");
	assert_shown("100.0   64.0 KiB");
	assert_shown(" 30 ");
	assert_shown(" -"); /* no fuel was told */
	assert_shown("  w-1\n");
	assert_shown("2 of 7");
	see(print_task_metrics, "{}");
	assert_shown("0 of 0");
}

static void metrics_of_a_worker(void **state) {
	(void)state;
	see(print_proplet_metrics,
			"{\"total\":1,\"metrics\":[{\"proplet_id\":\"w\\u001b\",\"timestamp\":"
			"\"x\","
			"\"cpu_metrics\":{\"percent\":1.25,\"user_seconds\":2},"
			"\"memory_metrics\":{\"rss_bytes\":5368709120,\"heap_alloc_bytes\":12}}]}");
	assert_shown("5.0 GiB");
	assert_shown(" 12 B");
	assert_shown("w\\x1b");
}

static void when_a_worker_was_heard(void **state) {
	(void)state;
	see(print_beats, "{\"total\":2,\"history\":[\"2026-01-02T03:04:05.1Z\",7]}");
	assert_shown("2026-01-02T03:04:05\n");
	assert_shown("2 of 2");
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(printable_text),
		cmocka_unit_test(a_list_of_tasks),
		cmocka_unit_test(one_task),
		cmocka_unit_test(workers),
		cmocka_unit_test(a_placement),
		cmocka_unit_test(metrics_of_a_task),
		cmocka_unit_test(metrics_of_a_worker),
		cmocka_unit_test(when_a_worker_was_heard),
	};
	return cmocka_run_group_tests_name("cli/output", tests, NULL, NULL);
}
