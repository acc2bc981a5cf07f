/* SPDX-License-Identifier: Apache-2.0 */
/* Opening and transactions. */
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "store/database.h"
#include "store/private.h"
#include "store/schema.h"

static const char *const sql[] = {
#define STATEMENT(name, text) text,
#include "store/statements.def"
#undef STATEMENT
};

/* The log is brought over by checkpoint.h. secure_delete: what is deleted is overwritten where
 * that costs no extra write. */
static const char setup[] = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
			    "PRAGMA wal_autocheckpoint = 0; PRAGMA cache_size = -16384;"
			    "PRAGMA temp_store = MEMORY; PRAGMA secure_delete = FAST;"
			    "PRAGMA foreign_keys = OFF; PRAGMA trusted_schema = OFF;";
/* With a workload key nothing that was in the clear stays in pages that are free now. */
static const char setup_sealed[] = "PRAGMA secure_delete = ON;";
enum { BUSY_MS = 5000 }; /* a shell that someone opened on the file */

/* --- opening ----------------------------------------------------------------------------- */

static bool lock(struct store *store, struct error *err) {
	CLEANUP(mem_freep) char *path = str_format("%s.lock", store->where);
	store->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (store->lock < 0) {
		return error_errno(err, errno, "cannot make %s", path);
	}
	if (flock(store->lock, LOCK_EX | LOCK_NB) == 0) {
		return true;
	}
	if (errno != EWOULDBLOCK) {
		return error_errno(err, errno, "cannot lock %s", path);
	}
	return error_set(err, ERROR_CONFLICT,
			"the database %s is in use by another manager: end it, or use another file",
			store->where);
}

static bool sync_name(const char *path, struct error *err) {
	const char *slash = strrchr(path, '/');
	CLEANUP(mem_freep) char *folder = slash == NULL ? str_copy(".") : str_copy(path);
	if (slash != NULL) {
		folder[slash == path ? 1 : slash - path] = 0;
	}
	return file_sync_folder(folder, err);
}

/* Makes the file before SQLite does: its log and index get the mode that it has. */
static bool make_private(const char *path, struct error *err) {
	CLEANUP(file_closep) int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0) {
		return errno == EEXIST ||
		       error_errno(err, errno, "cannot make the database %s", path);
	}
	return sync_name(path, err);
}

static bool open_database(struct store *store, const char *path, struct error *err) {
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
	if (sqlite3_open_v2(path, &store->db, flags, NULL) != SQLITE_OK ||
			sqlite3_busy_timeout(store->db, BUSY_MS) != SQLITE_OK) {
		return database_error(store, "opening", err);
	}
	/* Before anything is set: WAL stays with a file. */
	if (!schema_check(store, err)) {
		return false;
	}
	if (sqlite3_exec(store->db, setup, NULL, NULL, NULL) != SQLITE_OK ||
			(store->ring != NULL && sqlite3_exec(store->db, setup_sealed, NULL, NULL,
								NULL) != SQLITE_OK)) {
		return database_error(store, "opening", err);
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

static bool count_tasks(struct store *store, struct error *err) {
	sqlite3_stmt *s = database_get(store, STATEMENT_TASK_NUMBERS);
	int code;
	while ((code = database_row(store, s, "counting the tasks", err)) == SQLITE_ROW) {
		int64_t seq = sqlite3_column_int64(s, 0);
		if (seq <= 0 || seq > TALLY_MAX) {
			database_end(s);
			return error_set(err, ERROR_INTEGRITY,
					"the database %s is damaged: task number %lld",
					store->where, (long long)seq);
		}
		tally_add(store->tally, seq);
	}
	tally_commit(store->tally);
	return code == SQLITE_DONE;
}

static bool read_last_place(struct store *store, struct error *err) {
	sqlite3_stmt *s = database_get(store, STATEMENT_LAST_PLACE);
	if (database_row(store, s, "reading the queue", err) != SQLITE_ROW) {
		return false;
	}
	store->last_place = sqlite3_column_int64(s, 0);
	database_end(s);
	return true;
}

static bool open_parts(struct store *store, bool memory, struct error *err) {
	if (!memory && (!lock(store, err) || !make_private(store->where, err))) {
		return false;
	}
	if (!open_database(store, memory ? ":memory:" : store->where, err) ||
			!schema_migrate(store, err) || !prepare(store, err) ||
			!private_open(store, err) || !restored_open(store, err) ||
			!count_tasks(store, err) || !read_last_place(store, err)) {
		return false;
	}
	store->checkpoint = memory ? NULL : checkpoint_start(store->db, store->where, err);
	return memory || store->checkpoint != NULL;
}

struct store *store_open(const char *where, struct seal_ring *ring, struct error *err) {
	struct store *store = MEM_NEW(struct store);
	store->where = str_copy(where);
	store->ring = ring;
	store->lock = -1;
	store->tally = tally_create();
	store->rows = rows_create();
	if (open_parts(store, str_equal(where, "memory"), err)) {
		return store;
	}
	store_close(store);
	return NULL;
}

void store_close(struct store *store) {
	if (store == NULL) {
		return;
	}
	store_rollback(store);
	checkpoint_stop(store->checkpoint);
	for (int i = 0; i < STATEMENTS; i++) {
		(void)sqlite3_finalize(store->statements[i]);
	}
	(void)sqlite3_close(store->db);
	file_closep(&store->lock);
	rows_destroy(store->rows);
	tally_destroy(store->tally);
	free(store->where);
	free(store);
}

/* --- transactions ------------------------------------------------------------------------ */

static bool run(struct store *store, enum statement which, const char *doing, struct error *err) {
	sqlite3_stmt *statement = database_get(store, which);
	bool ok = sqlite3_step(statement) == SQLITE_DONE || database_error(store, doing, err);
	(void)sqlite3_reset(statement);
	return ok;
}

bool store_begin(struct store *store, struct error *err) {
	if (store->writing) {
		return error_set(err, ERROR_INTERNAL, "a transaction is open already");
	}
	store->writing = run(store, STATEMENT_BEGIN, "beginning a transaction", err);
	return store->writing;
}

bool store_commit(struct store *store, struct error *err) {
	if (!store->writing) {
		return error_set(err, ERROR_INTERNAL, "committing: no transaction is open");
	}
	if (!run(store, STATEMENT_COMMIT, "committing", err)) {
		store_rollback(store);
		return false;
	}
	store->writing = false;
	store->stale = store->stale && !store->renewed;
	store->unsettled = store->unsettled && !store->settling;
	store->renewed = store->settling = false;
	tally_commit(store->tally);
	return true;
}

/* SQLite has rolled back by itself after some failures. */
void store_rollback(struct store *store) {
	struct error ignored;
	if (!store->writing) {
		return;
	}
	if (sqlite3_get_autocommit(store->db) == 0) {
		(void)run(store, STATEMENT_ROLLBACK, "rolling back", &ignored);
	}
	store->writing = store->renewed = store->settling = false;
	tally_rollback(store->tally);
	rows_forget_all(store->rows);
}
