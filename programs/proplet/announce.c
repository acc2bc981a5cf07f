/* SPDX-License-Identifier: Apache-2.0 */
/* What the worker says about itself: announcement, heartbeat, last will, and notices. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "proplet/keys.h"
#include "proplet/system.h"
#include "proplet/worker.h"

enum { AGAIN_MS = 1000, INTERVALS = 3 /* of silence, and a worker counts as dead */ };

static void publish(struct worker *worker, enum seal_direction direction, const char *topic,
		char *text) {
	struct error err;
	text = keys_sign(worker, direction, topic, text);
	if (!bus_publish(worker->bus, topic, text, strlen(text), &err)) {
		log_debug("not published topic=%s error=\"%s\"", topic, err.message);
	}
	free(text);
}

static void add_ref(struct attempt_refs *refs, const struct attempt *attempt) {
	struct attempt_ref *ref = &refs->items[refs->count++];
	memcpy(ref->task_id, attempt->command.task_id, sizeof(ref->task_id));
	ref->attempt = attempt->command.attempt;
}

static void list_attempts(const struct worker *worker, struct presence *presence) {
	const char *key;
	void *value;
	size_t count = map_count(worker->attempts);
	presence->running.items = mem_zero(count, sizeof(struct attempt_ref));
	presence->held.items = mem_zero(count, sizeof(struct attempt_ref));
	for (size_t at = 0; map_next(worker->attempts, &at, &key, &value);) {
		const struct attempt *attempt = value;
		add_ref(attempt->over ? &presence->held : &presence->running, attempt);
	}
}

static void fill(const struct worker *worker, struct presence *presence) {
	const struct proplet_settings *settings = worker->settings;
	*presence = (struct presence){ .proplet_id = str_copy(settings->client_id),
		.space = str_copy(settings->space) };
	memcpy(presence->boot, worker->boot, sizeof(presence->boot));
	presence->boot_number = worker->boot_number;
	presence->interval_ms = settings->interval_ms;
	presence->command = worker->numbers.highest;
	presence->memory_free_bytes = system_memory_free();
	list_attempts(worker, presence);
}

static void fill_abilities(const struct worker *worker, struct presence *presence) {
	strings_add(&presence->features, "commands");
	strings_add(&presence->features, "signed-requests");
	strings_add(&presence->features, "gas");
	for (int kind = 0; kind < ENGINE_KINDS; kind++) {
		if (engine_offers(worker->engine, (enum engine_kind)kind)) {
			strings_add(&presence->engines, engine_kind_name((enum engine_kind)kind));
		}
	}
	presence->slots = worker->settings->slots;
	presence->cpus = system_cpus();
	presence->memory_bytes = system_memory();
	presence->metadata = json_incref(worker->metadata);
}

static void publish_held(struct worker *worker, uint64_t older_than_ms) {
	const char *key;
	void *value;
	uint64_t now = clock_ms();
	for (size_t at = 0; map_next(worker->attempts, &at, &key, &value);) {
		struct attempt *attempt = value;
		if (attempt->over && report_due(attempt, older_than_ms, now)) {
			report_publish(worker, attempt);
		}
	}
}

void announce_all(struct worker *worker) {
	struct presence presence;
	fill(worker, &presence);
	fill_abilities(worker, &presence);
	publish(worker, SEAL_ANNOUNCE, worker->topics.create, presence_encode(&presence, true));
	presence_finish(&presence);
	publish_held(worker, 0);
	worker->next_beat_ms = clock_ms() + worker->settings->interval_ms;
}

static void beat(struct worker *worker, uint64_t delay_ms) {
	struct presence presence;
	fill(worker, &presence);
	presence.interval_ms += (delay_ms + INTERVALS - 1) / INTERVALS;
	publish(worker, SEAL_ANNOUNCE, worker->topics.alive, presence_encode(&presence, false));
	presence_finish(&presence);
}

void announce_beat(struct worker *worker) {
	beat(worker, 0);
	publish_held(worker, AGAIN_MS);
}

void announce_delay(struct worker *worker, uint64_t delay_ms) {
	beat(worker, delay_ms);
}

char *announce_will(const struct worker *worker) {
	struct presence presence = { .proplet_id = worker->settings->client_id,
		.space = worker->settings->space,
		.offline = true,
		.boot_number = worker->boot_number };
	memcpy(presence.boot, worker->boot, sizeof(presence.boot));
	return keys_sign(worker, SEAL_ANNOUNCE, worker->topics.alive,
			presence_encode(&presence, false));
}

static void say(struct worker *worker, const struct command *command, struct notice *notice) {
	memcpy(notice->task_id, command->task_id, sizeof(notice->task_id));
	notice->attempt = command->attempt;
	notice->proplet_id = worker->settings->client_id;
	memcpy(notice->boot, worker->boot, sizeof(notice->boot));
	publish(worker, SEAL_NOTICE, worker->topics.state, notice_encode(notice));
}

void announce_running(struct worker *worker, const struct attempt *attempt) {
	struct notice notice = { .kind = NOTICE_RUNNING, .at = atomic_load(&attempt->started_at) };
	say(worker, &attempt->command, &notice);
}

void announce_refused(struct worker *worker, const struct command *command, enum notice_kind kind,
		const char *reason) {
	CLEANUP(mem_freep) char *text = str_copy(reason);
	struct notice notice = { .kind = kind, .at = clock_wall_ns(), .reason = text };
	log_warn("a command is not taken id=%s attempt=%llu reason=\"%s\"", command->task_id,
			(unsigned long long)command->attempt,
			reason != NULL ? reason : "it is over");
	say(worker, command, &notice);
}
