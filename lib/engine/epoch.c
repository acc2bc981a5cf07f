/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/epoch.h"

#include <time.h>

#include <wasmtime.h>

#include "base/clock.h"

enum { AGAIN_MS = 5 };

/* Moves the epoch for what is due; returns when to look again. */
static uint64_t tend(struct epochs *epochs) {
	uint64_t now = clock_ms(), wake = UINT64_MAX;
	for (struct epoch_watch *watch = epochs->first; watch != NULL; watch = watch->next) {
		uint64_t next = watch->due_ms;
		if (watch->due_ms <= now) {
			wasmtime_engine_increment_epoch(watch->wasm);
			next = now + AGAIN_MS;
		}
		wake = next < wake ? next : wake;
	}
	return wake;
}

static void sleep_until(struct epochs *epochs, uint64_t wake_ms) {
	if (wake_ms == UINT64_MAX) {
		pthread_cond_wait(&epochs->changed, &epochs->lock);
		return;
	}
	struct timespec until = clock_timespec(wake_ms);
	pthread_cond_timedwait(&epochs->changed, &epochs->lock, &until);
}

static void *tick(void *argument) {
	struct epochs *epochs = argument;
	pthread_mutex_lock(&epochs->lock);
	while (!epochs->closing) {
		uint64_t wake_ms = tend(epochs);
		/* Who was the reason to wake may be gone already. To keep the time all the same
		 * costs one look in vain; to forget it, a signal for each of many short runs. */
		if (epochs->wake_ms > clock_ms() && epochs->wake_ms < wake_ms) {
			wake_ms = epochs->wake_ms;
		}
		epochs->wake_ms = wake_ms;
		sleep_until(epochs, wake_ms);
	}
	pthread_mutex_unlock(&epochs->lock);
	return NULL;
}

bool epochs_init(struct epochs *epochs, struct error *err) {
	pthread_condattr_t monotonic;
	epochs->wake_ms = UINT64_MAX;
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_mutex_init(&epochs->lock, NULL);
	pthread_cond_init(&epochs->changed, &monotonic);
	pthread_condattr_destroy(&monotonic);
	int rc = pthread_create(&epochs->thread, NULL, tick, epochs);
	if (rc != 0) {
		pthread_cond_destroy(&epochs->changed);
		pthread_mutex_destroy(&epochs->lock);
		return error_errno(err, rc, "starting the engine's timer thread");
	}
	return true;
}

void epochs_finish(struct epochs *epochs) {
	pthread_mutex_lock(&epochs->lock);
	epochs->closing = true;
	pthread_cond_signal(&epochs->changed);
	pthread_mutex_unlock(&epochs->lock);
	pthread_join(epochs->thread, NULL);
	pthread_cond_destroy(&epochs->changed);
	pthread_mutex_destroy(&epochs->lock);
}

/* Under the lock. */
static void wake_for(struct epochs *epochs, uint64_t due_ms) {
	if (due_ms < epochs->wake_ms) {
		epochs->wake_ms = due_ms;
		pthread_cond_signal(&epochs->changed);
	}
}

void epochs_add(struct epochs *epochs, struct epoch_watch *watch) {
	pthread_mutex_lock(&epochs->lock);
	watch->previous = NULL;
	watch->next = epochs->first;
	if (epochs->first != NULL) {
		epochs->first->previous = watch;
	}
	epochs->first = watch;
	wake_for(epochs, watch->due_ms);
	pthread_mutex_unlock(&epochs->lock);
}

void epochs_remove(struct epochs *epochs, struct epoch_watch *watch) {
	pthread_mutex_lock(&epochs->lock);
	if (watch->next != NULL) {
		watch->next->previous = watch->previous;
	}
	if (watch->previous != NULL) {
		watch->previous->next = watch->next;
	} else {
		epochs->first = watch->next;
	}
	pthread_mutex_unlock(&epochs->lock);
}

void epochs_hurry(struct epochs *epochs, struct epoch_watch *watch) {
	pthread_mutex_lock(&epochs->lock);
	watch->due_ms = 0;
	wasmtime_engine_increment_epoch(watch->wasm);
	wake_for(epochs, 0);
	pthread_mutex_unlock(&epochs->lock);
}
