/* SPDX-License-Identifier: Apache-2.0 */
/* A store as a file: who may open it, what it says of strange files, and what survives. */
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "store/database.h"
#include "store/fixture.h"
#include "store/schema.h"

static char *in_folder(void **state, const char *name) {
	return str_format("%s/%s", (char *)*state, name);
}

static void run_sql(const char *path, const char *sql) {
	sqlite3 *db;
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static int64_t number_of(sqlite3 *db, const char *sql) {
	sqlite3_stmt *statement;
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
	int64_t number = sqlite3_column_int64(statement, 0);
	assert_int_equal(sqlite3_finalize(statement), SQLITE_OK);
	return number;
}

/* --- opening ----------------------------------------------------------------------------- */

static void assert_private(const char *path, const char *suffix) {
	struct stat info;
	CLEANUP(mem_freep) char *name = str_format("%s%s", path, suffix);
	assert_int_equal(stat(name, &info), 0);
	assert_int_equal(info.st_mode & 0777, 0600);
}

static void test_files_are_private(void **state) {
	CLEANUP(mem_freep) char *path = in_folder(state, "state.db");
	mode_t before = umask(0);
	struct store *store = open_store(path);
	task_destroy(add_task(store, "one"));
	static const char *const suffixes[] = { "", "-wal", "-shm", ".lock" };
	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		assert_private(path, suffixes[i]);
	}
	store_close(store);
	(void)umask(before);
	CLEANUP(mem_freep) char *log = str_format("%s-wal", path);
	assert_int_equal(access(log, F_OK), -1); /* a clean end leaves one file */
}

static void test_reopened(void **state) {
	CLEANUP(mem_freep) char *path = in_folder(state, "state.db");
	struct store *store = open_store(path);
	struct task *a = add_task(store, "a"), *b = add_task(store, "b");
	begin(store);
	store_close(store); /* rolls back what is open */
	store = open_store(path);
	assert_page(store, 0, 10, NULL, "b a", 2);
	store_close(store);
	task_destroy(a);
	task_destroy(b);
}

static void test_durable_by_settings(void **state) {
	CLEANUP(mem_freep) char *path = in_folder(state, "state.db");
	struct store *store = open_store(path);
	assert_int_equal(number_of(store->db, "PRAGMA synchronous"), 2);
	assert_int_equal(number_of(store->db,
					 "SELECT journal_mode = 'wal' FROM pragma_journal_mode"),
			1);
	store_close(store);
}

static void test_second_opener(void **state) {
	CLEANUP(mem_freep) char *path = in_folder(state, "state.db");
	struct store *store = open_store(path);
	refuse_store(path, ERROR_CONFLICT, "in use by another manager");
	refuse_store(path, ERROR_CONFLICT, path);
	store_close(store);
	store_close(open_store(path));
}

static void test_no_folder(void **state) {
	CLEANUP(mem_freep) char *path = in_folder(state, "none/state.db");
	refuse_store(path, ERROR_INTERNAL, "none/state.db");
	store_close(NULL);
}

static void test_a_folder(void **state) {
	CLEANUP(mem_freep) char *path = in_folder(state, "state.db");
	assert_int_equal(mkdir(path, 0700), 0);
	refuse_store(path, ERROR_INTERNAL, path);
}

/* --- schema ------------------------------------------------------------------------------ */

static void test_newer_schema(void **state) {
	struct error err;
	struct buf before = BUF_INIT(1 << 20), after = BUF_INIT(1 << 20);
	CLEANUP(mem_freep) char *path = in_folder(state, "state.db");
	store_close(open_store(path));
	run_sql(path, "PRAGMA user_version = 99");
	assert_ok(file_read(path, &before, &err));
	refuse_store(path, ERROR_INVALID, "has schema version 99, this program knows up to 6");
	refuse_store(path, ERROR_INVALID, "use the newer program");
	assert_ok(file_read(path, &after, &err));
	assert_int_equal(after.size, before.size);
	assert_memory_equal(after.data, before.data, before.size);
	buf_finish(&before);
	buf_finish(&after);
}

static void test_foreign_database(void **state) {
	struct error err;
	struct buf before = BUF_INIT(1 << 20), after = BUF_INIT(1 << 20);
	CLEANUP(mem_freep) char *path = in_folder(state, "other.db");
	run_sql(path, "CREATE TABLE music(title TEXT)");
	assert_ok(file_read(path, &before, &err));
	refuse_store(path, ERROR_INVALID, "is a database of another program");
	assert_ok(file_read(path, &after, &err));
	assert_int_equal(after.size, before.size);
	assert_memory_equal(after.data, before.data, before.size);
	buf_finish(&before);
	buf_finish(&after);
}

static void test_steps(void **state) {
	static const char *const steps[] = { "not used", "not used", "not used", "not used",
		"not used", "not used: the version is 6 already",
		"CREATE TABLE more(x); INSERT INTO more VALUES(7);",
		"CREATE TABLE halfway(x); CREATE TABLE more(x);" };
	(void)state;
	struct error err;
	struct store *store = open_store("memory");
	assert_ok(schema_apply(store, steps, 7, &err));
	assert_int_equal(number_of(store->db, "PRAGMA user_version"), 7);
	assert_int_equal(number_of(store->db, "SELECT x FROM more"), 7);
	assert_ok(schema_apply(store, steps, 7, &err)); /* once only */
	assert_int_equal(number_of(store->db, "SELECT count(*) FROM more"), 1);
	assert_fails(schema_apply(store, steps, 8, &err), ERROR_INTERNAL, "more already exists");
	assert_int_equal(number_of(store->db, "PRAGMA user_version"), 7);
	assert_int_equal(number_of(store->db, "SELECT count(*) FROM sqlite_schema WHERE name = "
					      "'halfway'"),
			0);
	assert_fails(schema_apply(store, steps, 2, &err), ERROR_INVALID, "has schema version 7");
	store_close(store);
}

/* A file of version 1 keeps its tasks, and gets what later ones added. */
static void test_from_version_1(void **state) {
	CLEANUP(mem_freep) char *path = in_folder(state, "state.db");
	struct store *store = open_store(path);
	struct task *task = add_task(store, "old"), *again;
	move_task(store, task, TASK_SCHEDULED, false);
	store_close(store);
	run_sql(path, "ALTER TABLE moving DROP COLUMN restarts;"
		      "ALTER TABLE moving DROP COLUMN due; ALTER TABLE outcomes DROP COLUMN key;"
		      "ALTER TABLE outcomes DROP COLUMN gas;"
		      "DROP TABLE sealed_with; DROP TABLE done; DROP TABLE restored; PRAGMA "
		      "user_version = 1");
	store = open_store(path);
	assert_int_equal(number_of(store->db, "PRAGMA user_version"), 6);
	again = get_task(store, task->id);
	assert_int_equal(again->state, TASK_SCHEDULED);
	assert_int_equal(again->restarts, 0);
	task->restarts = 4;
	move_task(store, task, TASK_RUNNING, false);
	task_destroy(again);
	again = get_task(store, task->id);
	assert_int_equal(again->restarts, 4);
	task_destroy(again);
	task_destroy(task);
	store_close(store);
}

/* --- damage ------------------------------------------------------------------------------ */

static void test_not_a_database(void **state) {
	struct error err;
	CLEANUP(mem_freep) char *path = in_folder(state, "state.db");
	char text[5000];
	memset(text, 'x', sizeof(text));
	assert_ok(file_write(path, text, sizeof(text), 0600, &err));
	refuse_store(path, ERROR_INTEGRITY, path);
	refuse_store(path, ERROR_INTEGRITY, "is not a database");
}

enum { PAGE = 4096 };

/* Fills every page but the first with the same byte. */
static void spoil(const char *path) {
	struct stat info;
	char page[PAGE];
	int fd = open(path, O_RDWR);
	assert_true(fd >= 0 && fstat(fd, &info) == 0);
	memset(page, 0x5a, sizeof(page));
	for (off_t at = PAGE; at < info.st_size; at += PAGE) {
		assert_int_equal(pwrite(fd, page, PAGE, at), PAGE);
	}
	assert_int_equal(close(fd), 0);
}

static void test_damaged_pages(void **state) {
	CLEANUP(mem_freep) char *path = in_folder(state, "state.db");
	struct store *store = open_store(path);
	for (int i = 0; i < 100; i++) {
		task_destroy(add_task(store, "one of many"));
	}
	store_close(store);
	spoil(path);
	refuse_store(path, ERROR_INTEGRITY, path);
	refuse_store(path, ERROR_INTEGRITY, "is damaged: restore a backup");
}

static void assert_unreadable(const char *path, const char *id, const char *why) {
	struct error err;
	struct names names = { "" };
	uint64_t total;
	struct store *store = open_store(path);
	assert_fails(store_task_get(store, id, &err) != NULL, ERROR_INTEGRITY, why);
	assert_non_null(strstr(err.message, id));
	assert_fails(store_task_list(store, 0, 9, NULL, name_visited, &names, &total, &err),
			ERROR_INTEGRITY, path);
	assert_fails(store_task_live(store, name_taken, &names, &err), ERROR_INTEGRITY, path);
	store_close(store);
}

/* Rows that SQLite finds sound and the model does not. */
static void test_damaged_rows(void **state) {
	CLEANUP(mem_freep) char *path = in_folder(state, "state.db");
	struct store *store = open_store(path);
	struct task *task = add_task(store, "one");
	move_task(store, task, TASK_RUNNING, false);
	store_close(store);
	run_sql(path, "UPDATE moving SET state = 1000000");
	assert_unreadable(path, task->id, "its state is none");
	run_sql(path, "UPDATE moving SET state = 2; UPDATE tasks SET body = '{\"name\":'");
	assert_unreadable(path, task->id, "its JSON is damaged");
	run_sql(path, "UPDATE tasks SET seq = -5");
	refuse_store(path, ERROR_INTEGRITY, "is damaged: task number -5");
	task_destroy(task);
}

/* --- kill -9 ----------------------------------------------------------------------------- */

enum { REPORTS_MIN = 40 };

struct committed {
	char id[UUID_SIZE];
	enum task_state state;
};

/* Each commit adds a task, and ends the one before; what is committed is said through the pipe. */
static NORETURN void commit_until_killed(const char *path, int out) {
	struct error err;
	struct store *store = store_open(path, NULL, &err);
	struct task *before = NULL;
	for (bool ok = store != NULL; ok;) {
		struct task *task = make_task("of a killed one");
		ok = store_begin(store, &err) && store_task_add(store, task, &err);
		if (before != NULL) {
			before->state = TASK_COMPLETED;
			ok = ok && store_task_move(store, before, &err);
		}
		ok = ok && store_commit(store, &err);
		struct committed said[2] = { { .state = task->state },
			{ .state = TASK_COMPLETED } };
		memcpy(said[0].id, task->id, UUID_SIZE);
		memcpy(said[1].id, before != NULL ? before->id : "",
				before != NULL ? UUID_SIZE : 1);
		ok = ok && write(out, said, sizeof(said)) == sizeof(said);
		task_destroy(before);
		before = task;
	}
	_exit(1);
}

static bool read_report(int in, struct committed said[2]) {
	return read(in, said, 2 * sizeof(*said)) == 2 * (ssize_t)sizeof(*said);
}

static struct committed *collect_from_killed(const char *path, size_t wanted, size_t *count) {
	int ends[2];
	assert_int_equal(pipe(ends), 0);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		(void)close(ends[0]);
		commit_until_killed(path, ends[1]);
	}
	(void)close(ends[1]);
	struct committed *all = NULL, said[2];
	for (*count = 0; read_report(ends[0], said); *count += 2) {
		all = mem_resize(all, *count + 2, sizeof(*all));
		memcpy(all + *count, said, sizeof(said));
		if (*count / 2 + 1 == wanted) {
			assert_int_equal(kill(child, SIGKILL), 0);
		}
	}
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	(void)close(ends[0]);
	return all;
}

/* Nothing that was said is lost, and no state went back. */
static void assert_all_there(struct store *store, const struct committed *all, size_t count) {
	for (size_t i = 0; i < count; i++) {
		if (all[i].id[0] != 0) {
			struct task *task = get_task(store, all[i].id);
			assert_true(task->state >= all[i].state);
			task_destroy(task);
		}
	}
}

static void test_killed(void **state) {
	CLEANUP(mem_freep) char *path = in_folder(state, "state.db");
	size_t said = 0;
	for (size_t round = 0; round < 5; round++) {
		size_t count;
		struct committed *all = collect_from_killed(path, REPORTS_MIN + 37 * round, &count);
		assert_true(count >= 2 * REPORTS_MIN);
		struct store *store = open_store(path); /* its lock has died with it */
		assert_all_there(store, all, count);
		said += count / 2;
		/* At most one commit of each child was not said any more. */
		uint64_t total = tally_total(store->tally);
		assert_true(total >= said && total <= said + round + 1);
		store_close(store);
		free(all);
	}
}

/* --- the log ----------------------------------------------------------------------------- */

static int64_t size_of(const char *path, const char *suffix) {
	struct stat info;
	CLEANUP(mem_freep) char *name = str_format("%s%s", path, suffix);
	assert_int_equal(stat(name, &info), 0);
	return info.st_size;
}

/* 200 MiB in commits of about 1 MiB, as fast as they go. */
static void test_log_is_bounded(void **state) {
	enum { COMMITS = 200, SIZE = 1024 * 1024 };
	struct error err;
	CLEANUP(mem_freep) char *path = in_folder(state, "state.db");
	struct store *store = open_store(path);
	struct task *task = add_task(store, "large");
	int64_t largest = 0;
	task->outcome.out = (struct outcome_text){ mem_zero(SIZE, 1), SIZE };
	for (int i = 0; i < COMMITS; i++) {
		memset(task->outcome.out.bytes, i, SIZE);
		begin(store);
		assert_ok(store_task_outcome(store, task, &err));
		commit(store);
		int64_t size = size_of(path, "-wal");
		largest = size > largest ? size : largest;
	}
	assert_true(largest < (int64_t)(CHECKPOINT_MAX + 1000) * (PAGE + 24));
	struct task *read = get_task(store, task->id);
	assert_memory_equal(read->outcome.out.bytes, task->outcome.out.bytes, SIZE);
	task_destroy(read);
	task_destroy(task);
	store_close(store);
}

/* The thread brings the log over without any further commit. */
static void test_log_is_brought_over(void **state) {
	enum { SIZE = CHECKPOINT_STEP * PAGE + 100000 };
	struct error err;
	CLEANUP(mem_freep) char *path = in_folder(state, "state.db");
	struct store *store = open_store(path);
	struct task *task = add_task(store, "large");
	task->outcome.out = (struct outcome_text){ mem_zero(SIZE, 1), SIZE };
	begin(store);
	assert_ok(store_task_outcome(store, task, &err));
	commit(store);
	uint64_t deadline = clock_ms() + 60000;
	struct timespec pause = { .tv_nsec = 1000000 };
	while (size_of(path, "") < SIZE && clock_ms() < deadline) {
		(void)nanosleep(&pause, NULL);
	}
	assert_true(size_of(path, "") >= SIZE);
	task_destroy(task);
	store_close(store);
}

/* --- speed ------------------------------------------------------------------------------- */

enum { MANY = 50000 };

static struct store *open_with_many(const char *path) {
	struct error err;
	struct store *store = open_store(path);
	begin(store);
	for (int i = 0; i < MANY; i++) {
		char name[16];
		(void)snprintf(name, sizeof(name), "%d", i);
		struct task *task = make_task(name);
		task->state = i % 1000 == 0 ? TASK_RUNNING : TASK_COMPLETED;
		assert_ok(store_task_add(store, task, &err));
		task_destroy(task);
	}
	commit(store);
	return store;
}

static int work_of(struct store *store, enum statement which) {
	return sqlite3_stmt_status(store->statements[which], SQLITE_STMTSTATUS_VM_STEP, 1);
}

/* What a page costs does not depend on where it is, nor on how many there are. */
static void test_long_lists(void **state) {
	CLEANUP(mem_freep) char *path = in_folder(state, "state.db");
	struct store *store = open_with_many(path);
	assert_page(store, 0, 2, NULL, "49999 49998", MANY);
	int first = work_of(store, STATEMENT_TASK_PAGE);
	assert_page(store, MANY - 3, 2, NULL, "2 1", MANY);
	int last = work_of(store, STATEMENT_TASK_PAGE);
	assert_true(first > 0 && last > 0);
	assert_true(first < 256 * 25 && last < 256 * 25);
	(void)work_of(store, STATEMENT_TASK_LIVE);
	struct names names = { "" };
	struct error err;
	assert_ok(store_task_live(store, name_taken, &names, &err));
	assert_true(work_of(store, STATEMENT_TASK_LIVE) < 50 * 50);
	store_close(store);

	store = open_store(path);
	assert_page(store, MANY / 2, 1, NULL, "24999", MANY);
	store_close(store);
}

static const struct {
	const char *name, *sql;
} statements[] = {
#define STATEMENT(name, sql) { #name, sql },
#include "store/statements.def"
#undef STATEMENT
};

static void check_step(const char *name, const char *step) {
	static const char *const scanning[] = { "TASK_NUMBERS", "TAGGED", "PROPLETS", "TASK_LIVE",
		"LAST_PLACE", "KEYS", "KEYS_DROP", "ERA", "SETTLE", "SAMPLES", "BEATS" };
	bool may_scan = false;
	for (size_t i = 0; i < sizeof(scanning) / sizeof(scanning[0]); i++) {
		may_scan = may_scan || str_equal(name, scanning[i]);
	}
	bool scans = str_starts(step, "SCAN ");
	if ((scans && !may_scan) || strstr(step, "TEMP B-TREE") != NULL) {
		fail_msg("%s: %s", name, step);
	}
	if (str_equal(name, "TASK_LIVE") || str_equal(name, "LAST_PLACE")) {
		assert_true(!scans || strstr(step, "INDEX moving_live") != NULL);
	}
}

/* Every statement finds its rows by a key; the few that read all are known. */
static void test_plans(void **state) {
	(void)state;
	struct store *store = open_store("memory");
	int steps = 0;
	for (size_t i = 0; i < sizeof(statements) / sizeof(statements[0]); i++) {
		sqlite3_stmt *plan;
		CLEANUP(mem_freep)
		char *sql = str_format("EXPLAIN QUERY PLAN %s", statements[i].sql);
		assert_int_equal(sqlite3_prepare_v2(store->db, sql, -1, &plan, NULL), SQLITE_OK);
		for (; sqlite3_step(plan) == SQLITE_ROW; steps++) {
			check_step(statements[i].name, (const char *)sqlite3_column_text(plan, 3));
		}
		assert_int_equal(sqlite3_finalize(plan), SQLITE_OK);
	}
	assert_true(steps > 20);
	store_close(store);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

int main(void) {
	const struct CMUnitTest tests[] = {
		IN_FOLDER(test_files_are_private),
		IN_FOLDER(test_reopened),
		IN_FOLDER(test_durable_by_settings),
		IN_FOLDER(test_second_opener),
		IN_FOLDER(test_no_folder),
		IN_FOLDER(test_a_folder),
		IN_FOLDER(test_newer_schema),
		IN_FOLDER(test_foreign_database),
		cmocka_unit_test(test_steps),
		IN_FOLDER(test_from_version_1),
		IN_FOLDER(test_not_a_database),
		IN_FOLDER(test_damaged_pages),
		IN_FOLDER(test_damaged_rows),
		IN_FOLDER(test_killed),
		IN_FOLDER(test_log_is_bounded),
		IN_FOLDER(test_log_is_brought_over),
		IN_FOLDER(test_long_lists),
		cmocka_unit_test(test_plans),
	};
	return cmocka_run_group_tests_name("store/disk", tests, NULL, NULL);
}
