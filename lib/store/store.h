/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The only door to durable state: tasks, their outcomes and histories, workers.
 *
 * One thread uses a store. Writes happen between store_begin() and store_commit(); after a commit
 * that returned true everything in it survives kill -9 and power loss. A failed write or commit
 * leaves the transaction as never begun (it is rolled back, and further writes are refused until
 * the next store_begin()); a full disk is ERROR_NO_SPACE, a task that is not there
 * ERROR_NOT_FOUND, a damaged file ERROR_INTEGRITY. Reads see the open transaction's own writes.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "model/metrics.h"
#include "model/proplet.h"
#include "model/task.h"
#include "seal/keys.h"

struct store;

/*
 * "memory" (for tests: gone at the end), or the path of a SQLite file (WAL, synchronous=FULL),
 * made if it is not there (mode 0600). A schema newer than this program and a database of another
 * one are refused in words; an older schema is migrated, numbered step by step, in one transaction
 * each. A second program on the same file is refused (an exclusive lock on WHERE.lock). A thread
 * of its own brings the write-ahead log over, so that commits seldom wait for it.
 *
 * `ring` (borrowed; NULL: none) is that of the workload key: then what was asked for in a task and
 * what came of it are sealed (spec/seal.md, "Rows"), and what was there before is read still.
 * ERROR_KEY_MISMATCH when rows are sealed with a key that is not in the ring.
 */
struct store *store_open(const char *where, struct seal_ring *ring, struct error *err) MUST_CHECK;
void store_close(struct store *store); /* accepts NULL; rolls back what is open */

bool store_begin(struct store *store, struct error *err) MUST_CHECK;
bool store_commit(struct store *store, struct error *err) MUST_CHECK;
void store_rollback(struct store *store);

/* Inserts a new task. */
bool store_task_add(struct store *store, const struct task *task, struct error *err) MUST_CHECK;
/* Writes the part that moves: state, attempt, queued, stopping, address, times. */
bool store_task_move(struct store *store, const struct task *task, struct error *err) MUST_CHECK;
/* Writes what a client changed (and the moving part). */
bool store_task_change(struct store *store, const struct task *task, struct error *err) MUST_CHECK;
/* Replaces the outcome of a task; an empty one deletes it. */
bool store_task_outcome(struct store *store, const struct task *task, struct error *err) MUST_CHECK;
/* A whole task, the outcome with it; ERROR_NOT_FOUND. The caller destroys it. */
struct task *store_task_get(struct store *store, const char *id, struct error *err) MUST_CHECK;
/* With outcome and history. True also if it was not there. */
bool store_task_delete(struct store *store, const char *id, struct error *err) MUST_CHECK;

/* One page, newest first, and how many there are in all. `metadata` (an object or NULL) must be
 * contained in the task's, member by member. The visitor gets a task that lives for the call; its
 * outcome comes without stdout and stderr, and without results over 8 KiB. A page costs the same
 * anywhere in a list of any length; a filter walks over all tasks that have metadata. */
typedef void (*store_task_visitor)(void *context, const struct task *task);
bool store_task_list(struct store *store, uint64_t offset, uint64_t limit, const json_t *metadata,
		store_task_visitor visit, void *context, uint64_t *total,
		struct error *err) MUST_CHECK;
/* The page behind a cursor (0: the first one), and the cursor of the next page in *next, 0 if there
 * is none. What comes or goes in between neither repeats nor hides another task. */
bool store_task_after(struct store *store, uint64_t cursor, uint64_t limit,
		store_task_visitor visit, void *context, uint64_t *next,
		struct error *err) MUST_CHECK;
/* Everything that is live: queued, Scheduled or Running, in the order in which they began to wait
 * (or were placed at once), without outcomes. The visitor takes the task over. */
typedef void (*store_task_taker)(void *context, struct task *task);
bool store_task_live(struct store *store, store_task_taker take, void *context,
		struct error *err) MUST_CHECK;
/* Looks at the next thousand tasks after *cursor (0: the first), and adds those that ended before
 * that wall time to the lists: their ids, and their digests ("" without one). *cursor moves on, and
 * is 0 again at the end. */
bool store_task_expired(struct store *store, int64_t before, uint64_t *cursor, struct strings *ids,
		struct strings *digests, struct error *err) MUST_CHECK;
/* True in *used if some task has this module. */
bool store_digest_used(
		struct store *store, const char *digest, bool *used, struct error *err) MUST_CHECK;

bool store_move_add(struct store *store, const char *task_id, const struct move *move,
		struct error *err) MUST_CHECK;
/* The latest `limit` moves, oldest first; the caller frees each cause and the list. */
bool store_moves(struct store *store, const char *task_id, size_t limit, struct move **moves,
		size_t *count, struct error *err) MUST_CHECK;

/*
 * Rows that are sealed with another key than the ring's first, or in the clear while there is one:
 * store_stale() says whether there may be some, store_reseal() writes those of the next `count`
 * places in the table anew (in the open transaction). At the end of the table the cursor is 0
 * again; when nothing was left out the other keys are then forgotten, and may go.
 */
struct reseal {
	uint64_t cursor; /* 0: from the beginning */
	uint64_t done;   /* tasks that were written anew */
	uint64_t left;   /* tasks that cannot be read; `why` is of the last one */
	struct error why;
};
bool store_stale(const struct store *store);
bool store_reseal(struct store *store, uint64_t count, struct reseal *reseal,
		struct error *err) MUST_CHECK;

bool store_proplet_put(
		struct store *store, const struct proplet *proplet, struct error *err) MUST_CHECK;
bool store_proplet_delete(struct store *store, const char *id, struct error *err) MUST_CHECK;
typedef void (*store_proplet_taker)(void *context, struct proplet *proplet);
bool store_proplets(struct store *store, store_proplet_taker take, void *context,
		struct error *err) MUST_CHECK;

/*
 * Of a store that came out of a backup (store/restore.h): above every number that the lost manager
 * may have given to an attempt of a task from before then (created no later than that microsecond
 * of the wall clock), and to a command; 0: it never did. And whether the manager has still to
 * settle what was live then; store_settle() notes, in the open transaction, that it has.
 */
uint64_t store_era(const struct store *store);
bool store_unsettled(const struct store *store);
bool store_settle(struct store *store, struct error *err) MUST_CHECK;

/* A request that was done under a client's key (Idempotency-Key): digests of the key and of what
 * was asked, and what became of it. */
enum { STORE_DONE_MAX = 100000 };
struct store_done {
	uint8_t key[DIGEST_SIZE], request[DIGEST_SIZE];
	char task_id[UUID_SIZE];
	uint64_t attempt;
	int64_t at; /* wall ns */
};
/* By its key; the rest is filled in if it is found. */
bool store_done_find(struct store *store, struct store_done *done, bool *found,
		struct error *err) MUST_CHECK;
/* And forgets some of those from before that time, and beyond STORE_DONE_MAX. */
bool store_done_add(struct store *store, const struct store_done *done, int64_t before,
		struct error *err) MUST_CHECK;

/*
 * What was measured, as a copy of what the caller has in memory: rows with numbers from 1 that he
 * gives and remembers, in the order in which samples came; nothing is looked up by owner. And for
 * each worker the times at which it was heard. They are not part of the numbered schema (programs
 * before them leave them alone), and what in them is damaged is handed over as such, to be deleted:
 * nobody is to stop for want of them.
 */
#define STORE_ROW_MAX (INT64_C(1) << 62)
struct store_sample {
	int64_t row;
	const char *owner, *proplet_id; /* borrowed; of a task, and where it ran */
	size_t keep;                    /* how many its owner may have; at least 1 */
	const struct sample *sample;    /* NULL: damaged, or its owner is gone; delete the row */
};
bool store_sample_add(struct store *store, const struct store_sample *sample,
		struct error *err) MUST_CHECK;
bool store_sample_delete(struct store *store, int64_t row, struct error *err) MUST_CHECK;
/* All of them, in the order of their rows. */
typedef void (*store_sample_visitor)(void *context, const struct store_sample *sample);
bool store_samples(struct store *store, store_sample_visitor visit, void *context,
		struct error *err) MUST_CHECK;

struct store_beats {
	int64_t row;            /* any from 1; writing again replaces it */
	const char *proplet_id; /* borrowed; NULL: as above */
	int64_t at[PROPLET_BEATS];
	unsigned count; /* oldest first, wall ns */
};
bool store_beats_put(
		struct store *store, const struct store_beats *beats, struct error *err) MUST_CHECK;
bool store_beats_delete(struct store *store, int64_t row, struct error *err) MUST_CHECK;
typedef void (*store_beats_visitor)(void *context, const struct store_beats *beats);
bool store_beats(struct store *store, store_beats_visitor visit, void *context,
		struct error *err) MUST_CHECK;
