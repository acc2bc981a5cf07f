/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* For the tests of programs: a bus without a broker. What bus.h promises is here instead of
 * bus.c: what is published is kept to be looked at, what is to come the test delivers itself. One
 * file of a test includes it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "bus/bus.h"

enum { BUS_PATIENCE_MS = 60000 };

struct said {
	char *topic;
	struct bytes payload; /* with a zero byte behind it */
};

struct bus {
	struct bus_handlers handlers;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool down; /* there is no connection */
	struct said *said;
	size_t count, refused; /* messages; the second while it was down */
	struct strings topics; /* subscribed */
};

/* The one that was made last. */
static struct bus *last_bus;

struct bus *bus_create(const struct bus_options *options, const struct bus_handlers *handlers,
		struct error *err) {
	struct bus *bus = MEM_NEW(struct bus);
	pthread_condattr_t monotonic;
	(void)options, (void)err;
	(void)pthread_condattr_init(&monotonic);
	(void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&bus->changed, &monotonic);
	(void)pthread_condattr_destroy(&monotonic);
	(void)pthread_mutex_init(&bus->lock, NULL);
	bus->handlers = *handlers;
	last_bus = bus;
	return bus;
}

void bus_subscribe(struct bus *bus, const char *topic) {
	(void)pthread_mutex_lock(&bus->lock);
	strings_add(&bus->topics, topic);
	(void)pthread_mutex_unlock(&bus->lock);
}

void bus_unsubscribe(struct bus *bus, const char *topic) {
	struct strings left = { 0 };
	(void)pthread_mutex_lock(&bus->lock);
	for (size_t i = 0; i < bus->topics.count; i++) {
		if (strcmp(bus->topics.items[i], topic) != 0) {
			strings_add(&left, bus->topics.items[i]);
		}
	}
	strings_finish(&bus->topics);
	bus->topics = left;
	(void)pthread_mutex_unlock(&bus->lock);
}

bool bus_publish(struct bus *bus, const char *topic, const void *payload, size_t size,
		struct error *err) {
	(void)pthread_mutex_lock(&bus->lock);
	bool down = bus->down;
	if (!down) {
		bus->said = mem_resize(bus->said, bus->count + 1, sizeof(*bus->said));
		bus->said[bus->count++] =
				(struct said){ str_copy(topic), { mem_copy(payload, size), size } };
		(void)pthread_cond_broadcast(&bus->changed);
	}
	bus->refused += down;
	(void)pthread_mutex_unlock(&bus->lock);
	return !down || error_set(err, ERROR_UNAVAILABLE, "there is no connection");
}

bool bus_connected(const struct bus *bus) {
	return !bus->down;
}

/* Everything is acknowledged at once. */
size_t bus_inflight(struct bus *bus) {
	(void)bus;
	return 0;
}

/* What was said so far is forgotten. */
static inline void bus_forget(struct bus *bus) {
	(void)pthread_mutex_lock(&bus->lock);
	for (size_t i = 0; i < bus->count; i++) {
		free(bus->said[i].topic);
		free((void *)(uintptr_t)bus->said[i].payload.data);
	}
	free(bus->said);
	bus->said = NULL;
	bus->count = 0;
	(void)pthread_mutex_unlock(&bus->lock);
}

void bus_destroy(struct bus *bus, unsigned wait_ms) {
	(void)wait_ms;
	bus_forget(bus);
	strings_finish(&bus->topics);
	(void)pthread_cond_destroy(&bus->changed);
	(void)pthread_mutex_destroy(&bus->lock);
	free(bus);
}

/* How many messages were published. */
static inline size_t bus_count(struct bus *bus) {
	(void)pthread_mutex_lock(&bus->lock);
	size_t count = bus->count;
	(void)pthread_mutex_unlock(&bus->lock);
	return count;
}

/* How many were not, since there was no connection. */
static inline size_t bus_refused(struct bus *bus) {
	(void)pthread_mutex_lock(&bus->lock);
	size_t refused = bus->refused;
	(void)pthread_mutex_unlock(&bus->lock);
	return refused;
}

/* Message number `index` (from 0), once it is published; borrowed until bus_forget(). */
static inline struct said bus_said(struct bus *bus, size_t index) {
	const struct timespec deadline = clock_timespec(clock_ms() + BUS_PATIENCE_MS);
	int code = 0;
	(void)pthread_mutex_lock(&bus->lock);
	while (bus->count <= index && code == 0) {
		code = pthread_cond_timedwait(&bus->changed, &bus->lock, &deadline);
	}
	struct said said = bus->count > index ? bus->said[index] : (struct said){ 0 };
	(void)pthread_mutex_unlock(&bus->lock);
	assert_non_null(said.topic);
	return said;
}

static inline bool bus_hears(struct bus *bus, const char *topic) {
	(void)pthread_mutex_lock(&bus->lock);
	bool hears = strings_has(&bus->topics, topic);
	(void)pthread_mutex_unlock(&bus->lock);
	return hears;
}

/* As if it came from the broker. */
static inline void bus_deliver(struct bus *bus, const char *topic, struct bytes payload) {
	bus->handlers.message(bus->handlers.context, topic, payload);
}
