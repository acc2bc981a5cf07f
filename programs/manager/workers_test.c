/* SPDX-License-Identifier: Apache-2.0 */
/* Beside presence_test.c, where there is no broker: here there is one when the test says so. */
#include "bus/fixture.h"
#include "manager/fixture.h"

/* The tick of this moment. */
static void tick_at(struct manager *m, uint64_t ms) {
	m->now_ms = ms;
	m->next_tick_ms = 0;
	workers_tick(m);
}

/* An attempt on w, which was heard now; its id. */
static uint64_t begin(struct manager *m, char id[UUID_SIZE]) {
	announce(m, "w"); /* every second */
	memcpy(id, start_task(m, "w")->task->id, UUID_SIZE);
	next_batch(m);
	return workers_find(m, "w")->proplet->heard_ms;
}

static void who_is_silent_for_three_intervals_is_gone(void **state) {
	struct manager *m = *state;
	char id[UUID_SIZE];
	uint64_t heard = begin(m, id);
	hear(m, "{\"proplet_id\":\"v\",\"boot\":\"" BOOT "\",\"features\":[\"commands\"],"
		"\"interval_ms\":60000}");
	char other[UUID_SIZE];
	memcpy(other, start_task(m, "v")->task->id, UUID_SIZE);
	tick_at(m, heard + 2999);
	assert_int_equal(stored(m, id)->state, TASK_SCHEDULED);
	tick_at(m, heard + 3000);
	assert_int_equal(stored(m, id)->state, TASK_INTERRUPTED);
	assert_string_equal(stored(m, id)->outcome.error, "the worker is gone");
	assert_int_equal(stored(m, other)->state, TASK_SCHEDULED); /* it speaks seldom */
	assert_int_equal(workers_find(m, "w")->proplet->running, 0);
	assert_true(strings_has(&m->finished, id));
}

static void what_we_slept_through_is_no_silence(void **state) {
	struct manager *m = *state;
	char id[UUID_SIZE];
	uint64_t heard = begin(m, id);
	workers_excuse(m, heard + 1000, heard + 61000);
	assert_int_equal(workers_find(m, "w")->proplet->heard_ms, heard + 60000);
	tick_at(m, heard + 62999);
	assert_int_equal(stored(m, id)->state, TASK_SCHEDULED);
	workers_excuse(m, heard + 50000, heard + 60500); /* never heard in the future */
	assert_int_equal(workers_find(m, "w")->proplet->heard_ms, heard + 60500);
	tick_at(m, heard + 63500);
	assert_int_equal(stored(m, id)->state, TASK_INTERRUPTED);
}

static void what_is_to_be_restarted_finds_another(void **state) {
	struct manager *m = *state;
	char id[UUID_SIZE];
	uint64_t heard = begin(m, id);
	struct live *live = tasks_live(m, id);
	live->task->restart = RESTART_ON_FAILURE;
	live->task->restart_limit = 3;
	str_set(&live->task->pinned, NULL);
	tick_at(m, heard + 3000);
	assert_true(live->task->queued);
	announce(m, "v");
	m->now_ms += 1000; /* the pause before the first one */
	tasks_place_waiting(m);
	assert_int_equal(live->task->state, TASK_SCHEDULED);
	assert_string_equal(live->task->at.proplet_id, "v");
}

/* Silence says nothing while we cannot hear; then all get the time to come back. */
static void nobody_dies_of_our_deafness(void **state) {
	struct manager *m = *state;
	char id[UUID_SIZE];
	uint64_t heard = begin(m, id);
	m->bus->down = true;
	tick_at(m, heard + 2000);
	tick_at(m, heard + 5000); /* deaf until now */
	m->bus->down = false;
	tick_at(m, heard + 17999);
	assert_int_equal(stored(m, id)->state, TASK_SCHEDULED);
	tick_at(m, heard + 18000); /* 3 s of its own, 5 s of ours, 10 s to find the broker */
	assert_int_equal(stored(m, id)->state, TASK_INTERRUPTED);
}

static void who_was_heard_since_has_its_own_time(void **state) {
	struct manager *m = *state;
	char id[UUID_SIZE];
	uint64_t heard = begin(m, id);
	m->bus->down = true;
	tick_at(m, heard + 1000);
	m->bus->down = false;
	m->now_ms = heard + 2000;
	hear(m,
			"{\"proplet_id\":\"w\",\"boot\":\"" BOOT
			"\",\"interval_ms\":1000,\"command\":1,\"running\":[[\"%s\",1]]}",
			id);
	tick_at(m, heard + 4999);
	assert_int_equal(stored(m, id)->state, TASK_RUNNING);
	tick_at(m, heard + 5000);
	assert_int_equal(stored(m, id)->state, TASK_INTERRUPTED);
}

static void a_tick_a_second(void **state) {
	struct manager *m = *state;
	char id[UUID_SIZE];
	uint64_t heard = begin(m, id);
	tick_at(m, heard + 2500);
	m->now_ms = heard + 3499;
	workers_tick(m);
	assert_int_equal(stored(m, id)->state, TASK_SCHEDULED);
	m->now_ms = heard + 3500;
	workers_tick(m);
	assert_int_equal(stored(m, id)->state, TASK_INTERRUPTED);
}

/* An idle manager is awake when somebody may be silent for too long, and no more often. */
static void the_next_silence_is_known(void **state) {
	struct manager *m = *state;
	tick_at(m, m->now_ms);
	assert_int_equal(m->next_silence_ms, UINT64_MAX);
	announce(m, "w");
	uint64_t heard = m->now_ms;
	assert_int_equal(m->next_silence_ms, heard + 3000);
	m->now_ms = heard + 1000;
	announce(m, "v");
	m->now_ms = heard + 2000;
	announce(m, "w");
	workers_tick(m);
	assert_int_equal(m->next_silence_ms, heard + 3000); /* no look at all of them for a beat */
	m->now_ms = heard + 3000;
	workers_tick(m);
	assert_int_equal(m->next_silence_ms, heard + 4000); /* v's */
	m->now_ms = heard + 4000;
	workers_tick(m);
	assert_int_equal(m->next_silence_ms, heard + 5000); /* w's: v is dead */
	hear(m, "{\"proplet_id\":\"w\",\"boot\":\"" BOOT "\",\"status\":\"offline\"}");
	m->now_ms = heard + 5000;
	workers_tick(m);
	assert_int_equal(m->next_silence_ms, UINT64_MAX);
}

/* Who beats as one of ours and has not said what it can do is asked, once in a tick. */
static void strangers_are_asked_to_announce_themselves(void **state) {
	struct manager *m = *state;
	memcpy(m->boot, NEXT_BOOT, sizeof(NEXT_BOOT));
	for (int i = 0; i < 3; i++) {
		hear(m, "{\"proplet_id\":\"w%d\",\"boot\":\"" BOOT "\"}", i);
	}
	assert_int_equal(posted(m, "/online", ""), 0);
	tick_at(m, m->now_ms);
	assert_int_equal(posted(m, "/online", NEXT_BOOT), 1);
	tick_at(m, m->now_ms + 1000);
	assert_int_equal(posted(m, "/online", ""), 1);
	hear(m, "{\"proplet_id\":\"old\"}"); /* has nothing to announce */
	announce(m, "w1");
	tick_at(m, m->now_ms + 2000);
	assert_int_equal(posted(m, "/online", ""), 1);
}

static void who_is_deleted_is_gone(void **state) {
	struct manager *m = *state;
	struct error err;
	char id[UUID_SIZE];
	(void)begin(m, id);
	assert_false(workers_delete(m, workers_find(m, "w"), &err));
	assert_int_equal(err.code, ERROR_CONFLICT);
	assert_true(tasks_go(m, tasks_live(m, id), TASK_COMPLETED, "test"));
	workers_ack(m, workers_find(m, "w"), id, 1); /* and this batch has something for it */
	assert_true(workers_delete(m, workers_find(m, "w"), &err));
	assert_null(workers_find(m, "w"));
	next_batch(m);
	manager_forget(m);
	assert_true(manager_recover(m, &err));
	assert_null(workers_find(m, "w"));
	announce(m, "w"); /* until it is heard again */
	assert_non_null(workers_find(m, "w"));
}

static void acknowledgements_go_together(void **state) {
	struct manager *m = *state;
	announce(m, "w");
	announce(m, "v");
	next_batch(m);
	struct worker *w = workers_find(m, "w");
	workers_ack(m, w, BOOT, 1);
	workers_ack(m, w, NEXT_BOOT, 2);
	workers_ack(m, workers_find(m, "v"), BOOT, 3);
	assert_int_equal(posted(m, "", ""), 0); /* not before the commit */
	workers_flush(m);
	assert_int_equal(posted(m, "/command/w", "[[\"" BOOT "\",1],[\"" NEXT_BOOT "\",2]]"), 1);
	assert_int_equal(posted(m, "/command/v", "[[\"" BOOT "\",3]]"), 1);
	workers_flush(m);
	assert_int_equal(posted(m, "", ""), 2); /* once */
}

static void what_has_changed_is_stored(void **state) {
	struct manager *m = *state;
	struct error err;
	announce(m, "w");
	next_batch(m);
	workers_find(m, "w")->proplet->next_command = 77;
	next_batch(m); /* nobody has said that it changed */
	manager_forget(m);
	assert_true(manager_recover(m, &err));
	assert_int_equal(workers_find(m, "w")->proplet->next_command, 1);
	struct worker *worker = workers_find(m, "w");
	worker->proplet->next_command = 78;
	worker->dirty = true;
	workers_touch(m, worker);
	workers_touch(m, worker);
	next_batch(m);
	manager_forget(m);
	assert_true(manager_recover(m, &err));
	assert_int_equal(workers_find(m, "w")->proplet->next_command, 78);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		WITH_MANAGER(who_is_silent_for_three_intervals_is_gone),
		WITH_MANAGER(what_we_slept_through_is_no_silence),
		WITH_MANAGER(what_is_to_be_restarted_finds_another),
		WITH_MANAGER(nobody_dies_of_our_deafness),
		WITH_MANAGER(who_was_heard_since_has_its_own_time),
		WITH_MANAGER(a_tick_a_second),
		WITH_MANAGER(the_next_silence_is_known),
		WITH_MANAGER(strangers_are_asked_to_announce_themselves),
		WITH_MANAGER(who_is_deleted_is_gone),
		WITH_MANAGER(acknowledgements_go_together),
		WITH_MANAGER(what_has_changed_is_stored),
	};
	return cmocka_run_group_tests_name("manager/workers", tests, NULL, NULL);
}
