/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* For the tests of this folder: a manager with a store in memory and a broker that is not there;
 * what it would publish is looked at before the end of the batch. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "manager/history.h"
#include "manager/keep.h"
#include "manager/manager.h"
#include "manager/settings.h"
#include "manager/tasks.h"
#include "manager/workers.h"

#define BOOT "0b0d9e2c-6d0f-4c9a-8d54-0f2f3f4d5e6f"
#define NEXT_BOOT "1b0d9e2c-6d0f-4c9a-8d54-0f2f3f4d5e6f"
#define DIGEST "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static const struct manager_settings fixture_settings = { .queue_max = 100 };

static inline void fixture_ignore(void *context) {
	(void)context;
}
static inline void fixture_ignore_end(void *context, const char *reason) {
	(void)context, (void)reason;
}
static inline void fixture_ignore_message(void *context, const char *topic, struct bytes payload) {
	(void)context, (void)topic, (void)payload;
}

static inline int manager_set_up(void **state) {
	struct manager *m = MEM_NEW(struct manager);
	struct error err;
	const struct bus_options options = { .address = "127.0.0.1:1", .client_id = "test" };
	const struct bus_handlers handlers = { fixture_ignore, fixture_ignore_end,
		fixture_ignore_message, NULL };
	log_set_level(LOG_ERROR);
	m->settings = &fixture_settings;
	m->next_wait_ms = m->next_reseal_ms = UINT64_MAX;
	m->outbox_end = &m->outbox;
	m->store = store_open("memory", m->ring, &err);
	m->bus = bus_create(&options, &handlers, &err);
	assert_true(m->store != NULL && m->bus != NULL);
	assert_true(topics_init(&m->topics, "d", "c", &err));
	m->measured[METRICS_PROPLET] = history_create(MANAGER_SAMPLES_MAX);
	m->measured[METRICS_TASK] = history_create(MANAGER_SAMPLES_MAX);
	assert_true(manager_recover(m, &err));
	keep_begin(m);
	manager_begin(m);
	*state = m;
	return 0;
}

/* Commits what was done so far; what was posted is forgotten. */
static inline void next_batch(struct manager *m) {
	workers_flush(m);
	assert_true(manager_commit(m));
	manager_end(m, false);
	manager_begin(m);
}

static inline int manager_tear_down(void **state) {
	struct manager *m = *state;
	next_batch(m);
	keep_end(m);
	manager_forget(m);
	const char *id;
	void *value;
	for (size_t at = 0; map_next(m->workers, &at, &id, &value);) {
		worker_destroy(value);
	}
	map_destroy(m->workers);
	bus_destroy(m->bus, 0);
	store_close(m->store);
	topics_finish(&m->topics);
	history_destroy(m->measured[METRICS_PROPLET]);
	history_destroy(m->measured[METRICS_TASK]);
	free(m);
	return 0;
}

#define WITH_MANAGER(test) cmocka_unit_test_setup_teardown(test, manager_set_up, manager_tear_down)

/* A message as a worker would send it. */
static inline void hear(struct manager *m, const char *format, ...) {
	char text[2048];
	struct presence presence;
	struct error err;
	va_list args;
	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (!presence_decode(&presence, (struct bytes){ (const uint8_t *)text, strlen(text) },
			    &err)) {
		fail_msg("%s: %s", text, err.message);
	}
	workers_hear(m, &presence);
	presence_finish(&presence);
}

/* A worker of ours that has announced itself. */
static inline void announce(struct manager *m, const char *id) {
	hear(m,
			"{\"proplet_id\":\"%s\",\"boot\":\"" BOOT "\",\"features\":[\"commands\"],"
			"\"engines\":[\"multipass\",\"interp\"],\"slots\":2,\"interval_ms\":1000,"
			"\"memory_bytes\":1000,\"memory_free_bytes\":500}",
			id);
}

/* A task with a module, in the store; the batch owns it. */
static inline struct task *make_task(struct manager *m) {
	struct task *task = task_create();
	struct error err;
	random_uuid(task->id);
	str_set(&task->work.name, "test");
	memcpy(task->work.digest, DIGEST, sizeof(DIGEST));
	assert_true(manager_write(m) && store_task_add(m->store, task, &err));
	return manager_keep(m, task);
}

/* Started; its id and live part. */
static inline struct live *start_task(struct manager *m, const char *pinned) {
	struct error err;
	struct task *task = make_task(m);
	str_set(&task->pinned, pinned);
	if (!tasks_start(m, task, "test", &err)) {
		fail_msg("%s", err.message);
	}
	return tasks_live(m, task->id);
}

/* How often something was posted to a topic that ends so, with such text in it. */
static inline unsigned posted(const struct manager *m, const char *topic, const char *text) {
	unsigned count = 0;
	for (const struct letter *letter = m->outbox; letter != NULL; letter = letter->next) {
		count += str_ends(letter->topic, topic) && strstr(letter->payload, text) != NULL;
	}
	return count;
}

/* The task as the store has it. */
static inline struct task *stored(struct manager *m, const char *id) {
	struct error err;
	struct task *task = store_task_get(m->store, id, &err);
	if (task == NULL) {
		fail_msg("%s", err.message);
	}
	return manager_keep(m, task);
}
