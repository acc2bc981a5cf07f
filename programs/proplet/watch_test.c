/* SPDX-License-Identifier: Apache-2.0 */
#include "proplet/watch.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

enum { KIB = 1024, MS = 1000000 };

static void assert_value(const struct sample *sample, enum metric metric, double expected) {
	double value = sample_get(sample, metric);
	if (fabs(value - expected) > 1e-6 * fabs(expected)) {
		fail_msg("metric %d is %g, not %g", (int)metric, value, expected);
	}
}

static void differences_and_sums(void **state) {
	(void)state;
	struct profile profile;
	struct watch watch = { 0 };
	struct sample sample;
	profile_init(&profile);
	struct run_usage usage = { .uptime_ms = 10000,
		.cpu_ns = UINT64_C(5000) * MS,
		.memory_bytes = 64 * KIB,
		.read_bytes = 7,
		.written_bytes = 8,
		.threads = 1,
		.files = 4 };
	watch_sample(&watch, &profile, &usage, 1024 * KIB, &sample);
	assert_value(&sample, METRIC_TASK_CPU_PERCENT, 50);
	assert_value(&sample, METRIC_TASK_CPU_SECONDS, 5);
	assert_value(&sample, METRIC_TASK_MEMORY_BYTES, 65536);
	assert_value(&sample, METRIC_TASK_MEMORY_PERCENT, 6.25);
	assert_value(&sample, METRIC_TASK_DISK_READ, 7);
	assert_value(&sample, METRIC_TASK_DISK_WRITE, 8);
	assert_value(&sample, METRIC_TASK_UPTIME, 10);
	assert_value(&sample, METRIC_TASK_THREADS, 1);
	assert_value(&sample, METRIC_TASK_FILES, 4);
	assert_true(isnan(sample_get(&sample, METRIC_TASK_FUEL)));
	usage.uptime_ms = 20000;
	usage.cpu_ns += UINT64_C(10000) * MS;
	usage.memory_bytes = 32 * KIB;
	usage.fuel_used = 99;
	watch_sample(&watch, &profile, &usage, 0, &sample);
	assert_value(&sample, METRIC_TASK_CPU_PERCENT, 100);
	assert_value(&sample, METRIC_TASK_MEMORY_PERCENT, 0);
	assert_value(&sample, METRIC_TASK_FUEL, 99);
	assert_value(&sample, METRIC_TASK_CPU_AVERAGE, 75);
	assert_value(&sample, METRIC_TASK_CPU_MAX, 100);
	assert_value(&sample, METRIC_TASK_MEMORY_AVERAGE, 48 * KIB);
	assert_value(&sample, METRIC_TASK_MEMORY_MAX, 64 * KIB);
	assert_value(&sample, METRIC_TASK_DISK_READ_TOTAL, 7);
	assert_value(&sample, METRIC_TASK_SAMPLES, 2);
}

static void time_that_goes_back_is_none(void **state) {
	(void)state;
	struct profile profile;
	struct watch watch = { 0 };
	struct sample sample;
	profile_init(&profile);
	struct run_usage usage = { .uptime_ms = 1000, .cpu_ns = 900 * MS };
	watch_sample(&watch, &profile, &usage, 0, &sample);
	usage = (struct run_usage){ .uptime_ms = 2000, .cpu_ns = 100 * MS };
	watch_sample(&watch, &profile, &usage, 0, &sample);
	assert_value(&sample, METRIC_TASK_CPU_PERCENT, 0);
	usage = (struct run_usage){ .uptime_ms = 2000, .cpu_ns = 950 * MS };
	watch_sample(&watch, &profile, &usage, 0, &sample);
	assert_value(&sample, METRIC_TASK_CPU_PERCENT, 0);
	assert_value(&sample, METRIC_TASK_CPU_SECONDS, 0.95);
}

/* What a profile does not ask for is not said. */
static void only_what_is_asked_for(void **state) {
	(void)state;
	const struct run_usage usage = { .uptime_ms = 1000, .memory_bytes = 9, .threads = 1 };
	static const struct {
		size_t flag;
		enum metric gone[4];
	} rows[] = {
		{ offsetof(struct profile, cpu),
				{ METRIC_TASK_CPU_PERCENT, METRIC_TASK_CPU_SECONDS,
						METRIC_TASK_CPU_AVERAGE, METRIC_TASK_CPU_MAX } },
		{ offsetof(struct profile, memory),
				{ METRIC_TASK_MEMORY_BYTES, METRIC_TASK_MEMORY_PERCENT,
						METRIC_TASK_MEMORY_AVERAGE,
						METRIC_TASK_MEMORY_MAX } },
		{ offsetof(struct profile, disk), { METRIC_TASK_DISK_READ, METRIC_TASK_DISK_WRITE,
								  METRIC_TASK_DISK_READ_TOTAL,
								  METRIC_TASK_DISK_WRITE_TOTAL } },
		{ offsetof(struct profile, threads),
				{ METRIC_TASK_THREADS, METRIC_TASK_THREADS, METRIC_TASK_THREADS,
						METRIC_TASK_THREADS } },
		{ offsetof(struct profile, files),
				{ METRIC_TASK_FILES, METRIC_TASK_FILES, METRIC_TASK_FILES,
						METRIC_TASK_FILES } },
		{ offsetof(struct profile, retain), { METRIC_TASK_SAMPLES, METRIC_TASK_CPU_AVERAGE,
								    METRIC_TASK_MEMORY_MAX,
								    METRIC_TASK_DISK_READ_TOTAL } },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct profile profile;
		struct watch watch = { 0 };
		struct sample sample;
		profile_init(&profile);
		*(bool *)(void *)((char *)&profile + rows[i].flag) = false;
		watch_sample(&watch, &profile, &usage, 100, &sample);
		for (size_t k = 0; k < 4; k++) {
			assert_true(isnan(sample_get(&sample, rows[i].gone[k])));
		}
		assert_true(sample_get(&sample, METRIC_TASK_UPTIME) == 1);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(differences_and_sums),
		cmocka_unit_test(time_that_goes_back_is_none),
		cmocka_unit_test(only_what_is_asked_for),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
