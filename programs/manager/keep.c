/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/keep.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "manager/history.h"
#include "manager/workers.h"

/* How long after the first news a turn begins, much or little of it: who is idle writes little. And
 * turns are so far apart that in the long run no more rows are written than so many a second. */
enum { TURN_MS = 5000, QUIET_MS = 15000, MUCH_ROWS = 100, ROWS_PER_SECOND = 2000 };
/* A turn is made of steps, each a transaction that holds up the loop for some milliseconds. */
enum { STEP_MS = 100, STEP_ROWS = 2000, LAST_STEP_ROWS = 50000 };
enum { AGAIN_MS = 30 * 1000 }; /* after a failure */

enum { KINDS = METRICS_TASK + 1 };

/* What is to be done with the samples of a kind. */
struct share {
	size_t gone, fresh;
};

struct keeping {
	bool off;          /* the store is in memory too */
	size_t heard;      /* how often somebody was, since the last turn began */
	bool broken;       /* the last step failed */
	uint64_t due_ms;   /* of the next step; UINT64_MAX: there is nothing to do */
	uint64_t since_ms; /* of the first news */
	int64_t next_row;
	struct worker **places; /* places[row - 1]: whose beats are in that row, or NULL */
	size_t place_count, place_capacity;
	size_t *free_places;
	size_t free_count, free_capacity;
	struct strings forgotten[KINDS]; /* owners, in this batch */

	bool turning; /* for the rest: of the turn at hand */
	uint64_t begun_ms, rest_ms;
	uint64_t written;
	struct share left[KINDS];
	size_t cursor; /* the next place */
};

/* --- places of beats ----------------------------------------------------------------------- */

static void set_place(struct keeping *k, size_t place, struct worker *worker) {
	while (place >= k->place_count) {
		if (k->place_count == k->place_capacity) {
			k->place_capacity = k->place_capacity ? 2 * k->place_capacity : 64;
			k->places = mem_resize(k->places, k->place_capacity, sizeof(*k->places));
		}
		k->places[k->place_count++] = NULL;
	}
	k->places[place] = worker;
	worker->row = (int64_t)place + 1;
}

static void free_place(struct keeping *k, size_t place) {
	if (k->free_count == k->free_capacity) {
		k->free_capacity = k->free_capacity ? 2 * k->free_capacity : 64;
		k->free_places = mem_resize(
				k->free_places, k->free_capacity, sizeof(*k->free_places));
	}
	k->places[place] = NULL;
	k->free_places[k->free_count++] = place;
}

static void find_free_places(struct keeping *k) {
	k->free_count = 0;
	for (size_t place = k->place_count; place-- > 0;) {
		if (k->places[place] == NULL) {
			free_place(k, place);
		}
	}
}

void keep_heard(struct manager *m, struct worker *worker) {
	struct keeping *k = m->keeping;
	if (k->off) {
		return;
	}
	k->heard++;
	if (worker->row == 0) {
		set_place(k, k->free_count != 0 ? k->free_places[--k->free_count] : k->place_count,
				worker);
	}
}

void keep_recovered(struct manager *m) {
	const char *id;
	void *worker;
	struct keeping *k = m->keeping;
	if (k == NULL) {
		return;
	}
	for (size_t place = 0; place < k->place_count; place++) {
		k->places[place] = NULL;
	}
	for (size_t at = 0; map_next(m->workers, &at, &id, &worker);) {
		if (((struct worker *)worker)->row != 0) {
			set_place(k, (size_t)((struct worker *)worker)->row - 1, worker);
		}
	}
	find_free_places(k);
}

/* --- from the store ------------------------------------------------------------------------ */

struct rows {
	int64_t *items;
	size_t count, capacity;
};

struct loading {
	struct manager *m;
	struct rows samples, beats; /* to be deleted */
};

static void note_row(struct rows *rows, int64_t row) {
	if (rows->count == rows->capacity) {
		rows->capacity = rows->capacity ? 2 * rows->capacity : 64;
		rows->items = mem_resize(rows->items, rows->capacity, sizeof(*rows->items));
	}
	rows->items[rows->count++] = row;
}

static void take_sample(void *context, const struct store_sample *row) {
	struct loading *loading = context;
	struct keeping *k = loading->m->keeping;
	if (row->row >= k->next_row && row->row <= STORE_ROW_MAX) {
		k->next_row = row->row + 1;
	}
	if (row->sample == NULL) {
		note_row(&loading->samples, row->row);
	} else {
		history_restore(loading->m->measured[row->sample->kind], row);
	}
}

/* A row far behind all others is no worker's: there are as many rows as there were workers. */
static void take_beats(void *context, const struct store_beats *beats) {
	struct loading *loading = context;
	struct manager *m = loading->m;
	struct worker *worker =
			beats->proplet_id != NULL ? workers_find(m, beats->proplet_id) : NULL;
	int64_t last = (int64_t)(16 * map_count(m->workers) + 1024);
	if (worker == NULL || worker->row != 0 || beats->row < 1 || beats->row > last) {
		note_row(&loading->beats, beats->row);
		return;
	}
	set_place(m->keeping, (size_t)beats->row - 1, worker);
	proplet_remember(worker->proplet, beats->at, beats->count);
	worker->kept = worker->proplet->beat_count;
}

static bool delete_rows(struct store *store, const struct loading *loading, struct error *err) {
	bool ok = true;
	for (size_t i = 0; ok && i < loading->samples.count; i++) {
		ok = store_sample_delete(store, loading->samples.items[i], err);
	}
	for (size_t i = 0; ok && i < loading->beats.count; i++) {
		ok = store_beats_delete(store, loading->beats.items[i], err);
	}
	return ok;
}

/* Whose owner an earlier program has deleted, and what is damaged. */
static bool sweep(struct manager *m, const struct loading *loading, struct error *err) {
	if (loading->samples.count == 0 && loading->beats.count == 0) {
		return true;
	}
	log_info("removing what was measured of whom there is no more samples=%zu workers=%zu",
			loading->samples.count, loading->beats.count);
	return store_begin(m->store, err) && delete_rows(m->store, loading, err) &&
	       store_commit(m->store, err);
}

void keep_begin(struct manager *m) {
	struct error err;
	struct loading loading = { .m = m };
	struct keeping *k = m->keeping = MEM_NEW(struct keeping);
	k->off = str_equal(m->settings->storage, "memory");
	k->due_ms = UINT64_MAX;
	k->next_row = 1;
	if (!store_samples(m->store, take_sample, &loading, &err) ||
			!store_beats(m->store, take_beats, &loading, &err) ||
			!sweep(m, &loading, &err)) {
		log_error("what was measured before cannot be read from the store error=\"%s\"",
				err.message);
	}
	find_free_places(k);
	free(loading.samples.items);
	free(loading.beats.items);
}

/* --- to the store: a step ------------------------------------------------------------------ */

struct step {
	struct manager *m;
	size_t budget; /* rows that may still be written */
	struct share done[KINDS];
	size_t from, to; /* places */
	struct error err;
};

static size_t spend(struct step *step, size_t wanted) {
	size_t rows = wanted < step->budget ? wanted : step->budget;
	step->budget -= rows;
	return rows;
}

static bool write_sample(void *context, const struct store_sample *row) {
	struct step *step = context;
	return store_sample_add(step->m->store, row, &step->err);
}

static bool delete_gone(struct step *step, int kind) {
	size_t count;
	const int64_t *rows = history_gone(step->m->measured[kind], &count);
	size_t left = step->m->keeping->left[kind].gone;
	count = step->done[kind].gone = spend(step, left < count ? left : count);
	for (size_t i = 0; i < count; i++) {
		if (!store_sample_delete(step->m->store, rows[i], &step->err)) {
			return false;
		}
	}
	return true;
}

/* Those that went while it was their turn need not be written. */
static bool write_fresh(struct step *step, int kind, int64_t first) {
	const struct history *history = step->m->measured[kind];
	size_t left = step->m->keeping->left[kind].fresh, fresh = history_fresh(history);
	size_t count = step->done[kind].fresh = spend(step, left < fresh ? left : fresh);
	return history_write(history, count, first, write_sample, step);
}

static bool write_beats(struct step *step) {
	const struct keeping *k = step->m->keeping;
	for (step->to = step->from; step->to < k->place_count && step->budget != 0; step->to++) {
		const struct worker *worker = k->places[step->to];
		struct store_beats beats = { .row = (int64_t)step->to + 1 };
		if (worker == NULL || worker->kept == worker->proplet->beat_count) {
			continue;
		}
		beats.proplet_id = worker->proplet->id;
		beats.count = proplet_beats(worker->proplet, beats.at);
		step->budget--;
		if (!store_beats_put(step->m->store, &beats, &step->err)) {
			return false;
		}
	}
	return true;
}

static bool write_step(struct step *step) {
	int64_t row = step->m->keeping->next_row;
	if (!store_begin(step->m->store, &step->err)) {
		return false;
	}
	for (int kind = 0; kind < KINDS; kind++) {
		if (!delete_gone(step, kind) || !write_fresh(step, kind, row)) {
			return false;
		}
		row += (int64_t)step->done[kind].fresh;
	}
	return write_beats(step) && store_commit(step->m->store, &step->err);
}

/* --- to the store: a turn ------------------------------------------------------------------ */

/* How many rows there may be to write. */
static size_t news(const struct manager *m) {
	size_t rows = m->keeping->heard;
	for (int kind = 0; kind < KINDS; kind++) {
		size_t gone;
		(void)history_gone(m->measured[kind], &gone);
		rows += gone + history_fresh(m->measured[kind]);
	}
	return rows;
}

static void begin_turn(struct manager *m) {
	struct keeping *k = m->keeping;
	for (int kind = 0; kind < KINDS; kind++) {
		(void)history_gone(m->measured[kind], &k->left[kind].gone);
		k->left[kind].fresh = history_fresh(m->measured[kind]);
	}
	k->turning = true;
	k->heard = 0;
	k->begun_ms = m->now_ms;
	k->written = 0;
	k->cursor = 0;
}

static void reduce(size_t *left, size_t done, bool all) {
	*left = all || done >= *left ? 0 : *left - done;
}

/* Memory is told what the store has now. A share is done when the step had room for more. */
static void note_step(struct manager *m, const struct step *step, size_t rows) {
	struct keeping *k = m->keeping;
	for (int kind = 0; kind < KINDS; kind++) {
		const struct share *done = &step->done[kind];
		history_deleted(m->measured[kind], done->gone);
		history_number(m->measured[kind], done->fresh, k->next_row);
		k->next_row += (int64_t)done->fresh;
		reduce(&k->left[kind].gone, done->gone, step->budget != 0);
		reduce(&k->left[kind].fresh, done->fresh, step->budget != 0);
	}
	for (size_t place = step->from; place < step->to; place++) {
		if (k->places[place] != NULL) {
			k->places[place]->kept = k->places[place]->proplet->beat_count;
		}
	}
	k->cursor = step->to;
	k->written += rows - step->budget;
	if (step->budget != 0) {
		k->turning = false;
		k->rest_ms = k->begun_ms + k->written * 1000 / ROWS_PER_SECOND;
	}
}

/* The whole turn is tried again. */
static void fail_step(struct manager *m, const struct error *err) {
	struct keeping *k = m->keeping;
	if (!k->broken) {
		log_warn("what was measured cannot be kept for now, it is in memory alone "
			 "error=\"%s\"",
				err->message);
	}
	store_rollback(m->store);
	k->broken = true;
	k->turning = false;
	k->heard++;
}

static bool do_step(struct manager *m, size_t rows) {
	struct keeping *k = m->keeping;
	struct step step = { .m = m, .budget = rows, .from = k->cursor };
	if (!write_step(&step)) {
		fail_step(m, &step.err);
		return false;
	}
	if (k->broken) {
		log_info("what was measured is kept again");
	}
	k->broken = false;
	note_step(m, &step, rows);
	return true;
}

/* --- when ---------------------------------------------------------------------------------- */

uint64_t keep_due_ms(const struct manager *m) {
	return m->keeping->due_ms;
}

static void set_due(struct manager *m) {
	struct keeping *k = m->keeping;
	size_t rows = news(m);
	if (rows == 0) {
		return;
	}
	if (k->due_ms == UINT64_MAX) {
		k->since_ms = m->now_ms;
	}
	k->due_ms = k->since_ms + (rows < MUCH_ROWS ? QUIET_MS : TURN_MS);
	k->due_ms = k->due_ms > k->rest_ms ? k->due_ms : k->rest_ms;
}

void keep_tick(struct manager *m) {
	struct keeping *k = m->keeping;
	if (k->off) {
		return;
	}
	if (!k->turning) {
		set_due(m);
	}
	if (m->now_ms < k->due_ms) {
		return;
	}
	if (!k->turning) {
		begin_turn(m);
	}
	if (do_step(m, STEP_ROWS)) {
		k->due_ms = k->turning ? m->now_ms + STEP_MS : UINT64_MAX;
	} else {
		k->due_ms = k->rest_ms = m->now_ms + AGAIN_MS;
	}
}

void keep_end(struct manager *m) {
	struct keeping *k = m->keeping;
	if (k == NULL) {
		return;
	}
	while (!k->off && (k->turning || news(m) != 0)) {
		if (!k->turning) {
			begin_turn(m);
		}
		if (!do_step(m, LAST_STEP_ROWS)) {
			log_warn("what was measured in the last seconds is lost");
			break;
		}
	}
	keep_settle(m, false);
	free(k->places);
	free(k->free_places);
	free(k);
	m->keeping = NULL;
}

/* --- deletions ----------------------------------------------------------------------------- */

static bool delete_row(void *context, int64_t row) {
	struct manager *m = context;
	struct error err;
	return manager_write(m) && manager_wrote(m, store_sample_delete(m->store, row, &err), &err);
}

void keep_forget(struct manager *m, enum metrics_kind kind, const char *owner) {
	if (history_rows(m->measured[kind], owner, delete_row, m)) {
		strings_add(&m->keeping->forgotten[kind], owner);
	}
}

void keep_forget_beats(struct manager *m, struct worker *worker) {
	struct error err;
	if (worker->row == 0) {
		return;
	}
	if (manager_write(m)) {
		(void)manager_wrote(m, store_beats_delete(m->store, worker->row, &err), &err);
	}
	free_place(m->keeping, (size_t)worker->row - 1);
	worker->row = 0;
}

void keep_settle(struct manager *m, bool committed) {
	for (int kind = 0; kind < KINDS; kind++) {
		struct strings *forgotten = &m->keeping->forgotten[kind];
		for (size_t i = 0; committed && i < forgotten->count; i++) {
			history_forget(m->measured[kind], forgotten->items[i]);
		}
		strings_finish(forgotten);
	}
}
