/* SPDX-License-Identifier: Apache-2.0 */
/* Results: published when an attempt ends, held until the manager has committed them. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "proplet/worker.h"

void report_publish(struct worker *worker, struct attempt *attempt) {
	struct error err;
	CLEANUP(mem_freep) char *text = report_encode(&attempt->report);
	if (!bus_publish(worker->bus, worker->topics.results, text, strlen(text), &err)) {
		log_debug("a result waits for the connection id=%s", attempt->command.task_id);
		return;
	}
	attempt->published_ms = clock_ms();
	if (attempt->command.attempt == 0) {
		report_drop(worker, attempt); /* the old form: nobody will acknowledge it */
	}
}

void report_hold(struct worker *worker, struct attempt *attempt) {
	struct report *report = &attempt->report;
	attempt_unfresh(worker, attempt);
	attempt->over = true;
	worker->running--;
	worker->held++;
	memcpy(report->task_id, attempt->command.task_id, sizeof(report->task_id));
	report->attempt = attempt->command.attempt;
	report->proplet_id = str_copy(worker->settings->client_id);
	memcpy(report->boot, worker->boot, sizeof(report->boot));
	if (report->outcome.error == NULL) {
		log_info("Finished running app id=%s attempt=%llu", report->task_id,
				(unsigned long long)report->attempt);
	} else {
		log_info("App ended with an error id=%s attempt=%llu error=\"%s\"", report->task_id,
				(unsigned long long)report->attempt, report->outcome.error);
	}
	report_publish(worker, attempt);
}

void report_drop(struct worker *worker, struct attempt *attempt) {
	worker->held--;
	attempt_destroy(worker, attempt);
}
