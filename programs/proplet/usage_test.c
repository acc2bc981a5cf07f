/* SPDX-License-Identifier: Apache-2.0 */
#include "proplet/usage.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"

/* Without a moment before there is nothing to compare with. */
static void the_first_time_has_no_percent(void **state) {
	(void)state;
	struct usage last = { 0 };
	struct sample sample;
	int64_t before = clock_wall_ns();
	usage_measure(&last, &sample);
	assert_int_equal(sample.kind, METRICS_PROPLET);
	assert_in_range(sample.at, before, clock_wall_ns());
	assert_true(fabs(sample_get(&sample, METRIC_PROPLET_PERCENT)) < 1e-9);
	assert_true(last.at_us != 0 && last.cpu_seconds > 0);
}

static void computing_costs_time(void **state) {
	(void)state;
	struct usage last = { 0 };
	struct sample sample;
	usage_measure(&last, &sample);
	for (clock_t end = clock() + CLOCKS_PER_SEC / 10; clock() < end;) {
	}
	double before = last.cpu_seconds;
	usage_measure(&last, &sample);
	assert_true(last.cpu_seconds > before);
	double percent = sample_get(&sample, METRIC_PROPLET_PERCENT);
	assert_true(percent > 0 && percent < 150);
	double user = sample_get(&sample, METRIC_PROPLET_USER_SECONDS);
	double system = sample_get(&sample, METRIC_PROPLET_SYSTEM_SECONDS);
	assert_true(fabs(user + system - last.cpu_seconds) < 1e-9);
}

static void memory_that_is_taken_is_seen(void **state) {
	(void)state;
	enum { SIZE = 32 * 1024 * 1024, MOST = SIZE - SIZE / 8 };
	struct usage last = { 0 };
	struct sample before, after;
	usage_measure(&last, &before);
	CLEANUP(mem_freep) char *bytes = mem_zero(SIZE, 1);
	memset(bytes, 1, SIZE);
	usage_measure(&last, &after);
	assert_int_equal(bytes[SIZE / 2], 1);
	assert_true(sample_get(&after, METRIC_PROPLET_RSS) >
			sample_get(&before, METRIC_PROPLET_RSS) + MOST);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_time_has_no_percent),
		cmocka_unit_test(computing_costs_time),
		cmocka_unit_test(memory_that_is_taken_is_seen),
	};
	return cmocka_run_group_tests_name("proplet/usage", tests, NULL, NULL);
}
