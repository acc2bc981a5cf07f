/* SPDX-License-Identifier: Apache-2.0 */
/* A manager whose store came out of a backup. */
#include "manager/settle.h"

#include <sqlite3.h>
#include <unistd.h>

#include "manager/fixture.h"

#define ERA UINT64_C(1795272271441014)

static const char *database(void) {
	static char path[64];
	(void)snprintf(path, sizeof(path), "/tmp/manager_test.%d.db", (int)getpid());
	return path;
}

static void open_store(struct manager *m) {
	struct error err;
	m->store = store_open(database(), NULL, &err);
	if (m->store == NULL) {
		fail_msg("%s", err.message);
	}
}

/* The store of the fixture is in memory: this one is on the disk. */
static int set_up(void **state) {
	(void)manager_set_up(state);
	struct manager *m = *state;
	store_close(m->store);
	open_store(m);
	return 0;
}

static int tear_down(void **state) {
	static const char *const ends[] = { "", "-wal", "-shm", ".lock" };
	int result = manager_tear_down(state);
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		CLEANUP(mem_freep) char *path = str_format("%s%s", database(), ends[i]);
		(void)unlink(path);
	}
	return result;
}

static void read_again(struct manager *m) {
	struct error err;
	manager_forget(m);
	assert_true(manager_recover(m, &err));
}

/* As the first start after a restore finds it. */
static void restored(struct manager *m) {
	sqlite3 *db;
	next_batch(m);
	store_close(m->store);
	assert_int_equal(sqlite3_open(database(), &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "INSERT INTO restored VALUES(1795272271441014, 0)", NULL,
					 NULL, NULL),
			SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	open_store(m);
	assert_true(store_era(m->store) == ERA && store_unsettled(m->store));
	read_again(m);
}

static void announce_old(struct manager *m, const char *id) {
	hear(m, "{\"proplet_id\":\"%s\",\"namespace\":\"default\",\"status\":\"alive\"}", id);
}

static void what_waited_is_interrupted(void **state) {
	struct manager *m = *state;
	char ids[3][UUID_SIZE];
	announce(m, "w"); /* two slots */
	char placed[UUID_SIZE];
	memcpy(placed, start_task(m, NULL)->task->id, UUID_SIZE);
	(void)start_task(m, NULL);
	for (int i = 0; i < 3; i++) {
		struct error err;
		struct task *task = make_task(m);
		task->restart = i == 1 ? RESTART_ALWAYS : RESTART_NEVER;
		task->restart_limit = 3;
		assert_true(store_task_change(m->store, task, &err));
		assert_true(tasks_start(m, task, "test", &err) && task->queued);
		memcpy(ids[i], task->id, UUID_SIZE);
	}
	restored(m);
	settle_tick(m);
	assert_false(m->failed);
	for (int i = 0; i < 3; i += 2) {
		const struct task *task = stored(m, ids[i]);
		assert_int_equal(task->state, TASK_INTERRUPTED);
		assert_int_equal(task->attempt, 1);
		assert_non_null(strstr(task->outcome.error, "restored from a backup"));
	}
	const struct live *again = tasks_live(m, ids[1]);
	assert_true(again != NULL && again->task->queued && again->task->due_at != 0);
	assert_true(again->task->attempt == ERA);
	assert_int_equal(tasks_live(m, placed)->task->state, TASK_SCHEDULED); /* its worker knows */
	next_batch(m);
	settle_tick(m); /* once only */
	assert_true(tasks_live(m, ids[1])->task->attempt == ERA);
}

static void old_workers_are_told_to_stop(void **state) {
	struct manager *m = *state;
	announce_old(m, "old");
	struct error err;
	struct task *task = make_task(m);
	char id[UUID_SIZE];
	memcpy(id, task->id, UUID_SIZE);
	str_set(&task->work.image_url, "http://h/m.wasm");
	assert_true(tasks_start(m, task, "test", &err));
	assert_int_equal(task->state, TASK_RUNNING);
	restored(m);
	settle_tick(m);
	assert_int_equal(posted(m, "/control/manager/stop", id), 1);
	task = stored(m, id);
	assert_int_equal(task->state, TASK_INTERRUPTED);
	assert_non_null(strstr(task->outcome.error, "what came of it is not known"));
}

/* A batch that the store refuses takes it all back; the next one does it again. */
static void a_lost_batch_settles_nothing(void **state) {
	struct manager *m = *state;
	announce(m, "w");
	(void)start_task(m, NULL);
	(void)start_task(m, NULL);
	const struct live *live = start_task(m, NULL);
	char id[UUID_SIZE];
	memcpy(id, live->task->id, UUID_SIZE);
	restored(m);
	settle_tick(m);
	store_rollback(m->store);
	manager_end(m, false);
	read_again(m);
	manager_begin(m);
	assert_true(tasks_live(m, id)->task->queued);
	settle_tick(m);
	assert_int_equal(stored(m, id)->state, TASK_INTERRUPTED);
}

/* --- numbers ----------------------------------------------------------------------------------
 */

static void attempts_go_on_in_the_new_era(void **state) {
	struct manager *m = *state;
	struct error err;
	announce(m, "w");
	struct live *live = start_task(m, NULL);
	assert_int_equal(live->task->attempt, 1);
	char id[UUID_SIZE];
	memcpy(id, live->task->id, UUID_SIZE);
	assert_true(tasks_go(m, live, TASK_COMPLETED, "test"));
	restored(m);
	announce(m, "w");
	settle_tick(m);
	struct task *task = stored(m, id);
	for (uint64_t i = 0; i < 3; i++) {
		assert_true(tasks_start(m, task, "test", &err));
		assert_true(task->attempt == ERA + i);
		assert_true(tasks_go(m, tasks_live(m, id), TASK_COMPLETED, "test"));
	}
	next_batch(m);
	struct task *later = make_task(m); /* nobody can have counted for it */
	later->created_at = (int64_t)(ERA + 1) * 1000;
	assert_true(tasks_start(m, later, "test", &err));
	assert_int_equal(later->attempt, 1);
}

static void commands_go_on_in_the_new_era(void **state) {
	struct manager *m = *state;
	announce(m, "w");
	assert_int_equal(start_task(m, NULL)->task->at.command, 1);
	restored(m);
	announce(m, "w");
	assert_true(start_task(m, NULL)->task->at.command == ERA);
	assert_true(workers_find(m, "w")->proplet->next_command == ERA + 1);
	/* Also for a boot that only the lost manager has known. */
	hear(m, "{\"proplet_id\":\"w\",\"boot\":\"" NEXT_BOOT "\",\"boot_number\":9,"
		"\"features\":[\"commands\"],\"slots\":2,\"command\":77}");
	assert_true(start_task(m, NULL)->task->at.command == ERA);
}

#define WITH_STORE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
	const struct CMUnitTest tests[] = {
		WITH_STORE(what_waited_is_interrupted),
		WITH_STORE(old_workers_are_told_to_stop),
		WITH_STORE(a_lost_batch_settles_nothing),
		WITH_STORE(attempts_go_on_in_the_new_era),
		WITH_STORE(commands_go_on_in_the_new_era),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
