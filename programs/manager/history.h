/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What was measured lately: for each owner (a worker or a task) its last samples, in memory alone.
 * It is bounded twice: by what the owner may keep, and for all owners together, where the oldest
 * sample of all goes first. For the store's copy (keep.h) it knows which samples have a row there,
 * and rows whose sample is gone. Not for use from two threads at once.
 */
#include <stddef.h>

#include "model/metrics.h"
#include "store/store.h"

struct history;
struct history *history_create(size_t samples_max); /* never NULL */
void history_destroy(struct history *history);      /* accepts NULL */
/* Adds a sample that a worker took, and keeps the last `keep` (at least one) of this owner. */
void history_add(struct history *history, const char *owner, const char *proplet_id,
		const struct sample *sample, size_t keep);
size_t history_count(const struct history *history, const char *owner);
/* Calls see() for a page of an owner's samples, oldest first. */
typedef void (*history_see_fn)(void *context, const char *proplet_id, const struct sample *sample);
void history_page(const struct history *history, const char *owner, size_t offset, size_t limit,
		history_see_fn see, void *context);
/* Its rows are deleted by the caller: history_rows() before, which ends with false when see() does.
 */
void history_forget(struct history *history, const char *owner);
typedef bool (*history_row_fn)(void *context, int64_t row);
bool history_rows(const struct history *history, const char *owner, history_row_fn see,
		void *context);

/* A row that was read; before anything else is added. */
void history_restore(struct history *history, const struct store_sample *row);
size_t history_fresh(const struct history *history); /* how many have no row */
/* Calls write() for the oldest `count` of them, as rows from `first` on; false when it says so.
 * Nothing has changed before history_number() says that they have these rows. */
typedef bool (*history_write_fn)(void *context, const struct store_sample *row);
bool history_write(const struct history *history, size_t count, int64_t first,
		history_write_fn write, void *context);
void history_number(struct history *history, size_t count, int64_t first);
/* Rows to be deleted, *count of them, until the next call; and that the first `count` are. */
const int64_t *history_gone(const struct history *history, size_t *count);
void history_deleted(struct history *history, size_t count);
