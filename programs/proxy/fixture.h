/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* For tests of sending and pulling: a proxy whose broker is the test's (bus/fixture.h), and whose
 * cache is in a folder of its own. Each of them has the image in it that the test says. */
#include "proxy/proxy.h"

#include <ftw.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "bus/fixture.h"
#include "model/message.h"

#define KEY "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define BOOT "0d4be0c7-3c5f-4c8c-8a4e-2f6b7f1f9a00"
#define SERVER "m/d/c/c/registry/server"
enum { CHUNK = 1024 };

/* How many looks at the broker's acknowledgements find no room yet. */
static atomic_uint no_room;

bool bus_wait(struct bus *bus, size_t left, uint64_t until_ms) {
	(void)bus, (void)left, (void)until_ms;
	unsigned now = atomic_load(&no_room);
	return now == 0 || (now != UINT32_MAX && atomic_fetch_sub(&no_room, 1) == 0);
}

struct desk {
	struct proxy proxy;
	struct proxy_settings settings;
	char folder[64];
};

static inline int set_up_with(void **state, bool sealed) {
	struct desk *desk = MEM_NEW(struct desk);
	const struct bus_options options = { 0 };
	const struct bus_handlers handlers = { 0 };
	struct error err;
	struct proxy *proxy = &desk->proxy;
	pthread_condattr_t monotonic;
	log_set_level(LOG_ERROR + 1);
	atomic_store(&no_room, 0);
	(void)snprintf(desk->folder, sizeof(desk->folder), "/tmp/airscrew-proxy-XXXXXX");
	assert_non_null(mkdtemp(desk->folder));
	assert_true(topics_init(&proxy->topics, "d", "c", &err));
	desk->settings.chunk_size = CHUNK;
	desk->settings.inflight = 2;
	desk->settings.mqtt_timeout_ms = BUS_PATIENCE_MS;
	desk->settings.size_max = 1 << 20;
	proxy->settings = &desk->settings;
	proxy->bus = bus_create(&options, &handlers, &err);
	if (sealed) {
		proxy->ring = seal_ring_create(NULL, &err);
		assert_true(proxy->ring != NULL && seal_ring_read(proxy->ring, KEY, &err));
	}
	proxy->cache = cache_open(desk->folder, 1 << 20, proxy->ring, &err);
	assert_non_null(proxy->cache);
	proxy->jobs = map_create();
	proxy->pulling = map_create();
	(void)pthread_mutex_init(&proxy->lock, NULL);
	(void)pthread_condattr_init(&monotonic);
	(void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&proxy->changed, &monotonic);
	(void)pthread_condattr_destroy(&monotonic);
	*state = desk;
	return 0;
}

static inline int set_up(void **state) {
	return set_up_with(state, false);
}

static inline int remove_one(
		const char *path, const struct stat *info, int kind, struct FTW *where) {
	(void)info, (void)kind, (void)where;
	return remove(path);
}

static inline int tear_down(void **state) {
	struct desk *desk = *state;
	struct proxy *proxy = &desk->proxy;
	assert_int_equal(map_count(proxy->jobs), 0);
	bus_destroy(proxy->bus, 0);
	cache_close(proxy->cache);
	topics_finish(&proxy->topics);
	map_destroy(proxy->jobs);
	map_destroy(proxy->pulling);
	seal_ring_destroy(proxy->ring);
	(void)pthread_mutex_destroy(&proxy->lock);
	(void)pthread_cond_destroy(&proxy->changed);
	int code = nftw(desk->folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	free(desk);
	return code;
}

/* A job as request.c makes it; it is in the map of jobs. `worker` NULL: in the open. */
static inline struct job *make_job(
		struct desk *desk, const char *name, const char *worker, uint64_t number) {
	struct job *job = MEM_NEW(struct job);
	job->key = str_format("%s %s %llu", name, worker != NULL ? worker : "",
			(unsigned long long)number);
	job->name = str_copy(name);
	job->worker = str_copy(worker);
	job->number = number;
	(void)snprintf(job->boot, sizeof(job->boot), "%s", BOOT);
	(void)map_put(desk->proxy.jobs, job->key, job);
	return job;
}

/* The chunk that was published as number `index`, from 0, in the open. */
static inline void expect_chunk(struct desk *desk, size_t index, uint32_t chunk, uint32_t count,
		struct bytes data) {
	const struct said said = bus_said(desk->proxy.bus, index);
	struct image_chunk got;
	struct error err;
	assert_string_equal(said.topic, SERVER);
	assert_true(image_chunk_decode(&got, said.payload, CHUNK, &err));
	assert_int_equal(got.index, chunk);
	assert_int_equal(got.count, count);
	assert_int_equal(got.data.size, data.size);
	assert_memory_equal(got.data.data, data.data, data.size);
	image_chunk_finish(&got);
}
