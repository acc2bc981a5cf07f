/* SPDX-License-Identifier: Apache-2.0 */
#include "store/tally.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum { RUN = 256 };

struct tally {
	uint16_t *runs; /* runs[i] counts the rows i * RUN ... i * RUN + RUN - 1 */
	size_t count, capacity;
	uint64_t total;
	int64_t *done; /* since the last commit: rows added, and minus those removed */
	size_t done_count, done_capacity;
};

struct tally *tally_create(void) {
	return MEM_NEW(struct tally);
}

void tally_destroy(struct tally *tally) {
	if (tally == NULL) {
		return;
	}
	free(tally->runs);
	free(tally->done);
	free(tally);
}

static void grow(struct tally *tally, size_t count) {
	if (count <= tally->count) {
		return;
	}
	if (count > tally->capacity) {
		tally->capacity = count < 1024 ? 1024 : 2 * count;
		tally->runs = mem_resize(tally->runs, tally->capacity, sizeof(*tally->runs));
	}
	memset(tally->runs + tally->count, 0, (count - tally->count) * sizeof(*tally->runs));
	tally->count = count;
}

static void apply(struct tally *tally, int64_t row, bool there) {
	size_t run = (size_t)row / RUN;
	grow(tally, run + 1);
	tally->runs[run] = (uint16_t)(tally->runs[run] + (there ? 1 : -1));
	tally->total += there ? 1 : UINT64_MAX;
}

static void note(struct tally *tally, int64_t row) {
	if (tally->done_count == tally->done_capacity) {
		tally->done_capacity = tally->done_capacity ? 2 * tally->done_capacity : 64;
		tally->done = mem_resize(tally->done, tally->done_capacity, sizeof(*tally->done));
	}
	tally->done[tally->done_count++] = row;
}

void tally_add(struct tally *tally, int64_t row) {
	apply(tally, row, true);
	note(tally, row);
}

void tally_remove(struct tally *tally, int64_t row) {
	apply(tally, row, false);
	note(tally, -row);
}

uint64_t tally_total(const struct tally *tally) {
	return tally->total;
}

bool tally_find(const struct tally *tally, uint64_t offset, int64_t *top, uint64_t *skip) {
	for (size_t run = tally->count; run-- > 0;) {
		if (offset < tally->runs[run]) {
			*top = (int64_t)(run * RUN + RUN - 1);
			*skip = offset;
			return true;
		}
		offset -= tally->runs[run];
	}
	return false;
}

void tally_commit(struct tally *tally) {
	tally->done_count = 0;
}

void tally_rollback(struct tally *tally) {
	while (tally->done_count > 0) {
		int64_t row = tally->done[--tally->done_count];
		apply(tally, row < 0 ? -row : row, row < 0);
	}
}
