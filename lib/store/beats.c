/* SPDX-License-Identifier: Apache-2.0 */
/* When workers were heard: one row each, the times as 64-bit little-endian numbers. */
#include <string.h>

#include "store/database.h"

enum { TIME_BYTES = 8 };

static void put_time(uint8_t *bytes, int64_t at) {
	for (size_t i = 0; i < TIME_BYTES; i++) {
		bytes[i] = (uint8_t)((uint64_t)at >> 8 * i);
	}
}

static int64_t get_time(const uint8_t *bytes) {
	uint64_t at = 0;
	for (size_t i = TIME_BYTES; i-- > 0;) {
		at = at << 8 | bytes[i];
	}
	return (int64_t)at;
}

bool store_beats_put(struct store *store, const struct store_beats *beats, struct error *err) {
	sqlite3_stmt *s = database_get(store, STATEMENT_BEATS_PUT);
	uint8_t times[PROPLET_BEATS * TIME_BYTES];
	for (unsigned i = 0; i < beats->count; i++) {
		put_time(times + (size_t)TIME_BYTES * i, beats->at[i]);
	}
	(void)sqlite3_bind_int64(s, 1, beats->row);
	database_bind_text(s, 2, beats->proplet_id);
	(void)sqlite3_bind_blob64(s, 3, times, (uint64_t)TIME_BYTES * beats->count, SQLITE_STATIC);
	return database_write(store, s, "storing when a worker was heard", err);
}

bool store_beats_delete(struct store *store, int64_t row, struct error *err) {
	return database_delete(store, STATEMENT_BEATS_DELETE, row, err);
}

static bool read_beats(sqlite3_stmt *s, struct store_beats *beats) {
	const uint8_t *times = sqlite3_column_blob(s, 2);
	size_t size = (size_t)sqlite3_column_bytes(s, 2);
	beats->proplet_id = database_text(s, 1);
	beats->count = (unsigned)(size / TIME_BYTES);
	if (beats->proplet_id == NULL || size == 0 || size % TIME_BYTES != 0 ||
			size > PROPLET_BEATS * TIME_BYTES || sqlite3_column_int(s, 3) == 0) {
		return false;
	}
	for (unsigned i = 0; i < beats->count; i++) {
		beats->at[i] = get_time(times + (size_t)TIME_BYTES * i);
	}
	return true;
}

bool store_beats(struct store *store, store_beats_visitor visit, void *context, struct error *err) {
	sqlite3_stmt *s = database_get(store, STATEMENT_BEATS);
	int code;
	while ((code = database_row(store, s, "reading when workers were heard", err)) ==
			SQLITE_ROW) {
		struct store_beats beats = { .row = sqlite3_column_int64(s, 0) };
		if (!read_beats(s, &beats)) {
			beats = (struct store_beats){ .row = beats.row };
		}
		visit(context, &beats);
	}
	return code == SQLITE_DONE;
}
