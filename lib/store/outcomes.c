/* SPDX-License-Identifier: Apache-2.0 */
/* What came of each task: one row, the big columns last. */
#include <stdlib.h>

#include "base/mem.h"
#include "base/str.h"
#include "store/database.h"

static bool is_empty(const struct outcome *o) {
	return o->results == NULL && o->out.size == 0 && o->error_out.size == 0 && !o->exited &&
	       o->error == NULL && !o->interrupted && !o->truncated && o->started_at == 0 &&
	       o->finished_at == 0 && o->fuel_used == 0;
}

static void bind_bytes(sqlite3_stmt *s, int at, const struct outcome_text *text) {
	if (text->size != 0) {
		(void)sqlite3_bind_blob64(s, at, text->bytes, text->size, SQLITE_STATIC);
	}
}

static void bind_outcome(sqlite3_stmt *s, const struct outcome *o) {
	(void)sqlite3_bind_int(s, 2, o->exited);
	(void)sqlite3_bind_int(s, 3, o->exit_code);
	(void)sqlite3_bind_int(s, 4, o->truncated);
	(void)sqlite3_bind_int(s, 5, o->interrupted);
	database_bind_text(s, 6, o->error);
	(void)sqlite3_bind_int64(s, 7, o->started_at);
	(void)sqlite3_bind_int64(s, 8, o->finished_at);
	database_bind_u64(s, 9, o->fuel_used);
	bind_bytes(s, 11, &o->out);
	bind_bytes(s, 12, &o->error_out);
}

bool store_task_outcome(struct store *store, const struct task *task, struct error *err) {
	const struct outcome *outcome = &task->outcome;
	const struct row *row = database_find(store, task->id, err);
	if (row == NULL) {
		return false;
	}
	if (is_empty(outcome)) {
		return database_delete(store, STATEMENT_OUTCOME_DELETE, row->seq, err);
	}
	sqlite3_stmt *s = database_get(store, STATEMENT_OUTCOME_PUT);
	CLEANUP(mem_freep) char *results = database_dump(json_incref(outcome->results));
	(void)sqlite3_bind_int64(s, 1, row->seq);
	bind_outcome(s, outcome);
	database_bind_text(s, 10, results);
	return database_write(store, s, "storing a result", err);
}

static void read_bytes(sqlite3_stmt *s, int column, struct outcome_text *text) {
	const void *bytes = sqlite3_column_blob(s, column);
	text->size = (size_t)sqlite3_column_bytes(s, column);
	text->bytes = text->size != 0 ? mem_copy(bytes, text->size) : NULL;
}

void outcomes_read(sqlite3_stmt *s, int column, bool whole, struct outcome *o) {
	o->exited = sqlite3_column_int(s, column) != 0;
	o->exit_code = sqlite3_column_int(s, column + 1);
	o->truncated = sqlite3_column_int(s, column + 2) != 0;
	o->interrupted = sqlite3_column_int(s, column + 3) != 0;
	o->error = str_copy(database_text(s, column + 4));
	o->started_at = sqlite3_column_int64(s, column + 5);
	o->finished_at = sqlite3_column_int64(s, column + 6);
	o->fuel_used = (uint64_t)sqlite3_column_int64(s, column + 7);
	o->results = database_json(s, column + 8);
	if (whole) {
		read_bytes(s, column + 9, &o->out);
		read_bytes(s, column + 10, &o->error_out);
	}
}
