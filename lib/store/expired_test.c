/* SPDX-License-Identifier: Apache-2.0 */
#include "store/fixture.h"

static void end_task(struct store *store, struct task *task, int64_t finished) {
	task->finish_time = finished;
	move_task(store, task, TASK_FAILED, false);
	task_destroy(task);
}

/* One turn over all tasks; returns the number of steps that it took. */
static int turn(struct store *store, int64_t before, struct strings *ids, struct strings *digests) {
	struct error err;
	uint64_t cursor = 0;
	int steps = 0;
	do {
		assert_ok(store_task_expired(store, before, &cursor, ids, digests, &err));
		steps++;
	} while (cursor != 0);
	return steps;
}

static void test_what_has_expired(void **state) {
	(void)state;
	struct error err;
	struct strings ids = { 0 }, digests = { 0 };
	struct store *store = open_store("memory");
	struct task *with_module = make_task("module");
	char first[UUID_SIZE], second[UUID_SIZE];
	memcpy(with_module->work.digest, DIGEST_B, sizeof(DIGEST_B));
	memcpy(first, with_module->id, sizeof(first));
	begin(store);
	assert_ok(store_task_add(store, with_module, &err));
	commit(store);
	end_task(store, with_module, 100);
	struct task *bare = add_task(store, "bare");
	memcpy(second, bare->id, sizeof(second));
	end_task(store, bare, 199);
	end_task(store, add_task(store, "younger"), 200);
	task_destroy(add_task(store, "never started"));
	struct task *running = add_task(store, "runs again");
	running->finish_time = 100; /* of the attempt before */
	move_task(store, running, TASK_RUNNING, false);
	task_destroy(running);
	assert_int_equal(turn(store, 200, &ids, &digests), 1);
	assert_int_equal(ids.count, 2);
	assert_string_equal(ids.items[0], first);
	assert_string_equal(digests.items[0], DIGEST_B);
	assert_string_equal(ids.items[1], second);
	assert_string_equal(digests.items[1], "");
	strings_finish(&ids);
	strings_finish(&digests);
	store_close(store);
}

static void test_steps(void **state) {
	(void)state;
	struct error err;
	struct strings ids = { 0 }, digests = { 0 };
	struct store *store = open_store("memory");
	assert_int_equal(turn(store, 200, &ids, &digests), 1); /* nothing there at all */
	begin(store);
	for (int i = 0; i < 2500; i++) {
		struct task *task = make_task("one of many");
		task->state = TASK_COMPLETED;
		task->finish_time = 10;
		assert_ok(store_task_add(store, task, &err));
		task_destroy(task);
	}
	commit(store);
	assert_int_equal(turn(store, 200, &ids, &digests), 3);
	assert_int_equal(ids.count, 2500);
	strings_finish(&ids);
	strings_finish(&digests);
	store_close(store);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_has_expired),
		cmocka_unit_test(test_steps),
	};
	return cmocka_run_group_tests_name("store/expired", tests, NULL, NULL);
}
