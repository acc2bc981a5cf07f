/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What the files of lib/store share: the SQLite connection, its prepared statements, its errors. */
#include <sqlite3.h>

#include "store/store.h"

enum statement {
#define STATEMENT(name, sql) STATEMENT_##name,
#include "store/statements.def"
#undef STATEMENT
	STATEMENTS
};

struct store {
	sqlite3 *db;
	char *where;
	int lock; /* an exclusive lock on WHERE.lock, or -1 */
	sqlite3_stmt *statements[STATEMENTS];
	uint64_t task_count;        /* as committed, and... */
	uint64_t task_count_before; /* ...at the beginning of the transaction */
	int64_t queue_place;        /* the last one given to a queued task */
};

/* Makes err from what SQLite says; a full disk is NO_SPACE. Returns false. */
bool database_error(struct store *store, const char *doing, struct error *err);
/* A prepared statement, ready for binding. */
sqlite3_stmt *database_get(struct store *store, enum statement which);
/* Steps a statement that returns nothing, and resets it. */
bool database_done(struct store *store, sqlite3_stmt *statement, const char *doing,
		struct error *err) MUST_CHECK;
/* Steps a statement that returns rows: SQLITE_ROW, SQLITE_DONE, or -1 with err. Resets it unless
 * there is a row. */
int database_row(
		struct store *store, sqlite3_stmt *statement, const char *doing, struct error *err);

void database_bind_text(
		sqlite3_stmt *statement, int at, const char *text); /* copied; NULL is NULL */
void database_bind_u64(sqlite3_stmt *statement, int at, uint64_t value);
const char *database_text(
		sqlite3_stmt *statement, int column); /* NULL for NULL; until the next step */
/* JSON of a column, or NULL; the caller drops it. */
json_t *database_json(sqlite3_stmt *statement, int column);

/* schema.c: brings the file to this program's schema. */
bool schema_migrate(struct store *store, struct error *err) MUST_CHECK;
