/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * From what a run has used so far to what its metrics say: the difference since the last time, and
 * sums over all times. Pure.
 */
#include "engine/engine.h"
#include "model/metrics.h"
#include "model/profile.h"

/* What was seen of one attempt; {0} at its beginning. */
struct watch {
	uint64_t uptime_ms, cpu_ns; /* when it was looked at last */
	uint64_t samples;
	double cpu_sum, cpu_max, memory_sum, memory_max;
};

/* `memory` is the worker's, in bytes; fuel is told where it is metered. */
void watch_sample(struct watch *watch, const struct profile *profile, const struct run_usage *usage,
		uint64_t memory, struct sample *sample);
