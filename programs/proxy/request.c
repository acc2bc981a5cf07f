/* SPDX-License-Identifier: Apache-2.0 */
/* Who wants which image. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "model/message.h"
#include "proxy/proxy.h"

void request_refuse(struct proxy *proxy, const char *name, const struct error *why) {
	struct error err;
	CLEANUP(mem_freep) char *text = image_failure_encode(name, why->message);
	log_warn("an image does not come image=\"%s\" error=\"%s\"", name, why->message);
	if (!bus_publish(proxy->bus, proxy->topics.image_chunk, text, strlen(text), &err)) {
		log_warn("and that cannot be said image=\"%s\" error=\"%s\"", name, err.message);
	}
}

static void add_job(struct proxy *proxy, const char *name) {
	struct job *job = MEM_NEW(struct job);
	job->name = str_copy(name);
	(void)map_put(proxy->jobs, name, job);
	if (proxy->last != NULL) {
		proxy->last->next = job;
	} else {
		proxy->first = job;
	}
	proxy->last = job;
	(void)pthread_cond_signal(&proxy->changed);
}

/* False if there are too many already. */
static bool ask(struct proxy *proxy, const char *name) {
	bool room = true;
	(void)pthread_mutex_lock(&proxy->lock);
	struct job *job = map_get(proxy->jobs, name);
	if (job != NULL) {
		job->left = job->count; /* who asks has not heard what was sent before */
	} else if (proxy->closing || map_count(proxy->jobs) >= JOBS_MAX) {
		room = false;
	} else {
		add_job(proxy, name);
	}
	(void)pthread_mutex_unlock(&proxy->lock);
	return room;
}

void request_message(void *context, const char *topic, struct bytes payload) {
	struct proxy *proxy = context;
	struct error err;
	CLEANUP(mem_freep) char *name = image_request_decode(payload, &err);
	if (name == NULL) {
		log_warn("not a request for an image, dropped topic=%s bytes=%zu error=\"%s\"",
				topic, payload.size, err.message);
		return;
	}
	atomic_fetch_add(&proxy->counters.requests, 1);
	log_debug("an image is asked for image=\"%s\"", name);
	if (!ask(proxy, name)) {
		error_set(&err, ERROR_BUSY, "%d images are asked for already: ask again later",
				JOBS_MAX);
		request_refuse(proxy, name, &err);
	}
}

void request_connected(void *context) {
	struct proxy *proxy = context;
	(void)pthread_mutex_lock(&proxy->lock);
	(void)pthread_cond_broadcast(&proxy->changed);
	(void)pthread_mutex_unlock(&proxy->lock);
}

void request_disconnected(void *context, const char *reason) {
	(void)context;
	log_warn("no connection to the broker reason=\"%s\"", reason);
}
