/* SPDX-License-Identifier: Apache-2.0 */
/* What follows from an announcement or a heartbeat: both sides come to agree on what runs. */
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "manager/bulk.h"
#include "manager/events.h"
#include "manager/keep.h"
#include "manager/tasks.h"
#include "manager/workers.h"

static struct worker *find_or_register(struct manager *m, const struct presence *presence) {
	struct worker *worker = workers_find(m, presence->proplet_id);
	if (worker == NULL && !presence->offline) {
		log_info("a new worker proplet=%s namespace=%s", presence->proplet_id,
				presence->space != NULL ? presence->space : "");
		worker = workers_add(m, proplet_create(presence->proplet_id));
		worker->proplet->created_at = m->wall_ns;
		worker->dirty = true;
		events_proplet(m, worker->proplet, "registered");
	}
	return worker;
}

/* True if the listed attempt is the current one of a live task at this boot of this worker. */
static bool is_current(const struct live *live, const struct worker *worker,
		const struct attempt_ref *ref) {
	return live != NULL && live->worker == worker && live->task->attempt == ref->attempt &&
	       strcmp(live->task->at.boot, worker->proplet->boot) == 0;
}

static void hear_running(struct manager *m, struct worker *worker, const struct attempt_ref *ref) {
	struct live *live = tasks_live(m, ref->task_id);
	if (!is_current(live, worker, ref)) {
		dispatch_stop_stray(m, worker, ref);
		return;
	}
	live->seen = m->beat;
	live->answered = true;
	if (live->task->stopping) {
		dispatch_stop(m, live);
	}
	if (live->task->state == TASK_SCHEDULED) {
		(void)tasks_go(m, live, TASK_RUNNING, "listed by its worker");
	}
}

/* A result on its way: the worker says it again by itself until it is acknowledged. It may be one
 * of an earlier boot, which has waited on the worker's disk. */
static void hear_held(struct manager *m, struct worker *worker, const struct attempt_ref *ref) {
	struct live *live = tasks_live(m, ref->task_id);
	if (live == NULL || live->worker != worker || live->task->attempt != ref->attempt) {
		workers_ack(m, worker, ref->task_id, ref->attempt);
		return;
	}
	live->seen = m->beat;
	live->answered = true;
}

/* An attempt of this worker that it did not list. */
static void settle(struct manager *m, struct live *live, const struct presence *presence) {
	const struct task *task = live->task;
	if (strcmp(task->at.boot, presence->boot) != 0) {
		(void)tasks_go(m, live, TASK_INTERRUPTED, "the worker was restarted");
	} else if (live->answered) {
		(void)tasks_go(m, live, TASK_INTERRUPTED, "the worker has lost it");
	} else if (task->stopping && presence->command < task->at.command) {
		(void)tasks_go(m, live, TASK_INTERRUPTED, "stopped by a user before it began");
	} else {
		dispatch_start(m, live); /* lost on its way? The same number again: who saw it says
					    `gone` */
	}
}

static void converge(struct manager *m, struct worker *worker, const struct presence *presence) {
	m->beat++;
	for (size_t i = 0; i < presence->running.count; i++) {
		hear_running(m, worker, &presence->running.items[i]);
	}
	for (size_t i = 0; i < presence->held.count; i++) {
		hear_held(m, worker, &presence->held.items[i]);
	}
	for (struct live *live = worker->attempts.first, *next; live != NULL; live = next) {
		next = live->next;
		if (live->seen != m->beat) {
			settle(m, live, presence);
		}
	}
}

/* Of workers that are not ours a new process announces itself, so what ran there is over; and a
 * stop that came while they had no connection is lost. */
static void hear_old(struct manager *m, struct worker *worker, const struct presence *presence) {
	for (struct live *live = worker->attempts.first, *next; live != NULL; live = next) {
		next = live->next;
		if (presence->announced) {
			(void)tasks_go(m, live, TASK_INTERRUPTED, "the worker was restarted");
		} else if (live->task->stopping) {
			dispatch_stop(m, live);
		}
	}
}

/* A version of ours from before requests and metrics were signed says so by its silence, in an
 * announcement that is signed: nobody else can say it of a worker. */
static void hear_habits(struct manager *m, struct worker *worker, const struct presence *presence) {
	if (m->bulk == NULL || !presence->announced || !presence->verified) {
		return;
	}
	worker->early = presence->ours && !presence->signs;
	bulk_expect(m->bulk, presence->proplet_id, !worker->early);
}

void workers_hear(struct manager *m, const struct presence *presence) {
	struct worker *worker = find_or_register(m, presence);
	if (worker == NULL) {
		return; /* the last will of somebody unknown */
	}
	struct proplet *proplet = worker->proplet;
	if (m->ring != NULL && proplet->verified && !presence->verified) {
		log_warn("a message in the name of a worker does not verify, refused proplet=%s",
				proplet->id);
		return;
	}
	if (presence->verified && proplet->verified && proplet_has_moved_on(proplet, presence)) {
		log_warn("an old message of a worker was repeated, refused proplet=%s",
				proplet->id);
		return;
	}
	bool was_alive = proplet_alive(proplet, m->now_ms);
	uint64_t slots = proplet->slots;
	if (proplet_hear(proplet, presence, m->now_ms, m->wall_ns)) {
		worker->dirty = true;
		events_proplet(m, proplet, "changed");
	}
	hear_habits(m, worker, presence);
	keep_heard(m, worker);
	workers_show(m, worker);
	workers_touch(m, worker);
	if (presence->offline) {
		log_info("a worker says it is offline proplet=%s", proplet->id);
		return;
	}
	workers_heard(m, proplet);
	if (!was_alive || slots != proplet->slots) {
		m->slot_freed = true;
	}
	if (!proplet->ours) {
		m->strangers = m->strangers || presence->boot[0] != 0;
		hear_old(m, worker, presence);
	} else if (presence->boot[0] != 0) {
		converge(m, worker, presence);
	}
}
