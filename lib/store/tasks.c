/* SPDX-License-Identifier: Apache-2.0 */
/* Writing tasks: see statements.def for the rows that one has. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "base/mem.h"
#include "base/str.h"
#include "store/private.h"

/* A digest as its 32 bytes in `raw`; NULL in the database while there is no module. */
static void bind_digest(sqlite3_stmt *s, int at, const char *digest, uint8_t raw[DIGEST_SIZE]) {
	if (hex_decode(digest, raw, DIGEST_SIZE)) {
		(void)sqlite3_bind_blob(s, at, raw, DIGEST_SIZE, SQLITE_STATIC);
	}
}

static bool is_live(const struct task *task) {
	return task->queued || task->state == TASK_SCHEDULED || task->state == TASK_RUNNING;
}

/* A task keeps its place in the line while it lives; one that begins to wait goes to the end. */
static int64_t place_for(struct store *store, const struct task *task, const struct row *row) {
	if (!is_live(task)) {
		return 0;
	}
	bool stays = row->place != 0 && (row->queued || !task->queued);
	return stays ? row->place : ++store->last_place;
}

static void bind_moving(sqlite3_stmt *s, const struct task *task, int64_t seq) {
	(void)sqlite3_bind_int64(s, 1, seq);
	(void)sqlite3_bind_int(s, 2, (int)task->state);
	database_bind_u64(s, 3, task->attempt);
	(void)sqlite3_bind_int(s, 4, task->queued);
	(void)sqlite3_bind_int(s, 5, task->stopping);
	database_bind_text(s, 6, task->at.proplet_id);
	database_bind_text(s, 7, task->at.boot);
	database_bind_u64(s, 8, task->at.command);
	(void)sqlite3_bind_int64(s, 9, task->updated_at);
	(void)sqlite3_bind_int64(s, 10, task->start_time);
	(void)sqlite3_bind_int64(s, 11, task->finish_time);
	database_bind_u64(s, 12, task->restarts);
	(void)sqlite3_bind_int64(s, 13, task->due_at);
}

/* The place is written only when it changes, so that other moves touch no index. */
static bool put_moving(struct store *store, enum statement which, const struct task *task,
		struct row *row, struct error *err) {
	sqlite3_stmt *s = database_get(store, which);
	int64_t place = place_for(store, task, row);
	if (which == STATEMENT_MOVING_PUT && place != row->place) {
		s = database_get(store, STATEMENT_MOVING_PLACE);
	}
	bind_moving(s, task, row->seq);
	if (place != 0 && s != database_get(store, STATEMENT_MOVING_PUT)) {
		(void)sqlite3_bind_int64(s, 14, place);
	}
	row->place = place;
	row->queued = task->queued;
	return database_write(store, s, "storing how far a task has come", err);
}

static bool put_tags(struct store *store, const struct task *task, int64_t seq, struct error *err) {
	sqlite3_stmt *s = database_get(store, STATEMENT_TAGGED_PUT);
	const struct private_place place = { PRIVATE_METADATA, task->id, 0 };
	CLEANUP(mem_freep) char *text = database_dump(json_incref(task->metadata));
	(void)sqlite3_bind_int64(s, 1, seq);
	return private_bind_text(store, s, 2, &place, text, err) &&
	       database_write(store, s, "storing a task's metadata", err);
}

static bool has_tags(const struct task *task) {
	return json_object_size(task->metadata) != 0;
}

static bool add_body(struct store *store, const struct task *task, struct error *err) {
	sqlite3_stmt *s = database_get(store, STATEMENT_TASK_ADD);
	uint8_t digest[DIGEST_SIZE];
	const struct private_place place = { PRIVATE_BODY, task->id, 0 };
	CLEANUP(mem_freep) char *body = database_dump(task_save(task));
	database_bind_text(s, 1, task->id);
	bind_digest(s, 2, task->work.digest, digest);
	(void)sqlite3_bind_int64(s, 3, task->created_at);
	return private_bind_text(store, s, 4, &place, body, err) &&
	       database_write(store, s, "storing a task", err);
}

bool store_task_add(struct store *store, const struct task *task, struct error *err) {
	struct row row = { 0 };
	if (!add_body(store, task, err)) {
		return false;
	}
	(void)snprintf(row.id, sizeof(row.id), "%s", task->id);
	row.seq = sqlite3_last_insert_rowid(store->db);
	tally_add(store->tally, row.seq);
	if (!put_moving(store, STATEMENT_MOVING_ADD, task, &row, err) ||
			(has_tags(task) && !put_tags(store, task, row.seq, err))) {
		return false;
	}
	(void)rows_put(store->rows, &row);
	return true;
}

bool store_task_move(struct store *store, const struct task *task, struct error *err) {
	struct row *row = database_find(store, task->id, err);
	return row != NULL && put_moving(store, STATEMENT_MOVING_PUT, task, row, err);
}

static bool change_body(
		struct store *store, const struct task *task, int64_t seq, struct error *err) {
	sqlite3_stmt *s = database_get(store, STATEMENT_TASK_CHANGE);
	uint8_t digest[DIGEST_SIZE];
	const struct private_place place = { PRIVATE_BODY, task->id, 0 };
	CLEANUP(mem_freep) char *body = database_dump(task_save(task));
	(void)sqlite3_bind_int64(s, 1, seq);
	bind_digest(s, 2, task->work.digest, digest);
	return private_bind_text(store, s, 3, &place, body, err) &&
	       database_write(store, s, "storing a changed task", err);
}

bool tasks_put_body(struct store *store, const struct task *task, int64_t seq, struct error *err) {
	if (!change_body(store, task, seq, err)) {
		return false;
	}
	return has_tags(task) ? put_tags(store, task, seq, err)
			      : database_delete(store, STATEMENT_TAGGED_DELETE, seq, err);
}

bool store_task_change(struct store *store, const struct task *task, struct error *err) {
	struct row *row = database_find(store, task->id, err);
	return row != NULL && tasks_put_body(store, task, row->seq, err) &&
	       put_moving(store, STATEMENT_MOVING_PUT, task, row, err);
}

static bool delete_rows(struct store *store, int64_t seq, struct error *err) {
	static const enum statement parts[] = { STATEMENT_TASK_DELETE, STATEMENT_MOVING_DELETE,
		STATEMENT_TAGGED_DELETE, STATEMENT_OUTCOME_DELETE, STATEMENT_MOVES_DELETE };
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (!database_delete(store, parts[i], seq, err)) {
			return false;
		}
	}
	return true;
}

bool store_task_delete(struct store *store, const char *id, struct error *err) {
	struct row row = { 0 };
	int code = database_look(store, id, &row, err);
	if (code < 0) {
		store_rollback(store);
	}
	if (code != SQLITE_ROW) {
		return code == SQLITE_DONE;
	}
	if (!delete_rows(store, row.seq, err)) {
		return false;
	}
	tally_remove(store->tally, row.seq);
	rows_forget(store->rows, id);
	return true;
}

bool store_digest_used(struct store *store, const char *digest, bool *used, struct error *err) {
	sqlite3_stmt *s = database_get(store, STATEMENT_DIGEST_USED);
	uint8_t raw[DIGEST_SIZE];
	bind_digest(s, 1, digest, raw);
	int code = database_row(store, s, "looking for a module", err);
	*used = code == SQLITE_ROW;
	database_end(s);
	return code >= 0;
}
