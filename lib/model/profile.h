/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * `monitoring_profile`: how closely a task is to be watched. It is Propeller's, and part of a
 * workload; what is not said has the defaults of Propeller's workers, which depend on whether the
 * task is a daemon. Pure.
 *
 * Clients written in Go give the interval as a time.Duration, in nanoseconds, while Propeller's
 * workers read seconds. A number from PROFILE_NANOS on is taken for nanoseconds (11 days
 * otherwise), a smaller one for seconds; text such as "10s" is a duration. Answers show the unit
 * that was given; workers always get whole seconds.
 */
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

enum { PROFILE_NANOS = 1000000, PROFILE_HISTORY_MAX = 1000000 };
#define PROFILE_INTERVAL_MAX_MS (UINT64_C(365) * 86400 * 1000)

struct profile {
	bool given; /* false: nothing was said, all of it is the default */
	bool enabled, cpu, memory, disk, threads, files, publish, retain;
	bool nanos;           /* the interval was given in nanoseconds */
	uint64_t interval_ms; /* 0: the default */
	uint64_t history;     /* samples to be kept; 0: the default */
};

void profile_init(struct profile *profile); /* nothing was said */
/* The member `monitoring_profile` of an object; absent or null leaves the profile alone, else it is
 * replaced as a whole. ERROR_INVALID names the member. */
bool profile_read(struct profile *profile, const json_t *object, struct error *err) MUST_CHECK;
/* As it was asked for: for answers and the store. NULL if nothing was said. */
json_t *profile_write(const struct profile *profile);
/* For workers: all ten members, the interval in whole seconds (rounded up). */
json_t *profile_encode(const struct profile *profile, bool daemon);
/* The interval that holds, in ms, and how many samples are to be kept. */
uint64_t profile_interval(const struct profile *profile, bool daemon);
uint64_t profile_history(const struct profile *profile, bool daemon);
