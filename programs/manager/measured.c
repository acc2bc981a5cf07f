/* SPDX-License-Identifier: Apache-2.0 */
/* What workers measured, of themselves and of tasks that run on them. */
#include "base/log.h"
#include "base/str.h"
#include "manager/history.h"
#include "manager/tasks.h"
#include "manager/workers.h"

enum { KEEP_OF_WORKER = 100, KEEP_OF_TASK_MAX = 1000 };

/* How many samples of a task are kept: its profile says so, within bounds. */
static size_t keep_of(const struct task *task) {
	uint64_t history = profile_history(&task->work.profile, task->work.daemon);
	if (!task->work.profile.retain) {
		return 1;
	}
	return history < KEEP_OF_TASK_MAX ? (size_t)history : KEEP_OF_TASK_MAX;
}

/* Only its worker may tell of a task. Chips do not say who they are. */
static const struct task *task_of(struct manager *m, const struct metrics *metrics) {
	const struct live *live = tasks_live(m, metrics->task_id);
	const char *from = metrics->proplet_id;
	if (live == NULL || live->task->queued || live->task->at.proplet_id == NULL) {
		return NULL;
	}
	bool its = from != NULL ? str_equal(from, live->task->at.proplet_id)
				: live->worker != NULL && proplet_is_chip(live->worker->proplet);
	return its ? live->task : NULL;
}

/* Who has shown that it has the key signs what it measures, but for early versions. */
static bool is_believed(struct manager *m, const struct metrics *metrics) {
	const struct worker *worker = m->ring != NULL && metrics->proplet_id != NULL
						      ? workers_find(m, metrics->proplet_id)
						      : NULL;
	return worker == NULL || !worker->proplet->verified || worker->early || metrics->verified;
}

static bool keep(struct manager *m, const struct metrics *metrics, const struct sample *sample) {
	if (!is_believed(m, metrics)) {
		return false;
	}
	if (sample->kind == METRICS_PROPLET) {
		bool known = workers_find(m, metrics->proplet_id) != NULL;
		if (known) {
			history_add(m->measured[METRICS_PROPLET], metrics->proplet_id,
					metrics->proplet_id, sample, KEEP_OF_WORKER);
		}
		return known;
	}
	const struct task *task = task_of(m, metrics);
	if (task != NULL) {
		history_add(m->measured[METRICS_TASK], task->id, task->at.proplet_id, sample,
				keep_of(task));
	}
	return task != NULL;
}

void workers_measured(struct manager *m, const struct metrics *metrics) {
	struct sample sample = metrics->sample;
	sample.at = sample.at != 0 ? sample.at : m->wall_ns;
	if (!keep(m, metrics, &sample)) {
		log_debug("metrics of what is not known, not theirs or not signed proplet=%s id=%s",
				metrics->proplet_id != NULL ? metrics->proplet_id : "",
				metrics->task_id);
	}
}
