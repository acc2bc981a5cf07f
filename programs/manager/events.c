/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/events.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/random.h"
#include "base/str.h"
#include "manager/manager.h"
#include "manager/tickets.h"

enum { BOOT_DIGITS = TICKET_BOOT, SAY_MAX = 256, LEAVE_MS = 1000 };
enum kind { KIND_TASK = 1, KIND_PROPLET = 2, KINDS = KIND_TASK | KIND_PROPLET };

static const struct {
	const char *name;
	enum kind kind;
} kinds[] = { { "task", KIND_TASK }, { "proplet", KIND_PROPLET } };

struct event {
	struct event *next; /* while it waits for the end of its batch */
	enum kind kind;
	char task[UUID_SIZE]; /* or "" */
	size_t size;
	char *text; /* its JSON; in the ring all of it, as it goes out */
};

struct listener {
	struct events *events;
	struct http_stream *stream;
	struct listener *prev, *next;
	enum kind kinds;
	char task[UUID_SIZE]; /* "": all */
	uint64_t next_number; /* the event that he gets next */
	size_t offset;        /* so much of it he has */
	uint64_t beats;       /* that he knows of */
	char say[SAY_MAX];    /* to him alone, before anything else */
	size_t say_size, say_at;
};

struct events {
	char boot[BOOT_DIGITS + 1];
	pthread_t thread;

	pthread_mutex_t lock; /* of the ring, and what is below */
	pthread_cond_t changed;
	struct event *ring[EVENTS_MAX]; /* number % EVENTS_MAX */
	uint64_t first, end;            /* the numbers that it has: [first, end) */
	size_t bytes;
	uint64_t beats;
	bool closed;

	pthread_mutex_t list_lock;
	pthread_cond_t left;
	struct listener *listeners;
	atomic_uint listening;
	_Atomic uint64_t wanted_ms; /* until then, though nobody listens */

	struct event *batch, **batch_end; /* the loop's */
};

/* --- the ring ---------------------------------------------------------------------------------
 */

static void free_event(struct event *event) {
	if (event != NULL) {
		free(event->text);
		free(event);
	}
}

static void drop_first(struct events *events) {
	struct event **place = &events->ring[events->first++ % EVENTS_MAX];
	events->bytes -= (*place)->size;
	free_event(*place);
	*place = NULL;
}

static void append(struct events *events, struct event *event) {
	char *json = event->text;
	const char *name = event->kind == KIND_TASK ? "task" : "proplet";
	event->text = str_format("id: %s-%llu\nevent: %s\ndata: %s\n\n", events->boot,
			(unsigned long long)events->end, name, json);
	event->size = strlen(event->text);
	free(json);
	while (events->end - events->first == EVENTS_MAX ||
			(events->first != events->end &&
					events->bytes + event->size > EVENTS_BYTES_MAX)) {
		drop_first(events);
	}
	events->ring[events->end++ % EVENTS_MAX] = event;
	events->bytes += event->size;
}

/* Something happened that nobody wanted to know: whoever comes with an id of before is told to read
 * again. */
static void miss(struct events *events) {
	(void)pthread_mutex_lock(&events->lock);
	while (events->first != events->end) {
		drop_first(events);
	}
	events->first = ++events->end;
	(void)pthread_mutex_unlock(&events->lock);
}

bool events_wanted(const struct events *events) {
	return events != NULL && (atomic_load(&events->listening) != 0 ||
						 clock_ms() < atomic_load(&events->wanted_ms));
}

void events_flush(struct events *events, bool committed) {
	if (events == NULL || events->batch == NULL) {
		return;
	}
	(void)pthread_mutex_lock(&events->lock);
	for (struct event *event = events->batch, *next; event != NULL; event = next) {
		next = event->next;
		if (committed) {
			append(events, event);
		} else {
			free_event(event);
		}
	}
	(void)pthread_cond_signal(&events->changed);
	(void)pthread_mutex_unlock(&events->lock);
	events->batch = NULL;
	events->batch_end = &events->batch;
}

/* --- what there is to say ---------------------------------------------------------------------
 */

/* Takes the data over. */
static void add(struct events *events, enum kind kind, const char *task, json_t *data) {
	struct event *event = MEM_NEW(struct event);
	event->kind = kind;
	(void)snprintf(event->task, sizeof(event->task), "%s", task);
	event->text = json_dumps(data, JSON_COMPACT);
	json_decref(data);
	if (event->text == NULL) {
		event->text = str_copy("{}");
	}
	*events->batch_end = event;
	events->batch_end = &event->next;
}

static bool is_wanted(struct events *events) {
	bool wanted = events_wanted(events);
	if (!wanted && events != NULL) {
		miss(events);
	}
	return wanted;
}

static json_t *time_now(const struct manager *m) {
	char text[CLOCK_TEXT_MAX];
	clock_format(m->wall_ns, text);
	return json_string(text);
}

/* Errors of guests may be long, and are anything. */
static json_t *short_text(const char *text) {
	size_t size = strnlen(text, EVENTS_CAUSE_MAX), copied;
	CLEANUP(mem_freep) char *clean = str_utf8(text, size, &copied);
	return json_stringn(clean, copied);
}

void events_task(
		struct manager *m, const struct task *task, const char *change, const char *cause) {
	if (!is_wanted(m->events)) {
		return;
	}
	json_t *data = json_pack("{s:s,s:s,s:s*,s:i,s:I,s:b,s:b,s:s*,s:o}", "id", task->id,
			"change", change, "name", task->work.name, "state", (int)task->state,
			"attempt", (json_int_t)task->attempt, "queued", (int)task->queued,
			"stopping", (int)task->stopping, "proplet_id",
			task->at.proplet_id != NULL ? task->at.proplet_id : task->pinned, "at",
			time_now(m));
	if (cause != NULL) {
		json_object_set_new(data, "cause", short_text(cause));
	}
	add(m->events, KIND_TASK, task->id, data);
}

void events_task_deleted(struct manager *m, const char *id) {
	if (is_wanted(m->events)) {
		add(m->events, KIND_TASK, id,
				json_pack("{s:s,s:s,s:o}", "id", id, "change", "deleted", "at",
						time_now(m)));
	}
}

void events_proplet(struct manager *m, const struct proplet *proplet, const char *change) {
	if (is_wanted(m->events)) {
		add(m->events, KIND_PROPLET, "",
				json_pack("{s:s,s:s,s:s*,s:b,s:s*,s:o}", "id", proplet->id,
						"change", change, "name", proplet->name, "alive",
						(int)proplet_alive(proplet, m->now_ms), "namespace",
						proplet->space, "at", time_now(m)));
	}
}

/* --- one listener -----------------------------------------------------------------------------
 */

static bool is_for(const struct listener *listener, const struct event *event) {
	return (listener->kinds & event->kind) != 0 &&
	       (listener->task[0] == 0 || strcmp(listener->task, event->task) == 0);
}

static size_t copy(uint8_t *to, size_t size, const char *text, size_t text_size, size_t *at) {
	size_t left = text_size - *at, step = left < size ? left : size;
	memcpy(to, text + *at, step);
	*at += step;
	return step;
}

/* As many events as there is room for. */
static size_t copy_events(struct listener *listener, uint8_t *to, size_t size) {
	struct events *events = listener->events;
	size_t used = 0;
	for (; listener->next_number < events->end; listener->next_number++) {
		const struct event *event = events->ring[listener->next_number % EVENTS_MAX];
		if (is_for(listener, event)) {
			used += copy(to + used, size - used, event->text, event->size,
					&listener->offset);
			if (listener->offset < event->size) {
				break;
			}
			listener->offset = 0;
		}
	}
	return used;
}

static void say_beat(struct listener *listener) {
	bool in_between = listener->offset == 0 && listener->say_at == listener->say_size;
	if (listener->beats != listener->events->beats && in_between) {
		listener->beats = listener->events->beats;
		listener->say_at = 0;
		listener->say_size = (size_t)snprintf(listener->say, SAY_MAX, ":\n\n");
	}
}

static long read_events(void *context, uint8_t *to, size_t size) {
	struct listener *listener = context;
	struct events *events = listener->events;
	(void)pthread_mutex_lock(&events->lock);
	say_beat(listener);
	long used = (long)copy(to, size, listener->say, listener->say_size, &listener->say_at);
	if (listener->next_number < events->first) {
		used = HTTP_STREAM_END; /* too slow */
	} else {
		used += (long)copy_events(listener, to + used, size - (size_t)used);
		used = used == 0 && events->closed ? (long)HTTP_STREAM_END : used;
	}
	(void)pthread_mutex_unlock(&events->lock);
	return used;
}

static void leave(void *context) {
	struct listener *listener = context;
	struct events *events = listener->events;
	(void)pthread_mutex_lock(&events->list_lock);
	*(listener->prev != NULL ? &listener->prev->next : &events->listeners) = listener->next;
	if (listener->next != NULL) {
		listener->next->prev = listener->prev;
	}
	atomic_store(&events->wanted_ms, clock_ms() + EVENTS_WANTED_MS);
	(void)atomic_fetch_sub(&events->listening, 1);
	(void)pthread_cond_signal(&events->left);
	(void)pthread_mutex_unlock(&events->list_lock);
	free(listener);
}

/* Where he goes on, and what he is told first. The ring is locked. */
static void begin_at(struct listener *listener, const char *last_id) {
	const struct events *events = listener->events;
	uint64_t number = 0;
	unsigned long long newest = events->end - 1;
	bool known = ticket_event(last_id, events->boot, &number) && number + 1 >= events->first &&
		     number < events->end;
	listener->next_number = known ? number + 1 : events->end;
	listener->beats = events->beats;
	const char *format =
			known || last_id == NULL
					? "retry: 1000\nid: %s-%llu\n\n"
					: "retry: 1000\nid: %s-%llu\nevent: reset\ndata: {}\n\n";
	listener->say_size = (size_t)snprintf(listener->say, SAY_MAX, format, events->boot,
			known ? (unsigned long long)number : newest);
}

/* --- the request ------------------------------------------------------------------------------
 */

static bool read_kind(struct listener *listener, const char *name, struct error *err) {
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (str_equal(name, kinds[i].name)) {
			listener->kinds |= kinds[i].kind;
			return true;
		}
	}
	return error_set(err, ERROR_INVALID,
			       "invalid query parameters: type is task, proplet or task,proplet, "
			       "not "
			       "\"%.40s\"",
			       name) ||
	       error_of(err, ERROR_IN_QUERY, "type");
}

static bool read_kinds(struct listener *listener, const char *text, struct error *err) {
	CLEANUP(strings_finish) struct strings names = { 0 };
	if (text == NULL) {
		listener->kinds = KINDS;
		return true;
	}
	strings_split(&names, text, ',');
	for (size_t i = 0; i < names.count; i++) {
		if (!read_kind(listener, names.items[i], err)) {
			return false;
		}
	}
	return names.count != 0 || read_kind(listener, text, err);
}

static bool read_task(struct listener *listener, const char *text, struct error *err) {
	if (text != NULL && !uuid_valid(text)) {
		return error_set(err, ERROR_INVALID,
				       "invalid query parameters: task \"%.60s\" is not a task id "
				       "(UUID)",
				       text) ||
		       error_of(err, ERROR_IN_QUERY, "task");
	}
	(void)snprintf(listener->task, sizeof(listener->task), "%s", text != NULL ? text : "");
	return true;
}

/* Locked: nobody is woken before his stream is there. */
static bool join(struct listener *listener, struct http_request *request, struct error *err) {
	static const struct http_source source = { read_events, leave };
	static const struct http_response response = { .status = 200,
		.type = "text/event-stream",
		.headers = { { "Cache-Control", "no-store" }, { "X-Accel-Buffering", "no" } } };
	struct events *events = listener->events;
	(void)pthread_mutex_lock(&events->list_lock);
	bool room = atomic_load(&events->listening) < EVENTS_LISTENERS_MAX;
	if (room) {
		(void)atomic_fetch_add(&events->listening, 1);
		(void)pthread_mutex_lock(&events->lock);
		begin_at(listener, http_header(request, "Last-Event-ID"));
		(void)pthread_mutex_unlock(&events->lock);
		listener->next = events->listeners;
		if (listener->next != NULL) {
			listener->next->prev = listener;
		}
		events->listeners = listener;
		listener->stream = http_reply_stream(request, &response, &source, listener);
	}
	(void)pthread_mutex_unlock(&events->list_lock);
	return room || error_set(err, ERROR_BUSY, "%d listen already; try again later",
				       EVENTS_LISTENERS_MAX);
}

void api_events(void *context, struct http_request *request) {
	const struct manager *m = context;
	struct listener *listener = MEM_NEW(struct listener);
	struct error err;
	listener->events = m->events;
	if (!read_kinds(listener, http_query(request, "type"), &err) ||
			!read_task(listener, http_query(request, "task"), &err) ||
			!join(listener, request, &err)) {
		free(listener);
		http_reply_error(request, &err);
	}
}

/* --- the thread that wakes them ---------------------------------------------------------------
 */

unsigned events_round_ms(unsigned listening) {
	unsigned ms = 1 + listening / EVENTS_ROUND_LISTENERS;
	return ms < EVENTS_ROUND_MS_MAX ? ms : EVENTS_ROUND_MS_MAX;
}

static void wake_all(struct events *events) {
	(void)pthread_mutex_lock(&events->list_lock);
	for (struct listener *l = events->listeners; l != NULL; l = l->next) {
		http_stream_wake(l->stream);
	}
	(void)pthread_mutex_unlock(&events->list_lock);
}

/* True when the time is over. Called and left with the lock. */
static bool wait_until(struct events *events, uint64_t deadline_ms) {
	struct timespec deadline = clock_timespec(deadline_ms);
	return pthread_cond_timedwait(&events->changed, &events->lock, &deadline) == ETIMEDOUT;
}

static void *run(void *context) {
	struct events *events = context;
	uint64_t told = 0, beat_ms = clock_ms() + EVENTS_BEAT_MS, round_ms = 0;
	bool going = true;
	while (going) {
		(void)pthread_mutex_lock(&events->lock);
		while (!events->closed && clock_ms() < beat_ms &&
				(events->end == told || clock_ms() < round_ms)) {
			(void)wait_until(events, events->end == told ? beat_ms : round_ms);
		}
		if (clock_ms() >= beat_ms) {
			events->beats++;
			beat_ms = clock_ms() + EVENTS_BEAT_MS;
		}
		told = events->end;
		going = !events->closed;
		(void)pthread_mutex_unlock(&events->lock);
		wake_all(events);
		round_ms = clock_ms() + events_round_ms(atomic_load(&events->listening));
	}
	return NULL;
}

struct events *events_create(const char *boot) {
	struct events *events = MEM_NEW(struct events);
	pthread_condattr_t attributes;
	(void)snprintf(events->boot, sizeof(events->boot), "%s", boot);
	events->first = events->end = 1;
	events->batch_end = &events->batch;
	(void)pthread_mutex_init(&events->lock, NULL);
	(void)pthread_mutex_init(&events->list_lock, NULL);
	(void)pthread_condattr_init(&attributes);
	(void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&events->changed, &attributes);
	(void)pthread_cond_init(&events->left, &attributes);
	(void)pthread_condattr_destroy(&attributes);
	(void)pthread_create(&events->thread, NULL, run, events);
	return events;
}

/* A moment for those who read, so that they see the end and not a broken connection. */
static void wait_for_leavers(struct events *events) {
	const struct timespec deadline = clock_timespec(clock_ms() + LEAVE_MS);
	(void)pthread_mutex_lock(&events->list_lock);
	while (events->listeners != NULL &&
			pthread_cond_timedwait(&events->left, &events->list_lock, &deadline) == 0) {
	}
	(void)pthread_mutex_unlock(&events->list_lock);
}

/* The thread has woken all by then; who comes later finds it closed, and never waits. */
void events_close(struct events *events) {
	(void)pthread_mutex_lock(&events->lock);
	bool was = events->closed;
	events->closed = true;
	(void)pthread_cond_signal(&events->changed);
	(void)pthread_mutex_unlock(&events->lock);
	if (!was) {
		(void)pthread_join(events->thread, NULL);
		wait_for_leavers(events);
	}
}

void events_destroy(struct events *events) {
	if (events == NULL) {
		return;
	}
	events_close(events);
	while (events->first != events->end) {
		drop_first(events);
	}
	events_flush(events, false);
	(void)pthread_cond_destroy(&events->changed);
	(void)pthread_cond_destroy(&events->left);
	(void)pthread_mutex_destroy(&events->lock);
	(void)pthread_mutex_destroy(&events->list_lock);
	free(events);
}
