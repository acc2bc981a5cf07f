/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What the manager counts and measures of itself, for GET /metrics: OpenMetrics 1.0 for who asks
 * for it, else Prometheus' text form 0.0.4. The loop's, except what reads /proc.
 */
#include <stdint.h>

#include "http/server.h"
#include "http/trace.h"
#include "model/task.h"

enum { FIGURES_STATES = TASK_INTERRUPTED + 1, FIGURES_BUCKETS = 14 };

/* A request that fell into a bucket, for who wants to see one (OpenMetrics' exemplars). */
struct exemplar {
	char trace[TRACE_ID_SIZE]; /* "": none yet */
	double seconds, at;        /* at: since 1970 */
};

/* Seconds, in buckets from 0.5 ms to a minute. */
struct histogram {
	uint64_t buckets[FIGURES_BUCKETS + 1]; /* each alone; the last one is all above */
	uint64_t count;
	double sum;
};

/* Where the time between a user's start and the guest goes. */
enum stage { STAGE_QUEUE, STAGE_DISPATCH, STAGES };

struct figures {
	struct histogram commit;
	struct histogram answer; /* of requests, from their last byte to the loop's answer */
	struct exemplar examples[FIGURES_BUCKETS + 1]; /* of `answer` */
	struct histogram start[STAGES];
	uint64_t ends[FIGURES_STATES]; /* attempts, by their final state */
	uint64_t fuel;
	uint64_t requests; /* deeds with a request */
};

struct manager;

void figures_observe(struct histogram *histogram, double seconds);
/* A request is about to be answered; `trace` may be "". */
void figures_answered(struct figures *figures, double seconds, const char *trace, int64_t wall_ns);
/* The handler of GET /metrics. */
void api_figures(void *context, struct http_request *request);
