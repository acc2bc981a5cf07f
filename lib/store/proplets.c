/* SPDX-License-Identifier: Apache-2.0 */
/* Workers: one row of JSON each. */
#include <stdlib.h>

#include "base/mem.h"
#include "store/database.h"

bool store_proplet_put(struct store *store, const struct proplet *proplet, struct error *err) {
	sqlite3_stmt *s = database_get(store, STATEMENT_PROPLET_PUT);
	json_t *saved = proplet_save(proplet);
	CLEANUP(mem_freep) char *text = json_dumps(saved, JSON_COMPACT);
	json_decref(saved);
	database_bind_text(s, 1, proplet->id);
	database_bind_text(s, 2, text);
	return database_done(store, s, "storing a worker", err);
}

bool store_proplet_delete(struct store *store, const char *id, struct error *err) {
	sqlite3_stmt *s = database_get(store, STATEMENT_PROPLET_DELETE);
	database_bind_text(s, 1, id);
	return database_done(store, s, "deleting a worker", err);
}

bool store_proplets(
		struct store *store, store_proplet_taker take, void *context, struct error *err) {
	sqlite3_stmt *s = database_get(store, STATEMENT_PROPLETS);
	int code;
	while ((code = database_row(store, s, "reading workers", err)) == SQLITE_ROW) {
		json_t *body = database_json(s, 1);
		struct proplet *proplet =
				body != NULL ? proplet_load(database_text(s, 0), body, err) : NULL;
		json_decref(body);
		if (proplet == NULL) {
			(void)sqlite3_reset(s);
			return error_set(err, ERROR_INTEGRITY, "a stored worker is not readable");
		}
		take(context, proplet);
	}
	return code == SQLITE_DONE;
}
