/* SPDX-License-Identifier: Apache-2.0 */
/* Threads that execute orders, and the bounded queue before them. */
#include <semaphore.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "executor/executor.h"

struct pool {
	struct executor *executor;
	pthread_mutex_t lock;
	sem_t arrived;       /* one thread that is idle is to look for an order, or the end */
	pthread_cond_t left; /* one is answered */
	struct order *first, *last;
	struct pool_counts counts;
	atomic_size_t unanswered; /* taken and not answered: waiting, running, being attested */
	struct order *orders;     /* all of these, for the end */
	uint64_t idle;            /* threads that wait for an order, */
	bool waking;              /* a thread has been woken and is not there yet */
	bool draining, ending;
	pthread_t *threads;
};

/*
 * Under the lock: true if the caller is to wake a thread, once it has let go of the lock. One at a
 * time is on its way, and when it is there it wakes the next, if there is more to do: until then
 * those that are awake take what they can. A short call is over sooner than a thread is awake, and
 * waking costs more than the call.
 */
static bool must_wake(struct pool *pool) {
	bool must = pool->first != NULL && pool->idle != 0 && !pool->waking;
	pool->waking = pool->waking || must;
	return must;
}

/* Under the lock, but for the time that it waits. */
static void wait_for_order(struct pool *pool) {
	while (pool->first == NULL && !pool->ending) {
		pool->idle++;
		(void)pthread_mutex_unlock(&pool->lock);
		while (sem_wait(&pool->arrived) != 0) { /* a signal */
		}
		(void)pthread_mutex_lock(&pool->lock);
		pool->idle--;
		pool->waking = false;
	}
}

/* `idle`: the thread has executed nothing before. */
static struct order *next_order(struct pool *pool, bool idle) {
	(void)pthread_mutex_lock(&pool->lock);
	pool->counts.running -= !idle;
	wait_for_order(pool);
	struct order *order = pool->first;
	if (order != NULL) {
		pool->first = order->next;
		order->next = NULL;
		pool->counts.waiting--;
		pool->counts.running++;
	}
	bool wake = must_wake(pool);
	(void)pthread_mutex_unlock(&pool->lock);
	if (wake) {
		(void)sem_post(&pool->arrived);
	}
	return order;
}

static void *work(void *context) {
	struct pool *pool = context;
	struct order *order = next_order(pool, true);
	while (order != NULL) {
		execute(pool->executor, order);
		order = next_order(pool, false);
	}
	return NULL;
}

static bool start_threads(struct pool *pool, uint64_t count, struct error *err) {
	pthread_attr_t attributes;
	(void)pthread_attr_init(&attributes);
	int failed = pthread_attr_setstacksize(&attributes, PROGRAM_STACK_BYTES);
	pool->threads = mem_zero(count, sizeof(*pool->threads));
	while (failed == 0 && pool->counts.threads < count) {
		failed = pthread_create(
				&pool->threads[pool->counts.threads], &attributes, work, pool);
		pool->counts.threads += failed == 0;
	}
	(void)pthread_attr_destroy(&attributes);
	return failed == 0 ||
	       error_errno(err, failed,
			       "starting %llu threads with stacks of %d MiB; set "
			       "EXECUTOR_WORKERS to less",
			       (unsigned long long)count, PROGRAM_STACK_BYTES / 1024 / 1024);
}

struct pool *pool_create(struct executor *executor, struct error *err) {
	struct pool *pool = MEM_NEW(struct pool);
	pthread_condattr_t monotonic;
	pool->executor = executor;
	(void)pthread_mutex_init(&pool->lock, NULL);
	(void)pthread_condattr_init(&monotonic);
	(void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	(void)sem_init(&pool->arrived, 0, 0);
	(void)pthread_cond_init(&pool->left, &monotonic);
	(void)pthread_condattr_destroy(&monotonic);
	if (!start_threads(pool, executor->settings->workers, err)) {
		pool_destroy(pool);
		return NULL;
	}
	return pool;
}

/* Under the lock. */
static bool refused(const struct pool *pool, struct error *err) {
	if (pool->draining) {
		return !error_set(err, ERROR_UNAVAILABLE, "the executor is ending: ask another");
	}
	uint64_t most = pool->executor->settings->queue_max;
	return pool->counts.waiting >= most &&
	       !error_set(err, ERROR_BUSY,
			       "%llu calls wait already, more than that are not taken: try again "
			       "in a moment",
			       (unsigned long long)most);
}

static void link_order(struct pool *pool, struct order *order) {
	*(pool->first != NULL ? &pool->last->next : &pool->first) = order;
	pool->last = order;
	pool->counts.waiting++;
	order->sibling[0] = NULL;
	order->sibling[1] = pool->orders;
	if (pool->orders != NULL) {
		pool->orders->sibling[0] = order;
	}
	pool->orders = order;
	atomic_fetch_add(&pool->unanswered, 1);
}

bool pool_submit(struct pool *pool, struct order *order, struct error *err) {
	(void)pthread_mutex_lock(&pool->lock);
	bool taken = !refused(pool, err);
	if (taken) {
		order->next = NULL;
		link_order(pool, order);
	}
	bool wake = must_wake(pool);
	(void)pthread_mutex_unlock(&pool->lock);
	if (wake) {
		(void)sem_post(&pool->arrived);
	}
	return taken;
}

void pool_answer(struct pool *pool, struct order *order) {
	(void)pthread_mutex_lock(&pool->lock);
	if (order->sibling[0] != NULL) {
		order->sibling[0]->sibling[1] = order->sibling[1];
	} else {
		pool->orders = order->sibling[1];
	}
	if (order->sibling[1] != NULL) {
		order->sibling[1]->sibling[0] = order->sibling[0];
	}
	if (order->stopped_by_us && order->err.code == ERROR_INTERRUPTED && !order->ok) {
		error_set(&order->err, ERROR_UNAVAILABLE,
				"the executor ended before the call did: ask another");
	}
	(void)pthread_mutex_unlock(&pool->lock);
	order->answer(order);
	if (atomic_fetch_sub(&pool->unanswered, 1) ==
			1) { /* under the lock for who is about to wait */
		(void)pthread_mutex_lock(&pool->lock);
		(void)pthread_cond_broadcast(&pool->left);
		(void)pthread_mutex_unlock(&pool->lock);
	}
}

/* Under the lock: an order that is in the list is not freed, and so its stop is there. */
static void stop_all(struct pool *pool) {
	for (struct order *order = pool->orders; order != NULL; order = order->sibling[1]) {
		order->stopped_by_us = true;
		run_stop_request(order->stop);
	}
}

void pool_drain(struct pool *pool, uint64_t deadline_ms) {
	struct timespec until = clock_timespec(deadline_ms);
	(void)pthread_mutex_lock(&pool->lock);
	pool->draining = true;
	while (atomic_load(&pool->unanswered) != 0 && clock_ms() < deadline_ms) {
		(void)pthread_cond_timedwait(&pool->left, &pool->lock, &until);
	}
	stop_all(pool);
	while (atomic_load(&pool->unanswered) != 0) {
		(void)pthread_cond_wait(&pool->left, &pool->lock);
	}
	(void)pthread_mutex_unlock(&pool->lock);
}

void pool_destroy(struct pool *pool) {
	if (pool == NULL) {
		return;
	}
	(void)pthread_mutex_lock(&pool->lock);
	pool->ending = true;
	(void)pthread_mutex_unlock(&pool->lock);
	for (uint64_t i = 0; i < pool->counts.threads; i++) {
		(void)sem_post(&pool->arrived);
	}
	for (uint64_t i = 0; i < pool->counts.threads; i++) {
		(void)pthread_join(pool->threads[i], NULL);
	}
	free(pool->threads);
	(void)sem_destroy(&pool->arrived);
	(void)pthread_cond_destroy(&pool->left);
	(void)pthread_mutex_destroy(&pool->lock);
	free(pool);
}

struct pool_counts pool_counts(struct pool *pool) {
	(void)pthread_mutex_lock(&pool->lock);
	struct pool_counts counts = pool->counts;
	(void)pthread_mutex_unlock(&pool->lock);
	return counts;
}
