/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/stop.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "base/mem.h"

struct run_stop {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	atomic_bool requested; /* written under the lock, read anywhere */
	void (*wake)(void *context);
	void *context;
};

struct run_stop *run_stop_create(struct engine *engine) {
	(void)engine;
	struct run_stop *stop = MEM_NEW(struct run_stop);
	pthread_condattr_t monotonic;
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_mutex_init(&stop->lock, NULL);
	pthread_cond_init(&stop->changed, &monotonic);
	pthread_condattr_destroy(&monotonic);
	return stop;
}

void run_stop_destroy(struct run_stop *stop) {
	if (stop == NULL) {
		return;
	}
	pthread_cond_destroy(&stop->changed);
	pthread_mutex_destroy(&stop->lock);
	free(stop);
}

void run_stop_request(struct run_stop *stop) {
	pthread_mutex_lock(&stop->lock);
	bool before = atomic_exchange(&stop->requested, true);
	if (!before && stop->wake != NULL) {
		stop->wake(stop->context);
	}
	pthread_cond_broadcast(&stop->changed);
	pthread_mutex_unlock(&stop->lock);
}

bool run_stop_requested(const struct run_stop *stop) {
	return atomic_load(&stop->requested);
}

bool stop_watch(struct run_stop *stop, void (*wake)(void *context), void *context) {
	pthread_mutex_lock(&stop->lock);
	bool in_time = !atomic_load(&stop->requested);
	if (in_time) {
		stop->wake = wake;
		stop->context = context;
	}
	pthread_mutex_unlock(&stop->lock);
	return in_time;
}

void stop_unwatch(struct run_stop *stop) {
	pthread_mutex_lock(&stop->lock);
	stop->wake = NULL;
	pthread_mutex_unlock(&stop->lock);
}

bool stop_wait(struct run_stop *stop, uint64_t until_ns) {
	const uint64_t second = 1000000000;
	struct timespec until = { .tv_sec = (time_t)(until_ns / second),
		.tv_nsec = (long)(until_ns % second) };
	pthread_mutex_lock(&stop->lock);
	int rc = 0;
	while (rc == 0 && !atomic_load(&stop->requested)) {
		rc = pthread_cond_timedwait(&stop->changed, &stop->lock, &until);
	}
	pthread_mutex_unlock(&stop->lock);
	return run_stop_requested(stop);
}
