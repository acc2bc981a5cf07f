/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rpc/inside.h"

enum { CALLS = 500, DEADLINES = 100 };

/* Any order in, the earliest first out, and any of them may leave at any time. */
static void test_order(void **state) {
	struct rpc_call *calls = calloc(CALLS, sizeof(struct rpc_call));
	struct rpc_timers timers = { 0 };
	uint64_t random = 7, last = 0;
	size_t left = 0;
	(void)state;
	for (size_t i = 0; i < CALLS; i++) {
		random = random * 6364136223846793005U + 1442695040888963407U;
		calls[i].deadline_ns = (random >> 33) % DEADLINES;
		rpc_timers_add(&timers, &calls[i]);
	}
	for (size_t i = 0; i < CALLS; i += 3) {
		rpc_timers_remove(&timers, &calls[i]);
		rpc_timers_remove(&timers, &calls[i]); /* twice does nothing */
		assert_int_equal(calls[i].timer, 0);
	}
	struct rpc_call *first;
	while ((first = rpc_timers_first(&timers)) != NULL) {
		assert_true(first->deadline_ns >= last);
		assert_int_not_equal((first - calls) % 3, 0);
		last = first->deadline_ns;
		rpc_timers_remove(&timers, first);
		left++;
	}
	assert_int_equal(left, CALLS - (CALLS + 2) / 3);
	rpc_timers_finish(&timers);
	free(calls);
}

int main(void) {
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_order) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
