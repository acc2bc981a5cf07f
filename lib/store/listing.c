/* SPDX-License-Identifier: Apache-2.0 */
/* Reading tasks: one, a page of them, those that live. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "store/private.h"

/* TASK_COLUMNS of statements.def; the outcome's columns follow. */
enum column {
	ID,
	CREATED,
	BODY,
	STATE,
	ATTEMPT,
	QUEUED,
	STOPPING,
	PROPLET,
	BOOT,
	COMMAND,
	UPDATED,
	STARTED,
	FINISHED,
	RESTARTS,
	DUE,
	OUTCOME,
};

/* How much of the outcome is in the row. */
enum extent { NO_OUTCOME, SHORT_OUTCOME, WHOLE_OUTCOME };

static void copy_text(char *to, size_t size, const char *from) {
	(void)snprintf(to, size, "%s", from != NULL ? from : "");
}

static void read_moving(sqlite3_stmt *s, struct task *task) {
	task->attempt = (uint64_t)sqlite3_column_int64(s, ATTEMPT);
	task->queued = sqlite3_column_int(s, QUEUED) != 0;
	task->stopping = sqlite3_column_int(s, STOPPING) != 0;
	task->at.proplet_id = str_copy(database_text(s, PROPLET));
	copy_text(task->at.boot, sizeof(task->at.boot), database_text(s, BOOT));
	task->at.command = (uint64_t)sqlite3_column_int64(s, COMMAND);
	task->created_at = sqlite3_column_int64(s, CREATED);
	task->updated_at = sqlite3_column_int64(s, UPDATED);
	task->start_time = sqlite3_column_int64(s, STARTED);
	task->finish_time = sqlite3_column_int64(s, FINISHED);
	task->restarts = (uint64_t)sqlite3_column_int64(s, RESTARTS);
	task->due_at = sqlite3_column_int64(s, DUE);
}

/* The database is trusted, but not so far that a damaged one could lead outside of a table. */
static bool read_state(sqlite3_stmt *s, struct task *task) {
	int state = sqlite3_column_int(s, STATE);
	task->state = (enum task_state)state;
	return state >= TASK_PENDING && state <= TASK_INTERRUPTED;
}

static bool read_body(struct store *store, sqlite3_stmt *s, struct task *task, struct error *err) {
	const struct private_place place = { PRIVATE_BODY, task->id, 0 };
	json_t *body;
	if (!private_json(store, s, BODY, &place, &body, err)) {
		return false;
	}
	bool ok = json_is_object(body) ? task_load(task, body, err)
				       : error_set(err, ERROR_INTEGRITY, "its JSON is damaged");
	json_decref(body);
	return ok;
}

static struct task *read_task(
		struct store *store, sqlite3_stmt *s, enum extent extent, struct error *err) {
	struct task *task = task_create();
	copy_text(task->id, sizeof(task->id), database_text(s, ID));
	read_moving(s, task);
	if (read_body(store, s, task, err) &&
			(extent == NO_OUTCOME ||
					outcomes_read(store, s, OUTCOME, extent == WHOLE_OUTCOME,
							task, err)) &&
			(read_state(s, task) ||
					error_set(err, ERROR_INTEGRITY, "its state is none"))) {
		return task;
	}
	error_wrap(err, "the task %s in the database %s", task->id, store->where);
	task_destroy(task);
	return NULL;
}

struct task *store_task_get(struct store *store, const char *id, struct error *err) {
	sqlite3_stmt *s = database_get(store, STATEMENT_TASK_GET);
	database_bind_text(s, 1, id);
	int code = database_row(store, s, "reading a task", err);
	if (code == SQLITE_DONE) {
		error_set(err, ERROR_NOT_FOUND, "there is no task %s", id);
	}
	struct task *task = code == SQLITE_ROW ? read_task(store, s, WHOLE_OUTCOME, err) : NULL;
	database_end(s);
	return task;
}

bool store_task_live(struct store *store, store_task_taker take, void *context, struct error *err) {
	sqlite3_stmt *s = database_get(store, STATEMENT_TASK_LIVE);
	int code;
	while ((code = database_row(store, s, "reading the live tasks", err)) == SQLITE_ROW) {
		struct task *task = read_task(store, s, NO_OUTCOME, err);
		if (task == NULL) {
			database_end(s);
			return false;
		}
		take(context, task);
	}
	return code == SQLITE_DONE;
}

/* --- pages ------------------------------------------------------------------------------- */

struct page {
	uint64_t offset, limit;
	store_task_visitor visit;
	void *context;
};

/* Shows every task that a bound statement finds. */
static bool show_all(
		struct store *store, sqlite3_stmt *s, const struct page *page, struct error *err) {
	int code;
	while ((code = database_row(store, s, "listing tasks", err)) == SQLITE_ROW) {
		struct task *task = read_task(store, s, SHORT_OUTCOME, err);
		if (task == NULL) {
			database_end(s);
			return false;
		}
		page->visit(page->context, task);
		task_destroy(task);
	}
	return code == SQLITE_DONE;
}

static bool show_page(struct store *store, const struct page *page, struct error *err) {
	sqlite3_stmt *s = database_get(store, STATEMENT_TASK_PAGE);
	int64_t top = 0;
	uint64_t skip = 0;
	if (!tally_find(store->tally, page->offset, &top, &skip)) {
		return true;
	}
	(void)sqlite3_bind_int64(s, 1, top);
	database_bind_u64(s, 2, page->limit < INT64_MAX ? page->limit : INT64_MAX);
	database_bind_u64(s, 3, skip);
	return show_all(store, s, page, err);
}

static bool show_one(struct store *store, int64_t seq, const struct page *page, struct error *err) {
	sqlite3_stmt *s = database_get(store, STATEMENT_TASK_SHORT);
	(void)sqlite3_bind_int64(s, 1, seq);
	return show_all(store, s, page, err);
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

/* Walks over all that have metadata, one at a time; loads only those that are on the page. */
static bool show_filtered(struct store *store, const json_t *metadata, const struct page *page,
		uint64_t *total, struct error *err) {
	sqlite3_stmt *s = database_get(store, STATEMENT_TAGGED);
	bool ok = true;
	int code = SQLITE_DONE;
	*total = 0;
	while (ok && (code = database_row(store, s, "filtering tasks", err)) == SQLITE_ROW) {
		const struct private_place where = { PRIVATE_METADATA, database_text(s, 2), 0 };
		json_t *have;
		if (!private_json(store, s, 1, &where, &have, err)) {
			ok = false;
		} else if (contains(have, metadata)) {
			uint64_t place = (*total)++;
			bool shown = place >= page->offset && place - page->offset < page->limit;
			ok = !shown || show_one(store, sqlite3_column_int64(s, 0), page, err);
		}
		json_decref(have);
	}
	database_end(s);
	return ok && code == SQLITE_DONE;
}

bool store_task_list(struct store *store, uint64_t offset, uint64_t limit, const json_t *metadata,
		store_task_visitor visit, void *context, uint64_t *total, struct error *err) {
	struct page page = { offset, limit, visit, context };
	if (json_object_size(metadata) != 0) {
		return show_filtered(store, metadata, &page, total, err);
	}
	*total = tally_total(store->tally);
	return show_page(store, &page, err);
}

/* Whether there is a page behind this one, and after which task it begins. */
static bool find_next(struct store *store, int64_t below, uint64_t limit, uint64_t *next,
		struct error *err) {
	sqlite3_stmt *s = database_get(store, STATEMENT_TASK_AFTER_LAST);
	(void)sqlite3_bind_int64(s, 1, below);
	database_bind_u64(s, 2, limit - 1);
	int64_t last = 0;
	int rows = 0, code;
	while ((code = database_row(store, s, "listing tasks", err)) == SQLITE_ROW) {
		last = rows++ == 0 ? sqlite3_column_int64(s, 0) : last;
	}
	*next = rows == 2 ? (uint64_t)last : 0;
	return code == SQLITE_DONE;
}

bool store_task_after(struct store *store, uint64_t cursor, uint64_t limit,
		store_task_visitor visit, void *context, uint64_t *next, struct error *err) {
	const struct page page = { 0, limit, visit, context };
	int64_t below = cursor == 0 || cursor > INT64_MAX ? INT64_MAX : (int64_t)cursor;
	sqlite3_stmt *s = database_get(store, STATEMENT_TASK_AFTER);
	(void)sqlite3_bind_int64(s, 1, below);
	database_bind_u64(s, 2, limit);
	return show_all(store, s, &page, err) && find_next(store, below, limit, next, err);
}
