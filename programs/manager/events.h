/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What happens to tasks and workers, told to everybody who listens: GET /events, as Server-Sent
 * Events (WHATWG HTML, 9.2).
 *
 * The loop hands over what a batch did once that is committed. Each event is encoded once, and
 * stands in a ring that all listeners read, each at his own place in it; so a listener costs a
 * connection and no copies. A thread wakes those who wait, in rounds of events_round_ms(), and
 * gives everybody a comment every EVENTS_BEAT_MS, by which the server notices who is gone. Whoever
 * is so slow that his place has left the ring is hung up on; he comes again with his last id.
 *
 * Ids are BOOT-NUMBER; one that the ring does not have any more, or of another boot of the manager,
 * is answered by an event `reset`: read again what you show. While nobody listens, and nobody did
 * for EVENTS_WANTED_MS, nothing is encoded.
 *
 * Threads: as each function says. The lock of the list of listeners comes before a stream's own,
 * and that before the ring's.
 */
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "http/server.h"
#include "model/proplet.h"
#include "model/task.h"

enum {
	EVENTS_MAX = 8192,
	EVENTS_BYTES_MAX = 8 * 1024 * 1024,
	EVENTS_LISTENERS_MAX = 4096,
	EVENTS_ROUND_MS_MAX = 20,
	EVENTS_ROUND_LISTENERS = 50,
	EVENTS_BEAT_MS = 15 * 1000,
	EVENTS_WANTED_MS = 5 * 60 * 1000,
	EVENTS_CAUSE_MAX = 512
};

struct events;
struct manager;

struct events *events_create(const char *boot); /* never NULL */
/* Any thread: everybody gets what is there and then an end; nobody can come any more. */
void events_close(struct events *events);
/* When the server is gone. Accepts NULL. */
void events_destroy(struct events *events);

/* Any thread; false for NULL. */
bool events_wanted(const struct events *events);

/* The loop only, in a batch. `change`: created, changed, moved, stopping. */
void events_task(struct manager *m, const struct task *task, const char *change, const char *cause);
void events_task_deleted(struct manager *m, const char *id);
/* `change`: registered, changed, alive, dead, deleted. */
void events_proplet(struct manager *m, const struct proplet *proplet, const char *change);
/* The loop only, after the batch: told, or forgotten. Accepts NULL. */
void events_flush(struct events *events, bool committed);

/* How long one round of waking lasts at least: a millisecond for every EVENTS_ROUND_LISTENERS, so
 * that few hear at once and many share what waking them costs. Pure. */
unsigned events_round_ms(unsigned listening);

/* The handler of GET /events?type=task,proplet&task=ID. */
void api_events(void *context, struct http_request *request);
