/* SPDX-License-Identifier: Apache-2.0 */
/* From the store to memory: at the start, and after a commit that failed. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "manager/keep.h"
#include "manager/tasks.h"
#include "manager/workers.h"

/* Nobody is taken for dead before three of its intervals have passed under our eyes. */
static void take_proplet(void *context, struct proplet *proplet) {
	struct manager *m = context;
	proplet->heard_ms = clock_ms();
	(void)workers_add(m, proplet);
}

static void take_task(void *context, struct task *task) {
	tasks_adopt(context, task);
}

/* What was heard stays true, whatever the store says: carried over a failed batch. */
static void remember(struct manager *m, struct map *before) {
	const char *id;
	void *value;
	for (size_t at = 0; before != NULL && map_next(before, &at, &id, &value);) {
		const struct proplet *old = ((struct worker *)value)->proplet;
		struct worker *worker = workers_find(m, id);
		if (worker != NULL) {
			worker->shown = ((struct worker *)value)->shown;
			worker->row = ((struct worker *)value)->row;
			worker->kept = ((struct worker *)value)->kept;
			worker->proplet->heard = old->heard;
			worker->proplet->offline = old->offline;
			worker->proplet->heard_ms = old->heard_ms;
			worker->proplet->memory_free_bytes = old->memory_free_bytes;
			worker->proplet->beat_count = old->beat_count;
			memcpy(worker->proplet->beats, old->beats, sizeof(old->beats));
		}
	}
}

static void free_workers(struct map *workers) {
	const char *id;
	void *value;
	for (size_t at = 0; workers != NULL && map_next(workers, &at, &id, &value);) {
		worker_destroy(value);
	}
	map_destroy(workers);
}

static void free_live(struct map *lives) {
	const char *id;
	void *value;
	for (size_t at = 0; lives != NULL && map_next(lives, &at, &id, &value);) {
		struct live *live = value;
		task_destroy(live->task);
		free(live);
	}
	map_destroy(lives);
}

void manager_forget(struct manager *m) {
	free_live(m->live);
	m->live = NULL;
	m->waiting = (struct live_list){ 0 };
}

bool manager_recover(struct manager *m, struct error *err) {
	struct map *before = m->workers;
	m->live = map_create();
	m->workers = map_create();
	bool ok = store_proplets(m->store, take_proplet, m, err) &&
		  store_task_live(m->store, take_task, m, err);
	remember(m, before);
	keep_recovered(m);
	free_workers(before);
	m->next_tick_ms = 0;
	m->next_silence_ms = 0;
	if (ok) {
		log_info("read from the store workers=%zu live=%zu", map_count(m->workers),
				map_count(m->live));
	}
	return ok;
}
