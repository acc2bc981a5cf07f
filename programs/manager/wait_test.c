/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/wait.h"

#include "manager/request_fixture.h"

/* One who asks for a task, and waits. */
struct asker {
	char path[64];
	struct http_request request;
};

static void ask(struct manager *m, struct asker *asker, const char *id, const char *wait) {
	(void)snprintf(asker->path, sizeof(asker->path), "/tasks/%s", id);
	asker->request = (struct http_request){
		.method = "GET", .path = asker->path, .query = { "wait", wait }
	};
	serve(m, &asker->request);
}

static void expect_waiting(const struct asker *asker) {
	assert_int_equal(asker->request.answers, 0);
}

static void expect_answer(struct asker *asker, int status, int state) {
	assert_int_equal(asker->request.answers, 1);
	assert_int_equal(asker->request.status, status);
	if (status == 200) {
		assert_int_equal(
				json_integer_value(json_object_get(asker->request.answer, "state")),
				state);
		assert_true(str_ends(asker->path, text_of(&asker->request, "id")));
	}
	json_decref(asker->request.answer);
	asker->request.answer = NULL;
}

static void the_end_is_the_answer(void **state) {
	struct manager *m = *state;
	struct asker first, second, other;
	announce(m, "w");
	struct live *live = start_task(m, NULL);
	ask(m, &first, live->task->id, "10");
	ask(m, &second, live->task->id, "20");
	ask(m, &other, start_task(m, NULL)->task->id, "10");
	wait_answer(m, true);
	assert_true(tasks_go(m, live, TASK_RUNNING, "test"));
	wait_answer(m, true);
	expect_waiting(&first);
	assert_true(tasks_go(m, live, TASK_FAILED, "boom"));
	expect_waiting(&first); /* not before the commit */
	wait_answer(m, true);
	assert_string_equal(text_of(&first.request, "error"), "boom");
	expect_answer(&first, 200, TASK_FAILED);
	expect_answer(&second, 200, TASK_FAILED);
	expect_waiting(&other);
	assert_true(m->next_wait_ms == m->now_ms + 10000);
	wait_cancel(m);
	expect_answer(&other, 200, TASK_SCHEDULED);
	assert_null(m->waiters);
}

static void who_need_not_wait(void **state) {
	struct manager *m = *state;
	struct asker asker;
	const struct task *task = make_task(m);
	ask(m, &asker, task->id, "10"); /* never started */
	expect_answer(&asker, 200, TASK_PENDING);
	announce(m, "w");
	const char *id = start_task(m, NULL)->task->id;
	ask(m, &asker, id, "0");
	expect_answer(&asker, 200, TASK_SCHEDULED);
	ask(m, &asker, id, "");
	assert_string_equal(text_of(&asker.request, "field"), "wait");
	expect_answer(&asker, 400, 0);
	ask(m, &asker, NEXT_BOOT, "10");
	expect_answer(&asker, 404, 0);
	ask(m, &asker, id, "soon");
	assert_string_equal(text_of(&asker.request, "field"), "wait");
	expect_answer(&asker, 400, 0);
	assert_null(m->waiters);
}

static void each_has_its_deadline(void **state) {
	static const char *const waits[] = { "2", "500ms", "24h" };
	struct manager *m = *state;
	struct asker askers[3];
	announce(m, "w");
	const char *id = start_task(m, NULL)->task->id;
	uint64_t begin = m->now_ms;
	for (size_t i = 0; i < 3; i++) {
		ask(m, &askers[i], id, waits[i]);
	}
	assert_true(m->next_wait_ms == begin + 500);
	m->now_ms = begin + 499;
	wait_answer(m, true);
	expect_waiting(&askers[1]);
	m->now_ms = begin + 500;
	wait_answer(m, true);
	expect_answer(&askers[1], 200, TASK_SCHEDULED);
	expect_waiting(&askers[0]);
	assert_true(m->next_wait_ms == begin + 2000);
	m->now_ms = begin + 2000;
	wait_answer(m, true);
	expect_answer(&askers[0], 200, TASK_SCHEDULED);
	assert_true(m->next_wait_ms == begin + 300000); /* nobody waits longer */
	m->now_ms = begin + 300000;
	wait_answer(m, true);
	expect_answer(&askers[2], 200, TASK_SCHEDULED);
	assert_true(m->next_wait_ms == UINT64_MAX);
}

/* A restart is no end: who waits for the task goes on. */
static void restarts_are_waited_for(void **state) {
	struct manager *m = *state;
	struct asker asker;
	announce(m, "w");
	struct live *live = start_task(m, NULL);
	live->task->restart = RESTART_ON_FAILURE;
	ask(m, &asker, live->task->id, "10");
	assert_true(tasks_go(m, live, TASK_FAILED, "test"));
	wait_answer(m, true);
	expect_waiting(&asker);
	tasks_stop(m, live);
	wait_answer(m, true);
	expect_answer(&asker, 200, TASK_INTERRUPTED);
}

/* After a batch that failed the store says who is live. */
static void all_look_again_after_a_failed_batch(void **state) {
	struct manager *m = *state;
	struct asker kept, gone;
	struct error err;
	announce(m, "w");
	const char *id = start_task(m, NULL)->task->id;
	char lost[UUID_SIZE];
	ask(m, &kept, id, "10");
	next_batch(m);
	const struct live *live = start_task(m, NULL); /* never committed */
	memcpy(lost, live->task->id, sizeof(lost));
	ask(m, &gone, lost, "10");
	store_rollback(m->store);
	manager_end(m, false);
	manager_forget(m);
	assert_true(manager_recover(m, &err));
	manager_begin(m);
	wait_answer(m, false);
	expect_answer(&gone, 404, 0);
	expect_waiting(&kept);
	wait_cancel(m);
	expect_answer(&kept, 200, TASK_SCHEDULED);
}

static void a_preference_is_read_or_left(void **state) {
	(void)state;
	static const struct {
		const char *header;
		uint64_t ms;
	} rows[] = {
		{ NULL, 0 },
		{ "", 0 },
		{ "wait=30", 30000 },
		{ "respond-async, Wait = \"5\"; x=1", 5000 },
		{ "waiting=7, wait=8", 8000 },
		{ "wait", 0 },
		{ "wait=", 0 },
		{ "wait=-1", 0 },
		{ "wait=soon, wait=2", 2000 },
		{ "wait=99999999999999999999", 0 },
		{ ",,, wait=1", 1000 },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(wait_preferred(rows[i].header), rows[i].ms);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_preference_is_read_or_left),
		WITH_REQUESTS(the_end_is_the_answer),
		WITH_REQUESTS(who_need_not_wait),
		WITH_REQUESTS(each_has_its_deadline),
		WITH_REQUESTS(restarts_are_waited_for),
		WITH_REQUESTS(all_look_again_after_a_failed_batch),
	};
	return cmocka_run_group_tests_name("manager/wait", tests, NULL, NULL);
}
