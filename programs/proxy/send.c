/* SPDX-License-Identifier: Apache-2.0 */
/* A file as chunks on the topic, a few of them on their way at any time. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "model/message.h"
#include "proxy/proxy.h"

enum { LOOK_MS = 200, MESSAGE_EXTRA = 16 * 1024 };

struct sender {
	struct proxy *proxy;
	struct job *job;
	char *topic;
	char digest[DIGEST_HEX_SIZE]; /* of the whole */
	uint64_t size;                /* of all of it */
	uint64_t chunk_size, begin_ms;
	uint32_t count, next; /* next: the chunk that is to be sent next */
	struct buf message;   /* one chunk, as it is sent */
	size_t filled;        /* of the next one, while it comes */
	struct error *err;
};

static bool must_end(struct proxy *proxy) {
	(void)pthread_mutex_lock(&proxy->lock);
	bool closing = proxy->closing;
	(void)pthread_mutex_unlock(&proxy->lock);
	return closing;
}

static bool stopped(struct sender *it) {
	return error_set(it->err, ERROR_INTERRUPTED, "stopped while it was sent");
}

/* --- the broker --------------------------------------------------------------------------------
 */

static bool wait_for_room(struct sender *it) {
	struct proxy *proxy = it->proxy;
	uint64_t deadline = clock_ms() + proxy->settings->mqtt_timeout_ms;
	while (!bus_wait(proxy->bus, (size_t)proxy->settings->inflight - 1, clock_ms() + LOOK_MS)) {
		if (must_end(proxy)) {
			return stopped(it);
		}
		if (clock_ms() >= deadline) {
			return error_set(it->err, ERROR_TIMEOUT,
					"the broker takes no more of it for %llu s",
					(unsigned long long)proxy->settings->mqtt_timeout_ms /
							1000);
		}
	}
	return true;
}

/* Until the connection is there again; then all chunks are to be sent once more, because nobody
 * knows what was lost with it. */
static bool wait_for_connection(struct sender *it) {
	struct proxy *proxy = it->proxy;
	uint64_t deadline = clock_ms() + proxy->settings->mqtt_timeout_ms;
	const struct timespec until = clock_timespec(deadline);
	(void)pthread_mutex_lock(&proxy->lock);
	while (!bus_connected(proxy->bus) && !proxy->closing && clock_ms() < deadline) {
		(void)pthread_cond_timedwait(&proxy->changed, &proxy->lock, &until);
	}
	it->job->left = it->count;
	bool closing = proxy->closing;
	(void)pthread_mutex_unlock(&proxy->lock);
	if (closing) {
		return stopped(it);
	}
	return bus_connected(proxy->bus) ||
	       error_set(it->err, ERROR_UNAVAILABLE, "there is no connection to the broker");
}

static bool publish(struct sender *it) {
	struct proxy *proxy = it->proxy;
	if (!wait_for_room(it)) {
		return false;
	}
	if (bus_publish(proxy->bus, it->topic, it->message.data, it->message.size, it->err)) {
		return true;
	}
	return it->err->code == ERROR_UNAVAILABLE && wait_for_connection(it);
}

/* --- chunks ------------------------------------------------------------------------------------
 */

static size_t size_of(const struct sender *it, uint32_t index) {
	uint64_t rest = it->size - index * it->chunk_size;
	return (size_t)(rest < it->chunk_size ? rest : it->chunk_size);
}

/* What stands in its room. */
static bool send_room(struct sender *it, uint32_t index, const uint8_t *room) {
	struct counters *counters = &it->proxy->counters;
	const struct piece piece = { index, it->count, { room, size_of(it, index) }, it->digest };
	if (!answer_encode(it->proxy, it->job, &piece, &it->message, it->err) || !publish(it)) {
		return false;
	}
	atomic_fetch_add(&counters->chunks, 1);
	atomic_fetch_add(&counters->bytes, piece.data.size);
	return true;
}

static bool send_chunk(struct sender *it, uint32_t index, const struct content *content) {
	size_t size = size_of(it, index);
	uint8_t *room = answer_room(it->job, &it->message, size, it->err);
	return room != NULL && content_read(content, index * it->chunk_size, room, size, it->err) &&
	       send_room(it, index, room);
}

static void count_down(struct sender *it) {
	(void)pthread_mutex_lock(&it->proxy->lock);
	it->job->left -= it->job->left != 0 ? 1 : 0;
	(void)pthread_mutex_unlock(&it->proxy->lock);
	it->next = (it->next + 1) % it->count;
}

/* Nobody waits for more of it; then the job is out of the map, and who asks begins another. */
static bool is_done(struct sender *it) {
	struct proxy *proxy = it->proxy;
	(void)pthread_mutex_lock(&proxy->lock);
	bool done = it->job->left == 0;
	if (done) {
		(void)map_remove(proxy->jobs, it->job->key);
	}
	(void)pthread_mutex_unlock(&proxy->lock);
	return done;
}

/* The last chunk says that all is right: it is for the end. */
static bool may_leave(const struct sender *it) {
	return it->next + 1 < it->count;
}

bool sender_feed(struct sender *it, struct bytes piece, struct error *err) {
	it->err = err;
	while (piece.size != 0 && may_leave(it)) {
		size_t size = size_of(it, it->next), space = size - it->filled;
		size_t part = piece.size < space ? piece.size : space;
		uint8_t *room = answer_room(it->job, &it->message, size, err);
		if (room == NULL) {
			return false;
		}
		memcpy(room + it->filled, piece.data, part);
		it->filled += part;
		piece = (struct bytes){ piece.data + part, piece.size - part };
		if (it->filled == size) {
			uint32_t index = it->next;
			it->filled = 0;
			count_down(it);
			if (!send_room(it, index, room)) {
				return false;
			}
		}
	}
	return true;
}

bool sender_end(struct sender *it, const struct content *content, struct error *err) {
	it->err = err;
	while (!is_done(it)) {
		uint32_t index = it->next;
		count_down(it);
		if (!send_chunk(it, index, content)) {
			return false;
		}
	}
	log_info("sent image=\"%s\" bytes=%llu chunks=%u ms=%llu", it->job->name,
			(unsigned long long)it->size, it->count,
			(unsigned long long)(clock_ms() - it->begin_ms));
	return true;
}

/* A worker takes so many chunks and no more. */
static uint64_t chunk_size(const struct proxy *proxy, uint64_t size) {
	uint64_t least = (size + IMAGE_CHUNKS_MAX - 1) / IMAGE_CHUNKS_MAX;
	return proxy->settings->chunk_size > least ? proxy->settings->chunk_size : least;
}

struct sender *sender_create(
		struct proxy *proxy, struct job *job, uint64_t size, const char *digest) {
	struct sender *it = MEM_NEW(struct sender);
	it->proxy = proxy;
	it->job = job;
	it->size = size;
	(void)memccpy(it->digest, digest, 0, sizeof(it->digest) - 1);
	it->chunk_size = chunk_size(proxy, size);
	it->count = (uint32_t)((size + it->chunk_size - 1) / it->chunk_size);
	it->topic = answer_topic(proxy, job);
	it->message = BUF_INIT((size_t)it->chunk_size / 3 * 4 + MESSAGE_EXTRA);
	it->begin_ms = clock_ms();
	(void)pthread_mutex_lock(&proxy->lock);
	job->state = JOB_SENDS;
	job->count = job->left = it->count;
	(void)pthread_mutex_unlock(&proxy->lock);
	return it;
}

void sender_destroy(struct sender *sender) {
	if (sender != NULL) {
		buf_finish(&sender->message);
		free(sender->topic);
		free(sender);
	}
}
