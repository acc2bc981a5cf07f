/* SPDX-License-Identifier: Apache-2.0 */
/* Workers: one row of JSON each. */
#include <stdlib.h>

#include "base/mem.h"
#include "store/database.h"

bool store_proplet_put(struct store *store, const struct proplet *proplet, struct error *err) {
	sqlite3_stmt *s = database_get(store, STATEMENT_PROPLET_PUT);
	CLEANUP(mem_freep) char *body = database_dump(proplet_save(proplet));
	database_bind_text(s, 1, proplet->id);
	database_bind_text(s, 2, body);
	return database_write(store, s, "storing a worker", err);
}

bool store_proplet_delete(struct store *store, const char *id, struct error *err) {
	sqlite3_stmt *s = database_get(store, STATEMENT_PROPLET_DELETE);
	database_bind_text(s, 1, id);
	return database_write(store, s, "deleting a worker", err);
}

static struct proplet *read_proplet(struct store *store, sqlite3_stmt *s, struct error *err) {
	const char *id = database_text(s, 0);
	json_t *body = database_json(s, 1);
	struct proplet *proplet = NULL;
	if (json_is_object(body)) {
		proplet = proplet_load(id, body, err);
	} else {
		error_set(err, ERROR_INTEGRITY, "its JSON is damaged");
	}
	json_decref(body);
	if (proplet == NULL) {
		error_wrap(err, "the worker \"%.128s\" in the database %s", id, store->where);
	}
	return proplet;
}

bool store_proplets(
		struct store *store, store_proplet_taker take, void *context, struct error *err) {
	sqlite3_stmt *s = database_get(store, STATEMENT_PROPLETS);
	int code;
	while ((code = database_row(store, s, "reading the workers", err)) == SQLITE_ROW) {
		struct proplet *proplet = read_proplet(store, s, err);
		if (proplet == NULL) {
			database_end(s);
			return false;
		}
		take(context, proplet);
	}
	return code == SQLITE_DONE;
}
