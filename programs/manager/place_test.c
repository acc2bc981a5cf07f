/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/fixture.h"

static void expect_nobody(
		struct manager *m, struct task *task, enum error_code code, const char *says) {
	struct error err = { 0 };
	bool busy = false;
	assert_null(place(m, task, &busy, &err));
	assert_false(busy);
	assert_int_equal(err.code, code);
	if (strstr(err.message, says) == NULL) {
		fail_msg("%s", err.message);
	}
}

static void expect_worker(struct manager *m, struct task *task, const char *id) {
	struct error err = { 0 };
	bool busy = false;
	const struct worker *worker = place(m, task, &busy, &err);
	if (worker == NULL) {
		fail_msg("%s", err.message);
	}
	assert_string_equal(worker->proplet->id, id);
}

static void nobody_is_there(void **state) {
	struct manager *m = *state;
	struct task *task = make_task(m);
	expect_nobody(m, task, ERROR_UNAVAILABLE, "no worker has announced itself");
	announce(m, "w");
	expect_worker(m, task, "w");
	hear(m, "{\"proplet_id\":\"w\",\"boot\":\"" BOOT "\",\"status\":\"offline\"}");
	expect_nobody(m, task, ERROR_UNAVAILABLE, "no worker is alive");
	announce(m, "w");
	m->now_ms += 3000; /* three of its intervals */
	expect_nobody(m, task, ERROR_UNAVAILABLE, "no worker is alive");
}

static void the_one_with_the_fewest_tasks(void **state) {
	struct manager *m = *state;
	struct task *task = make_task(m);
	announce(m, "a");
	announce(m, "b");
	workers_find(m, "b")->proplet->memory_free_bytes = 501;
	expect_worker(m, task, "b"); /* equal, but more memory is free */
	(void)start_task(m, "b");
	expect_worker(m, task, "a");
}

static void what_a_task_needs(void **state) {
	struct manager *m = *state;
	struct task *task = make_task(m);
	announce(m, "w");
	hear(m, "{\"proplet_id\":\"w\",\"namespace\":\"edge\",\"metadata\":{\"tags\":[\"gpu\",7]}"
		"}");
	str_set(&task->work.engine, "singlepass");
	expect_nobody(m, task, ERROR_CONFLICT, "proplet w, does not offer engine singlepass");
	str_set(&task->work.engine, "interp");
	str_set(&task->needs.space, "default");
	expect_nobody(m, task, ERROR_CONFLICT, "is in namespace edge, not in default");
	str_set(&task->needs.space, "edge");
	strings_add(&task->needs.tags, "gpu");
	strings_add(&task->needs.tags, "arm");
	expect_nobody(m, task, ERROR_CONFLICT, "does not have the tag \"arm\"");
	strings_finish(&task->needs.tags);
	task->needs.memory_bytes = 501;
	expect_nobody(m, task, ERROR_UNAVAILABLE,
			"500 bytes of free memory, min_memory_bytes is 501");
	task->needs.memory_bytes = 1001;
	expect_nobody(m, task, ERROR_CONFLICT, "1000 bytes of memory, min_memory_bytes is 1001");
	task->needs.memory_bytes = 500;
	task->work.limits.memory_bytes = 1001;
	expect_nobody(m, task, ERROR_CONFLICT, "limits.memory_bytes asks for 1001");
	task->work.limits.memory_bytes = 1000;
	expect_worker(m, task, "w");
	assert_false(place_is_easy(task));
	assert_true(place_is_easy(make_task(m)));
}

/* Who does not know the limit would run without one. */
static void gas_is_counted_by_who_can(void **state) {
	struct manager *m = *state;
	struct task *task = make_task(m);
	announce(m, "w");
	task->work.limits.gas = 1000;
	assert_false(place_is_easy(task));
	expect_nobody(m, task, ERROR_CONFLICT, "proplet w, does not count gas");
	workers_find(m, "w")->proplet->counts_gas = true;
	expect_worker(m, task, "w");
}

static void busy_is_not_impossible(void **state) {
	struct manager *m = *state;
	struct error err;
	bool busy = false;
	struct task *task = make_task(m);
	announce(m, "w");
	(void)start_task(m, NULL);
	(void)start_task(m, NULL); /* two slots */
	assert_null(place(m, task, &busy, &err));
	assert_true(busy);
	str_set(&task->pinned, "w");
	assert_null(place(m, task, &busy, &err));
	assert_true(busy);
	str_set(&task->work.engine, "external");
	expect_nobody(m, task, ERROR_CONFLICT, "does not offer engine external");
}

static void pinned_tasks(void **state) {
	struct manager *m = *state;
	struct task *task = make_task(m);
	announce(m, "a");
	announce(m, "b");
	str_set(&task->pinned, "c");
	expect_nobody(m, task, ERROR_CONFLICT, "there is no proplet c");
	str_set(&task->pinned, "b");
	expect_worker(m, task, "b");
	hear(m, "{\"proplet_id\":\"b\",\"boot\":\"" BOOT "\",\"status\":\"offline\"}");
	expect_nobody(m, task, ERROR_UNAVAILABLE,
			"proplet b, to which the task is pinned, is not alive");
}

/* Workers of the old form get the module inside the message. */
static void old_workers(void **state) {
	struct manager *m = *state;
	struct task *task = make_task(m);
	hear(m, "{\"proplet_id\":\"old\",\"status\":\"alive\",\"namespace\":\"default\"}");
	task->work.module_size = DISPATCH_INLINE_MAX;
	expect_worker(m, task, "old");
	task->work.module_size++;
	expect_nobody(m, task, ERROR_TOO_LARGE, "takes modules only inside the start message");
	str_set(&task->work.image_url, "registry/x");
	expect_worker(m, task, "old"); /* it gets that itself */
	announce(m, "new");
	str_set(&task->work.image_url, NULL);
	expect_worker(m, task, "new");
}

static void chips(void **state) {
	struct manager *m = *state;
	struct task *task = make_task(m);
	hear(m, "{\"proplet_id\":\"chip\",\"metadata\":{\"os\":\"zephyr\"}}");
	task->work.module_size = 600;
	strings_add(&task->work.inputs, "20");
	expect_worker(m, task, "chip");
	task->work.module_size = 60000;
	expect_nobody(m, task, ERROR_UNSUPPORTED, "is a chip: it takes messages of up to");
	task->work.module_size = 60;
	strings_add(&task->work.inputs, "many");
	expect_nobody(m, task, ERROR_UNSUPPORTED, "only numbers as inputs, and \"many\" is none");
	announce(m, "new");
	expect_worker(m, task, "new");
}

static void the_choice_in_words(void **state) {
	struct manager *m = *state;
	struct task *task = make_task(m);
	announce(m, "a");
	announce(m, "b");
	(void)start_task(m, "a");
	json_t *answer = place_explain(m, task);
	assert_string_equal(json_string_value(json_object_get(answer, "next_proplet_id")), "b");
	assert_true(json_is_null(json_object_get(answer, "proplet_id")));
	assert_int_equal(json_array_size(json_object_get(answer, "workers")), 2);
	json_decref(answer);
	struct live *live = start_task(m, "b");
	answer = place_explain(m, live->task);
	assert_string_equal(
			json_string_value(json_object_get(answer, "summary")), "Scheduled on b");
	assert_string_equal(json_string_value(json_object_get(answer, "proplet_id")), "b");
	json_decref(answer);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		WITH_MANAGER(nobody_is_there),
		WITH_MANAGER(the_one_with_the_fewest_tasks),
		WITH_MANAGER(what_a_task_needs),
		WITH_MANAGER(gas_is_counted_by_who_can),
		WITH_MANAGER(busy_is_not_impossible),
		WITH_MANAGER(pinned_tasks),
		WITH_MANAGER(old_workers),
		WITH_MANAGER(chips),
		WITH_MANAGER(the_choice_in_words),
	};
	return cmocka_run_group_tests_name("manager/place", tests, NULL, NULL);
}
