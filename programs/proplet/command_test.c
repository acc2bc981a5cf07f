/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of "Commands to one worker" in spec/topics.md. */
#include "proplet/fixture.h"

static void a_start_is_taken(void **state) {
	struct worker *worker = *state;
	const struct attempt *attempt = start(worker, 1, TASK, 7);
	assert_int_equal(worker->running, 1);
	assert_int_equal(worker->numbers.highest, 1);
	assert_string_equal(attempt->command.work.name, "n");
	assert_false(attempt->over);
	nothing_said(worker); /* short attempts say it all with their result */
	(void)start(worker, 3, TASK, 8);
	assert_int_equal(worker->running, 2);
}

/* Once and never again: what it says is what is known by then. */
static void a_number_that_was_seen(void **state) {
	struct worker *worker = *state;
	struct attempt *attempt = start(worker, 1, TASK, 1);
	start_at(worker, BOOT, 1, TASK, 1);
	nothing_said(worker); /* it will be said in a moment */
	begins(attempt);
	start_at(worker, BOOT, 1, TASK, 1);
	noticed(worker, "running", "");
	ends(worker, attempt, "42");
	resulted(worker, TASK, "42");
	start_at(worker, BOOT, 1, TASK, 1);
	resulted(worker, TASK, "42");
	ack(worker, BOOT, TASK, 1);
	start_at(worker, BOOT, 1, TASK, 1);
	noticed(worker, "gone", "");
	assert_int_equal(worker->running + worker->held, 0);
	assert_int_equal(map_count(worker->attempts), 0);
}

static void numbers_in_any_order(void **state) {
	struct worker *worker = *state;
	((struct proplet_settings *)(uintptr_t)worker->settings)->slots = 10;
	(void)start(worker, 70000, TASK, 1);
	(void)start(worker, 70000 - 65535, TASK, 2);
	start_at(worker, BOOT, 70000 - 65536, TASK, 3);
	noticed(worker, "refused", "too old");
	start_at(worker, BOOT, 1, TASK, 4);
	noticed(worker, "refused", "too old");
	assert_int_equal(worker->running, 2);
}

/* A manager that was restored from a backup counts on far above, and may repeat what it knows. */
static void an_old_number_of_what_is_here(void **state) {
	struct worker *worker = *state;
	struct attempt *attempt = start(worker, 1, TASK, 1);
	begins(attempt);
	(void)start(worker, UINT64_C(1795272271441014), TASK, 2);
	start_at(worker, BOOT, 1, TASK, 1);
	noticed(worker, "running", "");
	ends(worker, attempt, "42");
	resulted(worker, TASK, "42");
	start_at(worker, BOOT, 1, TASK, 1);
	resulted(worker, TASK, "42");
	ack(worker, BOOT, TASK, 1);
	start_at(worker, BOOT, 1, TASK, 1);
	noticed(worker, "refused", "too old");
}

static void another_boot(void **state) {
	struct worker *worker = *state;
	start_at(worker, NEXT_BOOT, 1, TASK, 1);
	noticed(worker, "refused", "for another boot");
	assert_int_equal(worker->running, 0);
	(void)start(worker, 1, TASK, 1); /* its number was not used up */
}

static void busy(void **state) {
	struct worker *worker = *state;
	struct attempt *first = start(worker, 1, TASK, 1);
	(void)start(worker, 2, TASK, 2);
	start_at(worker, BOOT, 3, OTHER_TASK, 1);
	noticed(worker, "refused", "busy");
	assert_null(attempt_find(worker, OTHER_TASK, 1));
	ends(worker, first, "1"); /* what is held takes no slot */
	resulted(worker, TASK, "1");
	start_at(worker, BOOT, 3, OTHER_TASK, 1);
	noticed(worker, "gone", ""); /* the number counts as seen: it never runs */
	(void)start(worker, 4, OTHER_TASK, 2);
}

static void who_is_ending_begins_nothing(void **state) {
	struct worker *worker = *state;
	worker->ending = true;
	start_at(worker, BOOT, 1, TASK, 1);
	noticed(worker, "refused", "shutting down");
	assert_int_equal(worker->running, 0);
}

static void what_is_for_others(void **state) {
	struct worker *worker = *state;
	static const char *const types[] = { "start", "stop" };
	struct attempt *attempt = start(worker, 1, TASK, 1);
	for (size_t i = 0; i < 2; i++) {
		struct command other = { .kind = i == 0 ? COMMAND_START : COMMAND_STOP,
			.boot = BOOT,
			.number = i == 0 ? 2 : 0,
			.proplet_id = str_copy("x"),
			.task_id = TASK,
			.attempt = i == 0 ? 2 : 1 };
		command_take(worker, &other);
		command_finish(&other);
		if (worker->running != 1 || run_stop_requested(attempt->stop)) {
			fail_msg("%s", types[i]);
		}
	}
	nothing_said(worker);
}

static void no_thread_for_it(void **state) {
	struct worker *worker = *state;
	no_threads = true;
	const struct attempt *attempt = start(worker, 1, TASK, 1);
	assert_true(attempt->over);
	assert_int_equal(worker->running, 0);
	assert_int_equal(worker->held, 1);
	assert_non_null(strstr(said(worker, worker->topics.results, "error"), "another thread"));
}

static void stops(void **state) {
	struct worker *worker = *state;
	struct attempt *one = start(worker, 1, TASK, 1), *two = start(worker, 2, TASK, 2);
	command(worker, "{\"type\":\"stop\",\"boot\":\"" NEXT_BOOT "\",\"task_id\":\"" TASK
			"\",\"attempt\":2}");
	command(worker, "{\"type\":\"stop\",\"boot\":\"" BOOT "\",\"task_id\":\"" TASK
			"\",\"attempt\":3}");
	assert_false(run_stop_requested(one->stop) || run_stop_requested(two->stop));
	command(worker, "{\"type\":\"stop\",\"boot\":\"" BOOT "\",\"task_id\":\"" TASK
			"\",\"attempt\":2}");
	assert_false(run_stop_requested(one->stop));
	assert_true(run_stop_requested(two->stop));
	ends(worker, one, "1");
	command(worker, "{\"type\":\"stop\",\"boot\":\"" BOOT "\",\"task_id\":\"" TASK
			"\",\"attempt\":1}");
	assert_false(run_stop_requested(one->stop)); /* it is over */
}

static void all_are_stopped_at_the_end(void **state) {
	struct worker *worker = *state;
	struct attempt *over = start(worker, 1, TASK, 1);
	ends(worker, over, "1");
	const struct attempt *one = start(worker, 2, TASK, 2),
			     *two = start(worker, 3, OTHER_TASK, 1);
	command_stop_all(worker);
	assert_true(run_stop_requested(one->stop) && run_stop_requested(two->stop));
	assert_false(run_stop_requested(over->stop));
}

static void only_what_is_held_is_acknowledged(void **state) {
	struct worker *worker = *state;
	struct attempt *attempt = start(worker, 1, TASK, 1);
	ack(worker, BOOT, TASK, 1); /* of a result that is not there yet */
	assert_ptr_equal(attempt_find(worker, TASK, 1), attempt);
	ends(worker, attempt, "1");
	ack(worker, NEXT_BOOT, TASK, 1);
	ack(worker, BOOT, TASK, 2);
	ack(worker, BOOT, OTHER_TASK, 1);
	assert_int_equal(worker->held, 1);
	ack(worker, BOOT, TASK, 1);
	ack(worker, BOOT, TASK, 1);
	assert_int_equal(worker->held, 0);
	assert_null(attempt_find(worker, TASK, 1));
}

static void old(struct worker *worker, enum command_kind kind, const char *task) {
	struct command said;
	struct error err;
	CLEANUP(mem_freep)
	char *text = str_format("{\"id\":\"%s\",\"name\":\"n\",\"proplet_id\":\"w\"}", task);
	const struct bytes payload = { (const uint8_t *)text, strlen(text) };
	assert_true(command_decode_old(&said, kind, payload, &err));
	command_take(worker, &said);
	command_finish(&said);
}

/* From a manager that is not ours: a task runs once at a time, and nobody acknowledges. */
static void the_old_form(void **state) {
	struct worker *worker = *state;
	old(worker, COMMAND_START, TASK);
	struct attempt *attempt = attempt_find(worker, TASK, 0);
	old(worker, COMMAND_START, TASK);
	assert_int_equal(worker->running, 1);
	for (unsigned i = 0; i < 3; i++) {
		char id[UUID_SIZE];
		random_uuid(id);
		old(worker, COMMAND_START, id); /* such a manager knows of no slots */
	}
	assert_int_equal(worker->running, 4);
	old(worker, COMMAND_STOP, OTHER_TASK);
	assert_false(run_stop_requested(attempt->stop));
	old(worker, COMMAND_STOP, TASK);
	assert_true(run_stop_requested(attempt->stop));
	nothing_said(worker);
	ends(worker, attempt, "5");
	resulted(worker, TASK, "5");
	assert_null(attempt_find(worker, TASK, 0));
	old(worker, COMMAND_START, TASK);
	assert_int_equal(worker->running, 4);
	worker->ending = true;
	old(worker, COMMAND_START, OTHER_TASK);
	assert_int_equal(worker->running, 4);
}

/* A stop in the old form is for the old form. */
static void forms_are_not_mixed(void **state) {
	struct worker *worker = *state;
	const struct attempt *ours = start(worker, 1, TASK, 1);
	old(worker, COMMAND_START, TASK);
	old(worker, COMMAND_STOP, TASK);
	assert_false(run_stop_requested(ours->stop));
	assert_true(run_stop_requested(attempt_find(worker, TASK, 0)->stop));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		WITH_WORKER(a_start_is_taken),
		WITH_WORKER(a_number_that_was_seen),
		WITH_WORKER(numbers_in_any_order),
		WITH_WORKER(an_old_number_of_what_is_here),
		WITH_WORKER(another_boot),
		WITH_WORKER(busy),
		WITH_WORKER(who_is_ending_begins_nothing),
		WITH_WORKER(what_is_for_others),
		WITH_WORKER(no_thread_for_it),
		WITH_WORKER(stops),
		WITH_WORKER(all_are_stopped_at_the_end),
		WITH_WORKER(only_what_is_held_is_acknowledged),
		WITH_WORKER(the_old_form),
		WITH_WORKER(forms_are_not_mixed),
	};
	return cmocka_run_group_tests_name("proplet/command", tests, NULL, NULL);
}
