/* SPDX-License-Identifier: Apache-2.0 */
#include "base/queue.h"

#include <pthread.h>

#include "base/clock.h"
#include "base/mem.h"

struct queue {
	pthread_mutex_t lock;
	pthread_cond_t changed; /* on the monotonic clock */
	pthread_cond_t taken;
	struct queue_item *first, **end;
	size_t count, bound;
	bool woken, closed;
};

struct queue *queue_create(size_t bound) {
	struct queue *queue = MEM_NEW(struct queue);
	queue->bound = bound;
	queue->end = &queue->first;

	pthread_condattr_t monotonic;
	(void)pthread_condattr_init(&monotonic);
	(void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&queue->changed, &monotonic);
	(void)pthread_condattr_destroy(&monotonic);
	(void)pthread_cond_init(&queue->taken, NULL);
	(void)pthread_mutex_init(&queue->lock, NULL);
	return queue;
}

void queue_destroy(struct queue *queue) {
	if (queue != NULL) {
		(void)pthread_cond_destroy(&queue->changed);
		(void)pthread_cond_destroy(&queue->taken);
		(void)pthread_mutex_destroy(&queue->lock);
		free(queue);
	}
}

/* With the lock held. False when it is closed. */
static bool add(struct queue *queue, struct queue_item *item) {
	if (queue->closed) {
		return false;
	}
	item->next = NULL;
	*queue->end = item;
	queue->end = &item->next;
	queue->count++;
	(void)pthread_cond_signal(&queue->changed);
	return true;
}

static bool put(struct queue *queue, struct queue_item *item, bool bounded) {
	(void)pthread_mutex_lock(&queue->lock);
	bool full = bounded && queue->bound != 0 && queue->count >= queue->bound;
	bool put = !full && add(queue, item);
	(void)pthread_mutex_unlock(&queue->lock);
	return put;
}

bool queue_try_put(struct queue *queue, struct queue_item *item) {
	return put(queue, item, true);
}

bool queue_put(struct queue *queue, struct queue_item *item) {
	return put(queue, item, false);
}

bool queue_put_patiently(struct queue *queue, struct queue_item *item, size_t most) {
	(void)pthread_mutex_lock(&queue->lock);
	while (queue->count >= most && !queue->closed) {
		(void)pthread_cond_wait(&queue->taken, &queue->lock);
	}
	bool put = add(queue, item);
	(void)pthread_mutex_unlock(&queue->lock);
	return put;
}

/* With the lock held. False at the deadline. */
static bool wait_for_change(struct queue *queue, uint64_t deadline_ms) {
	if (deadline_ms == UINT64_MAX) {
		return pthread_cond_wait(&queue->changed, &queue->lock) == 0;
	}
	struct timespec deadline = clock_timespec(deadline_ms);
	return pthread_cond_timedwait(&queue->changed, &queue->lock, &deadline) == 0;
}

struct queue_item *queue_take_all(struct queue *queue, uint64_t deadline_ms) {
	(void)pthread_mutex_lock(&queue->lock);
	while (queue->first == NULL && !queue->woken && !queue->closed) {
		if (!wait_for_change(queue, deadline_ms)) {
			break;
		}
	}
	struct queue_item *items = queue->first;
	queue->first = NULL;
	queue->end = &queue->first;
	queue->count = 0;
	queue->woken = false;
	(void)pthread_cond_broadcast(&queue->taken);
	(void)pthread_mutex_unlock(&queue->lock);
	return items;
}

void queue_wake(struct queue *queue) {
	(void)pthread_mutex_lock(&queue->lock);
	queue->woken = true;
	(void)pthread_cond_signal(&queue->changed);
	(void)pthread_mutex_unlock(&queue->lock);
}

bool queue_is_closed(struct queue *queue) {
	(void)pthread_mutex_lock(&queue->lock);
	bool closed = queue->closed;
	(void)pthread_mutex_unlock(&queue->lock);
	return closed;
}

void queue_close(struct queue *queue) {
	(void)pthread_mutex_lock(&queue->lock);
	queue->closed = true;
	(void)pthread_cond_broadcast(&queue->changed);
	(void)pthread_cond_broadcast(&queue->taken);
	(void)pthread_mutex_unlock(&queue->lock);
}
