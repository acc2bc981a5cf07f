/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What workers measure: of themselves (control/proplet/metrics) and of tasks that run
 * (control/proplet/task_metrics). The values are the table spec/metrics.def; each is a double,
 * which holds byte counts up to 2^53 exactly. A worker says what it knows: what it does not say is
 * NAN here and absent in JSON. The REST API shows the same objects. Pure.
 */
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/random.h"

enum metrics_kind { METRICS_PROPLET, METRICS_TASK };

/* All of both kinds; a sample numbers those of its own kind from 0. */
enum metric {
#define METRIC(kind, group, code, member, whole) METRIC_##kind##_##code,
#include "spec/metrics.def"
#undef METRIC
	METRICS,
	METRICS_FIRST_OF_TASK = METRIC_TASK_CPU_PERCENT,
};

enum { SAMPLE_VALUES = METRICS - METRICS_FIRST_OF_TASK };

struct sample {
	enum metrics_kind kind;
	int64_t at; /* wall ns; 0: not said, or a time that cannot be */
	double values[SAMPLE_VALUES];
};
void sample_init(struct sample *sample, enum metrics_kind kind); /* nothing is said */
/* The metric must be one of the sample's kind. */
void sample_set(struct sample *sample, enum metric metric, double value);
double sample_get(const struct sample *sample, enum metric metric);

/*
 * The values of a sample as a store keeps them: which ones there are (bit N: the Nth of its kind),
 * as 32 bits, then each as a double, all little-endian. Unpacking takes what a newer program wrote
 * and leaves out what it does not know; false, and nothing said, if the bytes cannot be values.
 */
enum { SAMPLE_PACKED_MAX = 4 + 8 * SAMPLE_VALUES };
size_t sample_pack(const struct sample *sample, uint8_t bytes[SAMPLE_PACKED_MAX]);
bool sample_unpack(struct sample *sample, struct bytes bytes) MUST_CHECK;

struct metrics {
	char *proplet_id;        /* of a task: may be NULL (chips) */
	char *space;             /* of a worker: `namespace`, or NULL */
	char task_id[UUID_SIZE]; /* of a task */
	struct sample sample;
	bool verified; /* its signature fits: set by who has the key */
};
/* A time in any form that peers use; one that says nothing is no error. */
bool metrics_decode(struct metrics *metrics, enum metrics_kind kind, struct bytes payload,
		struct error *err) MUST_CHECK;
/* The message, also as the REST API shows it; the caller drops it. */
json_t *metrics_view(const struct metrics *metrics) MUST_CHECK;
char *metrics_encode(const struct metrics *metrics) MUST_CHECK;
void metrics_finish(struct metrics *metrics);
