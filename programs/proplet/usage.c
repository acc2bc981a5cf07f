/* SPDX-License-Identifier: Apache-2.0 */
#include "proplet/usage.h"

#include <malloc.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"

/* A number of a small file; NAN if there is none ("max" too). */
static double number_in(const char *path) {
	struct buf text = BUF_INIT(4096);
	struct error ignored;
	double number = NAN;
	if (file_read(path, &text, &ignored)) {
		char *end;
		double read = (double)strtoull(buf_text(&text), &end, 10);
		number = end != buf_text(&text) ? read : NAN;
	}
	buf_finish(&text);
	return number;
}

static double resident(void) {
	struct buf text = BUF_INIT(4096);
	struct error ignored;
	unsigned long long size = 0, pages = 0;
	if (file_read("/proc/self/statm", &text, &ignored)) {
		(void)sscanf(buf_text(&text), "%llu %llu", &size, &pages);
	}
	buf_finish(&text);
	return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

static double seconds_of(struct timeval time) {
	return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

static void measure_cpu(struct usage *last, struct sample *sample) {
	struct rusage used = { 0 };
	(void)getrusage(RUSAGE_SELF, &used);
	double user = seconds_of(used.ru_utime), system = seconds_of(used.ru_stime);
	uint64_t now = clock_us();
	sample_set(sample, METRIC_PROPLET_USER_SECONDS, user);
	sample_set(sample, METRIC_PROPLET_SYSTEM_SECONDS, system);
	double passed = last->at_us != 0 ? (double)(now - last->at_us) / 1e6 : 0;
	double spent = user + system - last->cpu_seconds;
	sample_set(sample, METRIC_PROPLET_PERCENT, passed > 0 ? 100 * spent / passed : 0);
	*last = (struct usage){ user + system, now };
}

static void measure_memory(struct sample *sample) {
	struct mallinfo2 heap = mallinfo2();
	double in_use = (double)(heap.uordblks + heap.hblkhd);
	sample_set(sample, METRIC_PROPLET_RSS, resident());
	sample_set(sample, METRIC_PROPLET_HEAP_ALLOC, in_use);
	sample_set(sample, METRIC_PROPLET_HEAP_INUSE, in_use);
	sample_set(sample, METRIC_PROPLET_HEAP_SYS, (double)(heap.arena + heap.hblkhd));
	sample_set(sample, METRIC_PROPLET_CONTAINER_USAGE,
			number_in("/sys/fs/cgroup/memory.current"));
	sample_set(sample, METRIC_PROPLET_CONTAINER_LIMIT, number_in("/sys/fs/cgroup/memory.max"));
}

void usage_measure(struct usage *last, struct sample *sample) {
	sample_init(sample, METRICS_PROPLET);
	sample->at = clock_wall_ns();
	measure_cpu(last, sample);
	measure_memory(sample);
}
