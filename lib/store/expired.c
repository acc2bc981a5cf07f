/* SPDX-License-Identifier: Apache-2.0 */
/* Finding tasks that ended long ago, by walking the table in steps: an index over the time of the
 * end would be written with every task, for a search that runs once a minute. */
#include "base/hex.h"
#include "base/str.h"
#include "store/database.h"

enum { STEP = 1000 };

static bool last_task(struct store *store, uint64_t *last, struct error *err) {
	sqlite3_stmt *s = database_get(store, STATEMENT_LAST_TASK);
	int code = database_row(store, s, "looking for ended tasks", err);
	*last = code == SQLITE_ROW ? (uint64_t)sqlite3_column_int64(s, 0) : 0;
	database_end(s);
	return code >= 0;
}

static void take(sqlite3_stmt *s, struct strings *ids, struct strings *digests) {
	char digest[DIGEST_HEX_SIZE] = "";
	if (sqlite3_column_bytes(s, 1) == DIGEST_SIZE) {
		hex_encode(sqlite3_column_blob(s, 1), DIGEST_SIZE, digest);
	}
	strings_add(ids, database_text(s, 0));
	strings_add(digests, digest);
}

bool store_task_expired(struct store *store, int64_t before, uint64_t *cursor, struct strings *ids,
		struct strings *digests, struct error *err) {
	uint64_t last;
	int code;
	if (!last_task(store, &last, err)) {
		return false;
	}
	sqlite3_stmt *s = database_get(store, STATEMENT_FINISHED);
	database_bind_u64(s, 1, *cursor);
	database_bind_u64(s, 2, *cursor + STEP);
	(void)sqlite3_bind_int64(s, 3, before);
	while ((code = database_row(store, s, "looking for ended tasks", err)) == SQLITE_ROW) {
		take(s, ids, digests);
	}
	*cursor = *cursor + STEP < last ? *cursor + STEP : 0;
	return code == SQLITE_DONE;
}
