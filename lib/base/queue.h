/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Many threads put, one thread takes: the door into a loop that owns its state.
 *
 * Items are intrusive (a `struct queue_item` inside the caller's own structure) and keep their
 * order. A queue may have a bound, which is how back-pressure begins: queue_try_put() says no, and
 * queue_put_patiently() holds up who puts.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

struct queue_item {
	struct queue_item *next;
};

struct queue;
struct queue *queue_create(size_t bound); /* never NULL; a bound of 0 is none */
void queue_destroy(struct queue *queue);  /* the items are the caller's */
/* False when the queue is at its bound or closed: the item stays with the caller. */
bool queue_try_put(struct queue *queue, struct queue_item *item) MUST_CHECK;
/* Puts whatever the bound is (for what must not be refused). False only when it is closed. */
bool queue_put(struct queue *queue, struct queue_item *item) MUST_CHECK;
/* Waits until fewer than `most` items are there, then puts. False only when it is closed. */
bool queue_put_patiently(struct queue *queue, struct queue_item *item, size_t most) MUST_CHECK;
/*
 * Takes all items as a list, oldest first; waits for one until `deadline_ms` (clock_ms();
 * UINT64_MAX waits for ever). NULL at the deadline, after queue_wake(), or when closed and empty.
 */
struct queue_item *queue_take_all(struct queue *queue, uint64_t deadline_ms);
void queue_wake(struct queue *queue);
void queue_close(struct queue *queue); /* nothing is put any more, takers wake up */
bool queue_is_closed(struct queue *queue);
/* The item's own structure: QUEUE_ENTRY(item, struct deed, link). */
#define QUEUE_ENTRY(item, type, member) ((type *)(void *)((char *)(item)-offsetof(type, member)))
