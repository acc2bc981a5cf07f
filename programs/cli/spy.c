/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/spy.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/hex.h"
#include "base/mem.h"
#include "base/str.h"
#include "bus/bus.h"
#include "model/message.h"

enum { MESSAGE_MAX = 80 * 1024 * 1024, HEARD_MAX = 4096, CONNECT_MS = 30000, RUN_MIN = 16 };

/* --- one message -------------------------------------------------------------------------------
 */

static bool has(const void *bytes, size_t size, const char *mark) {
	return size != 0 && memmem(bytes, size, mark, strlen(mark)) != NULL;
}

static bool run_has(const char *run, size_t size, const char *mark) {
	struct buf plain = BUF_INIT(size);
	struct error ignored;
	bool found = base64_decode(run, size / 4 * 4, &plain, &ignored) &&
		     has(plain.data, plain.size, mark);
	buf_finish(&plain);
	return found;
}

/* As it is, or in any run of characters that could be base64. */
static bool is_in(struct bytes payload, const char *mark) {
	static const char alphabet[] =
			"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *text = (const char *)payload.data;
	if (has(text, payload.size, mark)) {
		return true;
	}
	for (size_t at = 0, run = 0; at < payload.size; at += run + 1) {
		for (run = 0; at + run < payload.size && text[at + run] != 0 &&
				strchr(alphabet, text[at + run]) != NULL;
				run++) {
		}
		if (run >= RUN_MIN && run_has(text + at, run, mark)) {
			return true;
		}
	}
	return false;
}

static void show_bytes(struct heard *heard, struct bytes data) {
	size_t size = data.size < 12 ? data.size : 12;
	hex_encode(data.data, size, heard->begins);
}

/* A sealed member's envelope, from its base64. */
static bool show_member(struct heard *heard, struct bytes payload) {
	static const char member[] = "\"sealed\":\"";
	const char *at = payload.size != 0 ? memmem(payload.data, payload.size, member,
							     sizeof(member) - 1)
					   : NULL;
	struct buf plain = BUF_INIT(16);
	struct error ignored;
	size_t left = at != NULL ? payload.size - (size_t)(at - (const char *)payload.data) : 0;
	bool ok = left > sizeof(member) + 16 &&
		  base64_decode(at + sizeof(member) - 1, 16, &plain, &ignored);
	if (ok) {
		show_bytes(heard, (struct bytes){ plain.data, plain.size });
	}
	buf_finish(&plain);
	return ok;
}

/* Chunks: what stands behind the clear header. */
static bool show_chunk(struct heard *heard, struct bytes payload) {
	struct chunk chunk;
	struct image_part part;
	struct error ignored;
	if (chunk_decode(&chunk, payload, &ignored)) {
		heard->sealed = chunk.sealed;
		show_bytes(heard, chunk.data);
		return true;
	}
	if (image_part_decode(&part, payload, &ignored)) {
		heard->sealed = true;
		show_bytes(heard, part.data);
		return true;
	}
	return false;
}

void heard_read(struct heard *heard, struct bytes payload, const char *mark) {
	heard->size = payload.size;
	heard->marked = is_in(payload, mark);
	heard->sealed = show_member(heard, payload);
	if (heard->sealed || show_chunk(heard, payload)) {
		return;
	}
	size_t size = payload.size < sizeof(heard->begins) - 1 ? payload.size
							       : sizeof(heard->begins) - 1;
	for (size_t i = 0; i < size; i++) {
		char c = (char)payload.data[i];
		heard->begins[i] = c >= ' ' && c <= '~' ? c : '.';
	}
	heard->begins[size] = 0;
}

/* --- all of them -------------------------------------------------------------------------------
 */

struct spy {
	struct bus *bus;
	char *topics, *mark; /* constant */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool connected;
	struct heard *items;
	size_t count;
};

static void connected(void *context) {
	struct spy *spy = context;
	(void)pthread_mutex_lock(&spy->lock);
	spy->connected = true;
	(void)pthread_cond_broadcast(&spy->changed);
	(void)pthread_mutex_unlock(&spy->lock);
}

static void disconnected(void *context, const char *reason) {
	(void)context;
	(void)reason; /* what is missing then is missing: it only shows */
}

static void message(void *context, const char *topic, struct bytes payload) {
	struct spy *spy = context;
	struct heard heard = { 0 };
	size_t base = strlen(spy->topics) - 1; /* all but the # */
	heard_read(&heard, payload, spy->mark);
	(void)snprintf(heard.path, sizeof(heard.path), "%s",
			strlen(topic) > base ? topic + base : topic);
	(void)pthread_mutex_lock(&spy->lock);
	if (spy->count < HEARD_MAX) {
		spy->items[spy->count++] = heard;
	}
	(void)pthread_cond_broadcast(&spy->changed);
	(void)pthread_mutex_unlock(&spy->lock);
}

static bool is_connected(const struct spy *spy, const char *path) {
	(void)path;
	return spy->connected;
}

static bool has_heard(const struct spy *spy, const char *path) {
	for (size_t i = 0; i < spy->count; i++) {
		if (strcmp(spy->items[i].path, path) == 0) {
			return true;
		}
	}
	return false;
}

static bool wait_until(struct spy *spy, bool (*true_now)(const struct spy *, const char *),
		const char *path, unsigned ms) {
	const struct timespec deadline = clock_timespec(clock_ms() + ms);
	int code = 0;
	(void)pthread_mutex_lock(&spy->lock);
	while (code == 0 && !true_now(spy, path)) {
		code = pthread_cond_timedwait(&spy->changed, &spy->lock, &deadline);
	}
	bool is = true_now(spy, path);
	(void)pthread_mutex_unlock(&spy->lock);
	return is;
}

static void init_condition(pthread_cond_t *condition) {
	pthread_condattr_t monotonic;
	(void)pthread_condattr_init(&monotonic);
	(void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	(void)pthread_cond_init(condition, &monotonic);
	(void)pthread_condattr_destroy(&monotonic);
}

static bool listen(struct spy *spy, const char *address, struct error *err) {
	const struct bus_options options = { .address = address,
		.client_id = "propeller-spy",
		.keepalive_seconds = 30,
		.qos = 1,
		.message_max = MESSAGE_MAX };
	const struct bus_handlers handlers = { connected, disconnected, message, spy };
	spy->bus = bus_create(&options, &handlers, err);
	if (spy->bus == NULL) {
		return false;
	}
	bus_subscribe(spy->bus, spy->topics);
	return wait_until(spy, is_connected, NULL, CONNECT_MS) ||
	       error_set(err, ERROR_TIMEOUT, "the broker at %s does not answer", address);
}

struct spy *spy_create(const char *address, const char *domain, const char *channel,
		const char *mark, struct error *err) {
	struct spy *spy = MEM_NEW(struct spy);
	spy->topics = str_format("m/%s/c/%s/#", domain, channel);
	spy->mark = str_copy(mark);
	spy->items = mem_zero(HEARD_MAX, sizeof(*spy->items));
	(void)pthread_mutex_init(&spy->lock, NULL);
	init_condition(&spy->changed);
	if (listen(spy, address, err)) {
		return spy;
	}
	spy_destroy(spy);
	return NULL;
}

void spy_destroy(struct spy *spy) {
	if (spy == NULL) {
		return;
	}
	if (spy->bus != NULL) {
		bus_destroy(spy->bus, 0);
	}
	(void)pthread_cond_destroy(&spy->changed);
	(void)pthread_mutex_destroy(&spy->lock);
	free(spy->items);
	free(spy->mark);
	free(spy->topics);
	free(spy);
}

void spy_begin(struct spy *spy) {
	(void)pthread_mutex_lock(&spy->lock);
	spy->count = 0;
	(void)pthread_mutex_unlock(&spy->lock);
}

bool spy_wait(struct spy *spy, const char *path, unsigned ms) {
	return wait_until(spy, has_heard, path, ms);
}

void spy_each(struct spy *spy, spy_visitor visit, void *context) {
	(void)pthread_mutex_lock(&spy->lock);
	for (size_t i = 0; i < spy->count; i++) {
		visit(context, &spy->items[i]);
	}
	(void)pthread_mutex_unlock(&spy->lock);
}
