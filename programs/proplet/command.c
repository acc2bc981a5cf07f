/* SPDX-License-Identifier: Apache-2.0 */
/* What the worker does with a command: the table of spec/topics.md, "Commands to one worker". */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/str.h"
#include "proplet/worker.h"

static bool is_mine(const struct worker *worker, const struct command *command) {
	return command->proplet_id == NULL ||
	       str_equal(command->proplet_id, worker->settings->client_id);
}

static void begin(struct worker *worker, struct command *command) {
	log_info("Received start command app_name=%s id=%s attempt=%llu", command->work.name,
			command->task_id, (unsigned long long)command->attempt);
	struct attempt *attempt = attempt_create(worker, command);
	if (!run_begin(attempt)) {
		str_set(&attempt->report.outcome.error, "the worker cannot start another thread");
		report_hold(worker, attempt);
	}
}

/* A repeated command: says again what is known of its attempt. */
static void repeat(struct worker *worker, const struct command *command) {
	struct attempt *attempt = attempt_find(worker, command->task_id, command->attempt);
	if (attempt == NULL) {
		announce_refused(worker, command, NOTICE_GONE, NULL);
	} else if (attempt->over) {
		report_publish(worker, attempt);
	} else if (atomic_load(&attempt->started_at) != 0) {
		announce_running(worker, attempt);
	}
}

/* After a restore numbers go on far above: what is still here is not refused for that. */
static void refuse_old(struct worker *worker, const struct command *command) {
	if (attempt_find(worker, command->task_id, command->attempt) != NULL) {
		repeat(worker, command);
	} else {
		announce_refused(worker, command, NOTICE_REFUSED, "too old");
	}
}

static void start_numbered(struct worker *worker, struct command *command) {
	if (strcmp(command->boot, worker->boot) != 0) {
		announce_refused(worker, command, NOTICE_REFUSED, "for another boot");
		return;
	}
	switch (numbers_take(&worker->numbers, command->number)) {
	case NUMBER_SEEN: repeat(worker, command); return;
	case NUMBER_TOO_OLD: refuse_old(worker, command); return;
	case NUMBER_NEW: break;
	}
	if (worker->ending) {
		announce_refused(worker, command, NOTICE_REFUSED, "shutting down");
	} else if (worker->running >= worker->settings->slots) {
		announce_refused(worker, command, NOTICE_REFUSED, "busy");
	} else {
		begin(worker, command);
	}
}

/* From a manager that is not ours: no number; one run per task at a time. */
static void start_old(struct worker *worker, struct command *command) {
	if (attempt_find(worker, command->task_id, 0) != NULL) {
		log_warn("a task that runs already, its start is ignored id=%s", command->task_id);
	} else if (!worker->ending) {
		begin(worker, command);
	}
}

static void stop(struct worker *worker, const struct command *command) {
	if (command->attempt != 0 && strcmp(command->boot, worker->boot) != 0) {
		return;
	}
	struct attempt *attempt = attempt_find(worker, command->task_id, command->attempt);
	if (attempt != NULL && !attempt->over) {
		log_info("Received stop command id=%s", command->task_id);
		run_stop_request(attempt->stop);
	}
}

static void acknowledge(struct worker *worker, const struct command *command) {
	if (strcmp(command->boot, worker->boot) != 0) {
		return;
	}
	for (size_t i = 0; i < command->acked.count; i++) {
		const struct attempt_ref *ref = &command->acked.items[i];
		struct attempt *attempt = attempt_find(worker, ref->task_id, ref->attempt);
		if (attempt != NULL && attempt->over) {
			report_drop(worker, attempt);
		}
	}
}

void command_take(struct worker *worker, struct command *command) {
	if (!is_mine(worker, command)) {
		return;
	}
	switch (command->kind) {
	case COMMAND_START:
		if (command->number != 0) {
			start_numbered(worker, command);
		} else {
			start_old(worker, command);
		}
		break;
	case COMMAND_STOP: stop(worker, command); break;
	case COMMAND_ACK: acknowledge(worker, command); break;
	}
}

void command_stop_all(struct worker *worker) {
	const char *key;
	void *value;
	for (size_t at = 0; map_next(worker->attempts, &at, &key, &value);) {
		struct attempt *attempt = value;
		if (!attempt->over) {
			run_stop_request(attempt->stop);
		}
	}
}
