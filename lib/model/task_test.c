/* SPDX-License-Identifier: Apache-2.0 */
#include "model/task.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"

static bool read(struct task *task, const char *text, bool update, struct error *err) {
	json_t *object = json_loads(text, 0, NULL);
	assert_non_null(object);
	bool ok = task_read(task, object, update, err);
	json_decref(object);
	return ok;
}

static void states_move_as_the_table_says(void **state) {
	(void)state;
	assert_true(task_state_may(TASK_PENDING, TASK_SCHEDULED));
	assert_true(task_state_may(TASK_SCHEDULED, TASK_COMPLETED));
	assert_false(task_state_may(TASK_RUNNING, TASK_SCHEDULED));
	assert_false(task_state_may(TASK_PENDING, TASK_COMPLETED));
	for (int to = TASK_PENDING; to <= TASK_INTERRUPTED; to++) {
		assert_false(task_state_may(TASK_COMPLETED, (enum task_state)to));
		assert_false(task_state_may(TASK_FAILED, (enum task_state)to));
		assert_false(task_state_may(TASK_INTERRUPTED, (enum task_state)to));
	}
	assert_true(task_state_final(TASK_SKIPPED) && !task_state_final(TASK_RUNNING));
}

static void what_is_not_run_yet_is_refused(void **state) {
	(void)state;
	static const char *const rows[][2] = { { "{\"name\":\"x\",\"schedule\":\"* * * * *\"}",
							       "schedule" },
		{ "{\"name\":\"x\",\"latent\":true}", "latent" },
		{ "{\"name\":\"x\",\"depends_on\":[\"a\"]}", "depends_on" },
		{ "{\"name\":\"x\",\"broadcast\":true}", "broadcast" },
		{ "{\"name\":\"x\",\"mode\":\"train\"}", "mode" },
		{ "{\"name\":\"x\",\"kind\":\"federated\"}", "kind" },
		{ "{\"name\":\"x\",\"kind\":{}}", "kind" },
		{ "{\"name\":\"x\",\"encrypted\":true}", "encrypted" } };
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct task *task = task_create();
		struct error err;
		assert_false(read(task, rows[i][0], false, &err));
		assert_int_equal(err.code, ERROR_UNSUPPORTED);
		assert_string_equal(err.place + 1, rows[i][1]);
		task_destroy(task);
	}
}

static void an_image_may_bring_its_digest(void **state) {
	(void)state;
	struct task *task = task_create();
	struct error err;
	char text[256], first[DIGEST_HEX_SIZE];
	memset(first, 'a', sizeof(first) - 1);
	first[sizeof(first) - 1] = 0;
	(void)snprintf(text, sizeof(text), "{\"name\":\"x\",\"digest\":\"%s\"}", first);
	assert_true(read(task, text, false, &err));
	assert_string_equal(task->work.digest, ""); /* only an upload says what a module is */
	(void)snprintf(text, sizeof(text), "{\"image_url\":\"http://a/b.wasm\",\"digest\":\"%s\"}",
			first);
	assert_true(read(task, text, true, &err));
	assert_string_equal(task->work.digest, first);
	assert_true(read(task, "{\"image_url\":\"http://a/c.wasm\"}", true, &err));
	assert_string_equal(task->work.digest, ""); /* that was another image's */
	task_destroy(task);
}

static void needs_and_restart_are_kept(void **state) {
	(void)state;
	struct task *task = task_create(), *again = task_create();
	struct error err;
	assert_true(read(task,
			"{\"name\":\"x\",\"required_tags\":[\"gpu\",\"arm\"],\"namespace\":"
			"\"edge\","
			"\"min_memory_bytes\":4096,\"restart\":\"on-failure\",\"restart_limit\":3}",
			false, &err));
	json_t *saved = task_save(task);
	assert_true(task_load(again, saved, &err));
	json_decref(saved);
	assert_int_equal(again->needs.tags.count, 2);
	assert_string_equal(again->needs.tags.items[1], "arm");
	assert_string_equal(again->needs.space, "edge");
	assert_int_equal(again->needs.memory_bytes, 4096);
	assert_int_equal(again->restart, RESTART_ON_FAILURE);
	assert_int_equal(again->restart_limit, 3);
	assert_false(read(task, "{\"restart\":\"sometimes\"}", true, &err));
	assert_string_equal(err.place, "/restart");
	assert_false(read(task, "{\"restart_limit\":0}", true, &err));
	assert_string_equal(err.place, "/restart_limit");
	task_destroy(task);
	task_destroy(again);
}

static void saying_no_is_allowed(void **state) {
	(void)state;
	struct task *task = task_create();
	struct error err;
	assert_true(read(task,
			"{\"name\":\"x\",\"latent\":false,\"schedule\":\"\",\"depends_on\":[],"
			"\"mode\":null,"
			"\"kind\":\"standard\",\"unknown\":{}}",
			false, &err));
	task_destroy(task);
}

static void a_name_is_needed_once(void **state) {
	(void)state;
	struct task *task = task_create();
	struct error err;
	assert_false(read(task, "{}", false, &err));
	assert_string_equal(err.place, "/name");
	assert_true(read(task, "{\"name\":\"x\"}", false, &err));
	assert_true(read(task, "{\"inputs\":[1,2.5,\"x\"]}", true, &err));
	assert_string_equal(task->work.name, "x");
	assert_string_equal(task->work.inputs.items[1], "2.5");
	task_destroy(task);
}

static void a_client_cannot_choose_the_module(void **state) {
	(void)state;
	struct task *task = task_create();
	struct error err;
	assert_true(read(task,
			"{\"name\":\"x\",\"module_size\":9,\"digest\":"
			"\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}",
			false, &err));
	assert_string_equal(task->work.digest, "");
	assert_int_equal(task->work.module_size, 0);
	task_destroy(task);
}

static void saved_and_loaded_is_the_same(void **state) {
	(void)state;
	struct task *task = task_create(), *copy = task_create();
	struct error err;
	assert_true(read(task,
			"{\"name\":\"x\",\"daemon\":true,\"env\":{\"A\":\"b=c\"},\"stdin\":\"in\","
			"\"proplet_id\":\"p\","
			"\"metadata\":{\"k\":1},\"priority\":7,\"limits\":{\"fuel\":3},\"cli_"
			"args\":[]}",
			false, &err));
	json_t *first = task_save(task);
	assert_true(task_load(copy, first, &err));
	json_t *second = task_save(copy);
	assert_true(json_equal(first, second));
	assert_int_equal(copy->work.limits.wall_ms, 0);
	assert_string_equal(copy->work.env.items[0], "A=b=c");
	json_decref(first);
	json_decref(second);
	task_destroy(task);
	task_destroy(copy);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(states_move_as_the_table_says),
		cmocka_unit_test(what_is_not_run_yet_is_refused),
		cmocka_unit_test(an_image_may_bring_its_digest),
		cmocka_unit_test(needs_and_restart_are_kept),
		cmocka_unit_test(saying_no_is_allowed),
		cmocka_unit_test(a_name_is_needed_once),
		cmocka_unit_test(a_client_cannot_choose_the_module),
		cmocka_unit_test(saved_and_loaded_is_the_same),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
