/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What the files of lib/store share: the SQLite connection, its prepared statements, its errors.
 * Only lib/store includes this. Whoever adds another database puts a struct of functions under
 * store.h and makes this its first row.
 */
#include <sqlite3.h>

#include "seal/seal.h"
#include "store/checkpoint.h"
#include "store/rows.h"
#include "store/store.h"
#include "store/tally.h"

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
	struct checkpoint *checkpoint;  /* NULL in memory */
	bool writing;                   /* between store_begin() and its end */
	struct tally *tally;            /* how many tasks there are, and where */
	struct rows *rows;              /* where the tasks lately written are */
	int64_t last_place;             /* the last one given to a live task */
	struct seal_ring *ring;         /* of the workload key; NULL: nothing is sealed */
	uint8_t key[SEAL_KEY_ID_BYTES]; /* id of the key of new rows */
	bool stale;   /* there are rows of other keys, or in the clear while there is a key */
	bool renewed; /* none any more, once this transaction is committed */
	uint64_t era; /* see restored.h; 0: it was never restored */
	bool unsettled;
	bool settling; /* it is settled once this transaction is committed */
};

/* Makes err from what SQLite says; a full disk is NO_SPACE. Returns false. */
bool database_error(struct store *store, const char *doing, struct error *err);
/* The same when there is no store yet, or another connection. */
bool database_error_of(sqlite3 *db, const char *where, const char *doing, struct error *err);

/* A prepared statement, ready for binding. What is bound has to live until the statement ends. */
sqlite3_stmt *database_get(struct store *store, enum statement which);
/* Runs a statement that writes, and ends it. When it fails, the transaction is rolled back. */
bool database_write(struct store *store, sqlite3_stmt *statement, const char *doing,
		struct error *err) MUST_CHECK;
/* A write of one row by its number only. */
bool database_delete(struct store *store, enum statement which, int64_t row,
		struct error *err) MUST_CHECK;
/* The next row: SQLITE_ROW, SQLITE_DONE, or -1 with err. Ends the statement unless there is one. */
int database_row(struct store *store, sqlite3_stmt *statement, const char *doing,
		struct error *err) MUST_CHECK;
void database_end(sqlite3_stmt *statement);

void database_bind_text(sqlite3_stmt *statement, int at, const char *text); /* "" and NULL: NULL */
void database_bind_u64(sqlite3_stmt *statement, int at, uint64_t value);
const char *database_text(
		sqlite3_stmt *statement, int column); /* NULL for NULL; until the next row */
/* JSON of a column, or NULL; the caller drops it. */
json_t *database_json(sqlite3_stmt *statement, int column);
/* Compact text of a value, which it drops; freed by the caller. */
char *database_dump(json_t *value);

/* Where the rows of a task are: SQLITE_ROW, SQLITE_DONE if there are none, or -1 with err. */
int database_look(
		struct store *store, const char *id, struct row *row, struct error *err) MUST_CHECK;
/* The same for a write: remembered, or looked up. NULL with err (ERROR_NOT_FOUND among them) when
 * it fails, and the transaction is rolled back. */
struct row *database_find(struct store *store, const char *id, struct error *err) MUST_CHECK;

/* outcomes.c: takes the outcome of a task, whose id it has, out of a row, whose columns begin at
 * `column`; `whole` with output. */
bool outcomes_read(struct store *store, sqlite3_stmt *statement, int column, bool whole,
		struct task *task, struct error *err) MUST_CHECK;
/* tasks.c: writes what was asked for, and nothing else. */
bool tasks_put_body(struct store *store, const struct task *task, int64_t seq,
		struct error *err) MUST_CHECK;
/* restored.c: at the opening of a store. */
bool restored_open(struct store *store, struct error *err) MUST_CHECK;
