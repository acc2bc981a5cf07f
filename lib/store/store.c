/* SPDX-License-Identifier: Apache-2.0 */
/* Opening, transactions, and the ways to talk to SQLite. */
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "store/database.h"

static const char *const sql[] = {
#define STATEMENT(name, text) text,
#include "store/statements.def"
#undef STATEMENT
};

/* Checkpoints every 4,000 pages (16 MiB of log): a commit rarely stands behind one. */
static const char setup[] =
		"PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = "
		"4000;"
		"PRAGMA cache_size = -8192; PRAGMA temp_store = MEMORY; PRAGMA foreign_keys = OFF;";

static bool is_full(struct store *store) {
	int code = sqlite3_errcode(store->db);
	return code == SQLITE_FULL ||
	       (code == SQLITE_IOERR && sqlite3_system_errno(store->db) == ENOSPC);
}

bool database_error(struct store *store, const char *doing, struct error *err) {
	if (is_full(store)) {
		return error_set(err, ERROR_NO_SPACE,
				"%s: no space left for the database %s: free some", doing,
				store->where);
	}
	int code = sqlite3_errcode(store->db);
	if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB) {
		return error_set(err, ERROR_INTEGRITY,
				"%s: %s is not a sound database (%s): restore a backup or move it "
				"away",
				doing, store->where, sqlite3_errmsg(store->db));
	}
	return error_set(err, ERROR_INTERNAL, "%s: the database %s: %s", doing, store->where,
			sqlite3_errmsg(store->db));
}

sqlite3_stmt *database_get(struct store *store, enum statement which) {
	return store->statements[which];
}

bool database_done(struct store *store, sqlite3_stmt *statement, const char *doing,
		struct error *err) {
	bool ok = sqlite3_step(statement) == SQLITE_DONE || database_error(store, doing, err);
	(void)sqlite3_reset(statement);
	(void)sqlite3_clear_bindings(statement);
	return ok;
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
	(void)sqlite3_reset(statement);
	return code;
}

void database_bind_text(sqlite3_stmt *statement, int at, const char *text) {
	(void)sqlite3_bind_text(statement, at, text, -1, SQLITE_TRANSIENT);
}

void database_bind_u64(sqlite3_stmt *statement, int at, uint64_t value) {
	(void)sqlite3_bind_int64(statement, at, (sqlite3_int64)value);
}

const char *database_text(sqlite3_stmt *statement, int column) {
	return (const char *)sqlite3_column_text(statement, column);
}

json_t *database_json(sqlite3_stmt *statement, int column) {
	const char *text = database_text(statement, column);
	return text == NULL ? NULL
			    : json_loadb(text, (size_t)sqlite3_column_bytes(statement, column),
					      JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
}

/* --- open and close ----------------------------------------------------------------------------
 */

static bool lock(struct store *store, struct error *err) {
	CLEANUP(mem_freep) char *path = str_format("%s.lock", store->where);
	store->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (store->lock < 0) {
		return error_errno(err, errno, "making %s", path);
	}
	if (flock(store->lock, LOCK_EX | LOCK_NB) != 0) {
		return error_set(err, ERROR_CONFLICT,
				"the database %s is in use by another manager: end it, or use "
				"another file",
				store->where);
	}
	return true;
}

static bool open_file(struct store *store, bool memory, struct error *err) {
	mode_t before = umask(077);
	int code = sqlite3_open_v2(memory ? ":memory:" : store->where, &store->db,
			SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
	if (code == SQLITE_OK) {
		code = sqlite3_exec(store->db, setup, NULL, NULL, NULL);
	}
	(void)umask(before);
	if (code != SQLITE_OK) {
		return store->db != NULL ? database_error(store, "opening", err)
					 : error_set(err, ERROR_NO_MEMORY, "opening %s",
							   store->where);
	}
	return true;
}

static bool prepare(struct store *store, struct error *err) {
	for (int i = 0; i < STATEMENTS; i++) {
		if (sqlite3_prepare_v3(store->db, sql[i], -1, SQLITE_PREPARE_PERSISTENT,
				    &store->statements[i], NULL) != SQLITE_OK) {
			return database_error(store, "preparing a statement", err);
		}
	}
	return true;
}

static bool read_number(
		struct store *store, enum statement which, int64_t *number, struct error *err) {
	sqlite3_stmt *statement = database_get(store, which);
	if (database_row(store, statement, "counting", err) != SQLITE_ROW) {
		return false;
	}
	*number = sqlite3_column_int64(statement, 0);
	(void)sqlite3_reset(statement);
	return true;
}

static bool read_counts(struct store *store, struct error *err) {
	int64_t count;
	if (!read_number(store, STATEMENT_TASK_COUNT, &count, err)) {
		return false;
	}
	store->task_count = (uint64_t)count;
	return read_number(store, STATEMENT_QUEUE_LAST, &store->queue_place, err);
}

struct store *store_open(const char *where, struct error *err) {
	struct store *store = MEM_NEW(struct store);
	bool memory = str_equal(where, "memory");
	store->where = str_copy(where);
	store->lock = -1;
	if ((memory || lock(store, err)) && open_file(store, memory, err) &&
			schema_migrate(store, err) && prepare(store, err) &&
			read_counts(store, err)) {
		return store;
	}
	store_close(store);
	return NULL;
}

void store_close(struct store *store) {
	if (store == NULL) {
		return;
	}
	for (int i = 0; i < STATEMENTS; i++) {
		(void)sqlite3_finalize(store->statements[i]);
	}
	(void)sqlite3_close(store->db);
	if (store->lock >= 0) {
		(void)close(store->lock);
	}
	free(store->where);
	free(store);
}

/* --- transactions ------------------------------------------------------------------------------
 */

bool store_begin(struct store *store, struct error *err) {
	store->task_count_before = store->task_count;
	return database_done(store, database_get(store, STATEMENT_BEGIN), "beginning a transaction",
			err);
}

bool store_commit(struct store *store, struct error *err) {
	if (database_done(store, database_get(store, STATEMENT_COMMIT), "committing", err)) {
		return true;
	}
	store_rollback(store);
	return false;
}

void store_rollback(struct store *store) {
	struct error ignored;
	if (sqlite3_get_autocommit(store->db) == 0) {
		(void)!database_done(store, database_get(store, STATEMENT_ROLLBACK), "rolling back",
				&ignored);
	}
	store->task_count = store->task_count_before;
}
