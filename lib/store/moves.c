/* SPDX-License-Identifier: Apache-2.0 */
/* The history of each task. */
#include <stdlib.h>

#include "base/mem.h"
#include "base/str.h"
#include "store/database.h"

bool store_move_add(struct store *store, const char *task_id, const struct move *move,
		struct error *err) {
	sqlite3_stmt *s = database_get(store, STATEMENT_MOVE_ADD);
	(void)sqlite3_bind_int64(s, 1, move->at);
	(void)sqlite3_bind_int(s, 2, (int)move->state);
	database_bind_u64(s, 3, move->attempt);
	database_bind_text(s, 4, move->cause);
	database_bind_text(s, 5, task_id);
	return database_done(store, s, "storing history", err);
}

static struct move read_move(sqlite3_stmt *s) {
	return (struct move){ .at = sqlite3_column_int64(s, 0),
		.state = (enum task_state)sqlite3_column_int(s, 1),
		.attempt = (uint64_t)sqlite3_column_int64(s, 2),
		.cause = str_copy(database_text(s, 3)) };
}

static void reverse(struct move *moves, size_t count) {
	for (size_t i = 0; i < count / 2; i++) {
		struct move swap = moves[i];
		moves[i] = moves[count - 1 - i];
		moves[count - 1 - i] = swap;
	}
}

bool store_moves(struct store *store, const char *task_id, size_t limit, struct move **moves,
		size_t *count, struct error *err) {
	sqlite3_stmt *s = database_get(store, STATEMENT_MOVES);
	struct move *list = mem_zero(1, sizeof(*list));
	size_t used = 0;
	int code;
	database_bind_text(s, 1, task_id);
	database_bind_u64(s, 2, limit);
	while ((code = database_row(store, s, "reading history", err)) == SQLITE_ROW) {
		list = mem_resize(list, used + 1, sizeof(*list));
		list[used++] = read_move(s);
	}
	reverse(list, used);
	*moves = list;
	*count = used;
	return code == SQLITE_DONE;
}
