/* SPDX-License-Identifier: Apache-2.0 */
/* What people see; standard output goes to a file for the time of a test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <pty.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "cli/output.h"

static char shown[8192];

static void look(enum look look, const struct view *view, const char *json) {
	FILE *file = tmpfile();
	json_t *value = json_loads(json, JSON_ALLOW_NUL, NULL);
	assert_true(file != NULL && value != NULL);
	(void)fflush(stdout);
	int kept = dup(STDOUT_FILENO);
	assert_true(dup2(fileno(file), STDOUT_FILENO) >= 0);
	show(look, view, value);
	(void)fflush(stdout);
	assert_true(dup2(kept, STDOUT_FILENO) >= 0);
	(void)close(kept);
	rewind(file);
	shown[fread(shown, 1, sizeof(shown) - 1, file)] = 0;
	(void)fclose(file);
	json_decref(value);
}

static void see(const struct view *view, const char *json) {
	look(LOOK_TABLE, view, json);
}

static void assert_shown(const char *part) {
	if (strstr(shown, part) == NULL) {
		fail_msg("\"%s\" is not in:\n%s", part, shown);
	}
}

static void a_list_of_tasks(void **state) {
	(void)state;
	see(&view_tasks, "{\"total\":12,\"tasks\":[{\"id\":\"0b0d9e2c-6d0f-4c9a-8d54-"
			 "0f2f3f4d5e6f\",\"name\":"
			 "\"a\\u001b[2Jname\",\"state\":3,\"created_at\":\"2026-01-02T03:04:05Z\"},"
			 "{\"id\":\"x\",\"state\":99}]}");
	assert_shown("0b0d9e2c-6d0f-4c9a-8d54-0f2f3f4d5e6f");
	assert_shown("Completed");
	assert_shown("a\\x1b[2Jname");
	assert_null(strchr(shown, '\x1b')); /* no colours where nobody looks */
}

static void one_task(void **state) {
	(void)state;
	see(&view_task, "{\"id\":\"x\",\"name\":\"n\",\"state\":4,\"attempt\":2,\"error\":"
			"\"boom\\u001b[0m\","
			"\"history\":[{\"at\":\"2026-01-02T03:04:05Z\",\"state\":4,\"attempt\":2,"
			"\"cause\":\"it failed: boom\"}]}");
	assert_shown("Failed");
	assert_shown("boom\\x1b[0m");
	assert_shown("it failed: boom");
	see(&view_task, "{}"); /* a foreign manager may say little */
	see(&view_task, "{\"history\":7,\"state\":\"x\"}");
}

static void workers(void **state) {
	(void)state;
	see(&view_proplets, "{\"total\":1,\"proplets\":[{\"id\":\"w-1\",\"name\":\"calm-owl\","
			    "\"alive\":true,"
			    "\"task_count\":3}]}");
	assert_shown("w-1");
	assert_shown("yes");
	see(&view_proplets, "{}");
}

static void a_placement(void **state) {
	(void)state;
	see(&view_placement, "{\"summary\":\"Pending: would go to "
			     "a\",\"workers\":[{\"proplet_id\":\"a\","
			     "\"eligible\":true,\"reason\":\"can run "
			     "it\"},{\"proplet_id\":\"b\",\"eligible\":"
			     "false,\"reason\":\"is busy\"}]}");
	assert_shown("Pending: would go to a\n");
	assert_shown("yes  can run it");
	assert_shown("no   is busy");
}

static void metrics_of_a_task(void **state) {
	(void)state;
	see(&view_task_metrics,
			"{\"total\":7,\"metrics\":[{\"proplet_id\":\"w-1\",\"timestamp\":"
			"\"2026-01-02T03:04:05.678Z\",\"metrics\":{\"cpu_percent\":99.96,"
			"\"memory_bytes\":65536,\"uptime_seconds\":30}},{\"proplet_id\":7}]}");
	assert_shown("2026-01-02T03:04:05 ");
	assert_shown(" 100.0  64.0 KiB ");
	assert_shown(" 30 ");
	assert_shown(" -"); /* no fuel was told */
	assert_shown("  w-1\n");
	see(&view_task_metrics, "{}");
}

static void metrics_of_a_worker(void **state) {
	(void)state;
	see(&view_proplet_metrics,
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
	see(&view_beats, "{\"total\":2,\"history\":[\"2026-01-02T03:04:05.1Z\",7]}");
	assert_shown("2026-01-02T03:04:05\n");
}

/* Every look of a list, to the byte: scripts read them. */
static void looks_of_a_list(void **state) {
	(void)state;
	static const char page[] =
			"{\"total\":2,\"tasks\":[{\"id\":\"t1\",\"name\":\"one\",\"state\":3,"
			"\"attempt\":1,\"results\":\"42\\n\",\"proplet_id\":\"w\",\"exit_code\":0,"
			"\"finish_time\":\"0001-01-01T00:00:00Z\"},"
			"{\"id\":\"t2\",\"name\":\"a name of more than thirty-two letters\"}]}";
	look(LOOK_TABLE, &view_tasks, page);
	assert_string_equal(shown,
			"ID  NAME                              STATE      ATTEMPT  RESULTS\n"
			"t1  one                               Completed        1  42\n"
			"t2  a name of more than thirty-two ~  Pending          -  -\n");
	look(LOOK_WIDE, &view_tasks, page);
	assert_shown("PROPLET  ENGINE  CREATED  FINISHED  EXIT  RESULTS  ERROR\n");
	assert_shown("w        -       -        -            0  42       -\n");
	assert_shown("thirty-two letters");
	look(LOOK_JSONL, &view_tasks, page);
	assert_shown("{\"id\":\"t1\",");
	assert_shown("}\n{\"id\":\"t2\",");
	look(LOOK_ID, &view_tasks, page);
	assert_string_equal(shown, "t1\nt2\n");
}

static void looks_of_a_thing(void **state) {
	(void)state;
	look(LOOK_JSONL, &view_task, "{\"id\":\"t1\",\"state\":3}");
	assert_string_equal(shown, "{\"id\":\"t1\",\"state\":3}\n");
	look(LOOK_ID, &view_task, "{\"id\":\"t1\"}");
	assert_string_equal(shown, "t1\n");
	look(LOOK_ID, &view_created, "{\"id\":7}");
	assert_string_equal(shown, "");
	look(LOOK_WIDE, &view_task,
			"{\"id\":\"t1\",\"inputs\":[\"a\",5],\"cli_args\":null,\"metadata\":{},"
			"\"limits\":{\"fuel\":7}}");
	assert_string_equal(shown, "id           t1\nstate        Pending\n"
				   "inputs       a,5\nlimits       {\"fuel\":7}\n");
	look(LOOK_ID, &view_placement, "{\"workers\":[{\"proplet_id\":\"w\"}]}");
	assert_string_equal(shown, "w\n");
}

static void which_looks_there_are(void **state) {
	(void)state;
	struct arguments arguments = { .count = 0 };
	struct error err;
	assert_true(look_check(&arguments, &view_health, &err));
	arguments.flags[FLAG_OUTPUT] = "id";
	assert_int_equal(look_of(&arguments), LOOK_ID);
	assert_true(look_check(&arguments, &view_tasks, &err));
	assert_true(look_check(&arguments, NULL, &err));
	assert_false(look_check(&arguments, &view_health, &err));
	assert_int_equal(err.code, ERROR_INVALID);
	arguments.flags[FLAG_OUTPUT] = "jsonl";
	assert_int_equal(look_of(&arguments), LOOK_JSONL);
}

/* Where the window is narrow texts are cut, and neither ids nor numbers. */
static void a_narrow_terminal(void **state) {
	(void)state;
	int master, slave, kept = dup(STDOUT_FILENO);
	struct winsize size = { .ws_col = 40, .ws_row = 10 };
	json_t *page = json_loads(
			"{\"tasks\":[{\"id\":\"0123456789\",\"name\":\"abcdefghijklmnop\","
			"\"state\":3,\"attempt\":1,\"results\":\"abcdefghijklmnop\"}]}",
			0, NULL);
	assert_int_equal(openpty(&master, &slave, NULL, NULL, &size), 0);
	(void)unsetenv("COLUMNS");
	(void)setenv("NO_COLOR", "1", 1);
	(void)fflush(stdout);
	assert_true(dup2(slave, STDOUT_FILENO) >= 0);
	show(LOOK_TABLE, &view_tasks, page);
	(void)fflush(stdout);
	assert_true(dup2(kept, STDOUT_FILENO) >= 0);
	(void)close(slave);
	size_t used = 0; /* it comes in pieces */
	for (ssize_t got; (got = read(master, shown + used, sizeof(shown) - 1 - used)) > 0;) {
		used += (size_t)got;
	}
	shown[used] = 0;
	assert_shown("0123456789  abcdefg~  Completed        1  abcdefg~\r\n");
	(void)close(master), (void)close(kept);
	json_decref(page);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_list_of_tasks),
		cmocka_unit_test(one_task),
		cmocka_unit_test(workers),
		cmocka_unit_test(a_placement),
		cmocka_unit_test(metrics_of_a_task),
		cmocka_unit_test(metrics_of_a_worker),
		cmocka_unit_test(when_a_worker_was_heard),
		cmocka_unit_test(looks_of_a_list),
		cmocka_unit_test(looks_of_a_thing),
		cmocka_unit_test(which_looks_there_are),
		cmocka_unit_test(a_narrow_terminal),
	};
	return cmocka_run_group_tests_name("cli/output", tests, NULL, NULL);
}
