/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What this process uses, as a sample of METRICS_PROPLET. */
#include "model/metrics.h"

/* What it had used when it was measured last; {0} for never. */
struct usage {
	double cpu_seconds;
	uint64_t at_us; /* monotonic */
};
void usage_measure(struct usage *last, struct sample *sample);
