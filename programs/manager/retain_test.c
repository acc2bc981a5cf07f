/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/retain.h"

#include "manager/fixture.h"

enum { RETENTION_MS = 10000 };
#define MS INT64_C(1000000)

static const struct manager_settings keeping = { .queue_max = 100, .retention_ms = RETENTION_MS };

/* A task that has come to this state, so long ago. */
static void made(struct manager *m, enum task_state state, uint64_t ms_ago, char id[UUID_SIZE]) {
	struct error err;
	struct task *task = make_task(m);
	memcpy(id, task->id, UUID_SIZE);
	task->state = state;
	task->updated_at = m->wall_ns - (int64_t)ms_ago * MS;
	task->finish_time = task_state_final(state) ? task->updated_at : 0;
	str_set(&task->outcome.error, "boom");
	assert_true(store_task_move(m->store, task, &err));
	assert_true(store_task_outcome(m->store, task, &err));
	struct move move = { .at = 1, .state = state, .cause = (char[]){ "test" } };
	assert_true(store_move_add(m->store, id, &move, &err));
}

static bool is_there(struct manager *m, const char *id) {
	struct error err;
	struct task *task = store_task_get(m->store, id, &err);
	assert_true(task != NULL || err.code == ERROR_NOT_FOUND);
	task_destroy(task);
	return task != NULL;
}

static void what_ended_long_ago_is_removed(void **state) {
	struct manager *m = *state;
	char gone[3][UUID_SIZE], kept[4][UUID_SIZE];
	m->settings = &keeping;
	made(m, TASK_COMPLETED, RETENTION_MS + 1, gone[0]);
	made(m, TASK_FAILED, RETENTION_MS + 1, gone[1]);
	made(m, TASK_INTERRUPTED, 1000 * RETENTION_MS, gone[2]);
	made(m, TASK_COMPLETED, RETENTION_MS - 1, kept[0]);
	made(m, TASK_PENDING, 1000 * RETENTION_MS, kept[1]);
	made(m, TASK_SCHEDULED, 1000 * RETENTION_MS, kept[2]);
	made(m, TASK_RUNNING, 1000 * RETENTION_MS, kept[3]);
	retain_tick(m);
	for (size_t i = 0; i < 3; i++) {
		struct move *moves;
		size_t count;
		struct error err;
		assert_false(is_there(m, gone[i]));
		assert_true(store_moves(m->store, gone[i], 10, &moves, &count, &err));
		assert_int_equal(count, 0);
		free(moves);
	}
	for (size_t i = 0; i < 4; i++) {
		assert_true(is_there(m, kept[i]));
	}
	assert_true(strings_has(&m->orphans, DIGEST)); /* who uses it is looked at later */
}

static void its_metrics_go_with_it(void **state) {
	struct manager *m = *state;
	char id[UUID_SIZE];
	struct sample sample;
	m->settings = &keeping;
	made(m, TASK_COMPLETED, RETENTION_MS + 1, id);
	sample_init(&sample, METRICS_TASK);
	history_add(m->measured[METRICS_TASK], id, "w", &sample, 10);
	assert_int_equal(history_count(m->measured[METRICS_TASK], id), 1);
	retain_tick(m);
	next_batch(m);
	assert_int_equal(history_count(m->measured[METRICS_TASK], id), 0);
}

static void without_a_retention_all_is_kept(void **state) {
	struct manager *m = *state;
	char id[UUID_SIZE];
	made(m, TASK_COMPLETED, UINT64_C(1000) * 86400 * 365 * 50, id);
	retain_tick(m);
	assert_true(is_there(m, id));
	assert_true(m->next_retain_ms == UINT64_MAX);
}

static void a_turn_a_minute(void **state) {
	struct manager *m = *state;
	char id[UUID_SIZE];
	uint64_t begin = m->now_ms;
	m->settings = &keeping;
	retain_tick(m);
	assert_true(m->next_retain_ms == begin + 60000);
	made(m, TASK_COMPLETED, RETENTION_MS + 1, id);
	m->now_ms = begin + 59999;
	retain_tick(m);
	assert_true(is_there(m, id));
	m->now_ms++;
	retain_tick(m);
	assert_false(is_there(m, id));
}

/* Of many only some at once, so that the loop has time for others. */
static void many_take_several_steps(void **state) {
	enum { TASKS = 2500 };
	struct manager *m = *state;
	static char ids[TASKS][UUID_SIZE];
	unsigned steps = 0, left = TASKS;
	m->settings = &keeping;
	for (size_t i = 0; i < TASKS; i++) {
		made(m, TASK_COMPLETED, RETENTION_MS + 1, ids[i]);
	}
	do {
		unsigned before = left;
		retain_tick(m);
		left = 0;
		for (size_t i = 0; i < TASKS; i++) {
			left += is_there(m, ids[i]);
		}
		assert_true(left < before && before - left <= 1000);
		assert_true(m->next_retain_ms == m->now_ms + (left != 0 ? 100 : 60000));
		m->now_ms = m->next_retain_ms;
		steps++;
	} while (left != 0);
	assert_int_equal(steps, 3);
}

/* What the store has refused is not made worse. */
static void a_failed_batch_removes_nothing(void **state) {
	struct manager *m = *state;
	char id[UUID_SIZE];
	m->settings = &keeping;
	made(m, TASK_COMPLETED, RETENTION_MS + 1, id);
	m->failed = true;
	retain_tick(m);
	assert_true(is_there(m, id));
	m->failed = false;
	retain_tick(m); /* and the turn is still due */
	assert_false(is_there(m, id));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		WITH_MANAGER(what_ended_long_ago_is_removed),
		WITH_MANAGER(its_metrics_go_with_it),
		WITH_MANAGER(without_a_retention_all_is_kept),
		WITH_MANAGER(a_turn_a_minute),
		WITH_MANAGER(many_take_several_steps),
		WITH_MANAGER(a_failed_batch_removes_nothing),
	};
	return cmocka_run_group_tests_name("manager/retain", tests, NULL, NULL);
}
