/* SPDX-License-Identifier: Apache-2.0 */
#include "store/restored.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hex.h"
#include "store/database.h"
#include "store/schema.h"

/* --- looking ----------------------------------------------------------------------------------
 */

/* What can be wrong with a file that comes from elsewhere; database_error() speaks of ours. */
static bool file_error(struct store *store, const char *doing, struct error *err) {
	char detail[200];
	(void)snprintf(detail, sizeof(detail), "%s",
			store->db != NULL ? sqlite3_errmsg(store->db) : "out of memory");
	(void)database_error(store, doing, err);
	return err->code == ERROR_INTEGRITY &&
	       error_set(err, ERROR_INTEGRITY, "the backup's database is damaged (%s)", detail);
}

/* The first column of the first row. */
static bool read_number(struct store *store, const char *sql, int64_t *number, struct error *err) {
	sqlite3_stmt *statement = NULL;
	bool ok = sqlite3_prepare_v2(store->db, sql, -1, &statement, NULL) == SQLITE_OK &&
		  sqlite3_step(statement) == SQLITE_ROW;
	*number = ok ? sqlite3_column_int64(statement, 0) : 0;
	ok = ok || file_error(store, "looking at it", err);
	(void)sqlite3_finalize(statement);
	return ok;
}

static bool open_file(struct store *store, const char *path, struct error *err) {
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;
	*store = (struct store){ .where = str_copy(path) };
	if (sqlite3_open_v2(path, &store->db, flags, NULL) != SQLITE_OK ||
			sqlite3_db_config(store->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL) !=
					SQLITE_OK ||
			sqlite3_exec(store->db,
					"PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;"
					"PRAGMA synchronous = EXTRA;",
					NULL, NULL, NULL) != SQLITE_OK) {
		return file_error(store, "opening", err);
	}
	return true;
}

static void close_file(struct store *store) {
	(void)sqlite3_close(store->db);
	free(store->where);
}

static bool check_whole(struct store *store, struct error *err) {
	sqlite3_stmt *statement = NULL;
	bool ok = sqlite3_prepare_v2(store->db, "PRAGMA integrity_check(1)", -1, &statement,
				  NULL) == SQLITE_OK &&
		  sqlite3_step(statement) == SQLITE_ROW;
	if (!ok) {
		ok = file_error(store, "checking it", err);
	} else if (strcmp(database_text(statement, 0), "ok") != 0) {
		ok = error_set(err, ERROR_INTEGRITY, "the backup's database is damaged: %.200s",
				database_text(statement, 0));
	}
	(void)sqlite3_finalize(statement);
	return ok;
}

/* SQL that would run by itself. Ours has tables and their indices. */
static bool check_plain(struct store *store, struct error *err) {
	static const char sql[] = "SELECT count(*) FROM sqlite_schema WHERE type NOT IN"
				  " ('table', 'index') OR sql LIKE 'CREATE VIRTUAL%'";
	int64_t count;
	return read_number(store, sql, &count, err) &&
	       (count == 0 || error_set(err, ERROR_INTEGRITY,
					      "the backup's database is none of a manager: it has "
					      "views, triggers or virtual tables"));
}

static bool check_schema(struct store *store, uint64_t schema, struct error *err) {
	int64_t application, version;
	if (!read_number(store, "PRAGMA application_id", &application, err) ||
			!read_number(store, "PRAGMA user_version", &version, err)) {
		return false;
	}
	if (application != SCHEMA_APPLICATION || version < 1 || (uint64_t)version != schema) {
		return error_set(err, ERROR_INTEGRITY,
				"the backup's database is not the one that its manifest says");
	}
	return true;
}

/* Both are in order, so they are walked side by side. */
static bool check_modules(
		struct store *store, const struct restored_database *database, struct error *err) {
	static const char sql[] = "SELECT DISTINCT digest FROM tasks WHERE digest IS NOT NULL"
				  " ORDER BY digest";
	sqlite3_stmt *row = NULL;
	uint64_t missing = 0;
	size_t at = 0;
	int code = sqlite3_prepare_v2(store->db, sql, -1, &row, NULL);
	while (code == SQLITE_OK || code == SQLITE_ROW) {
		char digest[DIGEST_HEX_SIZE] = "";
		code = sqlite3_step(row);
		if (code == SQLITE_ROW && sqlite3_column_bytes(row, 0) == DIGEST_SIZE) {
			hex_encode(sqlite3_column_blob(row, 0), DIGEST_SIZE, digest);
		}
		bool there = at < database->digests->count &&
			     strcmp(database->digests->items[at], digest) == 0;
		at += there;
		missing += code == SQLITE_ROW && !there;
	}
	(void)sqlite3_finalize(row);
	if (code != SQLITE_DONE) {
		return file_error(store, "looking for modules", err);
	}
	return (missing == database->missing && at == database->digests->count) ||
	       error_set(err, ERROR_INTEGRITY,
			       "the backup is damaged: its modules are not those that its tasks "
			       "name");
}

bool restored_check(struct restored_database *database, struct error *err) {
	struct store store;
	int64_t tasks = 0;
	bool ok = open_file(&store, database->path, err) && check_plain(&store, err) &&
		  check_schema(&store, database->schema, err) && check_whole(&store, err) &&
		  check_modules(&store, database, err) &&
		  read_number(&store, "SELECT count(*) FROM tasks", &tasks, err);
	database->tasks = (uint64_t)tasks;
	close_file(&store);
	return ok;
}

/* --- marking ----------------------------------------------------------------------------------
 */

/* Now, but above all that the database knows to have been counted, and every time that is in it:
 * the clock of this machine may be behind that of the lost one. */
static bool choose_era(struct store *store, int64_t *era, struct error *err) {
	static const char sql[] = "SELECT max(ifnull((SELECT max(era) FROM restored), 0),"
				  " ifnull((SELECT max(attempt) FROM moving), 0),"
				  " ifnull((SELECT max(created) FROM tasks), 0) / 1000,"
				  " ifnull((SELECT max(updated) FROM moving), 0) / 1000)";
	int64_t known, now = clock_wall_ns() / 1000;
	if (!read_number(store, sql, &known, err)) {
		return false;
	}
	*era = known >= now ? known + 1 : now;
	return true;
}

static bool put_era(struct store *store, int64_t era, struct error *err) {
	sqlite3_stmt *statement = NULL;
	bool ok = sqlite3_prepare_v2(store->db, "INSERT INTO restored(era, settled) VALUES(?1, 0)",
				  -1, &statement, NULL) == SQLITE_OK &&
		  sqlite3_bind_int64(statement, 1, era) == SQLITE_OK &&
		  sqlite3_step(statement) == SQLITE_DONE;
	ok = ok || file_error(store, "writing its era", err);
	(void)sqlite3_finalize(statement);
	return ok;
}

bool restored_mark(const struct restored_database *database, struct error *err) {
	struct store store;
	int64_t era;
	bool ok = open_file(&store, database->path, err) && schema_migrate(&store, err) &&
		  choose_era(&store, &era, err) && put_era(&store, era, err);
	close_file(&store);
	return ok;
}

/* --- the manager's side -----------------------------------------------------------------------
 */

bool restored_open(struct store *store, struct error *err) {
	sqlite3_stmt *s = database_get(store, STATEMENT_ERA);
	int code = database_row(store, s, "reading its era", err);
	if (code == SQLITE_ROW) {
		store->era = (uint64_t)sqlite3_column_int64(s, 0);
		store->unsettled = sqlite3_column_int(s, 1) != 0;
		database_end(s);
	}
	return code >= 0;
}

uint64_t store_era(const struct store *store) {
	return store->era;
}

bool store_unsettled(const struct store *store) {
	return store->unsettled;
}

bool store_settle(struct store *store, struct error *err) {
	store->settling = database_write(store, database_get(store, STATEMENT_SETTLE),
			"noting that it is settled", err);
	return store->settling;
}
