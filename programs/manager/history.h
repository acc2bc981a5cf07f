/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What was measured lately: for each owner (a worker or a task) its last samples, in memory alone.
 * It is bounded twice: by what the owner may keep, and for all owners together, where the oldest
 * sample of all goes first. Not for use from two threads at once.
 */
#include <stddef.h>

#include "model/metrics.h"

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
void history_forget(struct history *history, const char *owner);
