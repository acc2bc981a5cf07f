/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of older workload keys are written anew with the first one, a piece of the table at a time.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "base/str.h"
#include "store/private.h"

bool store_stale(const struct store *store) {
	return store->ring != NULL && store->stale;
}

static bool last_task(struct store *store, uint64_t *last, struct error *err) {
	sqlite3_stmt *s = database_get(store, STATEMENT_LAST_TASK);
	int code = database_row(store, s, "looking for rows of older keys", err);
	*last = code == SQLITE_ROW ? (uint64_t)sqlite3_column_int64(s, 0) : 0;
	database_end(s);
	return code >= 0;
}

static bool find_stale(struct store *store, uint64_t from, uint64_t to, struct strings *ids,
		struct error *err) {
	sqlite3_stmt *s = database_get(store, STATEMENT_STALE);
	int code;
	database_bind_u64(s, 1, from);
	database_bind_u64(s, 2, to);
	(void)sqlite3_bind_blob(s, 3, store->key, sizeof(store->key), SQLITE_STATIC);
	while ((code = database_row(store, s, "looking for rows of older keys", err)) ==
			SQLITE_ROW) {
		strings_add(ids, database_text(s, 0));
	}
	return code == SQLITE_DONE;
}

/* --- one task ------------------------------------------------------------------------------ */

/* NULL in *cause: it has none. */
static bool read_cause(struct store *store, int64_t seq, const struct private_place *place,
		char **cause, struct error *err) {
	sqlite3_stmt *s = database_get(store, STATEMENT_MOVE_CAUSE);
	struct private_value value = { 0 };
	(void)sqlite3_bind_int64(s, 1, seq);
	database_bind_u64(s, 2, place->index);
	int code = database_row(store, s, "reading a task's history", err);
	bool ok = code == SQLITE_DONE ||
		  (code == SQLITE_ROW && private_read(store, s, 0, private_is_sealed(s, 0), place,
							 &value, err));
	*cause = value.bytes.data != NULL ? mem_copy(value.bytes.data, value.bytes.size) : NULL;
	private_finish(&value);
	database_end(s);
	return ok;
}

static bool put_cause(struct store *store, int64_t seq, const struct private_place *place,
		const char *cause, struct error *err) {
	sqlite3_stmt *s = database_get(store, STATEMENT_MOVE_PUT);
	(void)sqlite3_bind_int64(s, 1, seq);
	database_bind_u64(s, 2, place->index);
	return private_bind_text(store, s, 3, place, cause, err) &&
	       database_write(store, s, "storing a task's history anew", err);
}

/* All of a task, before the first of it is written: what cannot be read stays as it is. */
struct whole {
	struct task *task;
	struct row *row;
	struct strings causes; /* of the moves 1, 2, 3 ...; "" for none */
};

static bool read_whole(
		struct store *store, const char *id, struct whole *whole, struct error *err) {
	whole->task = store_task_get(store, id, err);
	whole->row = whole->task != NULL ? database_find(store, id, err) : NULL;
	if (whole->row == NULL) {
		return false;
	}
	for (int64_t i = 1; i <= whole->row->moves; i++) {
		const struct private_place place = { PRIVATE_CAUSE, id, (uint64_t)i };
		CLEANUP(mem_freep) char *cause = NULL;
		if (!read_cause(store, whole->row->seq, &place, &cause, err)) {
			return false;
		}
		strings_add(&whole->causes, cause != NULL ? cause : "");
	}
	return true;
}

static bool write_whole(struct store *store, const struct whole *whole, struct error *err) {
	const struct task *task = whole->task;
	if (!tasks_put_body(store, task, whole->row->seq, err) ||
			!store_task_outcome(store, task, err)) {
		return false;
	}
	for (size_t i = 0; i < whole->causes.count; i++) {
		const struct private_place place = { PRIVATE_CAUSE, task->id, i + 1 };
		if (!put_cause(store, whole->row->seq, &place, whole->causes.items[i], err)) {
			return false;
		}
	}
	return true;
}

static bool reseal_task(
		struct store *store, const char *id, struct reseal *reseal, struct error *err) {
	struct whole whole = { 0 };
	bool ok = true;
	if (read_whole(store, id, &whole, &reseal->why)) {
		ok = write_whole(store, &whole, err);
		reseal->done++;
	} else {
		reseal->left++;
	}
	strings_finish(&whole.causes);
	task_destroy(whole.task);
	return ok;
}

/* --- the table ----------------------------------------------------------------------------- */

static bool drop_keys(struct store *store, struct error *err) {
	sqlite3_stmt *s = database_get(store, STATEMENT_KEYS_DROP);
	(void)sqlite3_bind_blob(s, 1, store->key, sizeof(store->key), SQLITE_STATIC);
	return database_write(store, s, "forgetting older keys", err);
}

bool store_reseal(struct store *store, uint64_t count, struct reseal *reseal, struct error *err) {
	struct strings ids = { 0 };
	uint64_t last, from = reseal->cursor;
	if (!last_task(store, &last, err)) {
		return false;
	}
	bool ok = find_stale(store, from, from + count, &ids, err);
	for (size_t i = 0; ok && i < ids.count; i++) {
		ok = reseal_task(store, ids.items[i], reseal, err);
	}
	strings_finish(&ids);
	reseal->cursor = from + count < last ? from + count : 0;
	if (ok && reseal->cursor == 0 && reseal->left == 0) {
		ok = store->renewed = drop_keys(store, err);
	}
	return ok;
}
