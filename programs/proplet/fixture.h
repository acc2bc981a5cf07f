/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* For the tests of this folder: a worker without a broker and without an engine; guests begin and
 * end when the test says so. One file of a test includes it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <ftw.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "bus/fixture.h"
#include "proplet/worker.h"

#define BOOT "0b0d9e2c-6d0f-4c9a-8d54-0f2f3f4d5e6f"
#define NEXT_BOOT "1b0d9e2c-6d0f-4c9a-8d54-0f2f3f4d5e6f"
#define TASK "2b0d9e2c-6d0f-4c9a-8d54-0f2f3f4d5e6f"
#define OTHER_TASK "3b0d9e2c-6d0f-4c9a-8d54-0f2f3f4d5e6f"

bool engine_offers(const struct engine *engine, enum engine_kind kind) {
	(void)engine;
	return kind == ENGINE_MULTIPASS;
}

const char *engine_kind_name(enum engine_kind kind) {
	return kind == ENGINE_MULTIPASS ? "multipass" : "?";
}

/* The attempt's thread is not there: what it would do the test does. */
static bool no_threads;

bool run_begin(struct attempt *attempt) {
	(void)attempt;
	return !no_threads;
}

static inline int worker_set_up(void **state) {
	struct worker *worker = MEM_NEW(struct worker);
	struct proplet_settings *settings = MEM_NEW(struct proplet_settings);
	const struct bus_options options = { 0 };
	const struct bus_handlers handlers = { 0 };
	struct error err;
	log_set_level(LOG_ERROR);
	no_threads = false;
	settings->client_id = str_copy("w");
	settings->slots = 2;
	settings->interval_ms = 1000;
	settings->metrics_ms = 10000;
	settings->monitoring = true;
	worker->settings = settings;
	memcpy(worker->boot, BOOT, sizeof(BOOT));
	assert_true(topics_init(&worker->topics, "d", "c", &err));
	worker->command_topic = topics_command(&worker->topics, settings->client_id);
	worker->queue = queue_create(0);
	worker->attempts = map_create();
	worker->bus = bus_create(&options, &handlers, &err);
	monitor_begin(worker);
	*state = worker;
	return 0;
}

static inline int worker_tear_down(void **state) {
	struct worker *worker = *state;
	const char *key;
	void *value;
	for (size_t at = 0; map_next(worker->attempts, &at, &key, &value);) {
		attempt_destroy(worker, value);
	}
	map_destroy(worker->attempts);
	queue_destroy(worker->queue);
	bus_destroy(worker->bus, 0);
	journal_close(worker->journal);
	topics_finish(&worker->topics);
	json_decref(worker->metadata);
	free(worker->command_topic);
	free(worker->settings->client_id);
	free((void *)(uintptr_t)worker->settings);
	free(worker);
	return 0;
}

#define WITH_WORKER(test) cmocka_unit_test_setup_teardown(test, worker_set_up, worker_tear_down)

/* A command on the worker's own topic. */
static inline void command(struct worker *worker, const char *format, ...) {
	char text[1024];
	struct command said;
	struct error err;
	va_list args;
	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (!command_decode(&said, (struct bytes){ (const uint8_t *)text, strlen(text) }, &err)) {
		fail_msg("%s: %s", text, err.message);
	}
	command_take(worker, &said);
	command_finish(&said);
}

static inline void start_at(struct worker *worker, const char *boot, unsigned long number,
		const char *task, unsigned attempt) {
	command(worker,
			"{\"type\":\"start\",\"boot\":\"%s\",\"number\":%lu,\"task_id\":\"%s\","
			"\"attempt\":%u,\"proplet_id\":\"w\",\"name\":\"n\",\"digest\":"
			"\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\","
			"\"module_size\":8}",
			boot, number, task, attempt);
}

/* A start that is taken. */
static inline struct attempt *start(
		struct worker *worker, unsigned long number, const char *task, unsigned number_of) {
	start_at(worker, BOOT, number, task, number_of);
	struct attempt *attempt = attempt_find(worker, task, number_of);
	assert_non_null(attempt);
	return attempt;
}

static inline void ack(
		struct worker *worker, const char *boot, const char *task, unsigned attempt) {
	command(worker, "{\"type\":\"ack\",\"boot\":\"%s\",\"attempts\":[[\"%s\",%u]]}", boot, task,
			attempt);
}

/* The guest's first instruction. */
static inline void begins(struct attempt *attempt) {
	atomic_store(&attempt->started_at, 1000000000);
}

/* It has ended with this result. */
static inline void ends(struct worker *worker, struct attempt *attempt, const char *results) {
	attempt->report.outcome.results = json_string(results);
	report_hold(worker, attempt);
}

/* The only message since the last look: its member as text, "" if it is none. */
static inline const char *said(struct worker *worker, const char *topic, const char *member) {
	static char text[256];
	assert_int_equal(bus_count(worker->bus), 1);
	const struct said said = bus_said(worker->bus, 0);
	assert_string_equal(said.topic, topic);
	json_t *object = json_loadb((const char *)said.payload.data, said.payload.size, 0, NULL);
	assert_non_null(object);
	const char *value = json_string_value(json_object_get(object, member));
	(void)snprintf(text, sizeof(text), "%s", value != NULL ? value : "");
	json_decref(object);
	return text;
}

static inline void nothing_said(struct worker *worker) {
	assert_int_equal(bus_count(worker->bus), 0);
}

/* A notice, and nothing else; forgotten. */
static inline void noticed(struct worker *worker, const char *state, const char *reason) {
	assert_string_equal(said(worker, worker->topics.state, "state"), state);
	assert_string_equal(said(worker, worker->topics.state, "reason"), reason);
	assert_string_equal(said(worker, worker->topics.state, "proplet_id"), "w");
	assert_string_equal(said(worker, worker->topics.state, "boot"), BOOT);
	bus_forget(worker->bus);
}

/* A result, and nothing else; forgotten. */
static inline void resulted(struct worker *worker, const char *task, const char *results) {
	assert_string_equal(said(worker, worker->topics.results, "task_id"), task);
	assert_string_equal(said(worker, worker->topics.results, "results"), results);
	bus_forget(worker->bus);
}
