/* SPDX-License-Identifier: Apache-2.0 */
#include "proplet/fixture.h"

static void attempts_of_one_task_stand_apart(void **state) {
	struct worker *worker = *state;
	struct attempt *one = start(worker, 1, TASK, 1), *two = start(worker, 2, TASK, 21);
	assert_ptr_equal(attempt_find(worker, TASK, 1), one);
	assert_ptr_equal(attempt_find(worker, TASK, 21), two);
	assert_null(attempt_find(worker, TASK, 2));
	assert_null(attempt_find(worker, TASK, 0));
	assert_null(attempt_find(worker, OTHER_TASK, 1));
	assert_int_equal(worker->running, 2);
	attempt_destroy(worker, one);
	assert_null(attempt_find(worker, TASK, 1));
	assert_ptr_equal(attempt_find(worker, TASK, 21), two);
}

static void the_largest_numbers(void **state) {
	struct worker *worker = *state;
	struct command command = { .kind = COMMAND_START, .task_id = TASK, .attempt = UINT64_MAX };
	struct attempt *attempt = attempt_create(worker, &command);
	assert_ptr_equal(attempt_find(worker, TASK, UINT64_MAX), attempt);
	assert_null(attempt_find(worker, TASK, UINT64_MAX / 10));
}

static void a_command_is_taken_over(void **state) {
	struct worker *worker = *state;
	struct command command = { .kind = COMMAND_START, .task_id = TASK, .attempt = 1 };
	workload_init(&command.work);
	command.work.name = str_copy("mine");
	struct attempt *attempt = attempt_create(worker, &command);
	assert_null(command.work.name);
	command_finish(&command);
	assert_string_equal(attempt->command.work.name, "mine");
	assert_ptr_equal(attempt->started.attempt, attempt);
	assert_int_equal(attempt->started.kind, EVENT_STARTED);
	assert_ptr_equal(attempt->ended.attempt, attempt);
	assert_int_equal(attempt->ended.kind, EVENT_ENDED);
	assert_false(run_stop_requested(attempt->stop));
}

static void expect_fresh(const struct worker *worker, struct attempt *const *order, size_t count) {
	const struct attempt *at = worker->fresh, *before = NULL;
	for (size_t i = 0; i < count; i++, before = at, at = at->next) {
		assert_ptr_equal(at, order[i]);
		assert_ptr_equal(at->prev, before);
		assert_true(at->in_fresh);
		assert_true(before == NULL || before->due_ms <= at->due_ms);
	}
	assert_null(at);
	assert_ptr_equal(worker->fresh_end, before);
}

/* Whose start is still to be said, oldest first; whoever leaves, the others stay in order. */
static void the_fresh_are_in_their_order(void **state) {
	enum { COUNT = 4 };
	static const size_t leaves[][COUNT] = { { 0, 1, 2, 3 }, { 3, 2, 1, 0 }, { 1, 2, 0, 3 },
		{ 2, 0, 3, 1 } };
	struct worker *worker = *state;
	((struct proplet_settings *)(uintptr_t)worker->settings)->slots = COUNT;
	for (size_t row = 0; row < sizeof(leaves) / sizeof(leaves[0]); row++) {
		struct attempt *all[COUNT], *left[COUNT];
		uint64_t now = clock_ms();
		for (unsigned i = 0; i < COUNT; i++) {
			all[i] = start(worker, row * COUNT + i + 1, TASK, i + 1);
			assert_in_range(all[i]->due_ms, now + 5, clock_ms() + 5);
		}
		expect_fresh(worker, all, COUNT);
		for (size_t i = 0; i < COUNT; i++) {
			struct attempt *gone = all[leaves[row][i]];
			attempt_unfresh(worker, gone);
			attempt_unfresh(worker, gone); /* is no longer there */
			all[leaves[row][i]] = NULL;
			size_t count = 0;
			for (size_t k = 0; k < COUNT; k++) {
				left[count] = all[k];
				count += all[k] != NULL;
			}
			expect_fresh(worker, left, count);
			worker->running--;
			attempt_destroy(worker, gone);
		}
	}
}

static void who_is_destroyed_is_not_fresh(void **state) {
	struct worker *worker = *state;
	struct attempt *one = start(worker, 1, TASK, 1), *two = start(worker, 2, TASK, 2);
	attempt_destroy(worker, one);
	expect_fresh(worker, &two, 1);
	attempt_destroy(worker, two);
	expect_fresh(worker, NULL, 0);
}

/* Nobody waits for the start of what a manager in the old form has sent. */
static void the_old_form_is_not_fresh(void **state) {
	struct worker *worker = *state;
	struct command command = { .kind = COMMAND_START, .task_id = TASK };
	const struct attempt *attempt = attempt_create(worker, &command);
	assert_false(attempt->in_fresh);
	expect_fresh(worker, NULL, 0);
}

static void a_restored_one_is_held(void **state) {
	struct worker *worker = *state;
	struct report report = { .task_id = TASK, .attempt = 3, .boot = NEXT_BOOT };
	report.outcome.error = str_copy("boom");
	const struct attempt *attempt = attempt_restore(worker, &report);
	assert_ptr_equal(attempt_find(worker, TASK, 3), attempt);
	assert_true(attempt->over && attempt->journaled && !attempt->in_fresh);
	assert_int_equal(worker->held, 1);
	assert_int_equal(worker->running, 0);
	assert_string_equal(attempt->report.boot, NEXT_BOOT); /* the boot that it belongs to */
	assert_string_equal(attempt->report.outcome.error, "boom");
}

int main(void) {
	const struct CMUnitTest tests[] = {
		WITH_WORKER(attempts_of_one_task_stand_apart),
		WITH_WORKER(the_largest_numbers),
		WITH_WORKER(a_command_is_taken_over),
		WITH_WORKER(the_fresh_are_in_their_order),
		WITH_WORKER(who_is_destroyed_is_not_fresh),
		WITH_WORKER(the_old_form_is_not_fresh),
		WITH_WORKER(a_restored_one_is_held),
	};
	return cmocka_run_group_tests_name("proplet/attempts", tests, NULL, NULL);
}
