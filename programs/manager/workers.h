/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Workers in the loop: who there is, what they say, what follows from it (spec/topics.md, "What
 * the manager concludes"). Only the loop calls these.
 */
#include "manager/manager.h"
#include "model/metrics.h"

struct worker *workers_find(struct manager *m, const char *id);
/* Takes the proplet over. */
struct worker *workers_add(struct manager *m, struct proplet *proplet);
/* True if it is gone from memory and store; false with err while it has attempts. */
bool workers_delete(struct manager *m, struct worker *worker, struct error *err);

/* An announcement, a heartbeat or a last will (presence.c). */
void workers_hear(struct manager *m, const struct presence *presence);
/* A result (results.c). Takes the outcome's content. */
void workers_report(struct manager *m, struct report *report);
/* running, gone, refused (results.c). */
void workers_notice(struct manager *m, const struct notice *notice);
/* Metrics of a worker or of a task (measured.c). */
void workers_measured(struct manager *m, const struct metrics *metrics);

/* Puts a worker among those that this batch has something for; workers_flush() then stores what
 * has changed and posts the acknowledgements, workers_untouch() forgets them. */
void workers_touch(struct manager *m, struct worker *worker);
void workers_flush(struct manager *m);
void workers_untouch(struct manager *m);
/* Tells who listens whether it is alive, if that has changed (events.h). */
void workers_show(struct manager *m, struct worker *worker);
/* The result of an attempt is committed (or unwanted): tells the worker after the commit. */
void workers_ack(struct manager *m, struct worker *worker, const char *task_id, uint64_t attempt);
/* Once a second: ends the attempts of the dead. When somebody may have fallen silent: finds out who
 * is next. */
void workers_tick(struct manager *m);
/* It was heard now. */
void workers_heard(struct manager *m, const struct proplet *proplet);
/* We did nothing between these two moments (clock_ms()), though there was something to do: nobody
 * is to blame for his silence meanwhile. */
void workers_excuse(struct manager *m, uint64_t from_ms, uint64_t to_ms);
void worker_destroy(struct worker *worker);
