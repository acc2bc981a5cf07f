/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The inside of a run_stop: whoever waits for something on behalf of a run says here how to be
 * woken. A run is in one place at a time, so there is one such place.
 */
#include "engine/engine.h"

/*
 * From now on until stop_unwatch() a request calls wake(context), once, in the requesting thread
 * and under the stop's lock. False if it was requested before: wake is not called then.
 */
bool stop_watch(struct run_stop *stop, void (*wake)(void *context), void *context) MUST_CHECK;
void stop_unwatch(struct run_stop *stop);
/* Waits for a request until a CLOCK_MONOTONIC time in nanoseconds; true if there is one. */
bool stop_wait(struct run_stop *stop, uint64_t until_ns);
