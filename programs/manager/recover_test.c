/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "manager/fixture.h"
#include "model/restart.h"

/* As after kill -9: the store alone says what there is. */
static void crash(struct manager *m) {
	struct error err;
	const char *id;
	void *value;
	next_batch(m);
	manager_forget(m);
	for (size_t at = 0; map_next(m->workers, &at, &id, &value);) {
		worker_destroy(value);
	}
	map_destroy(m->workers);
	m->workers = NULL;
	assert_true(manager_recover(m, &err));
}

/* A batch that the store refused. */
static void lose(struct manager *m) {
	struct error err;
	workers_flush(m);
	store_rollback(m->store);
	manager_end(m, false);
	manager_forget(m);
	assert_true(manager_recover(m, &err));
	manager_begin(m);
}

static struct live *begin(struct manager *m, char id[UUID_SIZE]) {
	struct live *live = start_task(m, NULL);
	memcpy(id, live->task->id, UUID_SIZE);
	return live;
}

static void what_is_live_is_in_memory(void **state) {
	struct manager *m = *state;
	enum { NEVER_STARTED, SCHEDULED, RUNNING, QUEUED, QUEUED_TOO, ENDED, IDS };
	char ids[IDS][UUID_SIZE];
	announce(m, "w"); /* two slots */
	memcpy(ids[NEVER_STARTED], make_task(m)->id, UUID_SIZE);
	assert_true(tasks_go(m, begin(m, ids[ENDED]), TASK_FAILED, "test"));
	(void)begin(m, ids[SCHEDULED]);
	assert_true(tasks_go(m, begin(m, ids[RUNNING]), TASK_RUNNING, "test"));
	(void)begin(m, ids[QUEUED]);
	(void)begin(m, ids[QUEUED_TOO]);
	crash(m);
	assert_int_equal(map_count(m->live), 4);
	assert_null(tasks_live(m, ids[NEVER_STARTED]));
	assert_null(tasks_live(m, ids[ENDED]));
	const struct live *scheduled = tasks_live(m, ids[SCHEDULED]),
			  *running = tasks_live(m, ids[RUNNING]);
	assert_int_equal(scheduled->task->state, TASK_SCHEDULED);
	assert_int_equal(running->task->state, TASK_RUNNING);
	assert_false(scheduled->answered); /* it may never have heard of it: sent again */
	assert_true(running->answered);    /* it has: once it is not listed it is lost */
	const struct worker *worker = workers_find(m, "w");
	assert_true(scheduled->worker == worker && running->worker == worker);
	assert_int_equal(worker->proplet->running, 2);
	assert_true(worker->attempts.first == scheduled && worker->attempts.last == running);
	assert_string_equal(scheduled->task->at.boot, BOOT);
	assert_int_equal(scheduled->task->at.command, 2);
	assert_true(m->waiting.first == tasks_live(m, ids[QUEUED])); /* first come first */
	assert_true(m->waiting.last == tasks_live(m, ids[QUEUED_TOO]));
	assert_null(m->waiting.first->worker);
}

static void what_is_known_of_workers(void **state) {
	struct manager *m = *state;
	announce(m, "w");
	(void)start_task(m, NULL);
	uint64_t before = clock_ms();
	crash(m);
	const struct worker *worker = workers_find(m, "w");
	const struct proplet *proplet = worker->proplet;
	assert_true(proplet->ours && !proplet->heard);
	assert_true(proplet->heard_ms >= before); /* it gets the time to be heard */
	assert_string_equal(proplet->boot, BOOT);
	assert_int_equal(proplet->slots, 2);
	assert_int_equal(proplet->next_command, 2); /* a number is never given twice */
	bool busy;
	struct error err;
	assert_null(place(m, make_task(m), &busy, &err));
}

/* A worker that was forgotten, but not its attempt. */
static void the_worker_of_an_attempt_is_made_up(void **state) {
	struct manager *m = *state;
	struct error err;
	char id[UUID_SIZE];
	announce(m, "w");
	(void)begin(m, id);
	next_batch(m);
	assert_true(manager_write(m) && store_proplet_delete(m->store, "w", &err));
	crash(m);
	const struct worker *worker = workers_find(m, "w");
	assert_non_null(worker);
	assert_true(tasks_live(m, id)->worker == worker);
	assert_int_equal(worker->proplet->running, 1);
}

static void stops_are_remembered(void **state) {
	struct manager *m = *state;
	char id[UUID_SIZE];
	announce(m, "w");
	tasks_stop(m, begin(m, id));
	crash(m);
	assert_true(tasks_live(m, id)->task->stopping);
	hear(m,
			"{\"proplet_id\":\"w\",\"boot\":\"" BOOT
			"\",\"command\":1,\"running\":[[\"%s\",1]]}",
			id);
	assert_int_equal(posted(m, "/command/w", "\"stop\""), 1);
}

/* Restarts wait for what is left of their pause, whatever the wall clock says meanwhile. */
static void restarts_are_due_when_they_were(void **state) {
	struct manager *m = *state;
	static const struct {
		int64_t left_ms;
		uint64_t waits_ms;
	} rows[] = { { -5000, 0 }, { 0, 0 }, { 60000, 60000 },
		{ INT64_C(1000) * 86400 * 365, RESTART_PAUSE_MAX_MS } };
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char id[UUID_SIZE];
		struct error err;
		announce(m, "w");
		struct live *live = begin(m, id);
		live->task->restart = RESTART_ALWAYS;
		assert_true(store_task_change(m->store, live->task, &err));
		assert_true(tasks_go(m, live, TASK_FAILED, "test"));
		uint64_t before = clock_ms();
		live->task->due_at = clock_wall_ns() + rows[i].left_ms * 1000000;
		assert_true(store_task_move(m->store, live->task, &err));
		crash(m);
		live = tasks_live(m, id);
		assert_true(live->task->queued && live->task->restarts == 1);
		assert_int_equal(live->task->attempt, 2);
		if (rows[i].waits_ms == 0) {
			assert_int_equal(live->due_ms, 0);
		} else {
			assert_in_range(live->due_ms, before + rows[i].waits_ms - 5000,
					clock_ms() + rows[i].waits_ms);
		}
		tasks_stop(m, live);
	}
}

/* What was heard is true although the store has lost the batch; what was decided is not. */
static void a_failed_batch_forgets_what_it_decided(void **state) {
	struct manager *m = *state;
	char kept[UUID_SIZE], lost[UUID_SIZE];
	announce(m, "w");
	(void)begin(m, kept);
	announce(m, "v");
	next_batch(m);
	(void)begin(m, lost);
	assert_true(tasks_go(m, tasks_live(m, kept), TASK_COMPLETED, "test"));
	hear(m, "{\"proplet_id\":\"w\",\"boot\":\"" BOOT "\",\"memory_free_bytes\":77,"
		"\"running\":[],\"held\":[],\"command\":1}");
	hear(m, "{\"proplet_id\":\"v\",\"status\":\"offline\"}");
	hear(m, "{\"proplet_id\":\"new\"}");
	workers_find(m, "w")->proplet->heard_ms = 4242;
	lose(m);
	assert_null(tasks_live(m, lost));
	assert_int_equal(tasks_live(m, kept)->task->state, TASK_SCHEDULED);
	assert_null(workers_find(m, "new"));
	assert_true(workers_find(m, "v")->proplet->offline);
	const struct proplet *proplet = workers_find(m, "w")->proplet;
	assert_true(proplet->heard && !proplet->offline);
	assert_int_equal(proplet->heard_ms, 4242);
	assert_int_equal(proplet->memory_free_bytes, 77);
	assert_int_equal(proplet->running, 1);
	assert_int_equal(proplet->next_command, 2);
	assert_null(m->waiting.first);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		WITH_MANAGER(what_is_live_is_in_memory),
		WITH_MANAGER(what_is_known_of_workers),
		WITH_MANAGER(the_worker_of_an_attempt_is_made_up),
		WITH_MANAGER(stops_are_remembered),
		WITH_MANAGER(restarts_are_due_when_they_were),
		WITH_MANAGER(a_failed_batch_forgets_what_it_decided),
	};
	return cmocka_run_group_tests_name("manager/recover", tests, NULL, NULL);
}
