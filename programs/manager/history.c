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
	struct sample sample;
	char proplet_id[]; /* as long as it is */
};

struct owner {
	char *name;
	struct entry *first, *last;
	size_t count;
};

struct history {
	struct map *owners;
	struct entry *first, *last;
	size_t count, max;
};

struct history *history_create(size_t samples_max) {
	struct history *history = MEM_NEW(struct history);
	history->owners = map_create();
	history->max = samples_max;
	return history;
}

static void drop_first(struct history *history, struct owner *owner) {
	struct entry *entry = owner->first;
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

void history_add(struct history *history, const char *name, const char *proplet_id,
		const struct sample *sample, size_t keep) {
	struct owner *owner = find_or_add(history, name);
	size_t size = strlen(proplet_id) + 1;
	struct entry *entry = mem_zero(1, sizeof(*entry) + size);
	entry->sample = *sample;
	memcpy(entry->proplet_id, proplet_id, size);
	append(history, owner, entry);
	shrink(history, owner, keep > 1 ? keep : 1);
	if (history->count > history->max) {
		owner = history->first->owner;
		shrink(history, owner, owner->count - 1);
	}
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
		shrink(history, owner, 0);
	}
}
