/* SPDX-License-Identifier: Apache-2.0 */
/* The schema, as numbered steps: step N brings a file of version N - 1 to version N. */
#include "store/schema.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/str.h"
#include "store/database.h"

static const char *const steps[] = {
	/* place: the order in which tasks came to life, NULL while they are not live. */
	"CREATE TABLE tasks(seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, digest BLOB,"
	" created INTEGER NOT NULL, body TEXT NOT NULL);"
	"CREATE INDEX tasks_digest ON tasks(digest) WHERE digest IS NOT NULL;"
	"CREATE TABLE moving(task INTEGER PRIMARY KEY, state INTEGER NOT NULL,"
	" attempt INTEGER NOT NULL, queued INTEGER NOT NULL, stopping INTEGER NOT NULL, place "
	"INTEGER,"
	" proplet TEXT, boot TEXT, command INTEGER NOT NULL, updated INTEGER NOT NULL,"
	" started INTEGER NOT NULL, finished INTEGER NOT NULL);"
	"CREATE INDEX moving_live ON moving(place) WHERE place IS NOT NULL;"
	"CREATE TABLE outcomes(task INTEGER PRIMARY KEY, exited INTEGER, exit_code INTEGER,"
	" truncated INTEGER, interrupted INTEGER, error TEXT, started INTEGER, finished INTEGER,"
	" fuel INTEGER, results TEXT, out BLOB, err BLOB);"
	"CREATE TABLE moves(task INTEGER NOT NULL, seq INTEGER NOT NULL, at INTEGER NOT NULL,"
	" state INTEGER NOT NULL, attempt INTEGER NOT NULL, cause TEXT,"
	" PRIMARY KEY(task, seq)) WITHOUT ROWID;"
	"CREATE TABLE tagged(task INTEGER PRIMARY KEY, metadata TEXT NOT NULL);"
	"CREATE TABLE proplets(id TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;",
	/* Restarts: how many there were in a row, and when the next one is due. */
	"ALTER TABLE moving ADD COLUMN restarts INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE moving ADD COLUMN due INTEGER NOT NULL DEFAULT 0;",
	/* Workload keys: see private.h. What was there before is sealed with none. */
	"ALTER TABLE outcomes ADD COLUMN key BLOB;"
	"CREATE TABLE sealed_with(key BLOB PRIMARY KEY, proof BLOB) WITHOUT ROWID;"
	"INSERT INTO sealed_with(key, proof) VALUES(x'', x'');",
	/* What a task that counts gas has used. */
	"ALTER TABLE outcomes ADD COLUMN gas INTEGER NOT NULL DEFAULT 0;",
	/* Requests that were done under a client's key. */
	"CREATE TABLE done(seq INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE,"
	" request BLOB NOT NULL, task TEXT NOT NULL, attempt INTEGER NOT NULL,"
	" at INTEGER NOT NULL);"
	"CREATE INDEX done_at ON done(at);",
	/* Restores of a backup: see restored.c. */
	"CREATE TABLE restored(era INTEGER PRIMARY KEY, settled INTEGER NOT NULL);",
};

/* What may be lost, and is made where it is missing: no step, so that programs before it take the
 * file as it is. It never changes either; another shape gets another name. */
static const char losable[] =
		"CREATE TABLE IF NOT EXISTS samples(seq INTEGER PRIMARY KEY, kind INTEGER NOT NULL,"
		" owner TEXT NOT NULL, proplet TEXT, keep INTEGER NOT NULL, at INTEGER NOT NULL,"
		" packed BLOB NOT NULL);"
		"CREATE TABLE IF NOT EXISTS beats(seq INTEGER PRIMARY KEY, proplet TEXT NOT NULL,"
		" at BLOB NOT NULL);";

int schema_version(void) {
	return (int)(sizeof(steps) / sizeof(steps[0]));
}

static bool read_number(struct store *store, const char *sql, int *number, struct error *err) {
	sqlite3_stmt *statement = NULL;
	bool ok = sqlite3_prepare_v2(store->db, sql, -1, &statement, NULL) == SQLITE_OK &&
		  sqlite3_step(statement) == SQLITE_ROW;
	if (ok) {
		*number = sqlite3_column_int(statement, 0);
	} else {
		database_error(store, "reading the version of the schema", err);
	}
	(void)sqlite3_finalize(statement);
	return ok;
}

bool schema_check(struct store *store, struct error *err) {
	int application = 0, tables = 0;
	if (!read_number(store, "PRAGMA application_id", &application, err) ||
			!read_number(store, "SELECT count(*) FROM sqlite_schema", &tables, err)) {
		return false;
	}
	return application == SCHEMA_APPLICATION || (application == 0 && tables == 0) ||
	       error_set(err, ERROR_INVALID,
			       "%s is a database of another program: use another file",
			       store->where);
}

static bool run_step(struct store *store, const char *step, int version, struct error *err) {
	CLEANUP(mem_freep)
	char *text = str_format("BEGIN IMMEDIATE; %s PRAGMA application_id = %d;"
				" PRAGMA user_version = %d; COMMIT",
			step, SCHEMA_APPLICATION, version);
	if (sqlite3_exec(store->db, text, NULL, NULL, NULL) == SQLITE_OK) {
		return true;
	}
	database_error(store, "bringing the schema up to date", err);
	(void)sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
	return false;
}

bool schema_apply(struct store *store, const char *const *list, int count, struct error *err) {
	int version = 0;
	if (!schema_check(store, err) ||
			!read_number(store, "PRAGMA user_version", &version, err)) {
		return false;
	}
	if (version > count) {
		return error_set(err, ERROR_INVALID,
				"the database %s has schema version %d, this program knows up to "
				"%d: use "
				"the newer program, or another file",
				store->where, version, count);
	}
	for (; version < count; version++) {
		if (!run_step(store, list[version], version + 1, err)) {
			return false;
		}
	}
	return true;
}

bool schema_migrate(struct store *store, struct error *err) {
	if (!schema_apply(store, steps, schema_version(), err)) {
		return false;
	}
	return sqlite3_exec(store->db, losable, NULL, NULL, NULL) == SQLITE_OK ||
	       database_error(store, "making the tables of what was measured", err);
}
