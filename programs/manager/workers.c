/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/workers.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "manager/events.h"
#include "manager/inbox.h"
#include "manager/keep.h"
#include "manager/tasks.h"

enum { TICK_MS = 1000, RETURN_MS = 10 * 1000 };

struct worker *workers_find(struct manager *m, const char *id) {
	return map_get(m->workers, id);
}

struct worker *workers_add(struct manager *m, struct proplet *proplet) {
	struct worker *worker = MEM_NEW(struct worker);
	worker->proplet = proplet;
	(void)map_put(m->workers, proplet->id, worker);
	return worker;
}

void worker_destroy(struct worker *worker) {
	proplet_destroy(worker->proplet);
	free(worker->acks.items);
	free(worker);
}

bool workers_delete(struct manager *m, struct worker *worker, struct error *err) {
	struct error write;
	if (worker->attempts.first != NULL) {
		return error_set(err, ERROR_CONFLICT,
				"proplet %s still has %llu running tasks; stop them first",
				worker->proplet->id, (unsigned long long)worker->proplet->running);
	}
	if (manager_write(m)) {
		(void)manager_wrote(m, store_proplet_delete(m->store, worker->proplet->id, &write),
				&write);
	}
	keep_forget(m, METRICS_PROPLET, worker->proplet->id);
	keep_forget_beats(m, worker);
	events_proplet(m, worker->proplet, "deleted");
	/* Not freed here: another deed of this batch may have touched it. */
	(void)map_remove(m->workers, worker->proplet->id);
	worker->dirty = false;
	if (!worker->touched) {
		worker_destroy(worker);
	}
	return true;
}

void workers_touch(struct manager *m, struct worker *worker) {
	if (!worker->touched) {
		worker->touched = true;
		worker->next_touched = m->touched;
		m->touched = worker;
	}
}

void workers_ack(struct manager *m, struct worker *worker, const char *task_id, uint64_t attempt) {
	struct attempt_refs *acks = &worker->acks;
	acks->items = mem_resize(acks->items, acks->count + 1, sizeof(*acks->items));
	struct attempt_ref *ref = &acks->items[acks->count++];
	memset(ref, 0, sizeof(*ref));
	memcpy(ref->task_id, task_id, strnlen(task_id, UUID_SIZE - 1));
	ref->attempt = attempt;
	workers_touch(m, worker);
}

static void post_acks(struct manager *m, struct worker *worker) {
	struct command command = { .kind = COMMAND_ACK, .acked = worker->acks };
	memcpy(command.boot, worker->proplet->boot, sizeof(command.boot));
	dispatch_post(m, worker->proplet->id, &command);
	free(worker->acks.items);
	worker->acks = (struct attempt_refs){ 0 };
}

void workers_flush(struct manager *m) {
	struct error err;
	for (struct worker *worker = m->touched; worker != NULL; worker = worker->next_touched) {
		if (worker->acks.count != 0) {
			post_acks(m, worker);
		}
		if (worker->dirty && manager_write(m)) {
			(void)manager_wrote(m, store_proplet_put(m->store, worker->proplet, &err),
					&err);
		}
		worker->dirty = false;
	}
}

void workers_untouch(struct manager *m) {
	for (struct worker *worker = m->touched, *next; worker != NULL; worker = next) {
		next = worker->next_touched;
		worker->touched = false;
		worker->next_touched = NULL;
		if (map_get(m->workers, worker->proplet->id) != worker) {
			worker_destroy(worker);
		}
	}
	m->touched = NULL;
}

void workers_show(struct manager *m, struct worker *worker) {
	bool alive = proplet_alive(worker->proplet, m->now_ms);
	if (alive != worker->shown) {
		worker->shown = alive;
		events_proplet(m, worker->proplet, alive ? "alive" : "dead");
	}
}

static void bury(struct manager *m, struct worker *worker) {
	log_warn("a worker is gone proplet=%s running=%llu", worker->proplet->id,
			(unsigned long long)worker->proplet->running);
	for (struct live *live = worker->attempts.first, *next; live != NULL; live = next) {
		next = live->next;
		(void)tasks_go(m, live, TASK_INTERRUPTED, "the worker is gone");
	}
}

static void end_late(struct manager *m, struct worker *worker) {
	for (struct live *live = worker->attempts.first, *next; live != NULL; live = next) {
		next = live->next;
		if (live->late_ms == 0 || m->now_ms < live->late_ms) {
			continue;
		}
		CLEANUP(mem_freep)
		char *cause = str_format("the run took longer than its wall-clock limit of "
					 "%llu ms; its worker was told to stop it",
				(unsigned long long)live->task->work.limits.wall_ms);
		dispatch_stop(m, live);
		str_set(&live->task->outcome.error, cause);
		(void)tasks_go(m, live, TASK_FAILED, cause);
	}
}

/* Silence says nothing while we cannot hear; and whom we have not heard since then gets the time to
 * find the broker again as well (the pauses between attempts grow to 5 s). */
static bool is_dead(const struct manager *m, const struct proplet *proplet) {
	uint64_t deadline = proplet_deadline(proplet);
	if (proplet->heard_ms <= m->deaf_ms) {
		deadline += m->deaf_ms - proplet->heard_ms + RETURN_MS;
	}
	return m->now_ms >= deadline;
}

void workers_excuse(struct manager *m, uint64_t from_ms, uint64_t to_ms) {
	const char *id;
	void *value;
	for (size_t at = 0; map_next(m->workers, &at, &id, &value);) {
		struct proplet *proplet = ((struct worker *)value)->proplet;
		uint64_t heard_ms = proplet->heard_ms + (to_ms - from_ms);
		proplet->heard_ms = heard_ms < to_ms ? heard_ms : to_ms;
	}
}

void workers_heard(struct manager *m, const struct proplet *proplet) {
	uint64_t deadline_ms = proplet_deadline(proplet);
	m->next_silence_ms = deadline_ms < m->next_silence_ms ? deadline_ms : m->next_silence_ms;
}

/* Heartbeats only put it off, so a look at all of them is needed every few intervals. */
static void find_next_silence(struct manager *m) {
	const char *id;
	void *value;
	if (m->now_ms < m->next_silence_ms) {
		return;
	}
	m->next_silence_ms = UINT64_MAX;
	for (size_t at = 0; map_next(m->workers, &at, &id, &value);) {
		const struct proplet *proplet = ((struct worker *)value)->proplet;
		if (proplet_alive(proplet, m->now_ms)) {
			workers_heard(m, proplet);
		}
	}
}

void workers_tick(struct manager *m) {
	const char *id;
	void *value;
	find_next_silence(m);
	if (m->now_ms < m->next_tick_ms) {
		return;
	}
	m->next_tick_ms = m->now_ms + TICK_MS;
	if (!bus_connected(m->bus)) {
		m->deaf_ms = m->now_ms;
	}
	if (m->strangers) { /* such as one that was deleted while it was alive */
		m->strangers = false;
		manager_post(m, str_copy(m->topics.online), inbox_online(m));
	}
	for (size_t at = 0; map_next(m->workers, &at, &id, &value);) {
		struct worker *worker = value;
		workers_show(m, worker);
		if (worker->attempts.first != NULL && is_dead(m, worker->proplet)) {
			bury(m, worker);
		} else if (!worker->proplet->ours && m->deaf_ms != m->now_ms) {
			end_late(m, worker);
		}
	}
}
