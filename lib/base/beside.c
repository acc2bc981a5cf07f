/* SPDX-License-Identifier: Apache-2.0 */
#include "base/beside.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/mem.h"

enum { STACK_BYTES = 256 * 1024 };

struct beside {
	pthread_t thread;
	bool threaded;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	void (*work)(void *context); /* NULL: nothing is to be done */
	void *context;
	bool ending;
};

static void *run(void *argument) {
	struct beside *beside = argument;
	(void)pthread_mutex_lock(&beside->lock);
	while (!beside->ending || beside->work != NULL) {
		if (beside->work == NULL) {
			(void)pthread_cond_wait(&beside->changed, &beside->lock);
			continue;
		}
		(void)pthread_mutex_unlock(&beside->lock);
		beside->work(beside->context); /* nobody changes it before it is done */
		(void)pthread_mutex_lock(&beside->lock);
		beside->work = NULL;
		(void)pthread_cond_signal(&beside->changed);
	}
	(void)pthread_mutex_unlock(&beside->lock);
	return NULL;
}

/* Signals are for the program's own threads. */
static bool start(struct beside *beside) {
	pthread_attr_t attributes;
	sigset_t all, before;
	(void)sigfillset(&all);
	(void)pthread_attr_init(&attributes);
	(void)pthread_attr_setstacksize(&attributes, STACK_BYTES);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	int code = pthread_create(&beside->thread, &attributes, run, beside);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	(void)pthread_attr_destroy(&attributes);
	return code == 0;
}

struct beside *beside_create(void) {
	struct beside *beside = MEM_NEW(struct beside);
	(void)pthread_mutex_init(&beside->lock, NULL);
	(void)pthread_cond_init(&beside->changed, NULL);
	beside->threaded = start(beside);
	return beside;
}

void beside_wait(struct beside *beside) {
	(void)pthread_mutex_lock(&beside->lock);
	while (beside->work != NULL) {
		(void)pthread_cond_wait(&beside->changed, &beside->lock);
	}
	(void)pthread_mutex_unlock(&beside->lock);
}

void beside_begin(struct beside *beside, void (*work)(void *context), void *context) {
	if (!beside->threaded) {
		work(context);
		return;
	}
	beside_wait(beside);
	(void)pthread_mutex_lock(&beside->lock);
	beside->work = work;
	beside->context = context;
	(void)pthread_cond_signal(&beside->changed);
	(void)pthread_mutex_unlock(&beside->lock);
}

void beside_destroy(struct beside *beside) {
	if (beside == NULL) {
		return;
	}
	if (beside->threaded) {
		(void)pthread_mutex_lock(&beside->lock);
		beside->ending = true;
		(void)pthread_cond_broadcast(&beside->changed);
		(void)pthread_mutex_unlock(&beside->lock);
		(void)pthread_join(beside->thread, NULL);
	}
	(void)pthread_cond_destroy(&beside->changed);
	(void)pthread_mutex_destroy(&beside->lock);
	free(beside);
}
