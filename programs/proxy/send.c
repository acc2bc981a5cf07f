/* SPDX-License-Identifier: Apache-2.0 */
/* A file as chunks on the topic, a few of them on their way at any time. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "model/message.h"
#include "proxy/proxy.h"

enum { LOOK_MS = 200, MESSAGE_EXTRA = 16 * 1024 };

struct sending {
	struct proxy *proxy;
	struct job *job;
	const struct content *content;
	uint64_t chunk_size;
	uint32_t count;
	uint8_t *data;      /* of one chunk */
	struct buf message; /* and as it is sent */
	struct error *err;
};

static bool must_end(struct proxy *proxy) {
	(void)pthread_mutex_lock(&proxy->lock);
	bool closing = proxy->closing;
	(void)pthread_mutex_unlock(&proxy->lock);
	return closing;
}

static bool stopped(struct sending *it) {
	return error_set(it->err, ERROR_INTERRUPTED, "stopped while it was sent");
}

/* --- the broker --------------------------------------------------------------------------------
 */

static bool wait_for_room(struct sending *it) {
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
static bool wait_for_connection(struct sending *it) {
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

static bool publish(struct sending *it) {
	struct proxy *proxy = it->proxy;
	if (!wait_for_room(it)) {
		return false;
	}
	if (bus_publish(proxy->bus, proxy->topics.image_chunk, it->message.data, it->message.size,
			    it->err)) {
		return true;
	}
	return it->err->code == ERROR_UNAVAILABLE && wait_for_connection(it);
}

/* --- chunks ------------------------------------------------------------------------------------
 */

static bool read_chunk(struct sending *it, uint64_t from, size_t size) {
	for (size_t at = 0; at < size;) {
		ssize_t got = pread(it->content->fd, it->data + at, size - at, (off_t)(from + at));
		if (got == 0 || (got < 0 && errno != EINTR)) {
			return error_errno(
					it->err, got == 0 ? EIO : errno, "reading what was pulled");
		}
		at += got > 0 ? (size_t)got : 0;
	}
	return true;
}

static bool send_chunk(struct sending *it, uint32_t index) {
	uint64_t from = index * it->chunk_size, rest = it->content->size - from;
	size_t size = (size_t)(rest < it->chunk_size ? rest : it->chunk_size);
	struct counters *counters = &it->proxy->counters;
	if (!read_chunk(it, from, size) ||
			!image_chunk_encode(&it->message, it->job->name, index, it->count,
					(struct bytes){ it->data, size }, it->err) ||
			!publish(it)) {
		return false;
	}
	atomic_fetch_add(&counters->chunks, 1);
	atomic_fetch_add(&counters->bytes, size);
	return true;
}

/* The last one to be sent takes the job out of the map: who asks now begins another. */
static bool one_more(struct sending *it) {
	struct proxy *proxy = it->proxy;
	(void)pthread_mutex_lock(&proxy->lock);
	bool more = it->job->left != 0;
	if (more) {
		it->job->left--;
	} else {
		(void)map_remove(proxy->jobs, it->job->name);
	}
	(void)pthread_mutex_unlock(&proxy->lock);
	return more;
}

static bool send_all(struct sending *it) {
	uint64_t begin = clock_ms();
	for (uint32_t index = 0; one_more(it); index = (index + 1) % it->count) {
		if (!send_chunk(it, index)) {
			(void)pthread_mutex_lock(&it->proxy->lock);
			(void)map_remove(it->proxy->jobs, it->job->name);
			(void)pthread_mutex_unlock(&it->proxy->lock);
			return false;
		}
	}
	log_info("sent image=\"%s\" bytes=%llu chunks=%u ms=%llu", it->job->name,
			(unsigned long long)it->content->size, it->count,
			(unsigned long long)(clock_ms() - begin));
	return true;
}

/* A worker takes so many chunks and no more. */
static uint64_t chunk_size(const struct proxy *proxy, uint64_t size) {
	uint64_t least = (size + IMAGE_CHUNKS_MAX - 1) / IMAGE_CHUNKS_MAX;
	return proxy->settings->chunk_size > least ? proxy->settings->chunk_size : least;
}

bool send_content(struct proxy *proxy, struct job *job, const struct content *content,
		struct error *err) {
	uint64_t size = chunk_size(proxy, content->size);
	struct sending it = { .proxy = proxy,
		.job = job,
		.content = content,
		.chunk_size = size,
		.count = (uint32_t)((content->size + size - 1) / size),
		.message = BUF_INIT((size_t)size / 3 * 4 + MESSAGE_EXTRA),
		.err = err };
	it.data = mem_zero(1, (size_t)size);
	(void)pthread_mutex_lock(&proxy->lock);
	job->state = JOB_SENDS;
	job->count = job->left = it.count;
	(void)pthread_mutex_unlock(&proxy->lock);
	bool ok = send_all(&it);
	buf_finish(&it.message);
	free(it.data);
	return ok;
}
