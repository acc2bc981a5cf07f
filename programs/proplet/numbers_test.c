/* SPDX-License-Identifier: Apache-2.0 */
#include "proplet/numbers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/mem.h"

static void each_number_is_new_once(void **state) {
	(void)state;
	struct numbers *numbers = MEM_NEW(struct numbers);
	assert_int_equal(numbers_take(numbers, 1), NUMBER_NEW);
	assert_int_equal(numbers_take(numbers, 1), NUMBER_SEEN);
	assert_int_equal(numbers_take(numbers, 5), NUMBER_NEW);
	assert_int_equal(numbers_take(numbers, 3), NUMBER_NEW); /* late, and not seen yet */
	assert_int_equal(numbers_take(numbers, 3), NUMBER_SEEN);
	assert_int_equal(numbers_take(numbers, 4), NUMBER_NEW);
	assert_int_equal(numbers->highest, 5);
	free(numbers);
}

static void what_fell_out_of_the_window_is_too_old(void **state) {
	(void)state;
	struct numbers *numbers = MEM_NEW(struct numbers);
	assert_int_equal(numbers_take(numbers, 1), NUMBER_NEW);
	assert_int_equal(numbers_take(numbers, NUMBERS_WINDOW), NUMBER_NEW);
	assert_int_equal(numbers_take(numbers, 1), NUMBER_SEEN);
	assert_int_equal(numbers_take(numbers, NUMBERS_WINDOW + 1), NUMBER_NEW);
	assert_int_equal(numbers_take(numbers, 1), NUMBER_TOO_OLD);
	assert_int_equal(numbers_take(numbers, 2), NUMBER_NEW);
	assert_int_equal(numbers_take(numbers, 10 * NUMBERS_WINDOW), NUMBER_NEW);
	assert_int_equal(numbers_take(numbers, 10 * NUMBERS_WINDOW - 1), NUMBER_NEW);
	assert_int_equal(numbers_take(numbers, 2 * NUMBERS_WINDOW), NUMBER_TOO_OLD);
	free(numbers);
}

static void a_random_walk_takes_each_once(void **state) {
	(void)state;
	enum { COUNT = 5000 };
	struct numbers *numbers = MEM_NEW(struct numbers);
	unsigned char *taken = mem_zero(COUNT + 1, 1);
	unsigned seed = 7;
	for (int i = 0; i < 50000; i++) {
		seed = seed * 1103515245 + 12345;
		uint64_t number = 1 + (seed >> 8) % COUNT;
		assert_int_equal(numbers_take(numbers, number),
				taken[number] ? NUMBER_SEEN : NUMBER_NEW);
		taken[number] = 1;
	}
	free(taken);
	free(numbers);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_number_is_new_once),
		cmocka_unit_test(what_fell_out_of_the_window_is_too_old),
		cmocka_unit_test(a_random_walk_takes_each_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
