/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/tasks.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "manager/events.h"
#include "manager/workers.h"
#include "model/restart.h"

void live_list_add(struct live_list *list, struct live *live) {
	live->prev = list->last;
	live->next = NULL;
	*(list->last != NULL ? &list->last->next : &list->first) = live;
	list->last = live;
}

void live_list_remove(struct live_list *list, struct live *live) {
	*(live->prev != NULL ? &live->prev->next : &list->first) = live->next;
	*(live->next != NULL ? &live->next->prev : &list->last) = live->prev;
	live->prev = live->next = NULL;
}

struct live *tasks_live(struct manager *m, const char *id) {
	return map_get(m->live, id);
}

struct task *tasks_get(struct manager *m, const char *id, struct error *err) {
	struct live *live = tasks_live(m, id);
	if (live != NULL) {
		return live->task;
	}
	if (!uuid_valid(id)) {
		error_set(err, ERROR_INVALID,
				"invalid query parameters: \"%.60s\" is not a task id (UUID)", id);
		return NULL;
	}
	struct task *task = store_task_get(m->store, id, err);
	if (task == NULL && err->code == ERROR_NOT_FOUND) {
		error_set(err, ERROR_NOT_FOUND, "there is no task %s", id);
	}
	return task != NULL ? manager_keep(m, task) : NULL;
}

/* Writes the moving part and one row of history. */
static void record(struct manager *m, struct task *task, const char *cause) {
	struct error err;
	char *text = str_copy(cause);
	struct move move = {
		.at = m->wall_ns, .state = task->state, .attempt = task->attempt, .cause = text
	};
	task->updated_at = m->wall_ns;
	if (manager_write(m) && manager_wrote(m, store_task_move(m->store, task, &err), &err)) {
		(void)manager_wrote(m, store_move_add(m->store, task->id, &move, &err), &err);
	}
	events_task(m, task, "moved", cause);
	free(text);
}

/* Off its worker or out of the queue. */
static void detach(struct manager *m, struct live *live) {
	if (live->worker == NULL) {
		live_list_remove(&m->waiting, live);
		return;
	}
	live_list_remove(&live->worker->attempts, live);
	live->worker->proplet->running--;
	live->worker = NULL;
	m->slot_freed = true;
}

static void leave(struct manager *m, struct live *live) {
	struct error err;
	struct task *task = live->task;
	detach(m, live);
	(void)map_remove(m->live, task->id);
	free(live);
	strings_add(&m->finished, task->id);
	(void)manager_keep(m, task);
	if (manager_write(m)) {
		(void)manager_wrote(m, store_task_outcome(m->store, task, &err), &err);
	}
}

static void enqueue(struct manager *m, struct live *live, const char *cause) {
	live->task->queued = true;
	live->since_ms = m->now_ms;
	live->worker = NULL;
	live_list_add(&m->waiting, live);
	record(m, live->task, cause);
}

/* The numbers of a task from before a restore go on above all that the lost manager may have given.
 */
static uint64_t next_attempt(const struct manager *m, const struct task *task) {
	uint64_t next = task->attempt + 1, era = store_era(m->store);
	return task->created_at / 1000 <= (int64_t)era && next < era ? era : next;
}

/* A clean sheet for the next attempt. */
static void renew(struct manager *m, struct task *task) {
	struct error err;
	bool had_outcome = task_state_final(task->state);
	task->attempt = next_attempt(m, task);
	task->state = TASK_PENDING;
	task->queued = task->stopping = false;
	task->start_time = task->finish_time = task->due_at = 0;
	str_set(&task->at.proplet_id, NULL);
	task->at.boot[0] = 0;
	task->at.command = 0;
	outcome_finish(&task->outcome);
	if (had_outcome && manager_write(m)) {
		(void)manager_wrote(m, store_task_outcome(m->store, task, &err), &err);
	}
}

/* A task that came to an end and is to be restarted waits as its next attempt. */
static void restart(struct manager *m, struct live *live) {
	struct task *task = live->task;
	uint64_t restarts = restart_next(task), pause = restart_pause_ms(restarts);
	CLEANUP(mem_freep)
	char *cause = str_format("restart %llu of %llu in %.3g s", (unsigned long long)restarts,
			(unsigned long long)task->restart_limit, (double)pause / 1000);
	detach(m, live);
	renew(m, task);
	task->restarts = restarts;
	task->due_at = m->wall_ns + (int64_t)pause * 1000000;
	live->due_ms = m->now_ms + pause;
	m->next_due_ms = live->due_ms < m->next_due_ms ? live->due_ms : m->next_due_ms;
	enqueue(m, live, cause);
}

static void end(struct manager *m, struct live *live, enum task_state to, const char *cause) {
	struct task *task = live->task;
	bool stopped = task->stopping;
	if (to != TASK_COMPLETED && task->outcome.error == NULL) {
		str_set(&task->outcome.error, cause);
	}
	task->finish_time = m->wall_ns;
	task->queued = task->stopping = false;
	task->due_at = 0;
	record(m, task, cause);
	if (!stopped && restart_wanted(task, to)) {
		restart(m, live);
	} else {
		leave(m, live);
	}
}

/* How long the step has taken. */
static void measure(struct manager *m, struct live *live, enum task_state to) {
	bool begins = to == TASK_SCHEDULED || live->task->state == TASK_SCHEDULED;
	if (begins && live->since_ms != 0) {
		figures_observe(&m->figures.start[to == TASK_SCHEDULED ? STAGE_QUEUE
								       : STAGE_DISPATCH],
				(double)(m->now_ms - live->since_ms) / 1000);
	}
	live->since_ms = m->now_ms;
	m->figures.ends[to] += task_state_final(to);
	m->figures.fuel += task_state_final(to) ? live->task->outcome.fuel_used : 0;
}

bool tasks_go(struct manager *m, struct live *live, enum task_state to, const char *cause) {
	struct task *task = live->task;
	if (!task_state_may(task->state, to)) {
		log_debug("a move that is not allowed id=%s from=%s to=%s", task->id,
				task_state_name(task->state), task_state_name(to));
		return false;
	}
	measure(m, live, to);
	task->state = to;
	if (to == TASK_RUNNING && task->start_time == 0) {
		task->start_time = m->wall_ns;
	}
	log_debug("task moved id=%s attempt=%llu state=%s cause=\"%s\"", task->id,
			(unsigned long long)task->attempt, task_state_name(to), cause);
	if (task_state_final(to)) {
		end(m, live, to, cause);
	} else {
		record(m, task, cause);
	}
	return true;
}

/* Old workers know no limits: the manager looks at the clock for them. */
static uint64_t late_of(const struct task *task, uint64_t now_ms) {
	bool watched = task->at.boot[0] == 0 && task->work.limits.wall_ms != 0;
	return watched ? now_ms + task->work.limits.wall_ms : 0;
}

/* Commits the attempt to one boot of one worker and one number. */
static void assign(struct manager *m, struct live *live, struct worker *worker) {
	struct task *task = live->task;
	struct proplet *proplet = worker->proplet;
	live->worker = worker;
	live->answered = false;
	live_list_add(&worker->attempts, live);
	proplet->running++;
	str_set(&task->at.proplet_id, proplet->id);
	memcpy(task->at.boot, proplet->ours ? proplet->boot : "", proplet->ours ? UUID_SIZE : 1);
	if (proplet->next_command < store_era(m->store)) {
		proplet->next_command = store_era(m->store);
	}
	task->at.command = proplet->next_command++;
	live->late_ms = late_of(task, m->now_ms);
	worker->dirty = true;
	workers_touch(m, worker);
	task->queued = false;
	task->due_at = 0;

	CLEANUP(mem_freep) char *cause = str_format("placed on %s", proplet->id);
	(void)tasks_go(m, live, TASK_SCHEDULED, cause);
	if (!proplet->ours) {
		/* It will never say so, and an instant answer must find the task Running. */
		(void)tasks_go(m, live, TASK_RUNNING,
				"published to a worker that does not report it");
	}
	dispatch_start(m, live);
}

static struct live *make_live(struct manager *m, struct task *task) {
	struct live *live = MEM_NEW(struct live);
	live->since_ms = m->now_ms;
	live->task = task;
	(void)map_put(m->live, task->id, live);
	return live;
}

/* The batch owned the task while it was a guest; from now on m->live does. */
static void unkeep(struct manager *m, const struct task *task) {
	for (size_t i = 0; i < m->guest_count; i++) {
		if (m->guests[i] == task) {
			m->guests[i] = m->guests[--m->guest_count];
			return;
		}
	}
}

bool tasks_start(struct manager *m, struct task *task, const char *cause, struct error *err) {
	bool busy = false;
	if (task->work.digest[0] == 0 && task->work.image_url == NULL) {
		return error_set(err, ERROR_CONFLICT,
				"task %s has no module yet: upload one with PUT /tasks/%s/upload",
				task->id, task->id);
	}
	tasks_place_waiting(m); /* who waits already comes first */
	struct worker *worker = place(m, task, &busy, err);
	if (worker == NULL && !busy) {
		return false;
	}
	unkeep(m, task);
	renew(m, task);
	task->restarts = 0;
	struct live *live = make_live(m, task);
	if (worker != NULL) {
		assign(m, live, worker);
	} else {
		enqueue(m, live, cause);
	}
	return true;
}

void tasks_stop(struct manager *m, struct live *live) {
	struct task *task = live->task;
	struct error write;
	if (task->queued) {
		task->stopping = true;
		(void)tasks_go(m, live, TASK_INTERRUPTED,
				task->due_at != 0
						? "stopped by a user while it waited for its "
						  "restart"
						: "stopped by a user while it waited for a worker");
		return;
	}
	if (!task->stopping) {
		task->stopping = true;
		if (manager_write(m)) {
			(void)manager_wrote(m, store_task_move(m->store, task, &write), &write);
		}
		events_task(m, task, "stopping", NULL);
	}
	dispatch_stop(m, live);
}

void tasks_requeue(struct manager *m, struct live *live, const char *cause) {
	detach(m, live);
	renew(m, live->task);
	enqueue(m, live, cause);
}

void tasks_hurry(struct manager *m, struct live *live) {
	if (live->task->due_at != 0) {
		live->task->due_at = 0;
		live->task->restarts = 0;
		live->due_ms = 0;
		m->next_due_ms = 0;
		record(m, live->task, "started by a user before its time");
	}
}

/* False if nobody behind it will find a worker either. */
static bool place_one(struct manager *m, struct live *live) {
	struct error err;
	bool busy = false;
	struct worker *worker = place(m, live->task, &busy, &err);
	if (worker != NULL) {
		live_list_remove(&m->waiting, live);
		assign(m, live, worker);
	}
	return worker != NULL || !place_is_easy(live->task);
}

void tasks_place_waiting(struct manager *m) {
	if ((!m->slot_freed && m->now_ms < m->next_due_ms) || m->failed) {
		return;
	}
	bool going = true;
	m->next_due_ms = UINT64_MAX;
	for (struct live *live = m->waiting.first, *next; live != NULL; live = next) {
		next = live->next;
		if (live->due_ms > m->now_ms) {
			m->next_due_ms = live->due_ms < m->next_due_ms ? live->due_ms
								       : m->next_due_ms;
		} else {
			going = going && place_one(m, live);
		}
	}
}

/* The wall clock may have jumped: no restart waits longer than the longest pause. */
static uint64_t due_from_now(const struct task *task) {
	int64_t left = (task->due_at - clock_wall_ns()) / 1000000;
	if (task->due_at == 0 || left <= 0) {
		return 0;
	}
	return clock_ms() +
	       ((uint64_t)left < RESTART_PAUSE_MAX_MS ? (uint64_t)left : RESTART_PAUSE_MAX_MS);
}

void tasks_adopt(struct manager *m, struct task *task) {
	struct live *live = make_live(m, task);
	if (task->queued || task->at.proplet_id == NULL) {
		live->due_ms = due_from_now(task);
		m->next_due_ms = 0;
		live_list_add(&m->waiting, live);
		return;
	}
	struct worker *worker = workers_find(m, task->at.proplet_id);
	live->worker = worker != NULL ? worker
				      : workers_add(m, proplet_create(task->at.proplet_id));
	live->answered = task->state == TASK_RUNNING;
	live->late_ms = late_of(task, clock_ms());
	live_list_add(&live->worker->attempts, live);
	live->worker->proplet->running++;
}
