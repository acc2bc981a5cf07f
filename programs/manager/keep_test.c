/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/keep.h"

#include "base/clock.h"
#include "manager/fixture.h"

enum { TURN_MS = 5000, QUIET_MS = 15000, STEP_MS = 100, STEP_ROWS = 2000 };

static void measured(struct manager *m, enum metrics_kind kind, const char *owner, int64_t at) {
	CLEANUP(mem_freep) char *worker = str_copy(kind == METRICS_PROPLET ? owner : "w");
	struct metrics metrics = { .proplet_id = worker };
	sample_init(&metrics.sample, kind);
	metrics.sample.at = at;
	if (kind == METRICS_TASK) {
		memcpy(metrics.task_id, owner, UUID_SIZE);
	}
	workers_measured(m, &metrics);
}

/* The batch ends, and the next one is so much later. */
static void later(struct manager *m, uint64_t ms) {
	uint64_t now = m->now_ms;
	next_batch(m);
	m->now_ms = now; /* of these tests, not of the day */
	keep_tick(m);
	m->now_ms += ms;
	keep_tick(m);
}

/* The store alone says what there was: as after kill -9, or a clean end. */
static void again(struct manager *m, bool killed) {
	struct error err;
	const char *id;
	void *value;
	next_batch(m);
	if (killed) { /* its last step fails */
		assert_true(store_begin(m->store, &err));
	}
	keep_end(m);
	store_rollback(m->store);
	manager_forget(m);
	for (size_t at = 0; map_next(m->workers, &at, &id, &value);) {
		worker_destroy(value);
	}
	map_destroy(m->workers);
	m->workers = NULL;
	for (int kind = 0; kind < 2; kind++) {
		history_destroy(m->measured[kind]);
		m->measured[kind] = history_create(MANAGER_SAMPLES_MAX);
	}
	assert_true(manager_recover(m, &err));
	keep_begin(m);
}

static size_t of(struct manager *m, enum metrics_kind kind, const char *owner) {
	return history_count(m->measured[kind], owner);
}

static void count_sample(void *context, const struct store_sample *row) {
	(void)row;
	++*(size_t *)context;
}

static void count_beats(void *context, const struct store_beats *beats) {
	(void)beats;
	++*(size_t *)context;
}

static size_t stored_samples(struct manager *m) {
	struct error err;
	size_t count = 0;
	assert_true(store_samples(m->store, count_sample, &count, &err));
	return count;
}

static size_t stored_beats(struct manager *m) {
	struct error err;
	size_t count = 0;
	assert_true(store_beats(m->store, count_beats, &count, &err));
	return count;
}

static size_t beats(struct manager *m, const char *id) {
	int64_t at[PROPLET_BEATS];
	return proplet_beats(workers_find(m, id)->proplet, at);
}

static void a_clean_end_loses_nothing(void **state) {
	struct manager *m = *state;
	char id[UUID_SIZE];
	announce(m, "w");
	hear(m, "{\"proplet_id\":\"w\"}");
	memcpy(id, start_task(m, NULL)->task->id, UUID_SIZE);
	measured(m, METRICS_PROPLET, "w", 11);
	measured(m, METRICS_TASK, id, 12);
	int64_t before[PROPLET_BEATS], after[PROPLET_BEATS];
	assert_int_equal(proplet_beats(workers_find(m, "w")->proplet, before), 2);
	again(m, false);
	assert_int_equal(of(m, METRICS_PROPLET, "w"), 1);
	assert_int_equal(of(m, METRICS_TASK, id), 1);
	assert_int_equal(proplet_beats(workers_find(m, "w")->proplet, after), 2);
	assert_memory_equal(after, before, 2 * sizeof(after[0]));
	assert_false(workers_find(m, "w")->proplet->heard); /* in this process */
	again(m, false);
	assert_int_equal(of(m, METRICS_PROPLET, "w"), 1);
	assert_int_equal(stored_samples(m), 2);
	assert_int_equal(stored_beats(m), 1);
}

static void nothing_is_written_before_its_time(void **state) {
	struct manager *m = *state;
	keep_tick(m);
	assert_true(keep_due_ms(m) == UINT64_MAX); /* nobody is woken up for nothing */
	announce(m, "w");
	measured(m, METRICS_PROPLET, "w", 1);
	later(m, 0);
	uint64_t due = keep_due_ms(m);
	assert_true(due == m->now_ms + QUIET_MS);
	m->now_ms = due - 1;
	measured(m, METRICS_PROPLET, "w", 2);
	keep_tick(m);
	assert_false(m->writing); /* no batch has a write more */
	assert_int_equal(stored_samples(m), 0);
	assert_int_equal(stored_beats(m), 0);
	m->now_ms = due;
	keep_tick(m);
	assert_int_equal(stored_samples(m), 2);
	assert_int_equal(stored_beats(m), 1);
	assert_true(keep_due_ms(m) == UINT64_MAX);
	keep_tick(m);
	assert_true(keep_due_ms(m) == UINT64_MAX);
	measured(m, METRICS_PROPLET, "w", 3);
	again(m, true);
	assert_int_equal(of(m, METRICS_PROPLET, "w"), 2); /* the last one is lost */
}

/* What is little waits longer: who is idle has fewer commits. */
static void much_is_written_earlier(void **state) {
	struct manager *m = *state;
	announce(m, "w");
	later(m, 0);
	uint64_t begin = m->now_ms;
	for (int i = 0; i < 98; i++) {
		measured(m, METRICS_PROPLET, "w", i);
	}
	m->now_ms = begin + 2000;
	keep_tick(m);
	assert_true(keep_due_ms(m) == begin + QUIET_MS);
	measured(m, METRICS_PROPLET, "w", 98);
	keep_tick(m);
	assert_true(keep_due_ms(m) == begin + TURN_MS);
	m->now_ms = begin + TURN_MS;
	keep_tick(m);
	assert_int_equal(stored_samples(m), 99);
}

static void many_take_several_steps(void **state) {
	struct manager *m = *state;
	char id[16];
	for (int i = 0; i < 3000; i++) {
		(void)snprintf(id, sizeof(id), "w%d", i);
		hear(m, "{\"proplet_id\":\"%s\"}", id);
		struct sample sample;
		sample_init(&sample, METRICS_PROPLET);
		history_add(m->measured[METRICS_PROPLET], id, id, &sample, 100);
	}
	uint64_t begin = m->now_ms + TURN_MS;
	later(m, TURN_MS);
	assert_int_equal(stored_samples(m) + stored_beats(m), STEP_ROWS);
	assert_true(keep_due_ms(m) == m->now_ms + STEP_MS);
	keep_tick(m);
	assert_int_equal(stored_samples(m) + stored_beats(m), STEP_ROWS);
	for (int step = 0; step < 3; step++) {
		m->now_ms += STEP_MS;
		keep_tick(m);
	}
	assert_int_equal(stored_samples(m), 3000);
	assert_int_equal(stored_beats(m), 3000);
	/* 6,000 rows are for 3 seconds; a turn of 5 has passed by then. */
	assert_true(keep_due_ms(m) == UINT64_MAX);
	for (int i = 0; i < 30000; i++) {
		(void)snprintf(id, sizeof(id), "w%d", i % 3000);
		struct sample sample;
		sample_init(&sample, METRICS_PROPLET);
		history_add(m->measured[METRICS_PROPLET], id, id, &sample, 100);
	}
	later(m, TURN_MS);
	begin = m->now_ms;
	while (keep_due_ms(m) != UINT64_MAX) {
		m->now_ms += STEP_MS;
		keep_tick(m);
	}
	assert_int_equal(stored_samples(m), 33000);
	for (int i = 1; i <= 100; i++) {
		hear(m, "{\"proplet_id\":\"w%d\"}", i);
	}
	keep_tick(m);
	assert_true(keep_due_ms(m) == begin + 15000); /* 30,000 rows */
	again(m, false);
	assert_int_equal(of(m, METRICS_PROPLET, "w1"), 11);
	assert_int_equal(beats(m, "w1"), 2);
	assert_int_equal(beats(m, "w200"), 1);
}

static void bounds_hold_in_the_store(void **state) {
	struct manager *m = *state;
	announce(m, "w");
	struct live *live = start_task(m, NULL);
	live->task->work.profile.retain = true;
	live->task->work.profile.history = 3;
	for (int turn = 0; turn < 50; turn++) {
		for (int i = 0; i < 10; i++) {
			measured(m, METRICS_PROPLET, "w", turn);
			measured(m, METRICS_TASK, live->task->id, turn);
		}
		later(m, QUIET_MS);
		assert_true(stored_samples(m) <= 103);
	}
	assert_int_equal(stored_samples(m), 103);
	char id[UUID_SIZE];
	memcpy(id, live->task->id, UUID_SIZE);
	again(m, true);
	assert_int_equal(of(m, METRICS_PROPLET, "w"), 100);
	assert_int_equal(of(m, METRICS_TASK, id), 3);
}

static void what_is_deleted_is_gone_with_its_commit(void **state) {
	struct manager *m = *state;
	struct error err;
	announce(m, "w");
	announce(m, "v");
	struct task *task = make_task(m);
	struct sample sample;
	sample_init(&sample, METRICS_TASK);
	for (int i = 0; i < 5; i++) {
		history_add(m->measured[METRICS_TASK], task->id, "w", &sample, 10);
		measured(m, METRICS_PROPLET, "w", 1);
	}
	char id[UUID_SIZE];
	memcpy(id, task->id, UUID_SIZE);
	later(m, QUIET_MS);
	assert_int_equal(stored_samples(m), 10);
	assert_int_equal(stored_beats(m), 2);
	measured(m, METRICS_PROPLET, "w", 2);
	assert_true(workers_delete(m, workers_find(m, "w"), &err));
	keep_forget(m, METRICS_TASK, id);
	next_batch(m);
	assert_int_equal(stored_samples(m), 0);
	assert_int_equal(stored_beats(m), 1);
	assert_int_equal(of(m, METRICS_TASK, id), 0);
	announce(m, "w"); /* another one, in the place that is free */
	assert_int_equal(of(m, METRICS_PROPLET, "w"), 0);
	later(m, 2 * QUIET_MS);
	assert_int_equal(stored_beats(m), 2);
	again(m, true);
	assert_int_equal(beats(m, "w"), 1);
	assert_int_equal(beats(m, "v"), 1);
}

/* The store has refused it: all is as it was, in memory and there. */
static void a_failed_deletion_forgets_nothing(void **state) {
	struct manager *m = *state;
	struct error err;
	announce(m, "w");
	announce(m, "v");
	measured(m, METRICS_PROPLET, "w", 1);
	later(m, QUIET_MS);
	assert_true(workers_delete(m, workers_find(m, "w"), &err));
	store_rollback(m->store);
	m->failed = true;
	assert_false(manager_commit(m));
	manager_end(m, false);
	manager_forget(m);
	assert_true(manager_recover(m, &err));
	manager_begin(m);
	assert_int_equal(of(m, METRICS_PROPLET, "w"), 1);
	hear(m, "{\"proplet_id\":\"v\"}");
	hear(m, "{\"proplet_id\":\"u\"}");
	later(m, 2 * QUIET_MS);
	again(m, true);
	assert_int_equal(of(m, METRICS_PROPLET, "w"), 1);
	assert_int_equal(beats(m, "v"), 2);
	assert_int_equal(beats(m, "u"), 1);
}

/* Samples are no reason to fail anything. */
static void a_failure_is_tried_again(void **state) {
	struct manager *m = *state;
	struct error err;
	announce(m, "w");
	measured(m, METRICS_PROPLET, "w", 1);
	next_batch(m);
	keep_tick(m);
	assert_true(store_begin(m->store, &err)); /* in the way */
	m->now_ms += QUIET_MS;
	keep_tick(m);
	assert_false(m->failed);
	assert_true(keep_due_ms(m) == m->now_ms + 30000);
	assert_int_equal(stored_samples(m), 0);
	keep_tick(m);
	assert_true(keep_due_ms(m) == m->now_ms + 30000);
	measured(m, METRICS_PROPLET, "w", 2);
	keep_tick(m);
	assert_int_equal(stored_samples(m), 0);
	m->now_ms += 30000;
	keep_tick(m);
	assert_int_equal(stored_samples(m), 2);
	assert_int_equal(stored_beats(m), 1);
	assert_true(keep_due_ms(m) == UINT64_MAX);
}

/* What an earlier program deleted without knowing the tables, and what makes no sense. */
static void what_nobody_owns_is_swept(void **state) {
	struct manager *m = *state;
	struct error err;
	announce(m, "w");
	announce(m, "v");
	measured(m, METRICS_PROPLET, "w", 1);
	later(m, QUIET_MS);
	assert_true(manager_write(m) && store_proplet_delete(m->store, "w", &err));
	const struct store_beats odd[] = { { .row = 3, .proplet_id = "v", .count = 1 },
		{ .row = -7, .proplet_id = "v", .count = 1 },
		{ .row = INT64_MAX, .proplet_id = "v", .count = 1 } };
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		assert_true(store_beats_put(m->store, &odd[i], &err));
	}
	again(m, true);
	assert_int_equal(stored_samples(m), 0);
	assert_int_equal(stored_beats(m), 1);
	assert_int_equal(beats(m, "v"), 1);
	hear(m, "{\"proplet_id\":\"v\"}");
	measured(m, METRICS_PROPLET, "v", 1);
	later(m, 2 * QUIET_MS);
	assert_int_equal(stored_samples(m), 1);
}

static void a_store_in_memory_keeps_nothing(void **state) {
	struct manager *m = *state;
	struct manager_settings settings = { .storage = (char[]){ "memory" } };
	keep_end(m);
	m->settings = &settings;
	keep_begin(m);
	announce(m, "w");
	measured(m, METRICS_PROPLET, "w", 1);
	later(m, QUIET_MS);
	assert_true(keep_due_ms(m) == UINT64_MAX);
	keep_end(m);
	m->settings = &fixture_settings;
	keep_begin(m);
	assert_int_equal(stored_samples(m), 0);
	assert_int_equal(of(m, METRICS_PROPLET, "w"), 1);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		WITH_MANAGER(a_clean_end_loses_nothing),
		WITH_MANAGER(nothing_is_written_before_its_time),
		WITH_MANAGER(much_is_written_earlier),
		WITH_MANAGER(many_take_several_steps),
		WITH_MANAGER(bounds_hold_in_the_store),
		WITH_MANAGER(what_is_deleted_is_gone_with_its_commit),
		WITH_MANAGER(a_failed_deletion_forgets_nothing),
		WITH_MANAGER(a_failure_is_tried_again),
		WITH_MANAGER(what_nobody_owns_is_swept),
		WITH_MANAGER(a_store_in_memory_keeps_nothing),
	};
	return cmocka_run_group_tests_name("manager/keep", tests, NULL, NULL);
}
