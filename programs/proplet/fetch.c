/* SPDX-License-Identifier: Apache-2.0 */
#include "proplet/fetch.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "bus/sealed.h"
#include "proplet/assemble.h"

enum { WINDOW = 8, AGAIN_MS = 2000, GIVE_UP_MS = 60000 };

struct fetcher {
	struct bus *bus;
	const struct topics *topics;
	char *proplet_id;
	char boot[UUID_SIZE];
	struct seal_ring *ring; /* NULL: chunks are not sealed */
	/* Of the last request. A boot's number counts microseconds, and a request takes longer: so
	   it grows from boot to boot as well. Under the lock. */
	uint64_t number;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct map *running; /* digest -> struct fetching */
	struct registry *registry;
	bool closed;
};

/* One module on its way, for everybody who waits for it (two engines, say); under the fetcher's
 * lock. */
struct fetching {
	struct assembly *assembly;
	unsigned users;
	uint32_t next; /* the first chunk that was never asked for */
	uint64_t progress_ms, asked_ms;
	bool missing; /* the manager has no such module */
};

/* So that nobody else makes the manager send. */
static bool sign(const struct fetcher *fetcher, char **text, struct error *err) {
	if (fetcher->ring == NULL) {
		return true;
	}
	char *sealed = sealed_sign(fetcher->ring, SEAL_NOTICE, fetcher->proplet_id,
			fetcher->topics->module_request, *text, err);
	free(*text);
	*text = sealed;
	return sealed != NULL;
}

static void ask(struct fetcher *fetcher, const char *digest, uint32_t first, uint32_t count) {
	struct chunk_request request = {
		.proplet_id = fetcher->proplet_id, .first = first, .count = count
	};
	struct error err;
	memcpy(request.boot, fetcher->boot, sizeof(request.boot));
	memcpy(request.digest, digest, sizeof(request.digest));
	request.number = fetcher->ring != NULL ? ++fetcher->number : 0;
	CLEANUP(mem_freep) char *text = chunk_request_encode(&request);
	if (!sign(fetcher, &text, &err)) {
		log_error("a request for chunks cannot be signed error=\"%s\"", err.message);
	} else if (!bus_publish(fetcher->bus, fetcher->topics->module_request, text, strlen(text),
				   &err)) {
		log_debug("a chunk cannot be asked for now error=\"%s\"", err.message);
	}
}

/* Everything that was asked for and has not come, at most a window of it. */
static void ask_again(struct fetcher *fetcher, const char *digest, struct fetching *fetching) {
	uint32_t count = assembly_count(fetching->assembly);
	uint32_t at = assembly_missing(fetching->assembly, 0);
	for (int i = 0; i < WINDOW && at < count; i++) {
		ask(fetcher, digest, at, 1);
		fetching->next = at + 1 > fetching->next ? at + 1 : fetching->next;
		at = assembly_missing(fetching->assembly, at + 1);
	}
}

static void take(struct fetcher *fetcher, struct fetching *fetching, const struct chunk *chunk) {
	struct error err;
	bool fresh;
	if (chunk->count == 0) {
		fetching->missing = true;
		return;
	}
	if (!assembly_add(fetching->assembly, chunk, &fresh, &err)) {
		log_warn("a chunk that does not fit, dropped error=\"%s\"", err.message);
		return;
	}
	if (!fresh) {
		return;
	}
	fetching->progress_ms = clock_ms();
	if (fetching->next < assembly_count(fetching->assembly)) {
		ask(fetcher, chunk->digest, fetching->next++, 1);
	}
}

/* The bytes of a chunk; what is sealed is opened into `plain`. */
static bool open_chunk(const struct fetcher *fetcher, struct chunk *chunk, struct buf *plain,
		struct error *err) {
	const struct seal_context context = { .direction = SEAL_MODULE,
		.worker = fetcher->proplet_id,
		.boot = fetcher->boot,
		.subject = chunk->digest,
		.index = chunk->index,
		.count = chunk->count };
	if (fetcher->ring == NULL || chunk->count == 0) {
		return !chunk->sealed ||
		       error_set(err, ERROR_INTEGRITY, "it is sealed, and there is no key here");
	}
	if (!chunk->sealed) {
		return error_set(err, ERROR_INTEGRITY, "it is not sealed");
	}
	if (!seal_open_buf(fetcher->ring, &context, chunk->data, plain, err)) {
		return false;
	}
	chunk->data = (struct bytes){ plain->data, plain->size };
	return true;
}

static void take_chunk(struct fetcher *fetcher, struct chunk *chunk) {
	struct error err;
	struct buf plain = BUF_INIT(CHUNK_BYTES);
	(void)pthread_mutex_lock(&fetcher->lock);
	struct fetching *fetching = map_get(fetcher->running, chunk->digest);
	if (fetching != NULL && !open_chunk(fetcher, chunk, &plain, &err)) {
		log_warn("a chunk that cannot be opened, dropped error=\"%s\"", err.message);
	} else if (fetching != NULL) { /* else: nobody asked for it (any more) */
		take(fetcher, fetching, chunk);
		(void)pthread_cond_broadcast(&fetcher->changed);
	}
	(void)pthread_mutex_unlock(&fetcher->lock);
	buf_finish(&plain);
}

static void on_message(void *context, const char *topic, struct bytes payload) {
	struct fetcher *fetcher = context;
	struct chunk chunk;
	struct error err;
	if (registry_message(fetcher->registry, topic, payload)) {
		return;
	}
	if (!chunk_decode(&chunk, payload, &err)) {
		log_warn("not a chunk, dropped topic=%s error=\"%s\"", topic, err.message);
		return;
	}
	take_chunk(fetcher, &chunk);
}

/* What was under way is asked for again at once. */
static void on_connected(void *context) {
	struct fetcher *fetcher = context;
	const char *digest;
	void *value;
	(void)pthread_mutex_lock(&fetcher->lock);
	for (size_t at = 0; map_next(fetcher->running, &at, &digest, &value);) {
		ask_again(fetcher, digest, value);
	}
	struct registry *registry = fetcher->registry;
	(void)pthread_mutex_unlock(&fetcher->lock);
	if (registry != NULL) { /* NULL: fetcher_create() is not through yet */
		registry_connected(registry);
	}
}

static void on_disconnected(void *context, const char *reason) {
	(void)context;
	log_debug("the second connection to the broker is gone reason=\"%s\"", reason);
}

struct fetcher *fetcher_create(const struct bus_options *options, const struct topics *topics,
		const struct fetcher_self *self, const struct registry_limits *images,
		struct error *err) {
	struct fetcher *fetcher = MEM_NEW(struct fetcher);
	const struct bus_handlers handlers = { on_connected, on_disconnected, on_message, fetcher };
	pthread_condattr_t monotonic;
	(void)pthread_condattr_init(&monotonic);
	(void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&fetcher->changed, &monotonic);
	(void)pthread_condattr_destroy(&monotonic);
	(void)pthread_mutex_init(&fetcher->lock, NULL);
	fetcher->topics = topics;
	fetcher->proplet_id = str_copy(self->proplet_id);
	memcpy(fetcher->boot, self->boot, sizeof(fetcher->boot));
	fetcher->ring = self->ring;
	fetcher->number = self->boot_number;
	fetcher->running = map_create();
	fetcher->bus = bus_create(options, &handlers, err);
	if (fetcher->bus == NULL) {
		fetcher_destroy(fetcher);
		return NULL;
	}
	const struct registry_self own = { fetcher->proplet_id, fetcher->boot, fetcher->ring };
	(void)pthread_mutex_lock(&fetcher->lock);
	fetcher->registry = registry_create(fetcher->bus, topics, &own, images);
	(void)pthread_mutex_unlock(&fetcher->lock);
	CLEANUP(mem_freep) char *topic = topics_chunk(topics, fetcher->proplet_id);
	bus_subscribe(fetcher->bus, topic);
	return fetcher;
}

void fetcher_destroy(struct fetcher *fetcher) {
	if (fetcher == NULL) {
		return;
	}
	if (fetcher->bus != NULL) {
		bus_destroy(fetcher->bus, 0);
	}
	registry_destroy(fetcher->registry);
	map_destroy(fetcher->running);
	(void)pthread_cond_destroy(&fetcher->changed);
	(void)pthread_mutex_destroy(&fetcher->lock);
	free(fetcher->proplet_id);
	free(fetcher);
}

void fetcher_close(struct fetcher *fetcher) {
	(void)pthread_mutex_lock(&fetcher->lock);
	fetcher->closed = true;
	(void)pthread_cond_broadcast(&fetcher->changed);
	(void)pthread_mutex_unlock(&fetcher->lock);
	registry_close(fetcher->registry);
}

/* Under the lock. */
static bool wait_for_all(struct fetcher *fetcher, const char *digest, struct fetching *fetching,
		struct error *err) {
	while (!assembly_complete(fetching->assembly)) {
		uint64_t now = clock_ms();
		if (fetcher->closed) {
			return error_set(err, ERROR_INTERRUPTED, "the worker is ending");
		}
		if (fetching->missing) {
			return error_set(err, ERROR_NOT_FOUND, "the manager has no module %s",
					digest);
		}
		if (now >= fetching->progress_ms + GIVE_UP_MS) {
			return error_set(err, ERROR_UNAVAILABLE,
					"the module did not come from the manager: nothing for %d "
					"s",
					GIVE_UP_MS / 1000);
		}
		uint64_t latest = fetching->progress_ms > fetching->asked_ms ? fetching->progress_ms
									     : fetching->asked_ms;
		if (now >= latest + AGAIN_MS) {
			ask_again(fetcher, digest, fetching);
			fetching->asked_ms = latest = now;
		}
		const struct timespec until = clock_timespec(latest + AGAIN_MS);
		(void)pthread_cond_timedwait(&fetcher->changed, &fetcher->lock, &until);
	}
	return true;
}

/* Under the lock: what is on its way already, or a new one, asked for. */
static struct fetching *join(
		struct fetcher *fetcher, const char *digest, uint64_t size, struct error *err) {
	struct fetching *fetching = map_get(fetcher->running, digest);
	if (fetching == NULL) {
		struct assembly *assembly = assembly_create(digest, size, err);
		if (assembly == NULL) {
			return NULL;
		}
		fetching = MEM_NEW(struct fetching);
		fetching->assembly = assembly;
		fetching->progress_ms = fetching->asked_ms = clock_ms();
		uint32_t count = assembly_count(assembly);
		fetching->next = count < WINDOW ? count : WINDOW;
		(void)map_put(fetcher->running, digest, fetching);
		ask(fetcher, digest, 0, fetching->next);
	}
	fetching->users++;
	return fetching;
}

/* Under the lock. */
static void leave(struct fetcher *fetcher, const char *digest, struct fetching *fetching) {
	if (--fetching->users == 0) {
		(void)map_remove(fetcher->running, digest);
		assembly_destroy(fetching->assembly);
		free(fetching);
	}
}

bool fetch_module(struct fetcher *fetcher, const char *digest, uint64_t size, struct buf *wasm,
		struct error *err) {
	(void)pthread_mutex_lock(&fetcher->lock);
	struct fetching *fetching = join(fetcher, digest, size, err);
	bool ok = fetching != NULL && wait_for_all(fetcher, digest, fetching, err);
	(void)pthread_mutex_unlock(&fetcher->lock);
	ok = ok && assembly_join(fetching->assembly, wasm,
				   err); /* complete: nobody changes it any more */
	if (fetching != NULL) {
		(void)pthread_mutex_lock(&fetcher->lock);
		leave(fetcher, digest, fetching);
		(void)pthread_mutex_unlock(&fetcher->lock);
	}
	return ok;
}

struct image *fetch_image(struct fetcher *fetcher, const char *name, struct run_stop *stop,
		struct error *err) {
	return registry_pull(fetcher->registry, name, stop, err);
}
