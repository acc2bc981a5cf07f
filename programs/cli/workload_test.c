/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "cli/cli.h"

/* The task of one flag; it has to be right. */
static json_t *task_of(enum flag flag, const char *value) {
	struct arguments arguments = { 0 };
	struct error err;
	arguments.flags[flag] = value;
	json_t *task = task_from_flags(&arguments, "n", &err);
	if (task == NULL) {
		fail_msg("%s: %s", value, err.message);
	}
	return task;
}

static void same(json_t *task, const char *name, const char *expected) {
	json_t *wanted = json_loads(expected, JSON_DECODE_ANY, NULL);
	assert_non_null(wanted);
	assert_true(json_equal(json_object_get(task, name), wanted));
	json_decref(wanted);
	json_decref(task);
}

static void refused(enum flag flag, const char *value, const char *named) {
	struct arguments arguments = { 0 };
	struct error err;
	arguments.flags[flag] = value;
	assert_null(task_from_flags(&arguments, "n", &err));
	assert_non_null(strstr(err.message, named));
}

static void flags_become_members(void **state) {
	(void)state;
	same(task_of(FLAG_INVOKE, "add"), "name", "\"n\"");
	same(task_of(FLAG_INVOKE, "add"), "invoke", "\"add\"");
	same(task_of(FLAG_PROPLET, "w"), "proplet_id", "\"w\"");
	same(task_of(FLAG_NAMESPACE, "s"), "namespace", "\"s\"");
	same(task_of(FLAG_DAEMON, ""), "daemon", "true");
	same(task_of(FLAG_RECURRING, ""), "is_recurring", "true");
}

static void what_was_not_said_is_not_sent(void **state) {
	(void)state;
	json_t *task = task_of(FLAG_INVOKE, "add");
	assert_null(json_object_get(task, "inputs"));
	assert_null(json_object_get(task, "env"));
	assert_null(json_object_get(task, "daemon"));
	assert_int_equal(json_object_size(json_object_get(task, "limits")), 0);
	json_decref(task);
}

static void lists_and_pairs_are_cut_at_commas(void **state) {
	(void)state;
	same(task_of(FLAG_INPUTS, "10,20"), "inputs", "[\"10\",\"20\"]");
	same(task_of(FLAG_TAGS, "gpu"), "required_tags", "[\"gpu\"]");
	same(task_of(FLAG_ENV, "A=1,B=x=y,C="), "env", "{\"A\":\"1\",\"B\":\"x=y\",\"C\":\"\"}");
	refused(FLAG_ENV, "A=1,B", "--env");
	refused(FLAG_ENV, "=1", "--env");
	refused(FLAG_METADATA, "A", "--metadata");
}

static void directories_have_two_names(void **state) {
	(void)state;
	same(task_of(FLAG_DIRS, "/a,/b:/c:rw,/d:rw"), "dirs",
			"[{\"host\":\"/a\",\"guest\":\"/a\",\"write\":false},"
			"{\"host\":\"/b\",\"guest\":\"/c\",\"write\":true},"
			"{\"host\":\"/d\",\"guest\":\"/d\",\"write\":true}]");
	refused(FLAG_DIRS, "/a:/b:/c", "--dirs");
	refused(FLAG_DIRS, "/a:/b:ro:rw", "--dirs");
}

static void limits_have_units(void **state) {
	(void)state;
	same(task_of(FLAG_WALL, "1500ms"), "limits", "{\"wall_seconds\":1.5}");
	same(task_of(FLAG_FUEL, "7"), "limits", "{\"fuel\":7}");
	same(task_of(FLAG_GAS, "8"), "limits", "{\"gas\":8}");
	same(task_of(FLAG_MEMORY, "4096"), "limits", "{\"memory_bytes\":4096}");
	refused(FLAG_WALL, "soon", "--wall");
	refused(FLAG_FUEL, "-1", "fuel");
	refused(FLAG_MEMORY, "much", "memory_bytes");
	refused(FLAG_RESTART_LIMIT, "x", "restart_limit");
}

static void stdin_is_text_or_a_file(void **state) {
	(void)state;
	same(task_of(FLAG_STDIN, "a,b"), "stdin", "\"a,b\"");
	refused(FLAG_STDIN, "@/nowhere/at/all", "--stdin");
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(flags_become_members),
		cmocka_unit_test(what_was_not_said_is_not_sent),
		cmocka_unit_test(lists_and_pairs_are_cut_at_commas),
		cmocka_unit_test(directories_have_two_names),
		cmocka_unit_test(limits_have_units),
		cmocka_unit_test(stdin_is_text_or_a_file),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
