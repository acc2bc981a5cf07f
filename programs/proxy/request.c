/* SPDX-License-Identifier: Apache-2.0 */
/* Who wants which image. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "proxy/proxy.h"

/* Ids have no white space in them, so no two requests have the same key. */
static char *key_of(const struct job *job) {
	return job->worker != NULL ? str_format("sealed %s %s %llu", job->worker, job->boot,
						     (unsigned long long)job->number)
				   : str_format("open %s", job->name);
}

static void add_job(struct proxy *proxy, const struct job *asked, const char *key) {
	struct job *job = MEM_NEW(struct job);
	*job = *asked;
	job->key = str_copy(key);
	job->name = str_copy(asked->name);
	job->worker = asked->worker != NULL ? str_copy(asked->worker) : NULL;
	(void)map_put(proxy->jobs, key, job);
	if (proxy->last != NULL) {
		proxy->last->next = job;
	} else {
		proxy->first = job;
	}
	proxy->last = job;
	(void)pthread_cond_signal(&proxy->changed);
}

/* False if there are too many already. */
static bool enter(struct proxy *proxy, const struct job *asked) {
	bool room = true;
	CLEANUP(mem_freep) char *key = key_of(asked);
	(void)pthread_mutex_lock(&proxy->lock);
	struct job *job = map_get(proxy->jobs, key);
	if (job != NULL) {
		job->left = job->count; /* who asks has not heard what was sent before */
	} else if (proxy->closing || map_count(proxy->jobs) >= JOBS_MAX) {
		room = false;
	} else {
		add_job(proxy, asked, key);
	}
	(void)pthread_mutex_unlock(&proxy->lock);
	return room;
}

static void ask(struct proxy *proxy, const struct job *asked) {
	struct error err;
	atomic_fetch_add(&proxy->counters.requests, 1);
	log_debug("an image is asked for image=\"%s\" proplet=%s", asked->name,
			asked->worker != NULL ? asked->worker : "");
	if (!enter(proxy, asked)) {
		error_set(&err, ERROR_BUSY, "%d images are asked for already: ask again later",
				JOBS_MAX);
		answer_refuse(proxy, asked, &err);
	}
}

/* --- in the open -------------------------------------------------------------------------------
 */

static void take_open(struct proxy *proxy, struct bytes payload) {
	struct error err;
	CLEANUP(mem_freep) char *name = image_request_decode(payload, &err);
	const struct job asked = { .name = name };
	if (name == NULL) {
		log_warn("not a request for an image, dropped bytes=%zu error=\"%s\"", payload.size,
				err.message);
	} else if (proxy->ring != NULL && !proxy->settings->allow_v1) {
		error_set(&err, ERROR_DENIED,
				"%s: this proxy has a workload key, and serves only workers that "
				"have it (or set PROXY_WORKLOAD_ALLOW_V1=true there)",
				keys_refusal);
		answer_refuse(proxy, &asked, &err);
	} else {
		ask(proxy, &asked);
	}
}

/* --- sealed ------------------------------------------------------------------------------------
 */

static bool open_name(const struct proxy *proxy, const struct image_order *order, struct buf *name,
		struct error *err) {
	const struct seal_context context = { .direction = SEAL_REQUEST,
		.worker = order->proplet_id,
		.boot = order->boot,
		.number = order->number };
	if (proxy->ring == NULL) {
		return error_set(err, ERROR_KEY_MISMATCH,
				"it is sealed, and there is no PROXY_WORKLOAD_KEY here");
	}
	return seal_open_text(
			proxy->ring, &context, order->sealed, strlen(order->sealed), name, err);
}

static bool name_valid(const struct buf *name) {
	return name->size != 0 && memchr(name->data, 0, name->size) == NULL &&
	       str_is_utf8(buf_text(name), name->size);
}

static void take_order(struct proxy *proxy, const struct image_order *order) {
	struct error err;
	struct buf name = BUF_INIT(SEAL_TEXT_MAX);
	if (!open_name(proxy, order, &name, &err)) {
		log_warn("%s: a request for an image cannot be opened proplet=%s error=\"%s\"",
				keys_refusal, order->proplet_id, err.message);
		answer_unopened(proxy, order);
	} else if (!name_valid(&name)) {
		log_warn("a request without a name in it, dropped proplet=%s", order->proplet_id);
	} else {
		struct job asked = { .name = (char *)name.data,
			.worker = order->proplet_id,
			.number = order->number };
		memcpy(asked.boot, order->boot, sizeof(asked.boot));
		ask(proxy, &asked);
	}
	buf_finish(&name);
}

/* --- what the bus brings -----------------------------------------------------------------------
 */

void request_message(void *context, const char *topic, struct bytes payload) {
	struct image_order order;
	struct error err;
	(void)topic; /* there is one */
	if (!image_order_decode(&order, payload, &err)) {
		take_open(context, payload);
		return;
	}
	if (topics_id_valid(order.proplet_id) && strchr(order.boot, ' ') == NULL) {
		take_order(context, &order);
	} else {
		log_warn("a request of nobody, dropped bytes=%zu", payload.size);
	}
	image_order_finish(&order);
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
