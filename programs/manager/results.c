/* SPDX-License-Identifier: Apache-2.0 */
/* What workers say about attempts. A result is recorded once, only for the current attempt, only
 * from where that attempt was sent. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "manager/keys.h"
#include "manager/tasks.h"
#include "manager/workers.h"

static bool chip_is_near(const struct manager *m) {
	const char *id;
	void *value;
	for (size_t at = 0; map_next(m->workers, &at, &id, &value);) {
		const struct proplet *proplet = ((const struct worker *)value)->proplet;
		if (proplet_is_chip(proplet) && proplet_alive(proplet, m->now_ms)) {
			return true;
		}
	}
	return false;
}

/* Some old workers do not say who they are. Chips never do, and run whatever they hear, also what
 * was sent to another worker: so while there is one, such words are taken only for its attempts. */
static bool may_be_nameless(const struct manager *m, const struct live *live) {
	return live->task->at.boot[0] == 0 && live->worker != NULL &&
	       (proplet_is_chip(live->worker->proplet) || !chip_is_near(m));
}

/* True if who says it is who the attempt was sent to. Old workers say neither boot nor attempt. */
static bool from_its_worker(const struct manager *m, const struct live *live,
		const char *proplet_id, const char *boot, uint64_t attempt) {
	const struct task *task = live->task;
	bool old = task->at.boot[0] == 0;
	if (task->at.proplet_id == NULL || (proplet_id == NULL && !may_be_nameless(m, live)) ||
			(proplet_id != NULL && strcmp(proplet_id, task->at.proplet_id) != 0)) {
		return false;
	}
	return old ? attempt == 0 || attempt == task->attempt
		   : strcmp(boot, task->at.boot) == 0 && attempt == task->attempt;
}

/* Old workers know no "interrupted": an error after a stop is one. */
static enum task_state ended_as(const struct task *task, const struct outcome *outcome) {
	bool old = task->at.boot[0] == 0;
	if (outcome->interrupted || (old && task->stopping && outcome->error != NULL)) {
		return TASK_INTERRUPTED;
	}
	bool failed = outcome->error != NULL || (outcome->exited && outcome->exit_code != 0);
	return failed ? TASK_FAILED : TASK_COMPLETED;
}

enum { CAUSE_MAX = 300 };

/* History keeps the error too: a restart takes the outcome away. */
static char *cause_of(const struct live *live, enum task_state end, const struct outcome *outcome) {
	if (end == TASK_INTERRUPTED) {
		return str_copy(live->task->stopping ? "stopped by a user"
						     : "stopped by its worker");
	}
	if (end == TASK_COMPLETED || outcome->error == NULL) {
		return str_copy(end == TASK_FAILED ? "it failed" : "it ended");
	}
	size_t size = strlen(outcome->error), copied;
	CLEANUP(mem_freep)
	char *error = str_utf8(outcome->error, size < CAUSE_MAX ? size : CAUSE_MAX, &copied);
	return str_format("it failed: %s", error);
}

/* A short attempt says with its result that it ran. */
static void note_run(struct manager *m, struct live *live, const struct outcome *outcome) {
	if (live->task->state != TASK_SCHEDULED || outcome->started_at == 0) {
		return;
	}
	int64_t length = outcome->finished_at > outcome->started_at
					 ? outcome->finished_at - outcome->started_at
					 : 0;
	int64_t began = m->wall_ns - length;
	live->task->start_time = began > live->task->updated_at ? began : live->task->updated_at;
	(void)tasks_go(m, live, TASK_RUNNING, "said with its result");
}

/* It is over, or never was: the worker may let go of the result. */
static void release(struct manager *m, const struct report *report) {
	struct worker *worker =
			report->proplet_id != NULL ? workers_find(m, report->proplet_id) : NULL;
	if (worker != NULL && report->attempt != 0) {
		workers_ack(m, worker, report->task_id, report->attempt);
	}
}

/* With a workload key: it was sealed, or is the refusal of somebody who has another key, or comes
 * from a worker that knows no better and may be so. */
static bool counts(const struct manager *m, const struct live *live, const struct report *report) {
	const struct outcome *outcome = &report->outcome;
	bool old = live->task->at.boot[0] == 0;
	if (m->ring == NULL || report->verified) {
		return true;
	}
	return (old && m->settings->allow_v1) ||
	       (outcome->error != NULL && str_starts(outcome->error, keys_refusal));
}

void workers_report(struct manager *m, struct report *report) {
	struct live *live = tasks_live(m, report->task_id);
	bool stale = live == NULL || live->task->queued ||
		     (report->attempt != 0 && report->attempt < live->task->attempt);
	if (stale) {
		log_debug("a result that nobody waits for id=%s", report->task_id);
		release(m, report);
		return;
	}
	if (!from_its_worker(m, live, report->proplet_id, report->boot, report->attempt)) {
		log_warn("a result from somebody who does not own the attempt, refused id=%s "
			 "proplet=%s",
				report->task_id,
				report->proplet_id != NULL ? report->proplet_id : "");
		return;
	}
	if (!counts(m, live, report)) {
		log_warn("a result that is not sealed, refused id=%s proplet=%s", report->task_id,
				report->proplet_id != NULL ? report->proplet_id : "");
		return;
	}
	struct worker *worker = live->worker;
	enum task_state end = ended_as(live->task, &report->outcome);
	note_run(m, live, &report->outcome);
	CLEANUP(mem_freep) char *cause = cause_of(live, end, &report->outcome);
	outcome_move(&live->task->outcome, &report->outcome);
	if (tasks_go(m, live, end, cause) && report->attempt != 0) {
		workers_ack(m, worker, report->task_id, report->attempt);
	}
}

static void end_unrun(struct manager *m, struct live *live, const struct notice *notice) {
	const char *reason = notice->reason != NULL ? notice->reason : "no reason given";
	if (notice->kind == NOTICE_REFUSED && str_equal(reason, "busy") && !live->task->stopping) {
		tasks_requeue(m, live, "its worker was busy");
		return;
	}
	CLEANUP(mem_freep)
	char *cause = str_format(notice->kind == NOTICE_GONE ? "the worker has lost it%.0s"
							     : "refused by the worker: %s",
			reason);
	str_set(&live->task->outcome.error, cause);
	(void)tasks_go(m, live, TASK_INTERRUPTED, cause);
}

void workers_notice(struct manager *m, const struct notice *notice) {
	struct live *live = tasks_live(m, notice->task_id);
	if (live == NULL || !from_its_worker(m, live, notice->proplet_id, notice->boot,
					    notice->attempt)) {
		log_debug("a notice about what is not current id=%s", notice->task_id);
		return;
	}
	if (m->ring != NULL && !notice->verified && live->task->at.boot[0] != 0) {
		log_warn("a notice that is not signed, refused id=%s", notice->task_id);
		return;
	}
	live->answered = true;
	if (notice->kind != NOTICE_RUNNING) {
		end_unrun(m, live, notice);
	} else if (live->task->state == TASK_SCHEDULED) {
		(void)tasks_go(m, live, TASK_RUNNING, "its worker said so");
	}
}
