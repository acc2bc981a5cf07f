/* SPDX-License-Identifier: Apache-2.0 */
/* Rows under workload keys: what is in the file, who can read it, and how keys change. */
#include "store/private.h"

#include "store/fixture.h"

#include "base/buf.h"
#include "base/file.h"

#define MARK "nobody-may-find-this"
enum { TASKS = 25, MOVES = 3 };

static struct seal_ring *ring_of(const char *keys) {
	struct error err;
	struct seal_ring *ring = seal_ring_create(NULL, &err);
	assert_non_null(ring);
	assert_ok(seal_ring_read(ring, keys, &err));
	return ring;
}

#define KEY_A "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define KEY_B "b0b1b2b3b4b5b6b7b8b9babbbcbdbebfb0b1b2b3b4b5b6b7b8b9babbbcbdbebf"

struct home {
	char *path;
	struct seal_ring *ring;
	struct store *store;
};

/* NULL: no key. */
static void open_home(struct home *home, const char *folder, const char *keys) {
	struct error err;
	home->path = str_format("%s/state.db", folder);
	home->ring = keys != NULL ? ring_of(keys) : NULL;
	home->store = store_open(home->path, home->ring, &err);
	if (home->store == NULL) {
		fail_msg("%s", err.message);
	}
}

static void close_home(struct home *home) {
	store_close(home->store);
	seal_ring_destroy(home->ring);
	free(home->path);
}

static void refuse_home(const char *folder, const char *keys, const char *text) {
	struct error err = { 0 };
	CLEANUP(mem_freep) char *path = str_format("%s/state.db", folder);
	struct seal_ring *ring = keys != NULL ? ring_of(keys) : NULL;
	assert_fails(store_open(path, ring, &err) != NULL, ERROR_KEY_MISMATCH, text);
	seal_ring_destroy(ring);
}

/* A task with the mark in everything that is private. */
static struct task *marked_task(unsigned number) {
	struct task *task = make_task(MARK " name");
	struct outcome *o = &task->outcome;
	(void)snprintf(task->id, sizeof(task->id), "00000000-0000-4000-8000-%012u", number);
	task->metadata = json_pack("{s:s,s:i}", "tag", MARK, "number", (int)number);
	strings_add(&task->work.env, "SECRET=" MARK);
	task->state = TASK_COMPLETED;
	o->error = str_copy(MARK " error");
	o->results = json_string(MARK " results");
	o->out.bytes = mem_copy(MARK "\0\xff", sizeof(MARK) + 1);
	o->out.size = sizeof(MARK) + 1;
	o->error_out.bytes = mem_copy("\2" MARK, sizeof(MARK));
	o->error_out.size = sizeof(MARK);
	return task;
}

static void add_marked(struct store *store, unsigned number) {
	struct error err;
	struct task *task = marked_task(number);
	char cause[] = MARK " cause";
	const struct move move = { .at = 7, .state = TASK_COMPLETED, .cause = cause };
	begin(store);
	assert_ok(store_task_add(store, task, &err) && store_task_outcome(store, task, &err));
	for (int i = 0; i < MOVES; i++) {
		assert_ok(store_move_add(store, task->id, &move, &err));
	}
	commit(store);
	task_destroy(task);
}

static void check_marked(struct store *store, unsigned number) {
	struct error err;
	struct move *moves;
	size_t count;
	struct task *want = marked_task(number), *task = get_task(store, want->id);
	const struct outcome *o = &task->outcome;
	assert_string_equal(task->work.name, want->work.name);
	assert_true(json_equal(task->metadata, want->metadata));
	assert_int_equal(task->work.env.count, 1);
	assert_string_equal(task->work.env.items[0], want->work.env.items[0]);
	assert_string_equal(o->error, want->outcome.error);
	assert_true(json_equal(o->results, want->outcome.results));
	assert_int_equal(o->out.size, want->outcome.out.size);
	assert_memory_equal(o->out.bytes, want->outcome.out.bytes, o->out.size);
	assert_int_equal(o->error_out.size, want->outcome.error_out.size);
	assert_memory_equal(o->error_out.bytes, want->outcome.error_out.bytes, o->error_out.size);
	assert_ok(store_moves(store, task->id, 10, &moves, &count, &err));
	assert_int_equal(count, MOVES);
	for (size_t i = 0; i < count; i++) {
		assert_string_equal(moves[i].cause, MARK " cause");
		free(moves[i].cause);
	}
	free(moves);
	task_destroy(task);
	task_destroy(want);
}

static void check_all(struct store *store) {
	json_t *filter = json_pack("{s:i}", "number", 3);
	for (unsigned i = 1; i <= TASKS; i++) {
		check_marked(store, i);
	}
	assert_page(store, 0, 1, filter, MARK " name", 1);
	json_decref(filter);
}

/* In the database or its log. */
static bool on_disk(const char *folder, const char *what) {
	static const char *const ends[] = { "", "-wal" };
	bool found = false;
	for (size_t i = 0; i < 2; i++) {
		struct error err;
		struct buf content = BUF_INIT(64 * 1024 * 1024);
		CLEANUP(mem_freep) char *path = str_format("%s/state.db%s", folder, ends[i]);
		found = found || (file_read(path, &content, &err) && content.size != 0 &&
						 memmem(content.data, content.size, what,
								 strlen(what)) != NULL);
		buf_finish(&content);
	}
	return found;
}

static void change(const struct home *home, const char *sql) {
	assert_int_equal(sqlite3_exec(home->store->db, sql, NULL, NULL, NULL), SQLITE_OK);
}

/* Returns how many steps it took. */
static unsigned reseal_all(struct store *store, struct reseal *reseal, unsigned steps) {
	struct error err;
	unsigned count = 0;
	while (store_stale(store) && count < steps) {
		begin(store);
		assert_ok(store_reseal(store, 10, reseal, &err));
		commit(store);
		count++;
	}
	return count;
}

static void fill(const char *folder, const char *keys) {
	struct home home;
	open_home(&home, folder, keys);
	for (unsigned i = 1; i <= TASKS; i++) {
		add_marked(home.store, i);
	}
	check_all(home.store);
	close_home(&home);
}

static void nothing_of_it_is_on_disk(void **state) {
	struct home home;
	open_home(&home, *state, KEY_A);
	add_marked(home.store, 1);
	assert_false(on_disk(*state, MARK));
	assert_true(on_disk(*state, "00000000-0000-4000-8000-000000000001"));
	close_home(&home);
	assert_false(on_disk(*state, MARK));
	open_home(&home, *state, KEY_A);
	check_marked(home.store, 1);
	close_home(&home);
}

/* With no key it is there: so the search finds what is to be found. A key comes, and it goes. */
static void what_was_in_the_clear(void **state) {
	struct home home;
	struct reseal reseal = { 0 };
	fill(*state, NULL);
	assert_true(on_disk(*state, MARK));
	open_home(&home, *state, KEY_A);
	assert_true(store_stale(home.store));
	check_all(home.store);
	assert_int_equal(reseal_all(home.store, &reseal, 99), 3);
	assert_true(reseal.done == TASKS && reseal.left == 0 && !store_stale(home.store));
	check_all(home.store);
	close_home(&home);
	assert_false(on_disk(*state, MARK));
	refuse_home(*state, NULL, "MANAGER_WORKLOAD_KEY");
}

static void keys_change(void **state) {
	struct home home;
	struct reseal reseal = { 0 };
	fill(*state, KEY_A);
	refuse_home(*state, KEY_B, "key id");
	open_home(&home, *state, KEY_B "," KEY_A);
	assert_true(store_stale(home.store));
	check_all(home.store);
	close_home(&home);
	refuse_home(*state, KEY_B, "key id"); /* nothing was written anew yet */
	open_home(&home, *state, KEY_B "," KEY_A);
	(void)reseal_all(home.store, &reseal, 99);
	assert_int_equal(reseal.done, TASKS);
	close_home(&home);
	refuse_home(*state, KEY_A, "key id");
	open_home(&home, *state, KEY_B);
	assert_false(store_stale(home.store));
	check_all(home.store);
	close_home(&home);
}

/* It ends in the middle, and goes on with the next opening, whatever was written meanwhile. */
static void in_pieces(void **state) {
	struct home home;
	struct error err;
	struct reseal reseal = { 0 };
	fill(*state, KEY_A);
	open_home(&home, *state, KEY_B "," KEY_A);
	assert_int_equal(reseal_all(home.store, &reseal, 1), 1);
	assert_true(reseal.done == 10 && reseal.cursor == 10);
	begin(home.store);
	assert_ok(store_reseal(home.store, 10, &reseal, &err));
	store_close(home.store); /* as a crash: that piece was not committed */
	seal_ring_destroy(home.ring);
	free(home.path);
	open_home(&home, *state, KEY_B "," KEY_A);
	assert_true(store_stale(home.store));
	struct task *task = get_task(home.store, "00000000-0000-4000-8000-000000000020");
	begin(home.store);
	assert_ok(store_task_change(home.store, task, &err)); /* its outcome is of the old key */
	commit(home.store);
	task_destroy(task);
	reseal = (struct reseal){ 0 };
	(void)reseal_all(home.store, &reseal, 99);
	assert_int_equal(reseal.done, TASKS - 10);
	close_home(&home);
	open_home(&home, *state, KEY_B);
	check_all(home.store);
	close_home(&home);
}

static void moved_values_do_not_open(void **state) {
	static const struct {
		const char *sql, *says;
	} rows[] = {
		{ "UPDATE tasks SET body = (SELECT body FROM tasks WHERE seq = 2) WHERE seq = 1",
				"tasks.body" },
		{ "UPDATE outcomes SET results = error WHERE task = 1", "outcomes.results" },
		{ "UPDATE outcomes SET out = err WHERE task = 1", "outcomes.out" },
		{ "UPDATE outcomes SET err = x'02' WHERE task = 1", "outcomes.err" },
		{ "UPDATE outcomes SET error = 'plain' WHERE task = 1", "outcomes.error" },
		{ "UPDATE tasks SET body = substr(body, 1, 60) WHERE seq = 1", "tasks.body" },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct home home;
		struct error err;
		open_home(&home, *state, KEY_A);
		if (i == 0) {
			add_marked(home.store, 1);
			add_marked(home.store, 2);
		}
		change(&home, "BEGIN");
		change(&home, rows[i].sql);
		assert_fails(store_task_get(home.store, "00000000-0000-4000-8000-000000000001",
					     &err) != NULL,
				ERROR_INTEGRITY, rows[i].says);
		change(&home, "ROLLBACK");
		check_marked(home.store, 1);
		close_home(&home);
	}
}

static void moved_history_does_not_open(void **state) {
	struct home home;
	struct error err;
	struct move *moves;
	size_t count;
	open_home(&home, *state, KEY_A);
	add_marked(home.store, 1);
	change(&home, "UPDATE moves SET cause = (SELECT cause FROM moves WHERE seq = 2)"
		      " WHERE seq = 1");
	assert_fails(store_moves(home.store, "00000000-0000-4000-8000-000000000001", 9, &moves,
				     &count, &err),
			ERROR_INTEGRITY, "moves.cause");
	close_home(&home);
}

/* A row that cannot be read keeps the old key from being forgotten, and holds up no other. */
static void what_cannot_be_read_stays(void **state) {
	struct home home;
	struct reseal reseal = { 0 };
	fill(*state, KEY_A);
	open_home(&home, *state, KEY_B "," KEY_A);
	change(&home, "UPDATE outcomes SET results = x'0203' WHERE task = 5");
	while (reseal.cursor != 0 || reseal.done == 0) {
		struct error err;
		begin(home.store);
		assert_ok(store_reseal(home.store, 10, &reseal, &err));
		commit(home.store);
	}
	assert_true(reseal.done == TASKS - 1 && reseal.left == 1);
	assert_non_null(strstr(reseal.why.message, "outcomes.results"));
	assert_true(store_stale(home.store));
	check_marked(home.store, 6);
	close_home(&home);
	refuse_home(*state, KEY_B, "key id");
}

/* The limit of lists is for what was sealed, not for its envelope. */
static void short_results_in_lists(void **state) {
	static const size_t sizes[] = { 8190, 8191 }; /* and two quotes */
	struct home home;
	open_home(&home, *state, KEY_A);
	for (unsigned i = 0; i < 2; i++) {
		struct error err;
		struct task *task = marked_task(i + 1);
		CLEANUP(mem_freep) char *text = mem_zero(sizes[i] + 1, 1);
		memset(text, 'r', sizes[i]);
		json_decref(task->outcome.results);
		task->outcome.results = json_string(text);
		begin(home.store);
		assert_ok(store_task_add(home.store, task, &err) &&
				store_task_outcome(home.store, task, &err));
		commit(home.store);
		task_destroy(task);
	}
	sqlite3_stmt *s = database_get(home.store, STATEMENT_TASK_SHORT);
	for (int i = 0; i < 2; i++) {
		struct error err;
		(void)sqlite3_bind_int64(s, 1, i + 1);
		assert_int_equal(database_row(home.store, s, "", &err), SQLITE_ROW);
		assert_int_equal(sqlite3_column_type(s, sqlite3_column_count(s) - 1),
				i == 0 ? SQLITE_BLOB : SQLITE_NULL);
		database_end(s);
	}
	close_home(&home);
}

int main(void) {
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)
		TEST(nothing_of_it_is_on_disk),
		TEST(what_was_in_the_clear),
		TEST(keys_change),
		TEST(in_pieces),
		TEST(moved_values_do_not_open),
		TEST(moved_history_does_not_open),
		TEST(what_cannot_be_read_stays),
		TEST(short_results_in_lists),
	};
	return cmocka_run_group_tests_name("store/private", tests, NULL, NULL);
}
