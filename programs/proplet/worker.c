/* SPDX-License-Identifier: Apache-2.0 */
#include "proplet/worker.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"

enum { SAVE_MS = 2000, SAVES_PER_BEAT = 32 };

void worker_put(struct worker *worker, struct event *event) {
	if (!queue_put(worker->queue, &event->link) && event->attempt == NULL) {
		command_finish(&event->command);
		free(event);
	}
}

static void on_signal(struct worker *worker) {
	if (worker->ending) {
		return;
	}
	log_info("ending: stopping what runs running=%zu held=%zu", worker->running, worker->held);
	notify_stopping();
	worker->ending = true;
	worker->end_ms = clock_ms() + worker->settings->mqtt_timeout_ms;
	command_stop_all(worker);
}

static void on_started(struct worker *worker, struct attempt *attempt) {
	if (!attempt->over && !attempt->noticed && attempt->command.attempt != 0) {
		attempt->noticed = true;
		announce_running(worker, attempt);
	}
}

static void handle(struct worker *worker, struct event *event) {
	switch (event->kind) {
	case EVENT_CONNECTED:
		log_info("connected to the broker address=%s", worker->settings->mqtt_address);
		announce_all(worker);
		monitor_connected(worker);
		break;
	case EVENT_ASKED: announce_all(worker); break;
	case EVENT_COMMAND:
		command_take(worker, &event->command);
		command_finish(&event->command);
		break;
	case EVENT_STARTED: on_started(worker, event->attempt); return; /* lies in the attempt */
	case EVENT_ENDED: report_hold(worker, event->attempt); return;
	case EVENT_SIGNAL: on_signal(worker); break;
	}
	free(event);
}

/* Those that have run for 5 ms: their start is said now, or when it comes. */
static void notice_fresh(struct worker *worker, uint64_t now) {
	while (worker->fresh != NULL && worker->fresh->due_ms <= now) {
		struct attempt *attempt = worker->fresh;
		int fresh = RUN_FRESH;
		attempt_unfresh(worker, attempt);
		if (!atomic_compare_exchange_strong(&attempt->phase, &fresh, RUN_LATE)) {
			on_started(worker, attempt);
		}
	}
}

static void beat(struct worker *worker, uint64_t now) {
	if (now >= worker->next_beat_ms) {
		worker->next_beat_ms = now + worker->settings->interval_ms;
		announce_beat(worker);
		report_save(worker, SAVE_MS, SAVES_PER_BEAT);
	}
}

static uint64_t next_deadline(const struct worker *worker) {
	uint64_t next = worker->next_beat_ms, metrics = monitor_deadline(worker);
	next = metrics < next ? metrics : next;
	if (worker->fresh != NULL && worker->fresh->due_ms < next) {
		next = worker->fresh->due_ms;
	}
	if (watchdog_due_ms(&worker->watchdog) < next) {
		next = watchdog_due_ms(&worker->watchdog);
	}
	return worker->ending && worker->end_ms < next ? worker->end_ms : next;
}

/* All guests have ended and the manager has everything, or there is no more time for that. */
static bool is_done(const struct worker *worker) {
	if (!worker->ending || worker->running != 0) {
		return false;
	}
	return worker->held == 0 || !bus_connected(worker->bus) || clock_ms() >= worker->end_ms;
}

void worker_run(struct worker *worker) {
	worker->next_beat_ms = clock_ms() + worker->settings->interval_ms;
	monitor_begin(worker);
	watchdog_init(&worker->watchdog);
	while (!is_done(worker)) {
		struct queue_item *items = queue_take_all(worker->queue, next_deadline(worker));
		for (struct queue_item *item = items, *next; item != NULL; item = next) {
			next = item->next;
			handle(worker, QUEUE_ENTRY(item, struct event, link));
		}
		uint64_t now = clock_ms();
		notice_fresh(worker, now);
		beat(worker, now);
		monitor_tick(worker, now);
		watchdog_tick(&worker->watchdog, now);
	}
	report_save(worker, 0, SIZE_MAX); /* what the manager still has to take */
}
