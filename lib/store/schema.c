/* SPDX-License-Identifier: Apache-2.0 */
/* The schema, as numbered steps: step N brings a file of version N - 1 to version N. */
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/str.h"
#include "store/database.h"

static const char *const steps[] = {
	"CREATE TABLE tasks(seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, state INTEGER NOT "
	"NULL,"
	" attempt INTEGER NOT NULL, queued INTEGER NOT NULL, stopping INTEGER NOT NULL, proplet "
	"TEXT, boot TEXT,"
	" command INTEGER NOT NULL, created INTEGER NOT NULL, updated INTEGER NOT NULL, started "
	"INTEGER NOT NULL,"
	" finished INTEGER NOT NULL, digest TEXT);"
	"CREATE INDEX tasks_live ON tasks(queued, seq) WHERE state IN (1, 2) OR queued > 0;"
	"CREATE INDEX tasks_digest ON tasks(digest) WHERE digest IS NOT NULL;"
	"CREATE TABLE workloads(task INTEGER PRIMARY KEY, body TEXT NOT NULL);"
	"CREATE TABLE outcomes(task INTEGER PRIMARY KEY, results TEXT, out BLOB, err BLOB, exited "
	"INTEGER,"
	" exit_code INTEGER, truncated INTEGER, interrupted INTEGER, error TEXT, started INTEGER, "
	"finished INTEGER,"
	" fuel INTEGER);"
	"CREATE TABLE moves(task INTEGER NOT NULL, seq INTEGER NOT NULL, at INTEGER NOT NULL, "
	"state INTEGER NOT NULL,"
	" attempt INTEGER NOT NULL, cause TEXT, PRIMARY KEY(task, seq)) WITHOUT ROWID;"
	"CREATE TABLE proplets(id TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;",
};

enum { VERSION = sizeof(steps) / sizeof(steps[0]) };

static bool version_of(struct store *store, int *version, struct error *err) {
	sqlite3_stmt *statement = NULL;
	bool ok = sqlite3_prepare_v2(store->db, "PRAGMA user_version", -1, &statement, NULL) ==
				  SQLITE_OK &&
		  sqlite3_step(statement) == SQLITE_ROW;
	if (ok) {
		*version = sqlite3_column_int(statement, 0);
	} else {
		database_error(store, "reading the schema's version", err);
	}
	(void)sqlite3_finalize(statement);
	return ok;
}

static bool run_step(struct store *store, int version, struct error *err) {
	CLEANUP(mem_freep)
	char *text = str_format("BEGIN IMMEDIATE; %s; PRAGMA user_version = %d; COMMIT",
			steps[version], version + 1);
	if (sqlite3_exec(store->db, text, NULL, NULL, NULL) != SQLITE_OK) {
		database_error(store, "migrating the schema", err);
		(void)sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
		return false;
	}
	return true;
}

bool schema_migrate(struct store *store, struct error *err) {
	int version = 0;
	if (!version_of(store, &version, err)) {
		return false;
	}
	if (version > VERSION) {
		return error_set(err, ERROR_INVALID,
				"the database %s has schema version %d, this program knows up to "
				"%d: use the newer "
				"program, or another file",
				store->where, version, VERSION);
	}
	for (; version < VERSION; version++) {
		if (!run_step(store, version, err)) {
			return false;
		}
	}
	return true;
}
