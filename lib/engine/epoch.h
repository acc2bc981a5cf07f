/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Interrupts for running guests. Compiled code looks at its engine's epoch at each loop and call;
 * when the epoch has moved, the run's own callback decides (wasmtime_run.c). One thread moves the
 * epoch when the earliest deadline is due, and sleeps without a tick otherwise.
 *
 * A guest may look just before the deadline or the stop is set and then not again until the next
 * move, so a watch that is due and still there makes the thread move the epoch again and again,
 * every few milliseconds, until its run has ended.
 */
#include <pthread.h>

#include <wasm.h>

#include "base/attr.h"
#include "base/error.h"

/* One running guest; lives in its run. */
struct epoch_watch {
	wasm_engine_t *wasm;
	uint64_t due_ms; /* clock_ms() */
	struct epoch_watch *previous, *next;
};

struct epochs {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct epoch_watch *first;
	uint64_t wake_ms; /* when the thread looks again by itself */
	bool closing;
};

bool epochs_init(struct epochs *epochs, struct error *err) MUST_CHECK;
void epochs_finish(struct epochs *epochs);
void epochs_add(struct epochs *epochs, struct epoch_watch *watch);
void epochs_remove(struct epochs *epochs, struct epoch_watch *watch);
/* The watch is due now. */
void epochs_hurry(struct epochs *epochs, struct epoch_watch *watch);
