/* SPDX-License-Identifier: Apache-2.0 */
#include "proplet/watch.h"

static double larger(double a, double b) {
	return a > b ? a : b;
}

/* Percent of one CPU since the last look. Time that ended with a process may be missing for a
 * moment: it never goes back here. */
static double cpu_percent(struct watch *watch, const struct run_usage *usage) {
	uint64_t passed_ms = usage->uptime_ms - watch->uptime_ms;
	uint64_t cpu_ns = usage->cpu_ns > watch->cpu_ns ? usage->cpu_ns : watch->cpu_ns;
	double spent = (double)(cpu_ns - watch->cpu_ns);
	watch->uptime_ms = usage->uptime_ms;
	watch->cpu_ns = cpu_ns;
	return passed_ms != 0 ? spent / ((double)passed_ms * 1e4) : 0;
}

static void add_sums(const struct watch *watch, const struct profile *profile,
		const struct run_usage *usage, struct sample *sample) {
	double count = (double)watch->samples;
	if (profile->cpu) {
		sample_set(sample, METRIC_TASK_CPU_AVERAGE, watch->cpu_sum / count);
		sample_set(sample, METRIC_TASK_CPU_MAX, watch->cpu_max);
	}
	if (profile->memory) {
		sample_set(sample, METRIC_TASK_MEMORY_AVERAGE, watch->memory_sum / count);
		sample_set(sample, METRIC_TASK_MEMORY_MAX, watch->memory_max);
	}
	if (profile->disk) {
		sample_set(sample, METRIC_TASK_DISK_READ_TOTAL, (double)usage->read_bytes);
		sample_set(sample, METRIC_TASK_DISK_WRITE_TOTAL, (double)usage->written_bytes);
	}
	sample_set(sample, METRIC_TASK_SAMPLES, count);
}

static void add_now(const struct profile *profile, const struct run_usage *usage, uint64_t memory,
		struct sample *sample) {
	double bytes = (double)usage->memory_bytes;
	if (profile->memory) {
		sample_set(sample, METRIC_TASK_MEMORY_BYTES, bytes);
		sample_set(sample, METRIC_TASK_MEMORY_PERCENT,
				memory != 0 ? 100 * bytes / (double)memory : 0);
	}
	if (profile->disk) {
		sample_set(sample, METRIC_TASK_DISK_READ, (double)usage->read_bytes);
		sample_set(sample, METRIC_TASK_DISK_WRITE, (double)usage->written_bytes);
	}
	if (profile->threads) {
		sample_set(sample, METRIC_TASK_THREADS, (double)usage->threads);
	}
	if (profile->files) {
		sample_set(sample, METRIC_TASK_FILES, (double)usage->files);
	}
	if (usage->fuel_used != 0) {
		sample_set(sample, METRIC_TASK_FUEL, (double)usage->fuel_used);
	}
	sample_set(sample, METRIC_TASK_UPTIME, (double)(usage->uptime_ms / 1000));
}

void watch_sample(struct watch *watch, const struct profile *profile, const struct run_usage *usage,
		uint64_t memory, struct sample *sample) {
	double percent = cpu_percent(watch, usage), bytes = (double)usage->memory_bytes;
	watch->samples++;
	watch->cpu_sum += percent;
	watch->cpu_max = larger(watch->cpu_max, percent);
	watch->memory_sum += bytes;
	watch->memory_max = larger(watch->memory_max, bytes);
	sample_init(sample, METRICS_TASK);
	if (profile->cpu) {
		sample_set(sample, METRIC_TASK_CPU_PERCENT, percent);
		sample_set(sample, METRIC_TASK_CPU_SECONDS, (double)watch->cpu_ns / 1e9);
	}
	add_now(profile, usage, memory, sample);
	if (profile->retain) {
		add_sums(watch, profile, usage, sample);
	}
}
