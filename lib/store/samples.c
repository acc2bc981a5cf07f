/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was measured. Rows have a number and no other index: they are added at the end and mostly go
 * from the beginning, so that many samples of many owners are few pages.
 */
#include <string.h>

#include "base/str.h"
#include "store/database.h"

enum { KEEP_MAX = 1000000 };

bool store_sample_add(struct store *store, const struct store_sample *row, struct error *err) {
	sqlite3_stmt *s = database_get(store, STATEMENT_SAMPLE_ADD);
	uint8_t packed[SAMPLE_PACKED_MAX];
	size_t size = sample_pack(row->sample, packed);
	(void)sqlite3_bind_int64(s, 1, row->row);
	(void)sqlite3_bind_int(s, 2, (int)row->sample->kind);
	database_bind_text(s, 3, row->owner);
	if (!str_equal(row->owner, row->proplet_id)) { /* a worker is its own */
		database_bind_text(s, 4, row->proplet_id);
	}
	(void)sqlite3_bind_int64(s, 5, (int64_t)row->keep);
	(void)sqlite3_bind_int64(s, 6, row->sample->at);
	(void)sqlite3_bind_blob64(s, 7, packed, size, SQLITE_STATIC);
	return database_write(store, s, "storing what was measured", err);
}

bool store_sample_delete(struct store *store, int64_t row, struct error *err) {
	return database_delete(store, STATEMENT_SAMPLE_DELETE, row, err);
}

static bool read_sample(sqlite3_stmt *s, struct store_sample *row, struct sample *sample) {
	int64_t kind = sqlite3_column_int64(s, 1), keep = sqlite3_column_int64(s, 4);
	const struct bytes packed = { sqlite3_column_blob(s, 6),
		(size_t)sqlite3_column_bytes(s, 6) };
	row->owner = database_text(s, 2);
	row->proplet_id = database_text(s, 3);
	if (row->proplet_id == NULL) {
		row->proplet_id = row->owner;
	}
	if (row->row < 1 || row->row > STORE_ROW_MAX ||
			(kind != METRICS_PROPLET && kind != METRICS_TASK) || keep < 1 ||
			keep > KEEP_MAX || row->owner == NULL ||
			strlen(row->owner) > MESSAGE_ID_MAX ||
			strlen(row->proplet_id) > MESSAGE_ID_MAX || packed.data == NULL) {
		return false;
	}
	sample->kind = (enum metrics_kind)kind;
	row->keep = (size_t)keep;
	bool ok = sample_unpack(sample, packed) && sqlite3_column_int(s, 7) != 0;
	sample->at = sqlite3_column_int64(s, 5);
	return ok;
}

bool store_samples(
		struct store *store, store_sample_visitor visit, void *context, struct error *err) {
	sqlite3_stmt *s = database_get(store, STATEMENT_SAMPLES);
	int code;
	(void)sqlite3_bind_int(s, 1, METRICS_TASK);
	while ((code = database_row(store, s, "reading what was measured", err)) == SQLITE_ROW) {
		struct sample sample;
		struct store_sample row = { .row = sqlite3_column_int64(s, 0) };
		row.sample = read_sample(s, &row, &sample) ? &sample : NULL;
		visit(context, &row);
	}
	return code == SQLITE_DONE;
}
