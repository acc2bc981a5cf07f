/* SPDX-License-Identifier: Apache-2.0 */
#include "proplet/registry.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hex.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "engine/stop.h"
#include "proplet/keys.h"
#include "proplet/pieces.h"

/* A proxy drops a request that repeats one on its way, and may have lost ours: so it is repeated
 * while nothing comes, a few times until it is given up. */
enum { ASKED_AGAIN = 6 };
enum { SPARE_MAX = 1024 * 1024 };

enum pull_state { PULL_WAITS, PULL_RUNS, PULL_DONE, PULL_FAILED };

/* One image on its way, for everybody who waits for it; under the registry's lock. */
struct pull {
	char *name;
	uint64_t number; /* which request of this boot, from 1 */
	enum pull_state state;
	struct pieces pieces;
	bool storing;                 /* somebody is in pieces_store(), without the lock */
	char digest[DIGEST_HEX_SIZE]; /* of the whole, as each sealed chunk says; "": not yet */
	bool unopened; /* somebody says that the request cannot be opened; it may be anybody */
	uint64_t progress_ms, asked_ms;
	unsigned users;
	struct image *image; /* PULL_DONE */
	struct error error;  /* PULL_FAILED */
};

struct registry {
	struct bus *bus;
	const struct topics *topics;
	struct registry_self self;
	char *topic;     /* where images come */
	uint64_t number; /* of the last request */
	struct registry_limits limits;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct map *pulls; /* name -> struct pull that waits or runs */
	uint64_t running;
	struct buf spare; /* memory of a chunk that was stored, for the next one that comes */
	bool closed;
};

struct image {
	struct memory_file file;
	bool wipes; /* it came sealed */
	char digest[DIGEST_HEX_SIZE];
	atomic_uint users;
};

/* --- images ------------------------------------------------------------------------------------
 */

struct bytes image_bytes(const struct image *image) {
	return (struct bytes){ image->file.data, image->file.size };
}

int image_file(const struct image *image) {
	return image->file.fd;
}

const char *image_digest(const struct image *image) {
	return image->digest;
}

static struct image *image_hold(struct image *image) {
	(void)atomic_fetch_add(&image->users, 1);
	return image;
}

void image_release(struct image *image) {
	if (image != NULL && atomic_fetch_sub(&image->users, 1) == 1) {
		memory_file_finish(&image->file, image->wipes);
		free(image);
	}
}

/* `digest`: what it has to have; "": any. */
static struct image *image_create(struct pieces *pieces, const char *digest, struct error *err) {
	struct image *image = MEM_NEW(struct image);
	atomic_init(&image->users, 1);
	image->wipes = pieces->wipes;
	if (!pieces_take(pieces, &image->file, image->digest, err)) {
		image_release(image);
		return NULL;
	}
	if (digest[0] != 0 && strcmp(image->digest, digest) != 0) {
		error_set(err, ERROR_INTEGRITY, "it has the digest %s, and should have %s",
				image->digest, digest);
		image_release(image);
		return NULL;
	}
	return image;
}

/* --- the registry ------------------------------------------------------------------------------
 */

struct registry *registry_create(struct bus *bus, const struct topics *topics,
		const struct registry_self *self, const struct registry_limits *limits) {
	struct registry *registry = MEM_NEW(struct registry);
	pthread_condattr_t monotonic;
	(void)pthread_condattr_init(&monotonic);
	(void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&registry->changed, &monotonic);
	(void)pthread_condattr_destroy(&monotonic);
	(void)pthread_mutex_init(&registry->lock, NULL);
	registry->bus = bus;
	registry->topics = topics;
	registry->self = *self;
	registry->topic = self->ring != NULL ? topics_image(topics, self->proplet_id)
					     : str_copy(topics->image_chunk);
	registry->limits = *limits;
	registry->pulls = map_create();
	return registry;
}

void registry_destroy(struct registry *registry) {
	if (registry == NULL) {
		return;
	}
	map_destroy(registry->pulls);
	buf_finish(&registry->spare);
	free(registry->topic);
	(void)pthread_cond_destroy(&registry->changed);
	(void)pthread_mutex_destroy(&registry->lock);
	free(registry);
}

static void wake(void *context) {
	struct registry *registry = context;
	(void)pthread_mutex_lock(&registry->lock);
	(void)pthread_cond_broadcast(&registry->changed);
	(void)pthread_mutex_unlock(&registry->lock);
}

void registry_close(struct registry *registry) {
	(void)pthread_mutex_lock(&registry->lock);
	registry->closed = true;
	(void)pthread_cond_broadcast(&registry->changed);
	(void)pthread_mutex_unlock(&registry->lock);
}

/* --- memory of chunks, under the lock ------------------------------------------------------------
 */

/* New pages for each chunk would cost more time than what is put into them. */
static struct buf take_spare(struct registry *registry, size_t limit) {
	struct buf room = registry->spare;
	registry->spare = (struct buf){ 0 };
	room.limit = limit;
	buf_clear(&room);
	return room;
}

static void give_spare(struct registry *registry, struct buf room) {
	if (registry->running == 0 || room.capacity > SPARE_MAX) {
		buf_finish(&room);
		return;
	}
	buf_finish(&registry->spare);
	registry->spare = room;
}

/* --- one pull, under the lock ------------------------------------------------------------------
 */

/* NULL: it cannot be sealed. */
static char *seal_request(
		const struct registry *registry, const struct pull *pull, struct error *err) {
	const struct registry_self *self = &registry->self;
	const struct seal_context context = { .direction = SEAL_REQUEST,
		.worker = self->proplet_id,
		.boot = self->boot,
		.number = pull->number };
	const struct bytes name = { (const uint8_t *)pull->name, strlen(pull->name) };
	CLEANUP(mem_freep) char *id = str_copy(self->proplet_id);
	CLEANUP(mem_freep) char *sealed = seal_box_text(self->ring, &context, name, err);
	struct image_order order = { .proplet_id = id, .number = pull->number, .sealed = sealed };
	(void)memccpy(order.boot, self->boot, 0, sizeof(order.boot) - 1);
	return sealed != NULL ? image_order_encode(&order) : NULL;
}

static void ask(struct registry *registry, struct pull *pull) {
	struct error err;
	CLEANUP(mem_freep)
	char *text = registry->self.ring != NULL ? seal_request(registry, pull, &err)
						 : image_request_encode(pull->name);
	pull->asked_ms = clock_ms();
	if (text == NULL || !bus_publish(registry->bus, registry->topics->image_request, text,
					    strlen(text), &err)) {
		log_debug("an image cannot be asked for now image=%s error=\"%s\"", pull->name,
				err.message);
	}
}

/* The broker sees the subscription before the request: they take the same connection. */
static void begin(struct registry *registry, struct pull *pull) {
	pull->state = PULL_RUNS;
	pull->number = ++registry->number;
	pull->progress_ms = clock_ms();
	if (registry->running++ == 0) {
		bus_subscribe(registry->bus, registry->topic);
	}
	ask(registry, pull);
}

/* It neither waits nor runs any more, and chunks of its name are not its own. */
static void leave_map(struct registry *registry, struct pull *pull, enum pull_state state) {
	if (pull->state == PULL_RUNS && --registry->running == 0) {
		bus_unsubscribe(registry->bus, registry->topic);
		buf_finish(&registry->spare);
	}
	(void)map_remove(registry->pulls, pull->name);
	pull->state = state;
	(void)pthread_cond_broadcast(&registry->changed);
}

static void fail(struct registry *registry, struct pull *pull, const struct error *why) {
	pull->error = *why;
	(void)error_wrap(&pull->error, "image \"%.200s\"", pull->name);
	leave_map(registry, pull, PULL_FAILED);
	if (!pull->storing) {
		pieces_finish(&pull->pieces);
	}
}

static void fail_late(struct registry *registry, struct pull *pull) {
	struct error err;
	const struct pieces *pieces = &pull->pieces;
	unsigned long long seconds = (registry->limits.timeout_ms + 999) / 1000;
	if (pieces->count == 0 && pull->unopened) {
		error_set(&err, ERROR_KEY_MISMATCH,
				"%s: the proxy has another workload key than this worker, or none",
				keys_refusal);
	} else if (pieces->count == 0) {
		error_set(&err, ERROR_UNAVAILABLE,
				"nothing came from the proxy for %llu s: is there one on this "
				"channel, and can it pull the image?",
				seconds);
	} else {
		error_set(&err, ERROR_UNAVAILABLE,
				"%u of %u chunks came from the proxy, then nothing for %llu s",
				pieces->have, pieces->count, seconds);
	}
	fail(registry, pull, &err);
}

/* Asks, asks again, or gives up; returns when to look again. */
static uint64_t drive(struct registry *registry, struct pull *pull) {
	uint64_t now = clock_ms(), timeout = registry->limits.timeout_ms;
	if (pull->state == PULL_WAITS && registry->running < registry->limits.at_once) {
		begin(registry, pull);
	}
	if (pull->state != PULL_RUNS) {
		return UINT64_MAX;
	}
	if (now >= pull->progress_ms + timeout) {
		fail_late(registry, pull);
		return now;
	}
	uint64_t latest = pull->asked_ms > pull->progress_ms ? pull->asked_ms : pull->progress_ms;
	if (now >= latest + timeout / ASKED_AGAIN) {
		ask(registry, pull);
		latest = now;
	}
	uint64_t again = latest + timeout / ASKED_AGAIN + 1, late = pull->progress_ms + timeout;
	return again < late ? again : late;
}

static void complete(struct registry *registry, struct pull *pull) {
	pull->image = image_create(&pull->pieces, pull->digest, &pull->error);
	pieces_finish(&pull->pieces);
	leave_map(registry, pull, pull->image != NULL ? PULL_DONE : PULL_FAILED);
}

/* The next chunk is put behind those before it, by one of those who wait for it. What takes time
 * happens without the lock, so that more of them can come meanwhile, or the end of the pull. */
static void store(struct registry *registry, struct pull *pull) {
	struct error err;
	bool ok = pieces_begin(&pull->pieces, &err);
	if (ok) {
		pull->storing = true;
		(void)pthread_mutex_unlock(&registry->lock);
		ok = pieces_store(&pull->pieces, &err);
		(void)pthread_mutex_lock(&registry->lock);
		pull->storing = false;
	}
	if (pull->state != PULL_RUNS) {
		pieces_finish(&pull->pieces);
	} else if (!ok) {
		fail(registry, pull, &err);
	} else {
		give_spare(registry, pieces_end(&pull->pieces));
		if (pieces_complete(&pull->pieces)) {
			complete(registry, pull);
		}
	}
}

static bool can_store(const struct pull *pull) {
	return pull->state == PULL_RUNS && !pull->storing && pieces_ready(&pull->pieces);
}

static void wait_change(struct registry *registry, uint64_t until_ms) {
	if (until_ms == UINT64_MAX) {
		(void)pthread_cond_wait(&registry->changed, &registry->lock);
		return;
	}
	const struct timespec until = clock_timespec(until_ms);
	(void)pthread_cond_timedwait(&registry->changed, &registry->lock, &until);
}

static bool await(struct registry *registry, struct pull *pull, const struct run_stop *stop,
		struct error *err) {
	while (pull->state != PULL_DONE && pull->state != PULL_FAILED) {
		if (registry->closed || (stop != NULL && run_stop_requested(stop))) {
			return error_set(err, ERROR_INTERRUPTED,
					registry->closed ? "the worker is ending"
							 : "stopped while its image was pulled");
		}
		if (can_store(pull)) {
			store(registry, pull);
		} else {
			wait_change(registry, drive(registry, pull));
		}
	}
	if (pull->state == PULL_FAILED) {
		*err = pull->error;
	}
	return pull->state == PULL_DONE;
}

static struct pull *enter(struct registry *registry, const char *name) {
	struct pull *pull = map_get(registry->pulls, name);
	if (pull == NULL) {
		pull = MEM_NEW(struct pull);
		pull->name = str_copy(name);
		pull->pieces = PIECES_INIT(registry->limits.image_max);
		pull->pieces.wipes = registry->self.ring != NULL;
		(void)map_put(registry->pulls, name, pull);
	}
	pull->users++;
	return pull;
}

static void leave(struct registry *registry, struct pull *pull) {
	if (--pull->users != 0) {
		(void)pthread_cond_broadcast(&registry->changed); /* it may have been its turn */
		return;
	}
	if (pull->state == PULL_WAITS || pull->state == PULL_RUNS) {
		leave_map(registry, pull, PULL_FAILED); /* nobody waits for it any more */
	}
	pieces_finish(&pull->pieces);
	image_release(pull->image);
	free(pull->name);
	free(pull);
}

struct image *registry_pull(struct registry *registry, const char *name, struct run_stop *stop,
		struct error *err) {
	struct image *image = NULL;
	if (registry->self.ring != NULL && strlen(name) > SEAL_TEXT_MAX) {
		error_set(err, ERROR_INVALID,
				"the name of the image has more than %d bytes, the most that can "
				"be sealed",
				SEAL_TEXT_MAX);
		return NULL;
	}
	if (stop != NULL && !stop_watch(stop, wake, registry)) {
		error_set(err, ERROR_INTERRUPTED, "stopped before its image was pulled");
		return NULL;
	}
	(void)pthread_mutex_lock(&registry->lock);
	struct pull *pull = enter(registry, name);
	if (await(registry, pull, stop, err)) {
		image = image_hold(pull->image);
	}
	leave(registry, pull);
	(void)pthread_mutex_unlock(&registry->lock);
	if (stop != NULL) {
		stop_unwatch(stop);
	}
	return image;
}

/* --- what the bus brings -----------------------------------------------------------------------
 */

void registry_connected(struct registry *registry) {
	const char *name;
	void *value;
	(void)pthread_mutex_lock(&registry->lock);
	for (size_t at = 0; map_next(registry->pulls, &at, &name, &value);) {
		struct pull *pull = value;
		if (pull->state == PULL_RUNS) {
			ask(registry, pull);
		}
	}
	(void)pthread_mutex_unlock(&registry->lock);
}

static void take(struct registry *registry, struct pull *pull, struct image_chunk *chunk) {
	struct error err;
	bool fresh;
	if (chunk->error != NULL) {
		error_set(&err, ERROR_UNAVAILABLE, "the proxy says: %s", chunk->error);
		fail(registry, pull, &err);
		return;
	}
	if (!pieces_add(&pull->pieces, chunk, &fresh, &err)) {
		fail(registry, pull, &err);
	} else if (fresh) {
		pull->progress_ms = clock_ms();
		if (can_store(pull)) {
			(void)pthread_cond_broadcast(&registry->changed);
		}
	}
}

static void take_open(struct registry *registry, struct bytes payload) {
	struct image_chunk chunk;
	struct error err;
	(void)pthread_mutex_lock(&registry->lock);
	struct buf room = take_spare(registry, registry->limits.image_max);
	(void)pthread_mutex_unlock(&registry->lock);
	if (!image_chunk_decode_into(&chunk, payload, &room, &err)) {
		log_warn("not a chunk of an image, dropped bytes=%zu error=\"%s\"", payload.size,
				err.message);
		return;
	}
	(void)pthread_mutex_lock(&registry->lock);
	struct pull *pull = map_get(registry->pulls, chunk.name);
	if (pull != NULL && pull->state == PULL_RUNS) { /* else: somebody else's */
		take(registry, pull, &chunk);
	}
	(void)pthread_mutex_unlock(&registry->lock);
	image_chunk_finish(&chunk);
}

/* --- sealed ------------------------------------------------------------------------------------
 */

/* Under the lock: the one that runs with this number, or NULL. */
static struct pull *find_number(const struct registry *registry, uint64_t number) {
	const char *name;
	void *value;
	for (size_t at = 0; map_next(registry->pulls, &at, &name, &value);) {
		struct pull *pull = value;
		if (pull->state == PULL_RUNS && pull->number == number) {
			return pull;
		}
	}
	return NULL;
}

static bool open_part(const struct registry *registry, const struct pull *pull,
		const struct image_part *part, struct buf *plain, struct error *err) {
	const struct seal_context context = { .direction = SEAL_IMAGE,
		.worker = registry->self.proplet_id,
		.boot = registry->self.boot,
		.number = pull->number,
		.subject = pull->name,
		.index = part->index,
		.count = part->count };
	return seal_open_buf(registry->self.ring, &context, part->data, plain, err);
}

/* What was opened, which is taken over: the digest of the whole, and a chunk of it. */
static void take_piece(struct registry *registry, struct pull *pull, const struct image_part *part,
		struct buf *plain) {
	char digest[DIGEST_HEX_SIZE];
	struct error err;
	hex_encode(plain->data, DIGEST_SIZE, digest);
	if (pull->digest[0] != 0 && strcmp(pull->digest, digest) != 0) {
		error_set(&err, ERROR_INTEGRITY,
				"it changed while it came: its digest was %s, and is now %s",
				pull->digest, digest);
		fail(registry, pull, &err);
		return;
	}
	memcpy(pull->digest, digest, sizeof(digest));
	plain->size -= DIGEST_SIZE;
	memmove(plain->data, plain->data + DIGEST_SIZE, plain->size);
	struct image_chunk chunk = { .index = part->index, .count = part->count, .data = *plain };
	*plain = (struct buf){ 0 };
	take(registry, pull, &chunk);
	buf_finish(&chunk.data);
}

static void take_part(struct registry *registry, struct pull *pull, const struct image_part *part) {
	struct error err;
	struct buf plain = take_spare(registry, part->data.size);
	if (part->count == 0 && part->data.size == 0) {
		log_warn("%s: the proxy, or somebody else, says that it cannot open the request "
			 "image=\"%s\"",
				keys_refusal, pull->name);
		pull->unopened = true;
	} else if (!open_part(registry, pull, part, &plain, &err)) {
		log_warn("a chunk of an image that cannot be opened, dropped image=\"%s\" index=%u "
			 "error=\"%s\"",
				pull->name, part->index, err.message);
	} else if (part->count == 0) {
		error_set(&err, ERROR_UNAVAILABLE, "the proxy says: %s", buf_text(&plain));
		fail(registry, pull, &err);
	} else {
		take_piece(registry, pull, part, &plain);
	}
	buf_finish(&plain);
}

static void take_sealed(struct registry *registry, struct bytes payload) {
	struct image_part part;
	struct error err;
	if (!image_part_decode(&part, payload, &err)) {
		log_warn("not a sealed chunk of an image, dropped bytes=%zu error=\"%s\"",
				payload.size, err.message);
		return;
	}
	(void)pthread_mutex_lock(&registry->lock);
	struct pull *pull = find_number(registry, part.number);
	if (pull != NULL) { /* else: nobody waits for it (any more) */
		take_part(registry, pull, &part);
	}
	(void)pthread_mutex_unlock(&registry->lock);
}

bool registry_message(struct registry *registry, const char *topic, struct bytes payload) {
	if (!str_equal(topic, registry->topic)) {
		return false;
	}
	if (registry->self.ring != NULL) {
		take_sealed(registry, payload);
	} else {
		take_open(registry, payload);
	}
	return true;
}
