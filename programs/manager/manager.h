/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The manager's state and the loop that owns it.
 *
 * HTTP threads, the bus thread and the clock make deeds (deed.h) and put them on one queue. The
 * loop takes all that wait as one batch: it applies them to memory and to one store transaction,
 * commits, and only then answers and publishes. So everything below is touched by the loop alone,
 * except what says otherwise.
 *
 * Live tasks (queued, Scheduled, Running) are in memory; all others are read from the store when
 * somebody asks. If a commit fails, memory is thrown away and read from the store again.
 */
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/map.h"
#include "base/notify.h"
#include "base/queue.h"
#include "bus/bus.h"
#include "bus/topics.h"
#include "http/server.h"
#include "manager/figures.h"
#include "seal/keys.h"
#include "manager/settings.h"
#include "model/proplet.h"
#include "model/task.h"
#include "store/modules.h"
#include "store/store.h"

struct backups;
struct deed;
struct events;
struct history;
struct keeping;
struct tokens;
struct resealing;

enum { MANAGER_SAMPLES_MAX = 100000 }; /* of all workers, and of all tasks */

/* A live task: in m->live, and on the list of its worker or in the queue. */
struct live {
	struct task *task;
	struct worker *worker;    /* NULL while it is queued */
	struct live *prev, *next; /* among the worker's, or in the queue */
	uint64_t seen;            /* the heartbeat that listed it last */
	bool answered;            /* the worker has shown that it knows the attempt */
	uint64_t due_ms;          /* a restart in the queue: not before */
	uint64_t since_ms;        /* its last move; 0: before this process */
	uint64_t late_ms;         /* at an old worker: when its time is over; 0: never */
};

struct live_list {
	struct live *first, *last;
};

struct worker {
	struct proplet *proplet;
	struct live_list attempts;
	struct attempt_refs acks; /* to be sent after this batch's commit */
	bool dirty;               /* to be stored with this batch */
	struct worker *next_touched;
	bool touched;
	bool shown;    /* as alive, in the last event about it */
	bool early;    /* its version has the key, and signs neither requests nor metrics */
	int64_t row;   /* keep.c: of its beats in the store; 0: none yet */
	unsigned kept; /* and how many of them are there */
};

/* A request that waits for a task to become final. */
struct waiter {
	struct waiter *next;
	struct http_request *request;
	char task_id[UUID_SIZE];
	uint64_t deadline_ms;
};

/* A message to be published after the commit. */
struct letter {
	struct letter *next;
	char *topic, *payload;
};

struct manager {
	const struct manager_settings *settings;
	struct store *store;
	struct modules *modules; /* safe from any thread */
	struct topics topics;    /* constant */
	struct queue *queue;     /* safe from any thread */
	struct bus *bus;         /* safe from any thread */
	struct bulk *bulk;       /* NULL in tests: nobody asks for modules */
	struct seal_ring *ring;  /* safe from any thread; NULL: nothing is sealed */
	struct http_server *server;
	struct tokens *tokens;   /* safe from any thread; NULL: MANAGER_HTTP_TOKEN alone counts */
	struct events *events;   /* NULL in tests: nobody listens (events.h) */
	struct backups *backups; /* backup.h */
	char boot[UUID_SIZE];    /* constant */

	struct map *live;            /* task id -> struct live */
	struct map *workers;         /* proplet id -> struct worker */
	struct live_list waiting;    /* queued, first come first */
	struct history *measured[2]; /* by enum metrics_kind: see history.h */
	struct keeping *keeping;     /* of these, in the store: see keep.h */
	struct waiter *waiters;
	uint64_t next_wait_ms; /* the earliest deadline among them */
	uint64_t next_due_ms;  /* the earliest restart in the queue */
	uint64_t next_retain_ms;
	struct watchdog watchdog;    /* of the loop */
	uint64_t retain_cursor;      /* see retain.c */
	struct resealing *resealing; /* see reseal.c; NULL without a key */
	uint64_t next_reseal_ms;
	uint64_t next_tick_ms;
	uint64_t next_silence_ms; /* before it nobody's three intervals are over */
	bool strangers;           /* somebody of ours beats who has not announced himself */
	uint64_t deaf_ms;         /* when there was last no connection to the broker; 0: never */
	struct figures figures;
	uint64_t beat; /* counts heartbeats, for live.seen */

	/* Of the batch at hand. */
	bool writing, failed, slot_freed;
	struct error failure;
	uint64_t now_ms;
	int64_t wall_ns;
	struct letter *outbox, **outbox_end;
	struct worker *touched;
	struct task **guests; /* loaded or ended in this batch; freed at its end */
	size_t guest_count;
	struct strings orphans;  /* digests that may be unused now */
	struct strings finished; /* tasks that became final */
};

/* Reads everything live from the store (recover.c). */
bool manager_recover(struct manager *m, struct error *err) MUST_CHECK;
/* Frees what is in memory, nothing in the store. */
void manager_forget(struct manager *m);
/* Runs until `stop` is put on the queue by manager_stop(). */
void manager_run(struct manager *m);
void manager_stop(struct manager *m); /* any thread, signal-safe it is not */

/* The frame of a batch, which the loop puts around its deeds: what is applied in between is
 * committed, and published at the end if that went well. */
void manager_begin(struct manager *m);
bool manager_commit(struct manager *m);
void manager_end(struct manager *m, bool committed);

/* For deeds: opens the batch's transaction if it is not open; false when the batch has failed. */
bool manager_write(struct manager *m);
/* Notes the result of a store call: on false the whole batch fails with err. Returns ok. */
bool manager_wrote(struct manager *m, bool ok, const struct error *err);
/* A message for after the commit; takes both texts over. */
void manager_post(struct manager *m, char *topic, char *payload);
/* A task that is freed at the end of the batch. */
struct task *manager_keep(struct manager *m, struct task *task);
