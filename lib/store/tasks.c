/* SPDX-License-Identifier: Apache-2.0 */
/* Tasks: three rows each, see statements.def. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "store/database.h"

static const char *or_null(const char *text) {
	return text != NULL && text[0] != 0 ? text : NULL;
}

/* A queued task keeps its place in the queue; one that becomes queued gets the last. */
static int64_t queue_place(struct store *store, const struct task *task) {
	sqlite3_stmt *statement = database_get(store, STATEMENT_TASK_QUEUED);
	struct error ignored;
	int64_t place = 0;
	if (!task->queued) {
		return 0;
	}
	database_bind_text(statement, 1, task->id);
	if (database_row(store, statement, "reading", &ignored) == SQLITE_ROW) {
		place = sqlite3_column_int64(statement, 0);
		(void)sqlite3_reset(statement);
	}
	return place > 0 ? place : ++store->queue_place;
}

static bool put_workload(struct store *store, const struct task *task, struct error *err) {
	sqlite3_stmt *statement = database_get(store, STATEMENT_WORKLOAD_PUT);
	json_t *saved = task_save(task);
	CLEANUP(mem_freep) char *text = json_dumps(saved, JSON_COMPACT);
	json_decref(saved);
	database_bind_text(statement, 1, task->id);
	database_bind_text(statement, 2, text);
	return database_done(store, statement, "storing a task", err);
}

bool store_task_add(struct store *store, const struct task *task, struct error *err) {
	sqlite3_stmt *s = database_get(store, STATEMENT_TASK_ADD);
	int64_t place = queue_place(store, task);
	database_bind_text(s, 1, task->id);
	(void)sqlite3_bind_int(s, 2, (int)task->state);
	database_bind_u64(s, 3, task->attempt);
	(void)sqlite3_bind_int64(s, 4, place);
	(void)sqlite3_bind_int(s, 5, task->stopping);
	database_bind_text(s, 6, task->at.proplet_id);
	database_bind_text(s, 7, or_null(task->at.boot));
	database_bind_u64(s, 8, task->at.command);
	(void)sqlite3_bind_int64(s, 9, task->created_at);
	(void)sqlite3_bind_int64(s, 10, task->updated_at);
	(void)sqlite3_bind_int64(s, 11, task->start_time);
	(void)sqlite3_bind_int64(s, 12, task->finish_time);
	database_bind_text(s, 13, or_null(task->work.digest));
	if (!database_done(store, s, "storing a task", err) || !put_workload(store, task, err)) {
		return false;
	}
	store->task_count++;
	return true;
}

bool store_task_move(struct store *store, const struct task *task, struct error *err) {
	sqlite3_stmt *s = database_get(store, STATEMENT_TASK_MOVE);
	int64_t place = queue_place(store, task);
	(void)sqlite3_bind_int(s, 1, (int)task->state);
	database_bind_u64(s, 2, task->attempt);
	(void)sqlite3_bind_int64(s, 3, place);
	(void)sqlite3_bind_int(s, 4, task->stopping);
	database_bind_text(s, 5, task->at.proplet_id);
	database_bind_text(s, 6, or_null(task->at.boot));
	database_bind_u64(s, 7, task->at.command);
	(void)sqlite3_bind_int64(s, 8, task->updated_at);
	(void)sqlite3_bind_int64(s, 9, task->start_time);
	(void)sqlite3_bind_int64(s, 10, task->finish_time);
	database_bind_text(s, 11, or_null(task->work.digest));
	database_bind_text(s, 12, task->id);
	return database_done(store, s, "storing a move", err);
}

bool store_task_change(struct store *store, const struct task *task, struct error *err) {
	return store_task_move(store, task, err) && put_workload(store, task, err);
}

static bool is_empty(const struct outcome *o) {
	return o->results == NULL && o->out.size == 0 && o->error_out.size == 0 && !o->exited &&
	       o->error == NULL && !o->interrupted && o->finished_at == 0;
}

static void bind_bytes(sqlite3_stmt *statement, int at, const struct outcome_text *text) {
	if (text->size != 0) {
		(void)sqlite3_bind_blob64(statement, at, text->bytes, text->size, SQLITE_STATIC);
	}
}

static void bind_outcome(sqlite3_stmt *s, const struct outcome *o) {
	bind_bytes(s, 3, &o->out);
	bind_bytes(s, 4, &o->error_out);
	(void)sqlite3_bind_int(s, 5, o->exited);
	(void)sqlite3_bind_int(s, 6, o->exit_code);
	(void)sqlite3_bind_int(s, 7, o->truncated);
	(void)sqlite3_bind_int(s, 8, o->interrupted);
	database_bind_text(s, 9, o->error);
	(void)sqlite3_bind_int64(s, 10, o->started_at);
	(void)sqlite3_bind_int64(s, 11, o->finished_at);
	database_bind_u64(s, 12, o->fuel_used);
}

bool store_task_outcome(struct store *store, const struct task *task, struct error *err) {
	const struct outcome *outcome = &task->outcome;
	bool empty = is_empty(outcome);
	sqlite3_stmt *s = database_get(
			store, empty ? STATEMENT_OUTCOME_DELETE : STATEMENT_OUTCOME_PUT);
	CLEANUP(mem_freep) char *results = NULL;
	database_bind_text(s, 1, task->id);
	if (!empty) {
		results = outcome->results != NULL ? json_dumps(outcome->results,
								     JSON_COMPACT | JSON_ENCODE_ANY)
						   : NULL;
		database_bind_text(s, 2, results);
		bind_outcome(s, outcome);
	}
	return database_done(store, s, "storing a result", err);
}

/* --- reading -----------------------------------------------------------------------------------
 */

enum column {
	ID,
	STATE,
	ATTEMPT,
	QUEUED,
	STOPPING,
	PROPLET,
	BOOT,
	COMMAND,
	CREATED,
	UPDATED,
	STARTED,
	FINISHED,
	DIGEST,
	BODY,
	RESULTS,
	OUT,
	ERR,
	EXITED,
	EXIT_CODE,
	TRUNCATED,
	INTERRUPTED,
	ERROR_TEXT,
	RUN_STARTED,
	RUN_FINISHED,
	FUEL,
};

static void copy_text(char *to, size_t size, const char *from) {
	size_t length = from != NULL ? strnlen(from, size - 1) : 0;
	if (length != 0) {
		memcpy(to, from, length);
	}
	to[length] = 0;
}

static void read_bytes(sqlite3_stmt *s, int column, struct outcome_text *text) {
	text->size = (size_t)sqlite3_column_bytes(s, column);
	text->bytes = text->size != 0 ? mem_copy(sqlite3_column_blob(s, column), text->size) : NULL;
}

static void read_outcome(sqlite3_stmt *s, struct outcome *o) {
	o->results = database_json(s, RESULTS);
	read_bytes(s, OUT, &o->out);
	read_bytes(s, ERR, &o->error_out);
	o->exited = sqlite3_column_int(s, EXITED) != 0;
	o->exit_code = sqlite3_column_int(s, EXIT_CODE);
	o->truncated = sqlite3_column_int(s, TRUNCATED) != 0;
	o->interrupted = sqlite3_column_int(s, INTERRUPTED) != 0;
	o->error = str_copy(database_text(s, ERROR_TEXT));
	o->started_at = sqlite3_column_int64(s, RUN_STARTED);
	o->finished_at = sqlite3_column_int64(s, RUN_FINISHED);
	o->fuel_used = (uint64_t)sqlite3_column_int64(s, FUEL);
}

static void read_moving(sqlite3_stmt *s, struct task *task) {
	copy_text(task->id, sizeof(task->id), database_text(s, ID));
	task->state = (enum task_state)sqlite3_column_int(s, STATE);
	task->attempt = (uint64_t)sqlite3_column_int64(s, ATTEMPT);
	task->queued = sqlite3_column_int64(s, QUEUED) > 0;
	task->stopping = sqlite3_column_int(s, STOPPING) != 0;
	task->at.proplet_id = str_copy(database_text(s, PROPLET));
	copy_text(task->at.boot, sizeof(task->at.boot), database_text(s, BOOT));
	task->at.command = (uint64_t)sqlite3_column_int64(s, COMMAND);
	task->created_at = sqlite3_column_int64(s, CREATED);
	task->updated_at = sqlite3_column_int64(s, UPDATED);
	task->start_time = sqlite3_column_int64(s, STARTED);
	task->finish_time = sqlite3_column_int64(s, FINISHED);
}

static struct task *read_task(sqlite3_stmt *s, struct error *err) {
	struct task *task = task_create();
	json_t *body = database_json(s, BODY);
	read_moving(s, task);
	read_outcome(s, &task->outcome);
	bool ok = body != NULL ? task_load(task, body, err)
			       : error_set(err, ERROR_INTEGRITY,
						 "the stored task %s is not readable", task->id);
	json_decref(body);
	if (!ok) {
		task_destroy(task);
		return NULL;
	}
	return task;
}

struct task *store_task_get(struct store *store, const char *id, struct error *err) {
	sqlite3_stmt *s = database_get(store, STATEMENT_TASK_GET);
	database_bind_text(s, 1, id);
	int code = database_row(store, s, "reading a task", err);
	if (code == SQLITE_DONE) {
		error_set(err, ERROR_NOT_FOUND, "there is no task %s", id);
	}
	struct task *task = code == SQLITE_ROW ? read_task(s, err) : NULL;
	(void)sqlite3_reset(s);
	return task;
}

static bool delete_from(
		struct store *store, enum statement which, const char *id, struct error *err) {
	sqlite3_stmt *s = database_get(store, which);
	database_bind_text(s, 1, id);
	return database_done(store, s, "deleting a task", err);
}

bool store_task_delete(struct store *store, const char *id, struct error *err) {
	if (!delete_from(store, STATEMENT_WORKLOAD_DELETE, id, err) ||
			!delete_from(store, STATEMENT_OUTCOME_DELETE, id, err) ||
			!delete_from(store, STATEMENT_MOVES_DELETE, id, err) ||
			!delete_from(store, STATEMENT_TASK_DELETE, id, err)) {
		return false;
	}
	store->task_count -= (uint64_t)sqlite3_changes(store->db);
	return true;
}

/* Goes through the rows of a statement; the visitor says whether it goes on. */
static bool each_task(struct store *store, sqlite3_stmt *s,
		bool (*visit)(void *context, struct task *task), void *context, struct error *err) {
	int code;
	bool going = true;
	while (going && (code = database_row(store, s, "reading tasks", err)) == SQLITE_ROW) {
		struct task *task = read_task(s, err);
		if (task == NULL) {
			(void)sqlite3_reset(s);
			return false;
		}
		going = visit(context, task);
	}
	(void)sqlite3_reset(s);
	return !going || code == SQLITE_DONE;
}

struct page {
	store_task_visitor visit;
	void *context;
	const json_t *metadata;
	uint64_t offset, limit, matched;
};

static bool visit_page(void *context, struct task *task) {
	struct page *page = context;
	page->visit(page->context, task);
	task_destroy(task);
	return true;
}

static bool contains(const json_t *have, const json_t *want) {
	const char *key;
	json_t *value;
	json_object_foreach((json_t *)(uintptr_t)want, key, value) {
		if (!json_equal(json_object_get(have, key), value)) {
			return false;
		}
	}
	return true;
}

static bool visit_filtered(void *context, struct task *task) {
	struct page *page = context;
	if (contains(task->metadata, page->metadata)) {
		uint64_t place = page->matched++;
		if (place >= page->offset && place - page->offset < page->limit) {
			page->visit(page->context, task);
		}
	}
	task_destroy(task);
	return true;
}

bool store_task_list(struct store *store, uint64_t offset, uint64_t limit, const json_t *metadata,
		store_task_visitor visit, void *context, uint64_t *total, struct error *err) {
	struct page page = { .visit = visit,
		.context = context,
		.metadata = metadata,
		.offset = offset,
		.limit = limit };
	if (metadata != NULL) {
		bool ok = each_task(store, database_get(store, STATEMENT_TASK_ALL), visit_filtered,
				&page, err);
		*total = page.matched;
		return ok;
	}
	sqlite3_stmt *s = database_get(store, STATEMENT_TASK_PAGE);
	database_bind_u64(s, 1, limit);
	database_bind_u64(s, 2, offset);
	*total = store->task_count;
	return each_task(store, s, visit_page, &page, err);
}

struct taking {
	store_task_taker take;
	void *context;
};

static bool visit_live(void *context, struct task *task) {
	const struct taking *taking = context;
	taking->take(taking->context, task);
	return true;
}

bool store_task_live(struct store *store, store_task_taker take, void *context, struct error *err) {
	struct taking taking = { take, context };
	return each_task(store, database_get(store, STATEMENT_TASK_LIVE), visit_live, &taking, err);
}

bool store_digest_used(struct store *store, const char *digest, bool *used, struct error *err) {
	sqlite3_stmt *s = database_get(store, STATEMENT_DIGEST_USED);
	database_bind_text(s, 1, digest);
	int code = database_row(store, s, "looking for a module", err);
	*used = code == SQLITE_ROW;
	(void)sqlite3_reset(s);
	return code >= 0;
}
