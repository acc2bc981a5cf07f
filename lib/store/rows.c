/* SPDX-License-Identifier: Apache-2.0 */
#include "store/rows.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum { PLACES = 4096 };

struct rows {
	struct row places[PLACES]; /* an id of "" is an empty place */
};

struct rows *rows_create(void) {
	return MEM_NEW(struct rows);
}

void rows_destroy(struct rows *rows) {
	free(rows);
}

/* FNV-1a: ids are random and ours, a collision costs one look-up. */
static struct row *place_of(struct rows *rows, const char *id) {
	uint64_t hash = 0xcbf29ce484222325;
	for (; *id != 0; id++) {
		hash = (hash ^ (uint8_t)*id) * 0x100000001b3;
	}
	return &rows->places[(hash ^ hash >> 32) % PLACES];
}

struct row *rows_get(struct rows *rows, const char *id) {
	struct row *place = place_of(rows, id);
	return id[0] != 0 && strcmp(place->id, id) == 0 ? place : NULL;
}

struct row *rows_put(struct rows *rows, const struct row *row) {
	struct row *place = place_of(rows, row->id);
	*place = *row;
	return place;
}

void rows_forget(struct rows *rows, const char *id) {
	struct row *place = rows_get(rows, id);
	if (place != NULL) {
		*place = (struct row){ 0 };
	}
}

void rows_forget_all(struct rows *rows) {
	memset(rows, 0, sizeof(*rows));
}
