/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Metrics, of the worker and of tasks that run, when they are due. Tasks are looked at on a grid of
 * GRID_MS, so that many of them cost few turns of the loop; STIR_MS before, those that compute are
 * asked to tell what they use.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "proplet/keys.h"
#include "proplet/system.h"
#include "proplet/worker.h"

enum { GRID_MS = 100, STIR_MS = 5, INTERVAL_MIN_MS = 1000 };

static uint64_t interval_of(const struct attempt *attempt) {
	const struct workload *work = &attempt->command.work;
	uint64_t ms = profile_interval(&work->profile, work->daemon);
	return ms > INTERVAL_MIN_MS ? ms : INTERVAL_MIN_MS;
}

/* The attempt is due then, or as soon after as the grid allows. */
static void set_due(struct worker *worker, struct attempt *attempt, uint64_t ms) {
	attempt->watch_ms = (ms + GRID_MS - 1) / GRID_MS * GRID_MS;
	if (attempt->watch_ms < worker->monitor.next_task_ms) {
		worker->monitor.next_task_ms = attempt->watch_ms;
	}
}

void monitor_watch(struct worker *worker, struct attempt *attempt) {
	const struct profile *profile = &attempt->command.work.profile;
	if (worker->settings->monitoring && profile->enabled && profile->publish) {
		attempt->gauge = run_gauge_create();
		set_due(worker, attempt, clock_ms() + interval_of(attempt));
	}
}

static void publish(struct worker *worker, const char *topic, const struct metrics *metrics) {
	struct error err;
	CLEANUP(mem_freep)
	char *text = keys_sign(worker, SEAL_NOTICE, topic, metrics_encode(metrics));
	if (!bus_publish(worker->bus, topic, text, strlen(text), &err)) {
		log_debug("not published topic=%s error=\"%s\"", topic, err.message);
	}
}

static void say_worker(struct worker *worker) {
	struct metrics metrics = { .proplet_id = worker->settings->client_id,
		.space = worker->settings->space };
	usage_measure(&worker->monitor.usage, &metrics.sample);
	publish(worker, worker->topics.metrics, &metrics);
}

static void say_task(
		struct worker *worker, struct attempt *attempt, const struct run_usage *usage) {
	struct metrics metrics = { .proplet_id = worker->settings->client_id };
	watch_sample(&attempt->watch, &attempt->command.work.profile, usage, worker->monitor.memory,
			&metrics.sample);
	metrics.sample.at = clock_wall_ns();
	memcpy(metrics.task_id, attempt->command.task_id, sizeof(metrics.task_id));
	publish(worker, worker->topics.task_metrics, &metrics);
}

/* A run is looked at when it has lasted for an interval, and every interval from then on. */
static void look(struct worker *worker, struct attempt *attempt, uint64_t now) {
	uint64_t interval = interval_of(attempt);
	struct run_usage usage;
	if (!run_gauge_read(attempt->gauge, &usage)) {
		set_due(worker, attempt, now + interval);
	} else if (usage.uptime_ms < interval) {
		set_due(worker, attempt, now + interval - usage.uptime_ms);
	} else {
		say_task(worker, attempt, &usage);
		set_due(worker, attempt, now + interval);
	}
}

static void look_at_all(struct worker *worker, uint64_t now) {
	const char *key;
	void *value;
	worker->monitor.next_task_ms = UINT64_MAX;
	worker->monitor.stirred = false;
	for (size_t at = 0; map_next(worker->attempts, &at, &key, &value);) {
		struct attempt *attempt = value;
		if (attempt->over || attempt->watch_ms == 0) {
			continue;
		}
		if (attempt->watch_ms <= now) {
			look(worker, attempt, now);
		} else {
			set_due(worker, attempt, attempt->watch_ms);
		}
	}
}

uint64_t monitor_deadline(const struct worker *worker) {
	const struct monitor *monitor = &worker->monitor;
	uint64_t task_ms = monitor->next_task_ms - (monitor->stirred ? 0 : STIR_MS);
	return task_ms < monitor->next_ms ? task_ms : monitor->next_ms;
}

void monitor_tick(struct worker *worker, uint64_t now) {
	struct monitor *monitor = &worker->monitor;
	if (now >= monitor->next_ms) {
		monitor->next_ms = now + worker->settings->metrics_ms;
		say_worker(worker);
	}
	if (now + STIR_MS < monitor->next_task_ms) {
		return;
	}
	if (!monitor->stirred) {
		monitor->stirred = true;
		monitor->next_task_ms = now + STIR_MS;
		engine_stir(worker->engine);
	} else if (now >= monitor->next_task_ms) {
		look_at_all(worker, now);
	}
}

void monitor_begin(struct worker *worker) {
	worker->monitor = (struct monitor){
		.next_ms = UINT64_MAX,
		.next_task_ms = UINT64_MAX,
		.memory = system_memory(),
	};
}

void monitor_connected(struct worker *worker) {
	if (worker->settings->monitoring) {
		worker->monitor.next_ms = 0;
	}
}
