/* SPDX-License-Identifier: Apache-2.0 */
/* What came of each task: one row, the big columns last. */
#include <stdlib.h>

#include "base/mem.h"
#include "base/str.h"
#include "store/private.h"

static bool is_empty(const struct outcome *o) {
	return o->results == NULL && o->out.size == 0 && o->error_out.size == 0 && !o->exited &&
	       o->error == NULL && !o->interrupted && !o->truncated && o->started_at == 0 &&
	       o->finished_at == 0 && o->fuel_used == 0 && o->gas_used == 0;
}

static bool bind_bytes(struct store *store, sqlite3_stmt *s, int at,
		const struct private_place *place, const struct outcome_text *text,
		struct error *err) {
	const struct bytes value = { (const uint8_t *)text->bytes, text->size };
	return private_bind(store, s, at, place, value, err);
}

/* What is private of it; `results` lives as long as the statement. */
static bool bind_private(struct store *store, sqlite3_stmt *s, const struct task *task,
		const char *results, struct error *err) {
	const struct outcome *o = &task->outcome;
	const struct private_place error = { PRIVATE_ERROR, task->id, 0 };
	const struct private_place place = { PRIVATE_RESULTS, task->id, 0 };
	const struct private_place out = { PRIVATE_OUT, task->id, 0 };
	const struct private_place error_out = { PRIVATE_ERR, task->id, 0 };
	private_bind_key(store, s, 13);
	return private_bind_text(store, s, 6, &error, o->error, err) &&
	       private_bind_text(store, s, 10, &place, results, err) &&
	       bind_bytes(store, s, 11, &out, &o->out, err) &&
	       bind_bytes(store, s, 12, &error_out, &o->error_out, err);
}

static void bind_outcome(sqlite3_stmt *s, const struct outcome *o) {
	(void)sqlite3_bind_int(s, 2, o->exited);
	(void)sqlite3_bind_int(s, 3, o->exit_code);
	(void)sqlite3_bind_int(s, 4, o->truncated);
	(void)sqlite3_bind_int(s, 5, o->interrupted);
	(void)sqlite3_bind_int64(s, 7, o->started_at);
	(void)sqlite3_bind_int64(s, 8, o->finished_at);
	database_bind_u64(s, 9, o->fuel_used);
	database_bind_u64(s, 14, o->gas_used);
}

bool store_task_outcome(struct store *store, const struct task *task, struct error *err) {
	const struct outcome *outcome = &task->outcome;
	const struct row *row = database_find(store, task->id, err);
	if (row == NULL) {
		return false;
	}
	if (is_empty(outcome)) {
		return database_delete(store, STATEMENT_OUTCOME_DELETE, row->seq, err);
	}
	sqlite3_stmt *s = database_get(store, STATEMENT_OUTCOME_PUT);
	CLEANUP(mem_freep) char *results = database_dump(json_incref(outcome->results));
	(void)sqlite3_bind_int64(s, 1, row->seq);
	bind_outcome(s, outcome);
	return bind_private(store, s, task, results, err) &&
	       database_write(store, s, "storing a result", err);
}

/* The columns behind the first nine. */
enum { KEY = 9, RESULTS, OUT, ERR };

struct source {
	struct store *store;
	sqlite3_stmt *s;
	int column;
	bool sealed;
};

static bool read_value(const struct source *from, int column, const struct private_place *place,
		struct private_value *value, struct error *err) {
	return private_read(from->store, from->s, from->column + column, from->sealed, place, value,
			err);
}

static bool read_bytes(const struct source *from, int column, const struct private_place *place,
		struct outcome_text *text, struct error *err) {
	struct private_value value;
	if (!read_value(from, column, place, &value, err)) {
		return false;
	}
	text->size = value.bytes.size;
	text->bytes = text->size != 0 ? mem_copy(value.bytes.data, text->size) : NULL;
	private_finish(&value);
	return true;
}

static bool read_output(const struct source *from, struct task *task, struct error *err) {
	const struct private_place out = { PRIVATE_OUT, task->id, 0 };
	const struct private_place error_out = { PRIVATE_ERR, task->id, 0 };
	return read_bytes(from, OUT, &out, &task->outcome.out, err) &&
	       read_bytes(from, ERR, &error_out, &task->outcome.error_out, err);
}

static bool read_texts(const struct source *from, struct task *task, struct error *err) {
	const struct private_place place = { PRIVATE_ERROR, task->id, 0 };
	const struct private_place results = { PRIVATE_RESULTS, task->id, 0 };
	struct outcome *o = &task->outcome;
	struct private_value value;
	if (!read_value(from, 4, &place, &value, err)) {
		return false;
	}
	o->error = value.bytes.data != NULL ? mem_copy(value.bytes.data, value.bytes.size) : NULL;
	private_finish(&value);
	if (!read_value(from, RESULTS, &results, &value, err)) {
		return false;
	}
	if (value.bytes.data != NULL) {
		o->results = json_loadb((const char *)value.bytes.data, value.bytes.size,
				JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
	}
	private_finish(&value);
	return true;
}

bool outcomes_read(struct store *store, sqlite3_stmt *s, int column, bool whole, struct task *task,
		struct error *err) {
	struct outcome *o = &task->outcome;
	const struct source from = { store, s, column,
		sqlite3_column_type(s, column + KEY) != SQLITE_NULL };
	o->exited = sqlite3_column_int(s, column) != 0;
	o->exit_code = sqlite3_column_int(s, column + 1);
	o->truncated = sqlite3_column_int(s, column + 2) != 0;
	o->interrupted = sqlite3_column_int(s, column + 3) != 0;
	o->started_at = sqlite3_column_int64(s, column + 5);
	o->finished_at = sqlite3_column_int64(s, column + 6);
	o->fuel_used = (uint64_t)sqlite3_column_int64(s, column + 7);
	o->gas_used = (uint64_t)sqlite3_column_int64(s, column + 8);
	return read_texts(&from, task, err) && (!whole || read_output(&from, task, err));
}
