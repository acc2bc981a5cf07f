/* SPDX-License-Identifier: Apache-2.0 */
/* The ways to talk to SQLite: statements, values, errors. */
#include "store/database.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

static bool is_full(sqlite3 *db, int code) {
	int number = sqlite3_system_errno(db);
	return code == SQLITE_FULL ||
	       (code == SQLITE_IOERR && (number == ENOSPC || number == EDQUOT));
}

/* What else can happen to a file, in words. */
static const struct {
	int sqlite;
	enum error_code code;
	const char *text;
} troubles[] = {
	{ SQLITE_CORRUPT, ERROR_INTEGRITY, "is damaged: restore a backup, or move it away" },
	{ SQLITE_NOTADB, ERROR_INTEGRITY, "is not a database: move it away, or use another file" },
	{ SQLITE_NOMEM, ERROR_NO_MEMORY, "needs more memory than there is" },
	{ SQLITE_BUSY, ERROR_UNAVAILABLE, "is held by another program: end it" },
	{ SQLITE_READONLY, ERROR_INTERNAL, "cannot be written: check its owner and mode" },
	{ SQLITE_CANTOPEN, ERROR_INTERNAL,
			"cannot be opened: check that folder and file may be written" },
	{ SQLITE_IOERR, ERROR_INTERNAL, "cannot be read or written: check the disk" },
	{ SQLITE_CONSTRAINT, ERROR_CONFLICT, "has one already" },
};

bool database_error_of(sqlite3 *db, const char *where, const char *doing, struct error *err) {
	int code = db != NULL ? sqlite3_errcode(db) & 0xff : SQLITE_NOMEM;
	const char *detail = db != NULL ? sqlite3_errmsg(db) : "out of memory";
	if (db != NULL && is_full(db, code)) {
		return error_set(err, ERROR_NO_SPACE,
				"%s: no space left on the disk for the database %s: free some",
				doing, where);
	}
	for (size_t i = 0; i < sizeof(troubles) / sizeof(troubles[0]); i++) {
		if (troubles[i].sqlite == code) {
			return error_set(err, troubles[i].code, "%s: the database %s %s (%s)",
					doing, where, troubles[i].text, detail);
		}
	}
	return error_set(err, ERROR_INTERNAL, "%s: the database %s: %s", doing, where, detail);
}

bool database_error(struct store *store, const char *doing, struct error *err) {
	return database_error_of(store->db, store->where, doing, err);
}

sqlite3_stmt *database_get(struct store *store, enum statement which) {
	return store->statements[which];
}

void database_end(sqlite3_stmt *statement) {
	(void)sqlite3_reset(statement);
	(void)sqlite3_clear_bindings(statement);
}

bool database_write(struct store *store, sqlite3_stmt *statement, const char *doing,
		struct error *err) {
	bool ok = store->writing ? sqlite3_step(statement) == SQLITE_DONE ||
						   database_error(store, doing, err)
				 : error_set(err, ERROR_INTERNAL,
						   "%s: no transaction is open, the last one "
						   "failed",
						   doing);
	database_end(statement);
	if (!ok) {
		store_rollback(store);
	}
	return ok;
}

bool database_delete(struct store *store, enum statement which, int64_t row, struct error *err) {
	sqlite3_stmt *statement = database_get(store, which);
	(void)sqlite3_bind_int64(statement, 1, row);
	return database_write(store, statement, "deleting", err);
}

int database_row(struct store *store, sqlite3_stmt *statement, const char *doing,
		struct error *err) {
	int code = sqlite3_step(statement);
	if (code == SQLITE_ROW) {
		return code;
	}
	if (code != SQLITE_DONE) {
		database_error(store, doing, err);
		code = -1;
	}
	database_end(statement);
	return code;
}

void database_bind_text(sqlite3_stmt *statement, int at, const char *text) {
	if (text != NULL && text[0] != 0) {
		(void)sqlite3_bind_text64(
				statement, at, text, strlen(text), SQLITE_STATIC, SQLITE_UTF8);
	}
}

void database_bind_u64(sqlite3_stmt *statement, int at, uint64_t value) {
	(void)sqlite3_bind_int64(statement, at, (sqlite3_int64)value);
}

const char *database_text(sqlite3_stmt *statement, int column) {
	return (const char *)sqlite3_column_text(statement, column);
}

json_t *database_json(sqlite3_stmt *statement, int column) {
	const char *text = database_text(statement, column);
	if (text == NULL) {
		return NULL;
	}
	size_t size = (size_t)sqlite3_column_bytes(statement, column);
	return json_loadb(text, size, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
}

char *database_dump(json_t *value) {
	char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
	json_decref(value);
	return text;
}

int database_look(struct store *store, const char *id, struct row *row, struct error *err) {
	sqlite3_stmt *s = database_get(store, STATEMENT_TASK_ROW);
	database_bind_text(s, 1, id);
	int code = database_row(store, s, "looking for a task", err);
	if (code != SQLITE_ROW) {
		return code;
	}
	(void)snprintf(row->id, sizeof(row->id), "%s", id);
	row->seq = sqlite3_column_int64(s, 0);
	row->place = sqlite3_column_int64(s, 1);
	row->queued = sqlite3_column_int(s, 2) != 0;
	row->moves = sqlite3_column_int64(s, 3);
	database_end(s);
	return code;
}

struct row *database_find(struct store *store, const char *id, struct error *err) {
	struct row *known = rows_get(store->rows, id), row = { 0 };
	if (known != NULL) {
		return known;
	}
	int code = database_look(store, id, &row, err);
	if (code == SQLITE_ROW) {
		return rows_put(store->rows, &row);
	}
	if (code == SQLITE_DONE) {
		(void)error_set(err, ERROR_NOT_FOUND, "there is no task %s", id);
	}
	store_rollback(store);
	return NULL;
}
