/* SPDX-License-Identifier: Apache-2.0 */
/* The table of attempts: those that run and those whose results are held. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "proplet/worker.h"

enum { NOTICE_MS = 5 };

static void make_key(char key[UUID_SIZE + 24], const char *task_id, uint64_t attempt) {
	(void)snprintf(key, UUID_SIZE + 24, "%s#%llu", task_id, (unsigned long long)attempt);
}

struct attempt *attempt_find(struct worker *worker, const char *task_id, uint64_t attempt) {
	char key[UUID_SIZE + 24];
	make_key(key, task_id, attempt);
	return map_get(worker->attempts, key);
}

static void add_fresh(struct worker *worker, struct attempt *attempt) {
	attempt->due_ms = clock_ms() + NOTICE_MS;
	attempt->in_fresh = true;
	attempt->prev = worker->fresh_end;
	*(worker->fresh_end != NULL ? &worker->fresh_end->next : &worker->fresh) = attempt;
	worker->fresh_end = attempt;
}

void attempt_unfresh(struct worker *worker, struct attempt *attempt) {
	if (!attempt->in_fresh) {
		return;
	}
	*(attempt->prev != NULL ? &attempt->prev->next : &worker->fresh) = attempt->next;
	*(attempt->next != NULL ? &attempt->next->prev : &worker->fresh_end) = attempt->prev;
	attempt->prev = attempt->next = NULL;
	attempt->in_fresh = false;
}

struct attempt *attempt_create(struct worker *worker, struct command *command) {
	struct attempt *attempt = MEM_NEW(struct attempt);
	attempt->worker = worker;
	attempt->command = *command;
	*command = (struct command){ 0 };
	make_key(attempt->key, attempt->command.task_id, attempt->command.attempt);
	attempt->stop = run_stop_create(worker->engine);
	attempt->started = (struct event){ .kind = EVENT_STARTED, .attempt = attempt };
	attempt->ended = (struct event){ .kind = EVENT_ENDED, .attempt = attempt };
	(void)map_put(worker->attempts, attempt->key, attempt);
	worker->running++;
	monitor_watch(worker, attempt);
	if (attempt->command.attempt != 0) {
		add_fresh(worker, attempt);
	}
	return attempt;
}

struct attempt *attempt_restore(struct worker *worker, struct report *report) {
	struct attempt *attempt = MEM_NEW(struct attempt);
	attempt->worker = worker;
	attempt->report = *report;
	attempt->over = attempt->journaled = true;
	memcpy(attempt->command.task_id, report->task_id, sizeof(report->task_id));
	attempt->command.attempt = report->attempt;
	make_key(attempt->key, report->task_id, report->attempt);
	(void)map_put(worker->attempts, attempt->key, attempt);
	worker->held++;
	return attempt;
}

void attempt_destroy(struct worker *worker, struct attempt *attempt) {
	attempt_unfresh(worker, attempt);
	(void)map_remove(worker->attempts, attempt->key);
	run_stop_destroy(attempt->stop);
	run_gauge_destroy(attempt->gauge);
	command_finish(&attempt->command);
	report_finish(&attempt->report);
	free(attempt);
}
