/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/settle.h"

#include "base/log.h"
#include "manager/tasks.h"
#include "manager/workers.h"

static const char waited[] = "the manager was restored from a backup in which it waited: whether "
			     "it has run since is not known";
static const char ran[] = "the manager was restored from a backup in which it ran: what came of it "
			  "is not known";

/* Those that are restarted wait again, behind the last one. */
static size_t settle_waiting(struct manager *m) {
	size_t count = 0;
	struct live *last = m->waiting.last, *next;
	for (struct live *live = m->waiting.first; live != NULL; live = next) {
		next = live != last ? live->next : NULL;
		(void)tasks_go(m, live, TASK_INTERRUPTED, waited);
		count++;
	}
	return count;
}

static size_t settle_worker(struct manager *m, struct worker *worker) {
	size_t count = 0;
	struct live *next;
	for (struct live *live = worker->attempts.first; live != NULL; live = next) {
		next = live->next;
		if (live->task->at.boot[0] == 0) {
			dispatch_stop(m, live);
			(void)tasks_go(m, live, TASK_INTERRUPTED, ran);
			count++;
		}
	}
	return count;
}

void settle_tick(struct manager *m) {
	const char *id;
	void *worker;
	struct error err;
	if (!store_unsettled(m->store)) {
		return;
	}
	size_t queued = settle_waiting(m), running = 0;
	for (size_t at = 0; map_next(m->workers, &at, &id, &worker);) {
		running += settle_worker(m, worker);
	}
	if (manager_write(m) && manager_wrote(m, store_settle(m->store, &err), &err)) {
		log_warn("this is what a backup had; its tasks that waited do not run by "
			 "themselves interrupted=%zu",
				queued + running);
	}
}
