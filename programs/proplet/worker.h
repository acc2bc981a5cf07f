/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The worker's state and the loop that owns it.
 *
 * The bus thread and the threads of attempts put events on one queue; the loop takes them, keeps
 * the table of attempts, and alone publishes on the control connection: so messages go out in the
 * order in which things happened, which the manager's rules lean on (spec/topics.md).
 */
#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/map.h"
#include "base/notify.h"
#include "base/queue.h"
#include "bus/bus.h"
#include "bus/topics.h"
#include "engine/cache.h"
#include "model/message.h"
#include "proplet/fetch.h"
#include "proplet/journal.h"
#include "proplet/numbers.h"
#include "proplet/settings.h"
#include "seal/keys.h"
#include "proplet/usage.h"
#include "proplet/watch.h"

enum event_kind {
	EVENT_CONNECTED,
	EVENT_ASKED,
	EVENT_COMMAND,
	EVENT_STARTED,
	EVENT_ENDED,
	EVENT_SIGNAL
};

struct event {
	struct queue_item link;
	enum event_kind kind;
	struct command command;  /* EVENT_COMMAND: owned */
	struct attempt *attempt; /* EVENT_STARTED, EVENT_ENDED */
};

/* How far the report that it runs has come; see run.c and announce.c. */
enum run_phase { RUN_FRESH, RUN_STARTED, RUN_LATE };

struct attempt {
	struct worker *worker;
	struct command command;   /* constant while it runs */
	char key[UUID_SIZE + 24]; /* "task id#attempt" */
	struct run_stop *stop;
	_Atomic int phase;          /* enum run_phase */
	_Atomic int64_t started_at; /* wall ns; 0: not yet */
	struct event started, ended;
	struct report report; /* of the thread until it has ended */

	/* Of the loop. */
	bool over;                   /* it has a result, which is held */
	bool noticed;                /* `running` was said */
	uint64_t due_ms;             /* when it is to be said */
	uint64_t published_ms;       /* when the result was published last; 0: never */
	size_t report_bytes;         /* of the message */
	uint64_t held_ms;            /* since when it is held */
	bool journaled;              /* the result is on disk */
	struct attempt *prev, *next; /* among worker.fresh */
	bool in_fresh;
	struct run_gauge *gauge; /* NULL: it is not monitored */
	struct watch watch;
	uint64_t watch_ms; /* when it is to be looked at; 0: never */
};

/* What is due when (monitor.c). */
struct monitor {
	uint64_t next_ms;      /* for the worker's own metrics */
	uint64_t next_task_ms; /* the earliest attempt's */
	bool stirred;          /* guests were asked for it */
	struct usage usage;
	uint64_t memory; /* of this machine, in bytes */
};

struct worker {
	const struct proplet_settings *settings;
	char boot[UUID_SIZE];
	uint64_t boot_number; /* see state.h */
	struct topics topics;
	char *command_topic;
	struct queue *queue;             /* safe from any thread */
	struct bus *bus;                 /* safe from any thread */
	struct seal_ring *ring;          /* safe from any thread; NULL: nothing is sealed */
	uint8_t form[SEAL_KEY_ID_BYTES]; /* of the bus thread: see keys.c */
	const char *folder;              /* of its state */
	struct fetcher *fetcher;
	struct journal *journal; /* NULL: there is no folder for it */
	struct engine *engine;
	struct module_cache *cache;
	json_t *metadata;

	struct map *attempts; /* key -> struct attempt */
	struct numbers numbers;
	struct attempt *fresh, *fresh_end; /* running for less than 5 ms, oldest first */
	size_t running, held;
	uint64_t next_beat_ms, end_ms;
	struct watchdog watchdog;
	struct monitor monitor;
	bool ending;
};

/* Runs until a signal has ended it. */
void worker_run(struct worker *worker);
void worker_put(struct worker *worker, struct event *event); /* any thread; takes it over */

/* inbox.c: handlers for bus_create(). */
void inbox_subscribe(struct worker *worker);
void inbox_connected(void *context);
void inbox_disconnected(void *context, const char *reason);
void inbox_message(void *context, const char *topic, struct bytes payload);

/* announce.c */
void announce_all(struct worker *worker);  /* announcement, then everything that is held */
void announce_beat(struct worker *worker); /* heartbeat, then what is held for long */
/* A heartbeat after which the next one may be late by that much. */
void announce_delay(struct worker *worker, uint64_t delay_ms);
void announce_running(struct worker *worker, const struct attempt *attempt);
void announce_refused(struct worker *worker, const struct command *command, enum notice_kind kind,
		const char *reason);
char *announce_will(const struct worker *worker) MUST_CHECK;

/* command.c: what the worker does with a command. Takes its content. */
void command_take(struct worker *worker, struct command *command);
void command_stop_all(struct worker *worker);

/* run.c: the attempt's own thread; false if there can be none. */
bool run_begin(struct attempt *attempt);

/* report.c */
void report_hold(struct worker *worker, struct attempt *attempt); /* it has ended: publish, hold */
void report_publish(struct worker *worker, struct attempt *attempt); /* again */
/* True if a held result should be said again: it was not, or so long ago, and a large one later. */
bool report_due(const struct attempt *attempt, uint64_t older_than_ms, uint64_t now);
void report_drop(struct worker *worker, struct attempt *attempt); /* acknowledged: free */
void report_restore(struct worker *worker); /* what an earlier boot has left on disk */
/* Puts results on disk that have waited for so long; at most `most` of them. */
void report_save(struct worker *worker, uint64_t older_than_ms, size_t most);

/* monitor.c */
void monitor_begin(struct worker *worker);
void monitor_connected(struct worker *worker);                      /* metrics are said at once */
void monitor_watch(struct worker *worker, struct attempt *attempt); /* a new one */
uint64_t monitor_deadline(const struct worker *worker);
void monitor_tick(struct worker *worker, uint64_t now);

/* attempts.c */
struct attempt *attempt_create(struct worker *worker, struct command *command);
struct attempt *attempt_restore(struct worker *worker, struct report *report); /* held */
struct attempt *attempt_find(struct worker *worker, const char *task_id, uint64_t attempt);
void attempt_unfresh(struct worker *worker, struct attempt *attempt);
void attempt_destroy(struct worker *worker, struct attempt *attempt);
