/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The proxy: request -> pull -> send.
 *
 * request.c hears who wants which image, in the bus thread. However many ask for a name in the
 * open, there is one job for it, and everybody hears the answer; a sealed request (spec/topics.md)
 * is a job of its own, whose answer is for that worker. A few threads (pull.c) take jobs in their
 * order, bring the module into a file, once for all who want it meanwhile, and send it (send.c) in
 * chunks, as fast as the broker acknowledges. If the image's manifest says size and digest of the
 * module, which it does not of one in an archive, all but the last chunk leave while the module
 * comes, and the last one when it has turned out to be right. What goes from one to the other is
 * a `struct content`: an open file. How an answer looks is in answer.c.
 *
 * What does not come is answered, too. All that is shared is under `lock`.
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
#include "model/message.h"
#include "proxy/cache.h"
#include "proxy/settings.h"

enum { JOBS_MAX = 1000 };

enum job_state { JOB_WAITS, JOB_PULLS, JOB_SENDS };

/* What was pulled, for all jobs that want it. */
struct found {
	struct content content;
	unsigned users;
};

struct sender;

struct job {
	char *key;            /* in the map of jobs */
	char *name;           /* as it was asked for */
	char *worker;         /* who has asked for it sealed; NULL: in the open */
	char boot[UUID_SIZE]; /* of this worker, */
	uint64_t number;      /* and which request of it */
	enum job_state state;
	struct found *found; /* JOB_WAITS: another job has brought it */
	uint32_t count; /* JOB_SENDS: chunks, and how many of them are to be sent still: all, */
	uint32_t left;  /* once more, when somebody asks who has not heard the first ones */
	struct sender *sender;       /* has begun while the module comes; or NULL */
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
	struct seal_ring *ring; /* safe from any thread; NULL: nothing is sealed */
	struct counters counters;
	pthread_mutex_t lock;
	pthread_cond_t changed;   /* a job waits, the connection is there, the end has come */
	struct map *jobs;         /* key -> struct job */
	struct map *pulling;      /* name -> the struct job that pulls it */
	struct job *first, *last; /* those that wait */
	bool closing;
};

/* request.c */
void request_message(void *context, const char *topic, struct bytes payload);
void request_connected(void *context);
void request_disconnected(void *context, const char *reason);

/* answer.c: where in `out`, in place of what is in it, a chunk is to be put, so that it stands in
 * memory once; NULL with err, */
uint8_t *answer_room(
		const struct job *job, struct buf *out, size_t size, struct error *err) MUST_CHECK;
/* the chunk's message, which keeps the memory of `out` for the next, */
struct piece {
	uint32_t index, count;
	struct bytes data;
	const char *digest; /* of the whole module */
};
bool answer_encode(const struct proxy *proxy, const struct job *job, const struct piece *piece,
		struct buf *out, struct error *err) MUST_CHECK;
/* and where it goes; freed by the caller. */
char *answer_topic(const struct proxy *proxy, const struct job *job) MUST_CHECK;
/* Why an image does not come, to who has asked for it. */
void answer_refuse(struct proxy *proxy, const struct job *job, const struct error *why);
/* That a request cannot be opened here: only who has the key could say it so that it is believed.
 */
void answer_unopened(struct proxy *proxy, const struct image_order *order);

/* keys.c: puts the setting's keys into proxy->ring, and wipes the setting. */
bool keys_open(struct proxy *proxy, struct proxy_settings *settings, struct error *err) MUST_CHECK;
extern const char keys_refusal[];

/* pull.c: a thread that takes jobs until the proxy is closed. */
void *pull_run(void *proxy);
/* Nothing new is begun, what is under way is given up. */
void pull_close(struct proxy *proxy);

/* send.c: an image of `size` bytes on its way out. */
struct sender;
/* Never NULL. `digest`: of the whole, as it is promised, or known. */
struct sender *sender_create(
		struct proxy *proxy, struct job *job, uint64_t size, const char *digest);
void sender_destroy(struct sender *sender); /* accepts NULL */
/* The next bytes, as they come. All but the last chunk leave: that one says that all is right. */
bool sender_feed(struct sender *sender, struct bytes piece, struct error *err) MUST_CHECK;
/* The rest of what is whole now, and again what those have missed who have asked meanwhile. If it
 * is true the job is out of the map. */
bool sender_end(struct sender *sender, const struct content *content, struct error *err) MUST_CHECK;

/* health.c: GET /health and GET /metrics. The port first, then the server that takes it over. */
int health_listen(const struct proxy_settings *settings, struct error *err) MUST_CHECK;
struct http_server *health_open(struct proxy *proxy, int listener, struct error *err) MUST_CHECK;
