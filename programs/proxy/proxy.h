/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The proxy: request -> pull -> send.
 *
 * request.c hears who wants which image, in the bus thread; however many ask for a name, there is
 * one job for it. A few threads (pull.c) take jobs in their order, bring the module into a file,
 * and send it (send.c) in chunks to everybody, as fast as the broker acknowledges: all but the last
 * one while it comes, if its size is known, and the last one when it has turned out to be right.
 * What goes from one to the other is a `struct content`: an open file with the bytes that are to be
 * sent. (Sealing will stand there: what pull.c writes is then sealed, and send.c need not know.)
 *
 * What does not come is answered on the topic, too. All that is shared is under `lock`.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/map.h"
#include "bus/bus.h"
#include "bus/topics.h"
#include "image/image.h"
#include "proxy/cache.h"
#include "proxy/settings.h"

enum { JOBS_MAX = 1000 };

enum job_state { JOB_WAITS, JOB_PULLS, JOB_SENDS };

struct job {
	char *name; /* as it was asked for */
	enum job_state state;
	uint32_t count; /* JOB_SENDS: chunks, and how many of them are to be sent still: all, */
	uint32_t left;  /* once more, when somebody asks who has not heard the first ones */
	struct image_puller *puller; /* JOB_PULLS: to be cancelled */
	struct job *next;            /* JOB_WAITS: the one behind it */
};

struct counters {
	atomic_ullong requests, pulls, pull_failures, cache_hits, chunks, bytes;
};

struct proxy {
	const struct proxy_settings *settings;
	struct topics topics;
	struct bus *bus;
	struct cache *cache;
	struct counters counters;
	pthread_mutex_t lock;
	pthread_cond_t changed;   /* a job waits, the connection is there, the end has come */
	struct map *jobs;         /* name -> struct job */
	struct job *first, *last; /* those that wait */
	bool closing;
};

/* request.c */
void request_message(void *context, const char *topic, struct bytes payload);
void request_connected(void *context);
void request_disconnected(void *context, const char *reason);
/* Why an image does not come, to everybody who waits for it. */
void request_refuse(struct proxy *proxy, const char *name, const struct error *why);

/* pull.c: a thread that takes jobs until the proxy is closed. */
void *pull_run(void *proxy);
/* Nothing new is begun, what is under way is given up. */
void pull_close(struct proxy *proxy);

/* send.c: an image of `size` bytes on its way out. */
struct sender;
struct sender *sender_create(struct proxy *proxy, struct job *job, uint64_t size); /* never NULL */
void sender_destroy(struct sender *sender); /* accepts NULL */
/* What is there already, but for the last chunk: that one says that all is right. */
bool sender_feed(struct sender *sender, const struct content *so_far, struct error *err) MUST_CHECK;
/* The rest of what is whole now, and again what those have missed who have asked meanwhile. If it
 * is true the job is out of the map. */
bool sender_end(struct sender *sender, const struct content *content, struct error *err) MUST_CHECK;

/* health.c: GET /health and GET /metrics. */
struct http_server *health_open(struct proxy *proxy, struct error *err) MUST_CHECK;
