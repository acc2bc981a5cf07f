/* SPDX-License-Identifier: Apache-2.0 */
/* The loop: take a batch, apply it, commit it, then answer and publish. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "manager/deed.h"
#include "manager/events.h"
#include "manager/keep.h"
#include "manager/manager.h"
#include "manager/reseal.h"
#include "manager/retain.h"
#include "manager/settle.h"
#include "manager/tasks.h"
#include "manager/wait.h"
#include "manager/workers.h"

enum { LATE_MS = 500 };

bool manager_write(struct manager *m) {
	struct error err;
	if (m->failed || m->writing) {
		return !m->failed;
	}
	m->writing = true;
	return manager_wrote(m, store_begin(m->store, &err), &err);
}

bool manager_wrote(struct manager *m, bool ok, const struct error *err) {
	if (!ok && !m->failed) {
		m->failed = true;
		m->failure = *err;
		log_error("the store refused a write error=\"%s\" origin=%s", err->message,
				err->origin);
	}
	return ok;
}

void manager_post(struct manager *m, char *topic, char *payload) {
	struct letter *letter = MEM_NEW(struct letter);
	letter->topic = topic;
	letter->payload = payload;
	*m->outbox_end = letter;
	m->outbox_end = &letter->next;
}

struct task *manager_keep(struct manager *m, struct task *task) {
	m->guests = mem_resize(m->guests, m->guest_count + 1, sizeof(*m->guests));
	m->guests[m->guest_count++] = task;
	return task;
}

void manager_begin(struct manager *m) {
	m->writing = m->failed = m->slot_freed = false;
	m->outbox = NULL;
	m->outbox_end = &m->outbox;
	m->touched = NULL;
	m->now_ms = clock_ms();
	m->wall_ns = clock_wall_ns();
}

bool manager_commit(struct manager *m) {
	struct error err;
	if (m->writing && !m->failed) {
		uint64_t begin = clock_us();
		(void)manager_wrote(m, store_commit(m->store, &err), &err);
		figures_observe(&m->figures.commit, (double)(clock_us() - begin) / 1e6);
	}
	keep_settle(m, !m->failed);
	return !m->failed;
}

/* Publishing may fail while there is no connection: everything here is repeated until answered. */
static void send_letters(struct manager *m, bool publish) {
	struct error err;
	for (struct letter *letter = m->outbox, *next; letter != NULL; letter = next) {
		next = letter->next;
		if (publish && !bus_publish(m->bus, letter->topic, letter->payload,
					       strlen(letter->payload), &err)) {
			log_debug("not published topic=%s error=\"%s\"", letter->topic,
					err.message);
		}
		free(letter->topic);
		free(letter->payload);
		free(letter);
	}
	m->outbox = NULL;
	m->outbox_end = &m->outbox;
}

/* Module files that no task refers to any more. */
static void remove_orphans(struct manager *m, bool committed) {
	struct error err;
	for (size_t i = 0; committed && i < m->orphans.count; i++) {
		bool used = true;
		if (store_digest_used(m->store, m->orphans.items[i], &used, &err) && !used) {
			modules_remove(m->modules, m->orphans.items[i]);
		}
	}
}

static void free_guests(struct manager *m) {
	for (size_t i = 0; i < m->guest_count; i++) {
		task_destroy(m->guests[i]);
	}
	free(m->guests);
	m->guests = NULL;
	m->guest_count = 0;
}

void manager_end(struct manager *m, bool committed) {
	send_letters(m, committed);
	events_flush(m->events, committed);
	workers_untouch(m);
	strings_finish(&m->orphans);
	free_guests(m);
	strings_finish(&m->finished);
}

static void apply_all(struct manager *m, struct queue_item *items, bool only_reads) {
	for (struct queue_item *item = items; item != NULL && !m->failed; item = item->next) {
		struct deed *deed = QUEUE_ENTRY(item, struct deed, link);
		if (!only_reads || (deed->reads && deed->status != -1)) {
			deed->apply(m, deed);
			m->figures.requests += deed->request != NULL;
		}
	}
}

/* After a failed batch: memory as the store has it, reads answered from that, writes refused. */
static void recover_batch(struct manager *m, struct queue_item *items) {
	struct error failure = m->failure, err;
	store_rollback(m->store);
	manager_end(m, false);
	manager_forget(m);
	if (!manager_recover(m, &err)) {
		log_error("the store cannot be read any more, ending error=\"%s\"", err.message);
		exit(1); /* supervised: a fresh process finds everything that was committed */
	}
	reseal_again(m);
	manager_begin(m);
	for (struct queue_item *item = items; item != NULL; item = item->next) {
		struct deed *deed = QUEUE_ENTRY(item, struct deed, link);
		if (!deed->reads) {
			deed->err = failure;
			deed->status = 0;
		}
	}
	apply_all(m, items, true);
}

/* Those that wait for a task are answered later, and say nothing about us. */
static void measure_all(struct manager *m, struct queue_item *items) {
	uint64_t now = clock_us();
	for (struct queue_item *item = items; item != NULL; item = item->next) {
		const struct deed *deed = QUEUE_ENTRY(item, struct deed, link);
		char trace[TRACE_ID_SIZE];
		if (deed->request == NULL || deed->status == -1) {
			continue;
		}
		double seconds = (double)(now - deed->asked_us) / 1e6;
		if (http_trace(deed->request, trace)) {
			log_debug("answered trace_id=%s method=%s path=\"%s\" seconds=%.6f", trace,
					http_method(deed->request), http_path(deed->request),
					seconds);
		}
		figures_answered(&m->figures, seconds, trace, m->wall_ns);
	}
}

static void close_all(struct queue_item *items) {
	for (struct queue_item *item = items, *next; item != NULL; item = next) {
		next = item->next;
		deed_close(QUEUE_ENTRY(item, struct deed, link));
	}
}

static void run_batch(struct manager *m, struct queue_item *items) {
	manager_begin(m);
	settle_tick(m);
	apply_all(m, items, false);
	workers_tick(m);
	tasks_place_waiting(m);
	retain_tick(m);
	reseal_tick(m);
	workers_flush(m);
	watchdog_tick(&m->watchdog, m->now_ms);
	bool committed = manager_commit(m);
	if (!committed) {
		recover_batch(m, items);
	}
	remove_orphans(m, committed); /* before the answers: who deleted a task finds the room */
	wait_answer(m, committed);
	measure_all(m, items);
	close_all(items);
	manager_end(m, committed);
	keep_tick(m);
}

static uint64_t next_deadline(const struct manager *m) {
	const uint64_t deadlines[] = {
		map_count(m->live) != 0 || events_wanted(m->events) ? m->next_tick_ms : UINT64_MAX,
		m->next_silence_ms,
		m->next_wait_ms,
		m->next_due_ms,
		m->next_retain_ms,
		watchdog_due_ms(&m->watchdog),
		m->next_reseal_ms,
		keep_due_ms(m),
	};
	uint64_t next = UINT64_MAX;
	for (size_t i = 0; i < sizeof(deadlines) / sizeof(deadlines[0]); i++) {
		next = deadlines[i] < next ? deadlines[i] : next;
	}
	return next;
}

/* Long after the moment at which we wanted to be awake: the machine stood still, or a disk did.
 * What came meanwhile may still lie unread in a socket. We want to be awake at the latest when
 * somebody would be taken for dead, so no pause that matters passes unseen. */
static void excuse_if_late(struct manager *m, uint64_t deadline_ms) {
	uint64_t now = clock_ms(), wanted_ms = deadline_ms > m->now_ms ? deadline_ms : m->now_ms;
	if (wanted_ms != 0 && wanted_ms < now && now - wanted_ms > LATE_MS) {
		log_warn("nothing was done for a while ms=%llu",
				(unsigned long long)(now - wanted_ms));
		workers_excuse(m, m->now_ms, now);
	}
}

/* The last deed: an item whose apply does nothing but say so. */
static void last(struct manager *m, struct deed *deed) {
	(void)deed;
	queue_close(m->queue);
}

void manager_stop(struct manager *m) {
	deed_note(m, last, NULL, NULL);
}

void manager_run(struct manager *m) {
	bool going = true;
	while (going) {
		uint64_t deadline = next_deadline(m);
		struct queue_item *items = queue_take_all(m->queue, deadline);
		excuse_if_late(m, deadline);
		for (struct queue_item *item = items; item != NULL; item = item->next) {
			going = going && QUEUE_ENTRY(item, struct deed, link)->apply != last;
		}
		run_batch(m, items);
	}
	run_batch(m, queue_take_all(m->queue, 0)); /* what came before the door was shut */
	wait_cancel(m);
}
