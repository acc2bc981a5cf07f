/* SPDX-License-Identifier: Apache-2.0 */
/* The history of each task. */
#include <stdlib.h>

#include "base/mem.h"
#include "base/str.h"
#include "store/private.h"

bool store_move_add(struct store *store, const char *task_id, const struct move *move,
		struct error *err) {
	struct row *row = database_find(store, task_id, err);
	if (row == NULL) {
		return false;
	}
	sqlite3_stmt *s = database_get(store, STATEMENT_MOVE_ADD);
	const struct private_place place = { PRIVATE_CAUSE, task_id, (uint64_t)row->moves + 1 };
	(void)sqlite3_bind_int64(s, 1, row->seq);
	(void)sqlite3_bind_int64(s, 2, ++row->moves);
	(void)sqlite3_bind_int64(s, 3, move->at);
	(void)sqlite3_bind_int(s, 4, (int)move->state);
	database_bind_u64(s, 5, move->attempt);
	return private_bind_text(store, s, 6, &place, move->cause, err) &&
	       database_write(store, s, "storing a task's history", err);
}

static bool read_move(struct store *store, sqlite3_stmt *s, const char *task_id, struct move *move,
		struct error *err) {
	const struct private_place place = { PRIVATE_CAUSE, task_id,
		(uint64_t)sqlite3_column_int64(s, 4) };
	struct private_value cause;
	if (!private_read(store, s, 3, private_is_sealed(s, 3), &place, &cause, err)) {
		return false;
	}
	*move = (struct move){ .at = sqlite3_column_int64(s, 0),
		.state = (enum task_state)sqlite3_column_int(s, 1),
		.attempt = (uint64_t)sqlite3_column_int64(s, 2),
		.cause = mem_copy(cause.bytes.data != NULL ? cause.bytes.data : (const uint8_t *)"",
				cause.bytes.size) };
	private_finish(&cause);
	return true;
}

static void reverse(struct move *moves, size_t count) {
	for (size_t i = 0; i < count / 2; i++) {
		struct move swap = moves[i];
		moves[i] = moves[count - 1 - i];
		moves[count - 1 - i] = swap;
	}
}

static void free_moves(struct move *moves, size_t count) {
	for (size_t i = 0; i < count; i++) {
		free(moves[i].cause);
	}
	free(moves);
}

bool store_moves(struct store *store, const char *task_id, size_t limit, struct move **moves,
		size_t *count, struct error *err) {
	sqlite3_stmt *s = database_get(store, STATEMENT_MOVES);
	struct move *list = mem_zero(1, sizeof(*list));
	size_t used = 0;
	int code;
	database_bind_text(s, 1, task_id);
	database_bind_u64(s, 2, limit < INT64_MAX ? limit : INT64_MAX);
	while ((code = database_row(store, s, "reading a task's history", err)) == SQLITE_ROW) {
		list = mem_resize(list, used + 1, sizeof(*list));
		if (!read_move(store, s, task_id, &list[used], err)) {
			database_end(s);
			code = -1;
			break;
		}
		used++;
	}
	if (code != SQLITE_DONE) {
		free_moves(list, used);
		return false;
	}
	reverse(list, used);
	*moves = list;
	*count = used;
	return true;
}
