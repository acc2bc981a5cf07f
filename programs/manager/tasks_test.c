/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/fixture.h"

static void a_start_is_committed_with_its_address(void **state) {
	struct manager *m = *state;
	announce(m, "w");
	for (unsigned number = 1; number <= 2; number++) {
		const struct live *live = start_task(m, NULL);
		const struct task *task = stored(m, live->task->id);
		assert_int_equal(task->attempt, 1);
		assert_string_equal(task->at.proplet_id, "w");
		assert_string_equal(task->at.boot, BOOT);
		assert_int_equal(task->at.command, number); /* counted per boot */
	}
	assert_int_equal(workers_find(m, "w")->proplet->running, 2);
}

static void no_module_no_start(void **state) {
	struct manager *m = *state;
	struct error err;
	struct task *task = make_task(m);
	announce(m, "w");
	task->work.digest[0] = 0;
	assert_false(tasks_start(m, task, "test", &err));
	assert_int_equal(err.code, ERROR_CONFLICT);
	assert_non_null(strstr(err.message, "/upload"));
	str_set(&task->work.image_url, "http://h/m.wasm");
	assert_true(tasks_start(m, task, "test", &err));
}

/* First come, first served, as soon as there is a slot. */
static void who_waits_first_is_placed_first(void **state) {
	struct manager *m = *state;
	struct live *live[4];
	announce(m, "w"); /* two slots */
	for (int i = 0; i < 4; i++) {
		live[i] = start_task(m, NULL);
	}
	assert_true(live[2]->task->queued && live[3]->task->queued);
	assert_true(tasks_go(m, live[0], TASK_COMPLETED, "test"));
	tasks_place_waiting(m);
	assert_int_equal(live[2]->task->state, TASK_SCHEDULED);
	assert_true(live[3]->task->queued);
	tasks_stop(m, live[3]);
	assert_null(m->waiting.first);
}

static void only_moves_of_the_table(void **state) {
	struct manager *m = *state;
	announce(m, "w");
	struct live *live = start_task(m, NULL);
	assert_false(tasks_go(m, live, TASK_SKIPPED, "test"));
	assert_false(tasks_go(m, live, TASK_PENDING, "test"));
	assert_true(tasks_go(m, live, TASK_RUNNING, "test"));
	assert_false(tasks_go(m, live, TASK_SCHEDULED, "test"));
	assert_int_equal(live->task->state, TASK_RUNNING);
}

static void an_end_leaves_memory(void **state) {
	struct manager *m = *state;
	char id[UUID_SIZE];
	announce(m, "w");
	struct live *live = start_task(m, NULL);
	memcpy(id, live->task->id, sizeof(id));
	assert_true(tasks_go(m, live, TASK_FAILED, "the cause"));
	assert_null(tasks_live(m, id));
	assert_int_equal(workers_find(m, "w")->proplet->running, 0);
	const struct task *task = stored(m, id);
	assert_string_equal(task->outcome.error, "the cause");
	assert_true(task->finish_time != 0);
	assert_true(strings_has(&m->finished, id));
}

static void restarts_wait_for_their_time(void **state) {
	struct manager *m = *state;
	announce(m, "w");
	struct live *live = start_task(m, NULL);
	live->task->restart = RESTART_ALWAYS;
	live->task->restart_limit = 1;
	assert_true(tasks_go(m, live, TASK_COMPLETED, "it ended"));
	assert_int_equal(live->task->attempt, 2);
	assert_true(live->task->queued && live->task->due_at > m->wall_ns);
	assert_false(strings_has(
			&m->finished, live->task->id)); /* who waits for it goes on waiting */
	tasks_place_waiting(m);
	assert_true(live->task->queued);
	assert_true(m->next_due_ms == m->now_ms + 1000);
	m->now_ms += 1000;
	tasks_place_waiting(m);
	assert_int_equal(live->task->state, TASK_SCHEDULED);
	char id[UUID_SIZE];
	memcpy(id, live->task->id, sizeof(id));
	assert_true(tasks_go(m, live, TASK_FAILED, "it failed")); /* the limit is reached */
	assert_null(tasks_live(m, id));
}

static void a_stop_is_no_reason_to_restart(void **state) {
	struct manager *m = *state;
	announce(m, "w");
	struct live *live = start_task(m, NULL);
	live->task->restart = RESTART_ALWAYS;
	char id[UUID_SIZE];
	memcpy(id, live->task->id, sizeof(id));
	tasks_stop(m, live);
	assert_true(tasks_go(m, live, TASK_INTERRUPTED, "stopped by a user"));
	assert_null(tasks_live(m, id));
}

/* As after kill -9: the store alone says what there is. */
static void everything_is_found_again(void **state) {
	struct manager *m = *state;
	struct error err;
	char ids[3][UUID_SIZE];
	announce(m, "w");
	for (int i = 0; i < 3; i++) {
		memcpy(ids[i], start_task(m, NULL)->task->id, UUID_SIZE);
	}
	next_batch(m);
	manager_forget(m);
	assert_true(manager_recover(m, &err));
	assert_int_equal(map_count(m->live), 3);
	assert_int_equal(tasks_live(m, ids[0])->task->state, TASK_SCHEDULED);
	assert_true(tasks_live(m, ids[2])->task->queued);
	assert_int_equal(workers_find(m, "w")->proplet->running, 2);
	assert_int_equal(workers_find(m, "w")->proplet->next_command, 3);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		WITH_MANAGER(a_start_is_committed_with_its_address),
		WITH_MANAGER(no_module_no_start),
		WITH_MANAGER(who_waits_first_is_placed_first),
		WITH_MANAGER(only_moves_of_the_table),
		WITH_MANAGER(an_end_leaves_memory),
		WITH_MANAGER(restarts_wait_for_their_time),
		WITH_MANAGER(a_stop_is_no_reason_to_restart),
		WITH_MANAGER(everything_is_found_again),
	};
	return cmocka_run_group_tests_name("manager/tasks", tests, NULL, NULL);
}
