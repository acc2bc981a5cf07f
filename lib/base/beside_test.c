/* SPDX-License-Identifier: Apache-2.0 */
#include "base/beside.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdbool.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdatomic.h>
#include <sched.h>

enum { TIMES = 2000 };

struct count {
	unsigned done, seen[TIMES]; /* not atomic: it is the waiting that makes them seen */
	atomic_bool held;
};

static void add(void *context) {
	struct count *count = context;
	while (count->held) {
		(void)sched_yield();
	}
	count->seen[count->done] = count->done;
	count->done++;
}

static void one_after_the_other(void **state) {
	(void)state;
	struct count count = { 0 };
	struct beside *beside = beside_create();
	for (unsigned i = 0; i < TIMES; i++) {
		beside_begin(beside, add, &count);
		if (i % 3 == 0) {
			beside_wait(beside);
			assert_int_equal(count.done, i + 1);
		}
	}
	beside_wait(beside);
	beside_wait(beside);
	assert_int_equal(count.done, TIMES);
	assert_int_equal(count.seen[TIMES - 1], TIMES - 1);
	beside_destroy(beside);
	beside_destroy(NULL);
}

/* The owner goes on while it works; and the end waits for it. */
static void beside_its_owner(void **state) {
	(void)state;
	struct count count = { .held = true };
	struct beside *beside = beside_create();
	beside_begin(beside, add, &count);
	count.held = false; /* only the owner can do this: it would hang if it had to wait */
	beside_destroy(beside);
	assert_int_equal(count.done, 1);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_after_the_other),
		cmocka_unit_test(beside_its_owner),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
