/* SPDX-License-Identifier: Apache-2.0 */
/* Who runs it: filter (alive, engine, a free slot), then score (running, free memory). */
#include "manager/tasks.h"
#include "manager/workers.h"

enum { SLOTS_DEFAULT = 1024 };

static uint64_t slots_of(const struct proplet *proplet) {
	return proplet->slots != 0 ? proplet->slots : SLOTS_DEFAULT;
}

static bool has_slot(const struct proplet *proplet) {
	return proplet->running < slots_of(proplet);
}

static bool better(const struct proplet *a, const struct proplet *b) {
	if (b == NULL || a->running != b->running) {
		return b == NULL || a->running < b->running;
	}
	return a->memory_free_bytes > b->memory_free_bytes;
}

/* Workers that are not ours take modules only inside the start message. */
static bool can_be_sent(const struct proplet *proplet, const struct task *task) {
	return proplet->ours || task->work.module_size <= DISPATCH_INLINE_MAX;
}

static bool pinned_error(const struct task *task, const struct worker *worker, struct manager *m,
		struct error *err) {
	if (worker == NULL) {
		return error_set(err, ERROR_NOT_FOUND,
				"there is no proplet %s, to which the task is pinned",
				task->pinned);
	}
	if (!proplet_alive(worker->proplet, m->now_ms)) {
		return error_set(err, ERROR_UNAVAILABLE,
				"proplet %s, to which the task is pinned, is not alive",
				task->pinned);
	}
	if (!proplet_has_engine(worker->proplet, task->work.engine)) {
		return error_set(err, ERROR_UNAVAILABLE,
				"proplet %s, to which the task is pinned, does not offer engine %s",
				task->pinned, task->work.engine);
	}
	if (!can_be_sent(worker->proplet, task)) {
		return error_set(err, ERROR_TOO_LARGE,
				"proplet %s takes modules only inside the start message, up to %d "
				"bytes; this "
				"one has %llu",
				task->pinned, DISPATCH_INLINE_MAX,
				(unsigned long long)task->work.module_size);
	}
	return true;
}

static struct worker *place_pinned(
		struct manager *m, const struct task *task, bool *busy, struct error *err) {
	struct worker *worker = workers_find(m, task->pinned);
	if (!pinned_error(task, worker, m, err)) {
		return NULL;
	}
	*busy = !has_slot(worker->proplet);
	return *busy ? NULL : worker;
}

struct worker *place(struct manager *m, const struct task *task, bool *busy, struct error *err) {
	const char *id;
	void *value;
	struct worker *best = NULL;
	bool alive = false, too_large = false;
	*busy = false;
	if (task->pinned != NULL) {
		return place_pinned(m, task, busy, err);
	}
	for (size_t at = 0; map_next(m->workers, &at, &id, &value);) {
		struct worker *worker = value;
		const struct proplet *proplet = worker->proplet;
		if (!proplet_alive(proplet, m->now_ms)) {
			continue;
		}
		alive = true;
		if (!proplet_has_engine(proplet, task->work.engine)) {
			continue;
		}
		if (!can_be_sent(proplet, task)) {
			too_large = true;
		} else if (!has_slot(proplet)) {
			*busy = true;
		} else if (better(proplet, best != NULL ? best->proplet : NULL)) {
			best = worker;
		}
	}
	if (best == NULL && !*busy && too_large) {
		error_set(err, ERROR_TOO_LARGE,
				"the live workers take modules only inside the start message, up "
				"to %d bytes; this "
				"one has %llu",
				DISPATCH_INLINE_MAX, (unsigned long long)task->work.module_size);
	} else if (best == NULL && !*busy) {
		error_set(err, ERROR_UNAVAILABLE,
				alive ? "no live worker offers engine %s"
				      : "no worker is alive%.0s; start a proplet",
				task->work.engine != NULL ? task->work.engine : "");
	}
	return best;
}
