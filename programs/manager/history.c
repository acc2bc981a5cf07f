/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/history.h"

#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"

/* A sample: in the list of its owner and in that of all, both oldest first. An owner loses its
 * oldest alone, and so does the whole: that one is the oldest of its owner too. */
struct entry {
	struct owner *owner;
	struct entry *later;       /* of the owner */
	struct entry *prev, *next; /* of all */
	int64_t row;               /* in the store; 0: not there yet */
	struct sample sample;
	char proplet_id[]; /* as long as it is */
};

struct owner {
	char *name;
	struct entry *first, *last;
	size_t count, keep;
};

struct history {
	struct map *owners;
	struct entry *first, *last;
	size_t count, max;
	struct entry *fresh; /* the first without a row; none behind it has one */
	size_t fresh_count;
	int64_t *gone; /* rows whose entries were dropped */
	size_t gone_count, gone_capacity;
};

struct history *history_create(size_t samples_max) {
	struct history *history = MEM_NEW(struct history);
	history->owners = map_create();
	history->max = samples_max;
	return history;
}

static void note_gone(struct history *history, int64_t row) {
	if (history->gone_count == history->gone_capacity) {
		history->gone_capacity = history->gone_capacity ? 2 * history->gone_capacity : 64;
		history->gone = mem_resize(
				history->gone, history->gone_capacity, sizeof(*history->gone));
	}
	history->gone[history->gone_count++] = row;
}

static void drop_first(struct history *history, struct owner *owner) {
	struct entry *entry = owner->first;
	if (entry->row != 0) {
		note_gone(history, entry->row);
	} else {
		history->fresh_count--;
		history->fresh = history->fresh == entry ? entry->next : history->fresh;
	}
	owner->first = entry->later;
	owner->count--;
	*(entry->prev != NULL ? &entry->prev->next : &history->first) = entry->next;
	*(entry->next != NULL ? &entry->next->prev : &history->last) = entry->prev;
	history->count--;
	free(entry);
}

static void shrink(struct history *history, struct owner *owner, size_t keep) {
	while (owner->count > keep) {
		drop_first(history, owner);
	}
	if (owner->count == 0) {
		(void)map_remove(history->owners, owner->name);
		free(owner->name);
		free(owner);
	}
}

void history_destroy(struct history *history) {
	if (history == NULL) {
		return;
	}
	while (history->first != NULL) {
		shrink(history, history->first->owner, history->first->owner->count - 1);
	}
	map_destroy(history->owners);
	free(history->gone);
	free(history);
}

static struct owner *find_or_add(struct history *history, const char *name) {
	struct owner *owner = map_get(history->owners, name);
	if (owner == NULL) {
		owner = MEM_NEW(struct owner);
		owner->name = str_copy(name);
		(void)map_put(history->owners, name, owner);
	}
	return owner;
}

static void append(struct history *history, struct owner *owner, struct entry *entry) {
	entry->owner = owner;
	*(owner->first != NULL ? &owner->last->later : &owner->first) = entry;
	owner->last = entry;
	owner->count++;
	entry->prev = history->last;
	*(history->last != NULL ? &history->last->next : &history->first) = entry;
	history->last = entry;
	history->count++;
}

static struct entry *add(struct history *history, const struct store_sample *row) {
	struct owner *owner = find_or_add(history, row->owner);
	size_t size = strlen(row->proplet_id) + 1;
	struct entry *entry = mem_zero(1, sizeof(*entry) + size);
	entry->sample = *row->sample;
	entry->row = row->row;
	memcpy(entry->proplet_id, row->proplet_id, size);
	owner->keep = row->keep > 1 ? row->keep : 1;
	append(history, owner, entry);
	return entry;
}

static void bound(struct history *history, struct owner *owner) {
	shrink(history, owner, owner->keep);
	if (history->count > history->max) {
		owner = history->first->owner;
		shrink(history, owner, owner->count - 1);
	}
}

void history_add(struct history *history, const char *name, const char *proplet_id,
		const struct sample *sample, size_t keep) {
	const struct store_sample row = { 0, name, proplet_id, keep, sample };
	struct entry *entry = add(history, &row);
	history->fresh = history->fresh != NULL ? history->fresh : entry;
	history->fresh_count++;
	bound(history, entry->owner);
}

void history_restore(struct history *history, const struct store_sample *row) {
	bound(history, add(history, row)->owner);
}

size_t history_count(const struct history *history, const char *name) {
	const struct owner *owner = map_get(history->owners, name);
	return owner != NULL ? owner->count : 0;
}

void history_page(const struct history *history, const char *name, size_t offset, size_t limit,
		history_see_fn see, void *context) {
	const struct owner *owner = map_get(history->owners, name);
	const struct entry *entry = owner != NULL ? owner->first : NULL;
	for (size_t i = 0; entry != NULL && (i < offset || i - offset < limit); i++) {
		if (i >= offset) {
			see(context, entry->proplet_id, &entry->sample);
		}
		entry = entry->later;
	}
}

void history_forget(struct history *history, const char *name) {
	struct owner *owner = map_get(history->owners, name);
	if (owner != NULL) {
		size_t gone = history->gone_count;
		shrink(history, owner, 0);
		history->gone_count = gone;
	}
}

/* --- rows of the store --------------------------------------------------------------------- */

bool history_rows(const struct history *history, const char *name, history_row_fn see,
		void *context) {
	const struct owner *owner = map_get(history->owners, name);
	const struct entry *entry = owner != NULL ? owner->first : NULL;
	for (; entry != NULL && entry->row != 0; entry = entry->later) {
		if (!see(context, entry->row)) {
			return false;
		}
	}
	return true;
}

size_t history_fresh(const struct history *history) {
	return history->fresh_count;
}

bool history_write(const struct history *history, size_t count, int64_t first,
		history_write_fn write, void *context) {
	const struct entry *entry = history->fresh;
	for (size_t i = 0; i < count && entry != NULL; i++, entry = entry->next) {
		const struct store_sample row = { first + (int64_t)i, entry->owner->name,
			entry->proplet_id, entry->owner->keep, &entry->sample };
		if (!write(context, &row)) {
			return false;
		}
	}
	return true;
}

void history_number(struct history *history, size_t count, int64_t first) {
	for (size_t i = 0; i < count && history->fresh != NULL; i++) {
		history->fresh->row = first + (int64_t)i;
		history->fresh = history->fresh->next;
		history->fresh_count--;
	}
}

const int64_t *history_gone(const struct history *history, size_t *count) {
	*count = history->gone_count;
	return history->gone;
}

void history_deleted(struct history *history, size_t count) {
	if (count == 0) {
		return;
	}
	history->gone_count -= count;
	memmove(history->gone, history->gone + count, history->gone_count * sizeof(*history->gone));
	if (history->gone_count == 0) {
		free(history->gone);
		history->gone = NULL;
		history->gone_capacity = 0;
	}
}
