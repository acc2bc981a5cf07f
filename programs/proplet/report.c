/* SPDX-License-Identifier: Apache-2.0 */
/* Results: published when an attempt ends, held until the manager has committed them. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "proplet/keys.h"
#include "proplet/worker.h"

/* --- what fits into a message ------------------------------------------------------------------
 * Text of 16 MiB may take a hundred in JSON; what no broker would carry must not come about.
 */

enum { RESULT_BYTES_MAX = 32 * 1024 * 1024, BYTES_PER_MS = 1024 };

/* About how many bytes text takes in JSON, with its base64 where it is not UTF-8. */
static size_t size_in_json(const char *bytes, size_t size) {
	size_t total = str_is_utf8(bytes, size) ? size : size + size * 7 / 2;
	for (size_t i = 0; i < size; i++) {
		unsigned char c = (unsigned char)bytes[i];
		total += c < 0x20 ? 5 : c == '"' || c == '\\';
	}
	return total;
}

static size_t report_size(const struct outcome *outcome) {
	const char *results = json_string_value(outcome->results);
	return size_in_json(outcome->out.bytes, outcome->out.size) +
	       size_in_json(outcome->error_out.bytes, outcome->error_out.size) +
	       (results != NULL ? size_in_json(results, json_string_length(outcome->results)) : 0);
}

static void halve(struct outcome_text *text) {
	text->size /= 2;
	while (text->size != 0 && ((uint8_t)text->bytes[text->size] & 0xc0) == 0x80) {
		text->size--; /* not in the middle of a character */
	}
}

static void halve_results(json_t **results) {
	struct outcome_text text = { (char *)(uintptr_t)json_string_value(*results),
		json_string_length(*results) };
	if (text.size != 0) {
		halve(&text);
		json_t *half = json_stringn(text.bytes, text.size);
		json_decref(*results);
		*results = half;
	}
}

/* Megabytes take their time, here, on the way and where they are read, and the heartbeats wait
 * behind them: as long as they may take, silence shall not be taken for an end. The next heartbeat
 * is an ordinary one. */
static void announce_size(struct worker *worker, size_t bytes) {
	uint64_t on_its_way_ms = bytes / BYTES_PER_MS;
	if (on_its_way_ms >= worker->settings->interval_ms) {
		announce_delay(worker, on_its_way_ms);
	}
}

static void make_fit(struct worker *worker, struct outcome *outcome) {
	if (report_size(outcome) > RESULT_BYTES_MAX) {
		announce_size(worker, RESULT_BYTES_MAX);
	}
	while (report_size(outcome) > RESULT_BYTES_MAX) {
		outcome->truncated = true;
		halve(&outcome->out);
		halve(&outcome->error_out);
		halve_results(&outcome->results);
	}
}

/* --- publish, hold, drop -----------------------------------------------------------------------
 */

bool report_due(const struct attempt *attempt, uint64_t older_than_ms, uint64_t now) {
	uint64_t on_its_way = older_than_ms + attempt->report_bytes / BYTES_PER_MS;
	return attempt->published_ms == 0 || attempt->published_ms + on_its_way <= now;
}

void report_publish(struct worker *worker, struct attempt *attempt) {
	struct error err;
	announce_size(worker, report_size(&attempt->report.outcome));
	CLEANUP(mem_freep)
	char *text = keys_seal_report(worker, report_encode(&attempt->report));
	if (!bus_publish(worker->bus, worker->topics.results, text, strlen(text), &err)) {
		log_debug("a result waits for the connection id=%s", attempt->command.task_id);
		return;
	}
	attempt->published_ms = clock_ms();
	attempt->report_bytes = strlen(text);
	if (attempt->command.attempt == 0) {
		report_drop(worker, attempt); /* the old form: nobody will acknowledge it */
	}
}

static void save(struct worker *worker, struct attempt *attempt) {
	struct error err;
	if (attempt->journaled) {
		return;
	}
	attempt->journaled = journal_put(worker->journal, &attempt->report, &err);
	if (!attempt->journaled) {
		log_warn("a result cannot be put on disk, it is kept in memory id=%s error=\"%s\"",
				attempt->command.task_id, err.message);
	}
}

void report_save(struct worker *worker, uint64_t older_than_ms, size_t most) {
	const char *key;
	void *value;
	uint64_t now = clock_ms();
	for (size_t at = 0; most != 0 && map_next(worker->attempts, &at, &key, &value);) {
		struct attempt *attempt = value;
		if (attempt->over && !attempt->journaled &&
				attempt->held_ms + older_than_ms <= now) {
			save(worker, attempt);
			most--;
		}
	}
}

static void restore_one(void *context, struct report *report) {
	struct worker *worker = context;
	if (attempt_find(worker, report->task_id, report->attempt) == NULL) {
		(void)attempt_restore(worker, report);
	} else {
		report_finish(report);
	}
}

void report_restore(struct worker *worker) {
	journal_each(worker->journal, restore_one, worker);
	if (worker->held != 0) {
		log_info("results of an earlier run wait for the manager count=%zu", worker->held);
	}
}

void report_hold(struct worker *worker, struct attempt *attempt) {
	struct report *report = &attempt->report;
	attempt_unfresh(worker, attempt);
	attempt->over = true;
	attempt->held_ms = clock_ms();
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
	make_fit(worker, &report->outcome);
	if (!bus_connected(worker->bus)) {
		save(worker, attempt);
	}
	report_publish(worker, attempt);
}

void report_drop(struct worker *worker, struct attempt *attempt) {
	worker->held--;
	if (attempt->journaled) {
		journal_drop(worker->journal, attempt->command.task_id, attempt->command.attempt);
	}
	attempt_destroy(worker, attempt);
}
