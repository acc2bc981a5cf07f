/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of "What the manager concludes" in spec/topics.md, one test each. */
#include "manager/fixture.h"

/* One attempt of worker w, committed and on its way. */
static struct live *one_attempt(struct manager *m, char id[UUID_SIZE]) {
	announce(m, "w");
	struct live *live = start_task(m, NULL);
	memcpy(id, live->task->id, UUID_SIZE);
	assert_int_equal(live->task->state, TASK_SCHEDULED);
	assert_int_equal(posted(m, "/command/w", "\"start\""), 1);
	next_batch(m);
	return live;
}

static void beat(struct manager *m, const char *boot, unsigned command, const char *running,
		const char *held) {
	char one[128] = "", two[128] = "";
	if (running != NULL) {
		(void)snprintf(one, sizeof(one), "[\"%s\",1]", running);
	}
	if (held != NULL) {
		(void)snprintf(two, sizeof(two), "[\"%s\",1]", held);
	}
	hear(m,
			"{\"proplet_id\":\"w\",\"boot\":\"%s\",\"interval_ms\":1000,\"command\":%u,"
			"\"running\":[%s],\"held\":[%s]}",
			boot, command, one, two);
}

static void report(struct manager *m, const char *id, const char *format, ...) {
	char more[512], text[1024];
	struct report said;
	struct error err;
	va_list args;
	va_start(args, format);
	(void)vsnprintf(more, sizeof(more), format, args);
	va_end(args);
	(void)snprintf(text, sizeof(text), "{\"task_id\":\"%s\",%s}", id, more);
	if (!report_decode(&said, (struct bytes){ (const uint8_t *)text, strlen(text) }, &err)) {
		fail_msg("%s: %s", text, err.message);
	}
	workers_report(m, &said);
	report_finish(&said);
}

static void notice(struct manager *m, const char *id, const char *state, const char *reason) {
	char text[512];
	struct notice said;
	struct error err;
	(void)snprintf(text, sizeof(text),
			"{\"task_id\":\"%s\",\"attempt\":1,\"proplet_id\":\"w\",\"boot\":\"" BOOT
			"\",\"state\":\"%s\",\"reason\":\"%s\"}",
			id, state, reason);
	if (!notice_decode(&said, (struct bytes){ (const uint8_t *)text, strlen(text) }, &err)) {
		fail_msg("%s: %s", text, err.message);
	}
	workers_notice(m, &said);
	notice_finish(&said);
}

static void expect(struct manager *m, const char *id, enum task_state state, const char *says) {
	const struct task *task = stored(m, id);
	assert_int_equal(task->state, state);
	if (says != NULL && (task->outcome.error == NULL ||
					    strstr(task->outcome.error, says) == NULL)) {
		fail_msg("%s", task->outcome.error != NULL ? task->outcome.error : "no error");
	}
}

#define RESULT                                                                                     \
	"\"proplet_id\":\"w\",\"boot\":\"" BOOT "\",\"attempt\":1,\"results\":\"3\",\"error\":"    \
	"null"

static void running_is_said(void **state) {
	char id[UUID_SIZE];
	(void)one_attempt(*state, id);
	notice(*state, id, "running", "");
	expect(*state, id, TASK_RUNNING, NULL);
}

static void running_is_listed(void **state) {
	char id[UUID_SIZE];
	(void)one_attempt(*state, id);
	beat(*state, BOOT, 1, id, NULL);
	expect(*state, id, TASK_RUNNING, NULL);
	assert_int_equal(posted(*state, "/command/w", "start"), 0);
}

static void a_result_is_recorded_once_and_acknowledged(void **state) {
	struct manager *m = *state;
	char id[UUID_SIZE];
	(void)one_attempt(m, id);
	report(m, id, RESULT);
	expect(m, id, TASK_COMPLETED, NULL);
	assert_null(tasks_live(m, id));
	workers_flush(m);
	assert_int_equal(posted(m, "/command/w", "\"ack\""), 1);
	next_batch(m);
	report(m, id, "\"proplet_id\":\"w\",\"boot\":\"" BOOT "\",\"attempt\":1,\"results\":\"4\"");
	workers_flush(m);
	assert_int_equal(posted(m, "/command/w", "\"ack\""), 1); /* unwanted: let go at once */
	assert_string_equal(json_string_value(stored(m, id)->outcome.results), "3");
}

static void how_attempts_end(void **state) {
	static const struct {
		const char *more;
		enum task_state state;
	} rows[] = {
		{ "\"error\":\"boom\"", TASK_FAILED },
		{ "\"error\":\"\"", TASK_COMPLETED },
		{ "\"exit_code\":0", TASK_COMPLETED },
		{ "\"exit_code\":3", TASK_FAILED },
		{ "\"error\":\"stopped\",\"interrupted\":true", TASK_INTERRUPTED },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char id[UUID_SIZE];
		(void)one_attempt(*state, id);
		report(*state, id, "\"proplet_id\":\"w\",\"boot\":\"" BOOT "\",\"attempt\":1,%s",
				rows[i].more);
		expect(*state, id, rows[i].state, NULL);
		next_batch(*state);
	}
}

/* Neither another worker, nor another boot, nor another attempt, nor an old form. */
static void results_of_others_are_refused(void **state) {
	static const char *const rows[] = {
		"\"proplet_id\":\"x\",\"boot\":\"" BOOT "\",\"attempt\":1",
		"\"proplet_id\":\"w\",\"boot\":\"" NEXT_BOOT "\",\"attempt\":1",
		"\"proplet_id\":\"w\",\"boot\":\"" BOOT "\",\"attempt\":2",
		"\"proplet_id\":\"w\",\"boot\":\"" BOOT "\"",
		"\"proplet_id\":\"w\",\"attempt\":1",
		"\"boot\":\"" BOOT "\",\"attempt\":1",
		"\"results\":\"5\"",
	};
	char id[UUID_SIZE];
	struct manager *m = *state;
	(void)one_attempt(m, id);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		report(m, id, "%s", rows[i]);
		expect(m, id, TASK_SCHEDULED, NULL);
		workers_flush(m);
		assert_int_equal(posted(m, "/command/w", "\"ack\""), 0);
	}
	report(m, id, RESULT);
	expect(m, id, TASK_COMPLETED, NULL);
}

static void what_was_known_and_is_not_listed_is_lost(void **state) {
	char id[UUID_SIZE];
	(void)one_attempt(*state, id);
	beat(*state, BOOT, 1, id, NULL);
	beat(*state, BOOT, 1, NULL, NULL);
	expect(*state, id, TASK_INTERRUPTED, "the worker has lost it");
}

static void what_was_never_known_is_sent_again(void **state) {
	char id[UUID_SIZE];
	struct manager *m = *state;
	(void)one_attempt(m, id);
	beat(m, BOOT, 0, NULL, NULL);
	expect(m, id, TASK_SCHEDULED, NULL);
	assert_int_equal(posted(m, "/command/w", "\"number\":1"), 1);
	next_batch(m);
	notice(m, id, "gone", ""); /* it had seen the number */
	expect(m, id, TASK_INTERRUPTED, "the worker has lost it");
}

static void a_refusal_ends_it(void **state) {
	char id[UUID_SIZE];
	(void)one_attempt(*state, id);
	notice(*state, id, "refused", "too old");
	expect(*state, id, TASK_INTERRUPTED, "refused by the worker: too old");
}

static void busy_waits_as_a_new_attempt(void **state) {
	char id[UUID_SIZE];
	(void)one_attempt(*state, id);
	notice(*state, id, "refused", "busy");
	const struct task *task = stored(*state, id);
	assert_int_equal(task->state, TASK_PENDING);
	assert_int_equal(task->attempt, 2);
	assert_true(task->queued);
}

static void another_boot_that_knows_nothing(void **state) {
	char id[UUID_SIZE];
	(void)one_attempt(*state, id);
	beat(*state, NEXT_BOOT, 0, NULL, NULL);
	expect(*state, id, TASK_INTERRUPTED, "the worker was restarted");
}

/* Its result has waited on the worker's disk. */
static void another_boot_that_holds_the_result(void **state) {
	char id[UUID_SIZE];
	struct manager *m = *state;
	(void)one_attempt(m, id);
	beat(m, NEXT_BOOT, 0, NULL, id);
	expect(m, id, TASK_SCHEDULED, NULL);
	next_batch(m);
	report(m, id, RESULT);
	expect(m, id, TASK_COMPLETED, NULL);
	workers_flush(m);
	assert_int_equal(posted(m, "/command/w", "\"boot\":\"" NEXT_BOOT "\""), 1);
}

static void silence_for_three_intervals(void **state) {
	char id[UUID_SIZE];
	struct manager *m = *state;
	(void)one_attempt(m, id);
	m->deaf_ms = 0;
	m->now_ms += 2999;
	workers_tick(m); /* this also sees that there is no broker: nobody is dead for that */
	expect(m, id, TASK_SCHEDULED, NULL);
	m->now_ms += 1000000;
	m->next_tick_ms = 0;
	workers_tick(m);
	expect(m, id, TASK_SCHEDULED, NULL);
}

static void strays_are_stopped_and_let_go(void **state) {
	struct manager *m = *state;
	announce(m, "w");
	beat(m, BOOT, 3, BOOT, NEXT_BOOT); /* two ids that are no tasks */
	assert_int_equal(posted(m, "/command/w", "\"stop\""), 1);
	workers_flush(m);
	assert_int_equal(posted(m, "/command/w", "\"ack\""), 1);
}

static void a_stop_is_repeated_while_it_runs(void **state) {
	char id[UUID_SIZE];
	struct manager *m = *state;
	struct live *live = one_attempt(m, id);
	beat(m, BOOT, 1, id, NULL);
	tasks_stop(m, live);
	assert_int_equal(posted(m, "/command/w", "\"stop\""), 1);
	next_batch(m);
	beat(m, BOOT, 1, id, NULL);
	assert_int_equal(posted(m, "/command/w", "\"stop\""), 1);
	report(m, id, RESULT);
	expect(m, id, TASK_COMPLETED, NULL); /* it was faster */
}

/* To a worker of the old form that gets the module itself. */
static struct live *start_image(struct manager *m, const char *pinned) {
	struct error err;
	struct task *task = make_task(m);
	str_set(&task->work.image_url, "registry/x");
	str_set(&task->pinned, pinned);
	if (!tasks_start(m, task, "test", &err)) {
		fail_msg("%s", err.message);
	}
	return tasks_live(m, task->id);
}

/* Chips run what was sent to others, and do not say who they are. */
static void results_without_a_name(void **state) {
	struct manager *m = *state;
	hear(m, "{\"proplet_id\":\"old\",\"metadata\":{\"os\":\"linux\"}}");
	hear(m, "{\"proplet_id\":\"old\",\"status\":\"alive\"}");
	struct live *live = start_image(m, "old");
	report(m, live->task->id, "\"results\":\"1\"");
	assert_int_equal(m->finished.count, 1); /* nobody else could have said it */
	hear(m, "{\"proplet_id\":\"chip\",\"metadata\":{\"os\":\"zephyr\"}}");
	hear(m, "{\"proplet_id\":\"chip\",\"status\":\"alive\"}");
	live = start_image(m, "old");
	report(m, live->task->id, "\"results\":\"2\"");
	assert_int_equal(m->finished.count, 1);
	report(m, live->task->id, "\"proplet_id\":\"old\",\"results\":\"3\"");
	assert_int_equal(m->finished.count, 2);
	live = start_image(m, "chip");
	report(m, live->task->id, "\"results\":\"4\"");
	assert_int_equal(m->finished.count, 3);
	live = start_image(m, "old");
	hear(m, "{\"proplet_id\":\"chip\",\"status\":\"offline\"}");
	report(m, live->task->id, "\"results\":\"5\"");
	assert_int_equal(m->finished.count, 4);
}

/* A batch that fails takes memory back to what the store has; what was heard stays heard. */
static void what_was_heard_stays_heard(void **state) {
	struct manager *m = *state;
	struct error err;
	size_t total;
	announce(m, "p1");
	hear(m, "{\"proplet_id\":\"p1\",\"boot\":\"" BOOT "\",\"memory_free_bytes\":7}");
	next_batch(m);
	manager_forget(m);
	assert_true(manager_recover(m, &err));
	const struct proplet *proplet = workers_find(m, "p1")->proplet;
	assert_true(proplet_alive(proplet, m->now_ms));
	assert_int_equal(proplet->memory_free_bytes, 7);
	json_decref(proplet_history(proplet, 0, 10, &total));
	assert_int_equal(total, 2);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		WITH_MANAGER(running_is_said),
		WITH_MANAGER(running_is_listed),
		WITH_MANAGER(a_result_is_recorded_once_and_acknowledged),
		WITH_MANAGER(how_attempts_end),
		WITH_MANAGER(results_of_others_are_refused),
		WITH_MANAGER(what_was_known_and_is_not_listed_is_lost),
		WITH_MANAGER(what_was_never_known_is_sent_again),
		WITH_MANAGER(a_refusal_ends_it),
		WITH_MANAGER(busy_waits_as_a_new_attempt),
		WITH_MANAGER(another_boot_that_knows_nothing),
		WITH_MANAGER(another_boot_that_holds_the_result),
		WITH_MANAGER(silence_for_three_intervals),
		WITH_MANAGER(strays_are_stopped_and_let_go),
		WITH_MANAGER(a_stop_is_repeated_while_it_runs),
		WITH_MANAGER(what_was_heard_stays_heard),
		WITH_MANAGER(results_without_a_name),
	};
	return cmocka_run_group_tests_name("manager/presence", tests, NULL, NULL);
}
