/* SPDX-License-Identifier: Apache-2.0 */
#include "model/restart.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const int64_t SECOND = 1000000000;

static void test_names(void **state) {
	(void)state;
	enum restart_policy policy;
	for (int i = RESTART_NEVER; i <= RESTART_ALWAYS; i++) {
		assert_true(restart_parse(restart_name((enum restart_policy)i), &policy));
		assert_int_equal(policy, i);
	}
	assert_false(restart_parse("Always", &policy));
	assert_false(restart_parse("", &policy));
}

static void test_wanted(void **state) {
	(void)state;
	static const struct {
		enum restart_policy policy;
		enum task_state end;
		bool wanted;
	} cases[] = {
		{ RESTART_NEVER, TASK_FAILED, false },
		{ RESTART_NEVER, TASK_COMPLETED, false },
		{ RESTART_ON_FAILURE, TASK_COMPLETED, false },
		{ RESTART_ON_FAILURE, TASK_FAILED, true },
		{ RESTART_ON_FAILURE, TASK_INTERRUPTED, true },
		{ RESTART_ALWAYS, TASK_COMPLETED, true },
		{ RESTART_ALWAYS, TASK_FAILED, true },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct task task = { .restart = cases[i].policy, .restart_limit = 2 };
		assert_int_equal(restart_wanted(&task, cases[i].end), cases[i].wanted);
	}
}

static void test_limit(void **state) {
	(void)state;
	struct task task = { .restart = RESTART_ALWAYS, .restart_limit = 2, .restarts = 1 };
	assert_true(restart_wanted(&task, TASK_FAILED));
	task.restarts = 2;
	assert_false(restart_wanted(&task, TASK_FAILED));
	/* It was stable in between: the series begins anew. */
	task.start_time = 1000 * SECOND;
	task.finish_time = task.start_time + RESTART_SETTLED_MS / 1000 * SECOND;
	assert_true(restart_wanted(&task, TASK_FAILED));
	assert_int_equal(restart_next(&task), 1);
	task.finish_time--;
	assert_int_equal(restart_next(&task), 3);
}

static void test_pause(void **state) {
	(void)state;
	assert_int_equal(restart_pause_ms(1), 1000);
	assert_int_equal(restart_pause_ms(2), 2000);
	assert_int_equal(restart_pause_ms(3), 4000);
	assert_int_equal(restart_pause_ms(9), 256000);
	assert_int_equal(restart_pause_ms(10), 300000);
	assert_int_equal(restart_pause_ms(UINT64_MAX), 300000);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_wanted),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_pause),
	};
	return cmocka_run_group_tests_name("model/restart", tests, NULL, NULL);
}
