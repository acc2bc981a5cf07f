/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/request_fixture.h"

static const uint8_t small[] = "\0asm\1\0\0\0";
enum { SMALL_SIZE = sizeof(small) - 1 };

/* A module that is there, for a task that is started on the worker; its live part, or NULL. */
static struct live *start(struct manager *m, struct task *task, const char *worker) {
	struct module_upload *upload = modules_begin(m->modules, 100);
	struct module_info info;
	struct error err;
	assert_true(module_upload_add(upload, (struct bytes){ small, SMALL_SIZE }, &err));
	assert_true(module_upload_finish(upload, &info, &err));
	module_upload_destroy(upload);
	memcpy(task->work.digest, info.digest, sizeof(info.digest));
	task->work.module_size = info.size;
	str_set(&task->pinned, worker);
	if (!tasks_start(m, task, "test", &err)) {
		fail_msg("%s", err.message);
	}
	return tasks_live(m, task->id);
}

/* The one letter that was posted to a topic; borrowed. */
static struct bytes letter(struct manager *m, const char *topic) {
	assert_int_equal(posted(m, "", ""), 1);
	assert_string_equal(m->outbox->topic, topic);
	return (struct bytes){ (const uint8_t *)m->outbox->payload, strlen(m->outbox->payload) };
}

static void expect_member(const json_t *object, const char *member, const char *expected) {
	json_t *wanted = json_loads(expected, JSON_DECODE_ANY, NULL);
	assert_non_null(wanted);
	if (!json_equal(json_object_get(object, member), wanted)) {
		fail_msg("%s is not %s", member, expected);
	}
	json_decref(wanted);
}

static void expect_text(const json_t *object, const char *member, const char *expected) {
	const char *text = json_string_value(json_object_get(object, member));
	assert_non_null(text);
	assert_string_equal(text, expected);
}

static void a_start_to_ours(void **state) {
	struct manager *m = *state;
	struct command command;
	struct error err;
	announce(m, "w");
	struct task *task = make_task(m);
	strings_add(&task->work.inputs, "1");
	str_set(&task->work.invoke, "add");
	str_set(&task->work.engine, "interp");
	const struct live *live = start(m, task, "w");
	const struct bytes text = letter(m, "m/d/c/c/control/manager/command/w");
	assert_true(command_decode(&command, text, &err));
	assert_int_equal(command.kind, COMMAND_START);
	assert_string_equal(command.boot, BOOT);
	assert_int_equal(command.number, 1);
	assert_string_equal(command.proplet_id, "w");
	assert_string_equal(command.task_id, live->task->id);
	assert_int_equal(command.attempt, 1);
	assert_null(command.file); /* by digest */
	assert_string_equal(command.work.digest, task->work.digest);
	assert_int_equal(command.work.module_size, SMALL_SIZE);
	assert_string_equal(command.work.inputs.items[0], "1");
	assert_string_equal(command.work.invoke, "add");
	assert_string_equal(command.work.engine, "interp");
	command_finish(&command);
}

/* Sent again it is the same command: who has seen its number does not run it twice. */
static void a_repeated_start_is_the_same(void **state) {
	struct manager *m = *state;
	announce(m, "w");
	struct live *live = start(m, make_task(m), "w");
	dispatch_start(m, live);
	assert_int_equal(posted(m, "", ""), 2);
	assert_string_equal(m->outbox->payload, m->outbox->next->payload);
	assert_string_equal(m->outbox->topic, m->outbox->next->topic);
}

static void a_start_to_others(void **state) {
	struct manager *m = *state;
	static const char *const members[] = { "id", "name", "state", "file", "inputs", "cli_args",
		"broadcast", "daemon", "latent", "encrypted", "monitoring_profile", "proplet_id" };
	hear(m, "{\"proplet_id\":\"old\"}");
	struct task *task = make_task(m);
	strings_add(&task->work.inputs, "1");
	(void)start(m, task, "old");
	const struct bytes text = letter(m, "m/d/c/c/control/manager/start");
	json_t *object = json_loadb((const char *)text.data, text.size, 0, NULL);
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		if (json_object_get(object, members[i]) == NULL) {
			fail_msg("%s is missing", members[i]);
		}
	}
	expect_text(object, "id", task->id);
	expect_text(object, "name", "test");
	expect_text(object, "proplet_id", "old");
	expect_text(object, "file", "AGFzbQEAAAA=");
	expect_member(object, "state", "0"); /* what it was before */
	expect_member(object, "inputs", "[\"1\"]");
	expect_member(object, "broadcast", "false");
	assert_null(json_object_get(object, "boot"));
	assert_null(json_object_get(object, "number"));
	assert_int_equal(json_object_size(json_object_get(object, "monitoring_profile")), 10);
	json_decref(object);
}

static void an_image_is_named(void **state) {
	struct manager *m = *state;
	hear(m, "{\"proplet_id\":\"old\"}");
	struct task *task = make_task(m);
	str_set(&task->work.image_url, "http://h/m.wasm");
	(void)start(m, task, "old");
	const struct bytes text = letter(m, "m/d/c/c/control/manager/start");
	json_t *object = json_loadb((const char *)text.data, text.size, 0, NULL);
	expect_text(object, "image_url", "http://h/m.wasm");
	assert_null(json_string_value(json_object_get(object, "file")));
	json_decref(object);
}

/* Nothing is published then: the attempt has failed, and says why. */
static void what_cannot_be_sent(void **state) {
	struct manager *m = *state;
	struct error err;
	hear(m, "{\"proplet_id\":\"old\"}");
	struct task *missing = make_task(m); /* its digest names no file */
	str_set(&missing->pinned, "old");
	assert_true(tasks_start(m, missing, "test", &err));
	assert_null(tasks_live(m, missing->id));
	assert_int_equal(stored(m, missing->id)->state, TASK_FAILED);
	assert_non_null(stored(m, missing->id)->outcome.error);

	struct task *large = make_task(m);
	CLEANUP(mem_freep) char *text = mem_zero(DISPATCH_OLD_MAX + 1, 1);
	memset(text, 'x', DISPATCH_OLD_MAX);
	strings_add(&large->work.inputs, text);
	assert_null(start(m, large, "old"));
	const struct task *task = stored(m, large->id);
	assert_int_equal(task->state, TASK_FAILED);
	assert_non_null(strstr(task->outcome.error, "shorten inputs"));
	assert_int_equal(posted(m, "", ""), 0);
	assert_int_equal(workers_find(m, "old")->proplet->running, 0);
}

static void use_modules(struct manager *m, struct seal_ring *ring) {
	struct error err;
	modules_close(m->modules);
	m->modules = modules_open(modules_folder(), ring, &err);
	assert_non_null(m->modules);
}

/* Its worker would ask for it in vain. */
static void a_module_of_another_key(void **state) {
	struct manager *m = *state;
	struct error err;
	struct seal_ring *ring = seal_ring_create(NULL, &err);
	assert_true(ring != NULL && seal_ring_read(ring, DIGEST, &err));
	announce(m, "w");
	use_modules(m, ring);
	struct task *task = make_task(m);
	const struct live *live = start(m, task, "w");
	assert_int_equal(posted(m, "command/w", ""), 1);
	next_batch(m);
	use_modules(m, NULL);
	seal_ring_destroy(ring);
	struct task *next = make_task(m);
	memcpy(next->work.digest, live->task->work.digest, DIGEST_HEX_SIZE);
	str_set(&next->pinned, "w");
	assert_true(tasks_start(m, next, "test", &err));
	assert_int_equal(posted(m, "", ""), 0);
	const struct task *failed = stored(m, next->id);
	assert_int_equal(failed->state, TASK_FAILED);
	assert_non_null(strstr(failed->outcome.error, "set MANAGER_WORKLOAD_KEY"));
}

static void stops(void **state) {
	struct manager *m = *state;
	struct command command;
	struct error err;
	announce(m, "w");
	struct live *live = start(m, make_task(m), "w");
	next_batch(m);
	dispatch_stop(m, live);
	assert_true(command_decode(&command, letter(m, "m/d/c/c/control/manager/command/w"), &err));
	assert_int_equal(command.kind, COMMAND_STOP);
	assert_string_equal(command.boot, BOOT);
	assert_string_equal(command.task_id, live->task->id);
	assert_int_equal(command.attempt, 1);
	command_finish(&command);
	next_batch(m);

	struct attempt_ref stray = { .task_id = NEXT_BOOT, .attempt = 7 };
	dispatch_stop_stray(m, workers_find(m, "w"), &stray);
	assert_true(command_decode(&command, letter(m, "m/d/c/c/control/manager/command/w"), &err));
	assert_int_equal(command.kind, COMMAND_STOP);
	assert_string_equal(command.boot, BOOT);
	assert_string_equal(command.task_id, NEXT_BOOT);
	assert_int_equal(command.attempt, 7);
	command_finish(&command);
	next_batch(m);

	hear(m, "{\"proplet_id\":\"old\"}");
	live = start(m, make_task(m), "old");
	next_batch(m);
	dispatch_stop(m, live);
	const struct bytes text = letter(m, "m/d/c/c/control/manager/stop");
	json_t *object = json_loadb((const char *)text.data, text.size, 0, NULL);
	expect_text(object, "id", live->task->id);
	expect_text(object, "proplet_id", "old");
	expect_text(object, "name", "test");
	expect_text(object, "state", "stopped");
	expect_member(object, "broadcast", "false");
	json_decref(object);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		WITH_REQUESTS(a_start_to_ours),
		WITH_REQUESTS(a_repeated_start_is_the_same),
		WITH_REQUESTS(a_start_to_others),
		WITH_REQUESTS(an_image_is_named),
		WITH_REQUESTS(what_cannot_be_sent),
		WITH_REQUESTS(a_module_of_another_key),
		WITH_REQUESTS(stops),
	};
	return cmocka_run_group_tests_name("manager/dispatch", tests, NULL, NULL);
}
