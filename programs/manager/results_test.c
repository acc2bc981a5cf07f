/* SPDX-License-Identifier: Apache-2.0 */
/* Beside presence_test.c, which has the rows of spec/topics.md: results and notices in detail. */
#include "manager/fixture.h"

#define OURS "\"proplet_id\":\"w\",\"boot\":\"" BOOT "\",\"attempt\":1"

static void report(struct manager *m, const char *id, const char *more) {
	CLEANUP(mem_freep) char *text = str_format("{\"task_id\":\"%s\",%s}", id, more);
	struct report said;
	struct error err;
	if (!report_decode(&said, (struct bytes){ (const uint8_t *)text, strlen(text) }, &err)) {
		fail_msg("%s: %s", text, err.message);
	}
	workers_report(m, &said);
	report_finish(&said);
}

static void notice(struct manager *m, const char *id, const char *more) {
	CLEANUP(mem_freep) char *text = str_format("{\"task_id\":\"%s\",%s}", id, more);
	struct notice said;
	struct error err;
	if (!notice_decode(&said, (struct bytes){ (const uint8_t *)text, strlen(text) }, &err)) {
		fail_msg("%s: %s", text, err.message);
	}
	workers_notice(m, &said);
	notice_finish(&said);
}

static unsigned acks(struct manager *m, const char *id, unsigned attempt) {
	CLEANUP(mem_freep) char *text = str_format("[\"%s\",%u]", id, attempt);
	workers_flush(m);
	return posted(m, "/command/w", text);
}

/* An attempt on w; the command is forgotten. */
static struct live *begin(struct manager *m, char id[UUID_SIZE]) {
	announce(m, "w");
	struct live *live = start_task(m, "w");
	memcpy(id, live->task->id, UUID_SIZE);
	next_batch(m);
	return live;
}

/* An attempt on a worker that says neither boot nor attempt. */
static struct live *begin_old(struct manager *m, char id[UUID_SIZE]) {
	struct error err;
	hear(m, "{\"proplet_id\":\"old\"}");
	struct task *task = make_task(m);
	str_set(&task->work.image_url, "http://h/m.wasm");
	str_set(&task->pinned, "old");
	memcpy(id, task->id, UUID_SIZE);
	assert_true(tasks_start(m, task, "test", &err));
	next_batch(m);
	struct live *live = tasks_live(m, id);
	assert_int_equal(live->task->state, TASK_RUNNING);
	return live;
}

/* The causes in its history, one behind the other; freed by the caller. */
static char *history(struct manager *m, const char *id) {
	struct move *moves;
	size_t count;
	struct error err;
	char *text = str_copy("");
	assert_true(store_moves(m->store, id, 100, &moves, &count, &err));
	for (size_t i = 0; i < count; i++) {
		char *longer = str_format("%s%s%s:%s", text, i != 0 ? "|" : "",
				task_state_name(moves[i].state), moves[i].cause);
		free(text);
		free(moves[i].cause);
		text = longer;
	}
	free(moves);
	return text;
}

static void a_result_is_recorded_whole(void **state) {
	struct manager *m = *state;
	char id[UUID_SIZE];
	(void)begin(m, id);
	report(m, id,
			OURS ",\"results\":\"3\",\"stdout\":\"out\",\"stderr\":\"err\","
			     "\"exit_code\":4,\"truncated\":true,\"fuel_used\":99,"
			     "\"error\":\"exited with code 4\"");
	const struct task *task = stored(m, id);
	assert_int_equal(task->state, TASK_FAILED);
	assert_int_equal(task->finish_time, m->wall_ns);
	const struct outcome *outcome = &task->outcome;
	assert_string_equal(json_string_value(outcome->results), "3");
	assert_memory_equal(outcome->out.bytes, "out", 3);
	assert_memory_equal(outcome->error_out.bytes, "err", 3);
	assert_string_equal(outcome->error, "exited with code 4");
	assert_true(outcome->exited && outcome->exit_code == 4 && outcome->truncated);
	assert_int_equal(outcome->fuel_used, 99);
	assert_int_equal(acks(m, id, 1), 1);
	CLEANUP(mem_freep) char *causes = history(m, id);
	assert_true(str_ends(causes, "Failed:it failed: exited with code 4"));
}

/* Whoever it is from: what nobody waits for may be let go. */
static void what_nobody_waits_for(void **state) {
	struct manager *m = *state;
	char id[UUID_SIZE];
	struct live *live = begin(m, id);
	live->task->restart = RESTART_ALWAYS;
	report(m, id, OURS ",\"results\":\"1\"");
	assert_true(live->task->queued && live->task->attempt == 2);
	assert_int_equal(acks(m, id, 1), 1);
	next_batch(m);
	report(m, id, OURS ",\"results\":\"2\""); /* again, while the next one waits */
	assert_int_equal(acks(m, id, 1), 1);
	next_batch(m);
	report(m, id, "\"proplet_id\":\"w\",\"boot\":\"" BOOT "\",\"attempt\":2");
	assert_int_equal(acks(m, id, 2), 1); /* it was sent to nobody */
	m->now_ms += 1000;
	tasks_place_waiting(m);
	assert_int_equal(live->task->state, TASK_SCHEDULED);
	next_batch(m);
	report(m, id, OURS ",\"error\":\"late\""); /* again, while the next one runs */
	assert_int_equal(acks(m, id, 1), 1);
	assert_int_equal(live->task->state, TASK_SCHEDULED);
	report(m, NEXT_BOOT, OURS); /* no such task */
	assert_int_equal(acks(m, NEXT_BOOT, 1), 1);
	next_batch(m);
	report(m, NEXT_BOOT, "\"proplet_id\":\"nobody\",\"attempt\":1");
	report(m, NEXT_BOOT, "\"proplet_id\":\"w\"");
	report(m, "no uuid", "\"results\":\"1\"");
	assert_int_equal(acks(m, NEXT_BOOT, 1) + acks(m, NEXT_BOOT, 0), 0);
}

static void old_workers_say_less(void **state) {
	static const struct {
		const char *more;
		bool taken;
	} rows[] = {
		{ "\"results\":\"5\"", true },
		{ "\"results\":\"5\",\"proplet_id\":\"old\"", true },
		{ "\"results\":\"5\",\"proplet_id\":\"old\",\"attempt\":1", true },
		{ "\"results\":\"5\",\"proplet_id\":\"old\",\"attempt\":2", false },
		{ "\"results\":\"5\",\"proplet_id\":\"w\"", false },
	};
	struct manager *m = *state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char id[UUID_SIZE];
		(void)begin_old(m, id);
		report(m, id, rows[i].more);
		if ((tasks_live(m, id) == NULL) != rows[i].taken) {
			fail_msg("%s", rows[i].more);
		}
	}
}

/* They know no "interrupted": an error after a stop is one. */
static void how_attempts_of_old_workers_end(void **state) {
	static const struct {
		bool stopped;
		const char *more;
		enum task_state state;
	} rows[] = {
		{ false, "\"results\":\"1\"", TASK_COMPLETED },
		{ false, "\"error\":\"killed\"", TASK_FAILED },
		{ true, "\"error\":\"killed\"", TASK_INTERRUPTED },
		{ true, "\"results\":\"1\"", TASK_COMPLETED },
	};
	struct manager *m = *state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char id[UUID_SIZE];
		struct live *live = begin_old(m, id);
		if (rows[i].stopped) {
			tasks_stop(m, live);
		}
		report(m, id, rows[i].more);
		assert_int_equal(stored(m, id)->state, rows[i].state);
	}
	char id[UUID_SIZE];
	tasks_stop(m, begin(m, id)); /* ours do know it */
	report(m, id, OURS ",\"error\":\"boom\"");
	assert_int_equal(stored(m, id)->state, TASK_FAILED);
}

static void who_stopped_it(void **state) {
	struct manager *m = *state;
	for (int stopped = 0; stopped <= 1; stopped++) {
		char id[UUID_SIZE];
		struct live *live = begin(m, id);
		if (stopped) {
			tasks_stop(m, live);
		}
		report(m, id, OURS ",\"interrupted\":true,\"error\":\"stopped\"");
		CLEANUP(mem_freep) char *causes = history(m, id);
		assert_true(str_ends(causes, stopped ? "Interrupted:stopped by a user"
						     : "Interrupted:stopped by its worker"));
	}
}

/* Cut for the history, between characters; whole in the outcome. */
static void long_errors(void **state) {
	struct manager *m = *state;
	char id[UUID_SIZE], error[602] = "x";
	for (size_t i = 0; i < 300; i++) {
		memcpy(error + 1 + 2 * i, "\xc3\xa4", 2);
	}
	CLEANUP(mem_freep) char *more = str_format(OURS ",\"error\":\"%s\"", error);
	(void)begin(m, id);
	report(m, id, more);
	assert_string_equal(stored(m, id)->outcome.error, error);
	CLEANUP(mem_freep) char *causes = history(m, id);
	const char *cause = strstr(causes, "it failed: x\xc3\xa4");
	assert_non_null(cause);
	assert_in_range(strlen(cause), 300, 315);
	assert_true(str_is_utf8(causes, strlen(causes)));
}

/* An attempt that was over before it was said to run: both are in its history. */
static void short_attempts_ran_too(void **state) {
	struct manager *m = *state;
	static const struct {
		const char *times;
		bool ran;
	} rows[] = {
		{ "\"started_at\":\"2026-01-01T00:00:00Z\","
		  "\"finished_at\":\"2026-01-01T00:00:00.000000001Z\"",
				true },
		{ "\"started_at\":\"2026-01-01T00:00:00Z\","
		  "\"finished_at\":\"2026-01-01T01:00:00Z\"",
				true }, /* longer than it is known here */
		{ "\"started_at\":\"2026-01-01T00:00:00Z\","
		  "\"finished_at\":\"2025-01-01T00:00:00Z\"",
				true }, /* the worker's clock went back */
		{ "\"finished_at\":\"2026-01-01T00:00:00Z\"", false },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char id[UUID_SIZE];
		int64_t placed = begin(m, id)->task->updated_at;
		CLEANUP(mem_freep) char *more = str_format(OURS ",%s", rows[i].times);
		report(m, id, more);
		const struct task *task = stored(m, id);
		assert_int_equal(task->state, TASK_COMPLETED);
		assert_true(!rows[i].ran || (task->start_time >= placed &&
							    task->start_time <= task->finish_time));
		assert_true(rows[i].ran == (task->start_time != 0));
		CLEANUP(mem_freep) char *causes = history(m, id);
		assert_true((strstr(causes, "Running:said with its result|Completed") != NULL) ==
				rows[i].ran);
	}
}

static void notices_of_others_are_not_heard(void **state) {
	static const char *const rows[] = {
		"\"proplet_id\":\"x\",\"boot\":\"" BOOT "\",\"attempt\":1",
		"\"proplet_id\":\"w\",\"boot\":\"" NEXT_BOOT "\",\"attempt\":1",
		"\"proplet_id\":\"w\",\"boot\":\"" BOOT "\",\"attempt\":2",
	};
	struct manager *m = *state;
	char id[UUID_SIZE];
	struct live *live = begin(m, id);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		CLEANUP(mem_freep) char *running = str_format("%s,\"state\":\"running\"", rows[i]);
		CLEANUP(mem_freep) char *gone = str_format("%s,\"state\":\"gone\"", rows[i]);
		notice(m, id, running);
		notice(m, id, gone);
		notice(m, NEXT_BOOT, gone);
		assert_true(tasks_live(m, id) == live && !live->answered);
		assert_int_equal(live->task->state, TASK_SCHEDULED);
	}
	for (int i = 0; i < 2; i++) {
		notice(m, id, OURS ",\"state\":\"running\"");
		assert_true(live->answered && live->task->state == TASK_RUNNING);
	}
	CLEANUP(mem_freep) char *causes = history(m, id);
	assert_true(str_ends(causes, "|Running:its worker said so"));
	assert_string_equal(strstr(causes, "Running"), "Running:its worker said so"); /* once */
}

static void a_stopped_attempt_does_not_wait_again(void **state) {
	struct manager *m = *state;
	char id[UUID_SIZE];
	tasks_stop(m, begin(m, id));
	notice(m, id, OURS ",\"state\":\"refused\",\"reason\":\"busy\"");
	const struct task *task = stored(m, id);
	assert_int_equal(task->state, TASK_INTERRUPTED);
	assert_string_equal(task->outcome.error, "refused by the worker: busy");
	(void)begin(m, id);
	notice(m, id, OURS ",\"state\":\"refused\"");
	assert_string_equal(stored(m, id)->outcome.error, "refused by the worker: no reason given");
}

int main(void) {
	const struct CMUnitTest tests[] = {
		WITH_MANAGER(a_result_is_recorded_whole),
		WITH_MANAGER(what_nobody_waits_for),
		WITH_MANAGER(old_workers_say_less),
		WITH_MANAGER(how_attempts_of_old_workers_end),
		WITH_MANAGER(who_stopped_it),
		WITH_MANAGER(long_errors),
		WITH_MANAGER(short_attempts_ran_too),
		WITH_MANAGER(notices_of_others_are_not_heard),
		WITH_MANAGER(a_stopped_attempt_does_not_wait_again),
	};
	return cmocka_run_group_tests_name("manager/results", tests, NULL, NULL);
}
