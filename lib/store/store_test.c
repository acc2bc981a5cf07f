/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "base/mem.h"

struct place {
	char folder[32], path[64];
};

static int make_place(void **state) {
	struct place *place = MEM_NEW(struct place);
	(void)snprintf(place->folder, sizeof(place->folder), "/tmp/store-test-XXXXXX");
	assert_non_null(mkdtemp(place->folder));
	(void)snprintf(place->path, sizeof(place->path), "%s/m.db", place->folder);
	*state = place;
	return 0;
}

static int remove_place(void **state) {
	struct place *place = *state;
	static const char *const ends[] = { "", "-wal", "-shm", ".lock" };
	for (size_t i = 0; i < 4; i++) {
		char path[96];
		(void)snprintf(path, sizeof(path), "%s%s", place->path, ends[i]);
		(void)unlink(path);
	}
	(void)rmdir(place->folder);
	free(place);
	return 0;
}

static struct store *open_store(const char *path) {
	struct error err = { .message = "" };
	struct store *store = store_open(path, NULL, &err);
	if (store == NULL) {
		fail_msg("%s", err.message);
	}
	return store;
}

static struct task *make_task(const char *name) {
	struct task *task = task_create();
	random_uuid(task->id);
	task->work.name = str_copy(name);
	task->created_at = 5;
	return task;
}

static void must(bool ok, const struct error *err) {
	if (!ok) {
		fail_msg("%s", err->message);
	}
}

static void a_task_comes_back_after_reopening(void **state) {
	const struct place *place = *state;
	struct store *store = open_store(place->path);
	struct task *task = make_task("x");
	struct error err;
	task->state = TASK_RUNNING;
	task->attempt = 3;
	task->at.proplet_id = str_copy("p");
	task->at.command = 9;
	must(store_begin(store, &err) && store_task_add(store, task, &err) &&
					store_commit(store, &err),
			&err);
	store_close(store);
	store = open_store(place->path);
	struct task *copy = store_task_get(store, task->id, &err);
	assert_non_null(copy);
	assert_int_equal(copy->state, TASK_RUNNING);
	assert_int_equal(copy->attempt, 3);
	assert_int_equal(copy->at.command, 9);
	assert_string_equal(copy->at.proplet_id, "p");
	task_destroy(copy);
	task_destroy(task);
	store_close(store);
}

static void outcomes_keep_every_byte(void **state) {
	const struct place *place = *state;
	struct store *store = open_store(place->path);
	struct task *task = make_task("x");
	struct error err;
	task->outcome.out.bytes = mem_copy("a\0\xff", 3);
	task->outcome.out.size = 3;
	task->outcome.exited = true;
	task->outcome.exit_code = 7;
	must(store_begin(store, &err) && store_task_add(store, task, &err) &&
					store_task_outcome(store, task, &err) &&
					store_commit(store, &err),
			&err);
	struct task *copy = store_task_get(store, task->id, &err);
	assert_int_equal(copy->outcome.out.size, 3);
	assert_memory_equal(copy->outcome.out.bytes, "a\0\xff", 3);
	assert_int_equal(copy->outcome.exit_code, 7);
	task_destroy(copy);
	task_destroy(task);
	store_close(store);
}

static void a_rollback_leaves_nothing(void **state) {
	const struct place *place = *state;
	struct store *store = open_store(place->path);
	struct task *task = make_task("x");
	struct error err;
	uint64_t total = 9;
	must(store_begin(store, &err) && store_task_add(store, task, &err), &err);
	store_rollback(store);
	assert_null(store_task_get(store, task->id, &err));
	assert_int_equal(err.code, ERROR_NOT_FOUND);
	must(store_task_list(store, 0, 10, NULL, NULL, NULL, &total, &err), &err);
	assert_int_equal(total, 0);
	task_destroy(task);
	store_close(store);
}

static void see(void *context, const struct task *task) {
	strings_add(context, task->work.name);
}

static void lists_are_newest_first_and_paged(void **state) {
	const struct place *place = *state;
	struct store *store = open_store(place->path);
	struct strings names = { 0 };
	struct error err;
	uint64_t total;
	must(store_begin(store, &err), &err);
	for (int i = 0; i < 5; i++) {
		char name[2] = { (char)('a' + i), 0 };
		struct task *task = make_task(name);
		task->metadata = json_pack("{s:b}", "even", i % 2 == 0);
		must(store_task_add(store, task, &err), &err);
		task_destroy(task);
	}
	must(store_commit(store, &err), &err);
	must(store_task_list(store, 1, 2, NULL, see, &names, &total, &err), &err);
	assert_int_equal(total, 5);
	assert_int_equal(names.count, 2);
	assert_string_equal(names.items[0], "d");
	assert_string_equal(names.items[1], "c");
	strings_finish(&names);
	json_t *filter = json_pack("{s:b}", "even", 1);
	must(store_task_list(store, 0, 10, filter, see, &names, &total, &err), &err);
	assert_int_equal(total, 3);
	assert_string_equal(names.items[0], "e");
	json_decref(filter);
	strings_finish(&names);
	store_close(store);
}

static void take_name(void *context, struct task *task) {
	strings_add(context, task->work.name);
	task_destroy(task);
}

static void live_tasks_come_in_the_order_of_the_queue(void **state) {
	const struct place *place = *state;
	struct store *store = open_store(place->path);
	struct task *tasks[3] = { make_task("first"), make_task("second"), make_task("done") };
	struct strings names = { 0 };
	struct error err;
	tasks[2]->state = TASK_COMPLETED;
	must(store_begin(store, &err), &err);
	for (int i = 0; i < 3; i++) {
		must(store_task_add(store, tasks[i], &err), &err);
	}
	tasks[1]->queued = true;
	must(store_task_move(store, tasks[1], &err), &err);
	tasks[0]->queued = true;
	must(store_task_move(store, tasks[0], &err) && store_task_move(store, tasks[1], &err),
			&err);
	must(store_commit(store, &err), &err);
	must(store_task_live(store, take_name, &names, &err), &err);
	assert_int_equal(names.count, 2);
	assert_string_equal(names.items[0], "second");
	assert_string_equal(names.items[1], "first");
	strings_finish(&names);
	for (int i = 0; i < 3; i++) {
		task_destroy(tasks[i]);
	}
	store_close(store);
}

static void a_second_manager_is_refused(void **state) {
	const struct place *place = *state;
	struct store *store = open_store(place->path);
	struct error err;
	assert_null(store_open(place->path, NULL, &err));
	assert_non_null(strstr(err.message, "another manager"));
	store_close(store);
}

static void a_newer_schema_is_refused_in_words(void **state) {
	const struct place *place = *state;
	sqlite3 *db;
	struct error err;
	store_close(open_store(place->path));
	assert_int_equal(sqlite3_open(place->path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "PRAGMA user_version = 99", NULL, NULL, NULL), SQLITE_OK);
	(void)sqlite3_close(db);
	assert_null(store_open(place->path, NULL, &err));
	assert_non_null(strstr(err.message, "99"));
}

static void what_is_no_database_is_refused(void **state) {
	const struct place *place = *state;
	struct error err;
	FILE *file = fopen(place->path, "w");
	for (int i = 0; i < 1000; i++) {
		(void)fputs("this is not a database ", file);
	}
	(void)fclose(file);
	assert_null(store_open(place->path, NULL, &err));
	assert_int_equal(err.code, ERROR_INTEGRITY);
}

/* Commits as fast as it can, and says each through the pipe once it is durable. */
static NORETURN void commit_forever(const char *path, int pipe) {
	struct error err;
	struct store *store = store_open(path, NULL, &err);
	for (;;) {
		struct task *task = make_task("x");
		bool ok = store != NULL && store_begin(store, &err) &&
			  store_task_add(store, task, &err) && store_commit(store, &err);
		if (!ok || write(pipe, task->id, UUID_SIZE) != UUID_SIZE) {
			_exit(1);
		}
		task_destroy(task);
	}
}

static void what_was_committed_survives_kill_9(void **state) {
	const struct place *place = *state;
	int ends[2];
	char ids[200][UUID_SIZE];
	struct error err;
	assert_int_equal(pipe(ends), 0);
	pid_t child = fork();
	if (child == 0) {
		commit_forever(place->path, ends[1]);
	}
	(void)close(ends[1]);
	for (int i = 0; i < 200; i++) {
		assert_int_equal(read(ends[0], ids[i], UUID_SIZE), UUID_SIZE);
	}
	(void)kill(child, SIGKILL);
	(void)waitpid(child, NULL, 0);
	(void)close(ends[0]);
	struct store *store = open_store(place->path);
	for (int i = 0; i < 200; i++) {
		struct task *task = store_task_get(store, ids[i], &err);
		assert_non_null(task);
		task_destroy(task);
	}
	store_close(store);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_place, remove_place)

int main(void) {
	const struct CMUnitTest tests[] = {
		TEST(a_task_comes_back_after_reopening),
		TEST(outcomes_keep_every_byte),
		TEST(a_rollback_leaves_nothing),
		TEST(lists_are_newest_first_and_paged),
		TEST(live_tasks_come_in_the_order_of_the_queue),
		TEST(a_second_manager_is_refused),
		TEST(a_newer_schema_is_refused_in_words),
		TEST(what_is_no_database_is_refused),
		TEST(what_was_committed_survives_kill_9),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
