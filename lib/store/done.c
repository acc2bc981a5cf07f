/* SPDX-License-Identifier: Apache-2.0 */
/* Requests that were done under a client's key: so few, and so long. */
#include <string.h>

#include "store/database.h"

static bool read_digest(sqlite3_stmt *s, int column, uint8_t digest[DIGEST_SIZE]) {
	const void *bytes = sqlite3_column_blob(s, column);
	bool ok = bytes != NULL && sqlite3_column_bytes(s, column) == DIGEST_SIZE;
	if (ok) {
		memcpy(digest, bytes, DIGEST_SIZE);
	}
	return ok;
}

bool store_done_find(struct store *store, struct store_done *done, bool *found, struct error *err) {
	sqlite3_stmt *s = database_get(store, STATEMENT_DONE_FIND);
	(void)sqlite3_bind_blob(s, 1, done->key, DIGEST_SIZE, SQLITE_STATIC);
	int code = database_row(store, s, "looking for a request that was done", err);
	*found = code == SQLITE_ROW;
	if (!*found) {
		return code == SQLITE_DONE;
	}
	const char *task = database_text(s, 1);
	bool ok = read_digest(s, 0, done->request) && task != NULL && strlen(task) < UUID_SIZE;
	if (ok) {
		memcpy(done->task_id, task, strlen(task) + 1);
		done->attempt = (uint64_t)sqlite3_column_int64(s, 2);
		done->at = sqlite3_column_int64(s, 3);
	}
	database_end(s);
	return ok || error_set(err, ERROR_INTEGRITY,
				     "a request that was done, in the database %s, is damaged",
				     store->where);
}

/* The numbers rise with time, so those far behind the last one are the oldest. */
static bool forget(struct store *store, int64_t before, struct error *err) {
	const struct {
		enum statement which;
		int64_t bound;
	} rules[] = { { STATEMENT_DONE_OLD, before }, { STATEMENT_DONE_MANY, STORE_DONE_MAX } };
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		sqlite3_stmt *s = database_get(store, rules[i].which);
		(void)sqlite3_bind_int64(s, 1, rules[i].bound);
		if (!database_write(store, s, "forgetting requests that were done", err)) {
			return false;
		}
	}
	return true;
}

bool store_done_add(struct store *store, const struct store_done *done, int64_t before,
		struct error *err) {
	if (!forget(store, before, err)) {
		return false;
	}
	sqlite3_stmt *s = database_get(store, STATEMENT_DONE_ADD);
	(void)sqlite3_bind_blob(s, 1, done->key, DIGEST_SIZE, SQLITE_STATIC);
	(void)sqlite3_bind_blob(s, 2, done->request, DIGEST_SIZE, SQLITE_STATIC);
	database_bind_text(s, 3, done->task_id);
	database_bind_u64(s, 4, done->attempt);
	(void)sqlite3_bind_int64(s, 5, done->at);
	return database_write(store, s, "noting a request that was done", err);
}
