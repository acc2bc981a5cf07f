/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Tasks in the loop: find them, move them, place them. Only the loop calls these.
 */
#include "manager/manager.h"

/* A task wherever it is; NULL with err. What is not live belongs to the batch. */
struct task *tasks_get(struct manager *m, const char *id, struct error *err);
struct live *tasks_live(struct manager *m, const char *id); /* NULL if it is not live */

/* Moves a live task's current attempt, with a row of history. An end takes it out of memory, or
 * puts it back into the queue as a new attempt if it is to be restarted; its outcome must be set
 * before. False if spec/states.def does not allow it (nothing happens). */
bool tasks_go(struct manager *m, struct live *live, enum task_state to, const char *cause);

/* A new attempt: placed at once, or queued if all who could are busy. */
bool tasks_start(struct manager *m, struct task *task, const char *cause, struct error *err);
/* A restart that waits for its time is due now. */
void tasks_hurry(struct manager *m, struct live *live);
/* Ends a queued task, or asks the worker to end it. */
void tasks_stop(struct manager *m, struct live *live);
/* The attempt could not be taken (busy): it waits again, as a new attempt. */
void tasks_requeue(struct manager *m, struct live *live, const char *cause);
/* Gives free slots to those who wait, and those whose time has come to somebody. */
void tasks_place_waiting(struct manager *m);
/* For recovery: takes over a task as the store has it. */
void tasks_adopt(struct manager *m, struct task *task);

/* place.c: the best live worker for a task. NULL: *busy says whether one could later (all slots are
 * taken), else err says why there is none (unknown: NOT_FOUND, none alive: UNAVAILABLE). */
struct worker *place(struct manager *m, const struct task *task, bool *busy, struct error *err);
/* True if any worker that is alive and has a free slot will do. */
bool place_is_easy(const struct task *task);
/* Every worker with a verdict in words, and who would be chosen now: for GET .../placement. */
json_t *place_explain(struct manager *m, const struct task *task);

/* Old workers drop their connection over a packet of 10 MiB. */
enum { DISPATCH_INLINE_MAX = 7 * 1024 * 1024, DISPATCH_OLD_MAX = 10 * 1024 * 1024 - 4096 };
/* dispatch.c: the messages of an attempt to its worker, for after the commit. */
void dispatch_post(struct manager *m, const char *worker, const struct command *command);
void dispatch_start(struct manager *m, struct live *live);
void dispatch_stop(struct manager *m, struct live *live);
/* To a worker that runs something that nobody wants. */
void dispatch_stop_stray(struct manager *m, struct worker *worker, const struct attempt_ref *ref);

void live_list_add(struct live_list *list, struct live *live);
void live_list_remove(struct live_list *list, struct live *live);
