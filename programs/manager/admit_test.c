/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/request_fixture.h"

static const uint8_t small[] = "\0asm\1\0\0\0", other[] = "\0asm\1\0\0\0\0\2\1a";
enum { SMALL_SIZE = sizeof(small) - 1, OTHER_SIZE = sizeof(other) - 1 };
#define SMALL_TEXT "AGFzbQEAAAA="
#define OTHER_TEXT "AGFzbQEAAAAAAgFh"

static struct http_request json_request(const char *method, const char *path, const char *body) {
	return (struct http_request){ .method = method,
		.path = path,
		.type = "application/json; charset=utf-8",
		.body = { (const uint8_t *)body, strlen(body) },
		.piece = 3 };
}

/* Asks and forgets the answer but for its status. */
static int ask(struct manager *m, const char *method, const char *path, const char *body) {
	struct http_request request = json_request(method, path, body);
	serve(m, &request);
	assert_int_equal(request.answers, 1);
	json_decref(request.answer);
	return request.status;
}

static void refuse(struct manager *m, struct http_request request, int status, const char *field,
		const char *says) {
	serve(m, &request);
	assert_int_equal(request.answers, 1);
	if (request.status != status || strcmp(text_of(&request, "field"), field) != 0 ||
			strstr(text_of(&request, "detail"), says) == NULL) {
		fail_msg("%s %s: %d, field \"%s\", %s", request.method, request.path,
				request.status, text_of(&request, "field"),
				text_of(&request, "detail"));
	}
	json_decref(request.answer);
}

static void ignore(void *context, const struct task *task) {
	(void)context, (void)task;
}

static uint64_t tasks_in(struct manager *m) {
	struct error err;
	uint64_t total;
	assert_true(store_task_list(m->store, 0, 1, NULL, ignore, NULL, &total, &err));
	return total;
}

/* A new task; its path is left in `path`. */
static const struct task *create(struct manager *m, const char *body, char path[64]) {
	struct http_request request = json_request("POST", "/tasks", body);
	serve(m, &request);
	if (request.status != 201) {
		fail_msg("%s: %d %s", body, request.status, text_of(&request, "detail"));
	}
	(void)snprintf(path, 64, "%s", request.location);
	json_decref(request.answer);
	next_batch(m);
	return stored(m, path + strlen("/tasks/"));
}

static void what_a_new_task_must_not_be(void **state) {
	static const struct {
		const char *body;
		int status;
		const char *field, *says;
	} rows[] = {
		{ "", 400, "", "not valid JSON" },
		{ "{\"name\":", 400, "", "line 1" },
		{ "[\"name\"]", 400, "", "a JSON object is expected" },
		{ "{}", 400, "name", "needs a \"name\"" },
		{ "{\"name\":7}", 400, "name", "name" },
		{ "{\"name\":\"n\",\"file\":7}", 400, "file", "base64" },
		{ "{\"name\":\"n\",\"file\":\"AGFz*QEAAAA=\"}", 400, "file", "file" },
		{ "{\"name\":\"n\",\"file\":\"AGFzbQEAAA\"}", 400, "file", "file" },
		{ "{\"name\":\"n\",\"file\":\"bm8gbW9kdWxl\"}", 422, "file", "module" },
		{ "{\"name\":\"n\",\"file\":\"" SMALL_TEXT "\",\"image_url\":\"http://h/m\"}", 400,
				"image_url", "give one of them" },
		{ "{\"name\":\"n\",\"file\":\"" SMALL_TEXT "\",\"file\":null}", 400, "file",
				"twice" },
		{ "{\"name\":\"n\",\"f\\u0069le\":\"" SMALL_TEXT "\"}", 400, "file",
				"without escapes" },
		{ "{\"name\":\"n\",\"schedule\":\"* * * * *\"}", 422, "schedule", "not run yet" },
		{ "{\"name\":\"n\",\"file\":\"" SMALL_TEXT "\",\"priority\":101}", 400, "priority",
				"priority" },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		refuse(*state, json_request("POST", "/tasks", rows[i].body), rows[i].status,
				rows[i].field, rows[i].says);
	}
	struct http_request text = json_request("POST", "/tasks", "{\"name\":\"n\"}");
	text.type = "text/plain";
	refuse(*state, text, 400, "Content-Type", "application/json");
	text.type = NULL;
	refuse(*state, text, 400, "Content-Type", "application/json");
	assert_int_equal(tasks_in(*state), 0);
}

static void a_new_task_is_stored_as_answered(void **state) {
	struct manager *m = *state;
	struct error err;
	struct http_request request = json_request("POST", "/tasks",
			"{\"name\":\"n\",\"inputs\":[1],\"id\":\"mine\",\"state\":3,"
			"\"file\":\"" SMALL_TEXT "\"}");
	serve(m, &request);
	assert_int_equal(request.status, 201);
	const char *id = text_of(&request, "id");
	assert_true(uuid_valid(id)); /* and not the client's */
	assert_true(str_starts(request.location, "/tasks/") && str_ends(request.location, id));
	assert_int_equal(json_integer_value(json_object_get(request.answer, "state")), 0);
	const struct task *task = stored(m, id);
	assert_string_equal(task->work.name, "n");
	assert_string_equal(task->work.inputs.items[0], "1");
	assert_int_equal(task->work.module_size, SMALL_SIZE);
	assert_string_equal(task->file_shown, text_of(&request, "file"));
	assert_int_equal(task->state, TASK_PENDING);
	assert_int_equal(task->attempt, 0);
	assert_true(task->created_at == m->wall_ns && task->updated_at == m->wall_ns);
	struct move *moves;
	size_t count;
	assert_true(store_moves(m->store, id, 10, &moves, &count, &err));
	assert_int_equal(count, 1);
	assert_string_equal(moves[0].cause, "created");
	free(moves[0].cause);
	free(moves);
	json_decref(request.answer);
}

/* The pin is gone with the answer, for good and for bad; the file stays for its task alone. */
static void modules_are_let_go(void **state) {
	struct manager *m = *state;
	char path[64];
	const struct task *task = create(m, "{\"name\":\"n\",\"file\":\"" SMALL_TEXT "\"}", path);
	assert_int_equal(module_files(m), 1);
	modules_remove(m->modules, task->work.digest);
	assert_int_equal(module_files(m), 0);
	assert_int_equal(ask(m, "PUT", "/tasks/" BOOT, "{\"file\":\"" OTHER_TEXT "\"}"), 404);
	modules_remove(m->modules, task->work.digest);
	char digest[DIGEST_HEX_SIZE];
	digest_hex(other, OTHER_SIZE, digest);
	modules_remove(m->modules, digest);
	assert_int_equal(module_files(m), 0);
}

static void a_change_changes_what_it_says(void **state) {
	struct manager *m = *state;
	char path[64];
	const struct task *was = create(
			m, "{\"name\":\"n\",\"inputs\":[\"1\"],\"file\":\"" SMALL_TEXT "\"}", path);
	char id[UUID_SIZE], digest[DIGEST_HEX_SIZE];
	memcpy(id, was->id, sizeof(id));
	memcpy(digest, was->work.digest, sizeof(digest));
	int64_t created_at = was->created_at;
	assert_int_equal(ask(m, "PUT", path, "{\"name\":\"other\",\"file\":null}"), 200);
	const struct task *is = stored(m, id);
	assert_string_equal(is->work.name, "other");
	assert_string_equal(is->work.inputs.items[0], "1");
	assert_string_equal(is->work.digest, digest);
	assert_non_null(is->file_shown);
	assert_true(is->created_at == created_at && is->updated_at == m->wall_ns);
	assert_int_equal(m->orphans.count, 0);
	next_batch(m);
	refuse(m, json_request("PUT", path, "{\"name\":\"third\",\"priority\":-1}"), 400,
			"priority", "priority");
	refuse(m, json_request("PUT", path, "{\"name\":\"third\",\"schedule\":\"x\"}"), 422,
			"schedule", "schedule");
	refuse(m, json_request("PUT", path, "no"), 400, "", "not valid JSON");
	assert_string_equal(stored(m, id)->work.name, "other");
}

static void who_cannot_be_changed(void **state) {
	struct manager *m = *state;
	char path[64];
	refuse(m, json_request("PUT", "/tasks/" BOOT, "{\"name\":\"n\"}"), 404, "", BOOT);
	refuse(m, json_request("PUT", "/tasks/nobody", "{\"name\":\"n\"}"), 400, "", "nobody");
	announce(m, "w");
	struct live *live = start_task(m, NULL);
	(void)snprintf(path, sizeof(path), "/tasks/%s", live->task->id);
	refuse(m, json_request("PUT", path, "{\"name\":\"n\"}"), 409, "", "Scheduled; stop it");
	(void)start_task(m, NULL);
	live = start_task(m, NULL); /* beyond the slots */
	(void)snprintf(path, sizeof(path), "/tasks/%s", live->task->id);
	refuse(m, json_request("PUT", path, "{\"name\":\"n\"}"), 409, "", "Pending (queued)");
	assert_string_equal(live->task->work.name, "test");
}

static struct http_request upload(const char *path, const uint8_t *bytes, size_t size) {
	return (struct http_request){
		.method = "PUT", .path = path, .type = "application/wasm", .body = { bytes, size }
	};
}

static void an_upload_replaces_the_module(void **state) {
	struct manager *m = *state;
	char path[64], to[80], digest[DIGEST_HEX_SIZE];
	(void)create(m, "{\"name\":\"n\"}", path);
	(void)snprintf(to, sizeof(to), "%s/upload", path);
	const char *id = path + strlen("/tasks/");
	struct http_request first = upload(to, small, SMALL_SIZE),
			    again = upload(to, small, SMALL_SIZE),
			    second = upload(to, other, OTHER_SIZE);
	serve(m, &first);
	assert_int_equal(first.status, 200);
	assert_int_equal(stored(m, id)->work.module_size, SMALL_SIZE);
	next_batch(m);
	serve(m, &again);
	assert_int_equal(again.status, 200);
	assert_int_equal(m->orphans.count, 0); /* the same one */
	next_batch(m);
	serve(m, &second);
	assert_int_equal(second.status, 200);
	digest_hex(small, SMALL_SIZE, digest);
	assert_true(strings_has(&m->orphans, digest));
	assert_int_equal(stored(m, id)->work.module_size, OTHER_SIZE);
	json_decref(first.answer);
	json_decref(again.answer);
	json_decref(second.answer);
	refuse(m, json_request("PUT", to, "{\"name\":\"n\"}"), 422, "file", "the request has none");
	refuse(m, upload(to, small, 0), 422, "file", "the request has none");
	refuse(m, upload(to, small, SMALL_SIZE - 1), 422, "file", "module");
	assert_int_equal(stored(m, id)->work.module_size, OTHER_SIZE);
}

/* A task has a module of its own, or says where one is. */
static void a_module_or_an_image(void **state) {
	struct manager *m = *state;
	char path[64];
	(void)create(m, "{\"name\":\"n\",\"file\":\"" SMALL_TEXT "\"}", path);
	const char *id = path + strlen("/tasks/");
	assert_int_equal(ask(m, "PUT", path, "{\"image_url\":\"http://h/m.wasm\"}"), 200);
	const struct task *task = stored(m, id);
	assert_string_equal(task->work.image_url, "http://h/m.wasm");
	assert_string_equal(task->work.digest, "");
	assert_null(task->file_shown);
	assert_int_equal(m->orphans.count, 1);
	next_batch(m);
	assert_int_equal(ask(m, "PUT", path, "{\"file\":\"" OTHER_TEXT "\"}"), 200);
	task = stored(m, id);
	assert_null(task->work.image_url);
	assert_int_equal(task->work.module_size, OTHER_SIZE);
	assert_non_null(task->file_shown);
	refuse(m,
			json_request("PUT", path,
					"{\"image_url\":\"http://h/m\",\"file\":\"" SMALL_TEXT
					"\"}"),
			400, "image_url", "give one of them");
}

/* What does not fit into the queue is refused, with nothing left behind. */
static void too_many_at_once(void **state) {
	struct manager *m = *state;
	struct http_request waiting[4];
	for (size_t i = 0; i < 4; i++) {
		waiting[i] = (struct http_request){ .method = "GET", .path = "/tasks" };
		api_tasks_list(m, &waiting[i]);
		assert_int_equal(waiting[i].answers, 0);
	}
	struct http_request request = { .path = "/tasks" };
	api_tasks_create(m, &request); /* without a body: refused before it comes to the queue */
	assert_int_equal(request.status, 400);
	json_decref(request.answer);
	request = json_request("POST", "/tasks", "{\"name\":\"n\",\"file\":\"" SMALL_TEXT "\"}");
	refuse(m, request, 429, "", "try again");
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(waiting[i].status, 200);
		json_decref(waiting[i].answer);
	}
	assert_int_equal(tasks_in(m), 0);
}

static void the_door_is_shut(void **state) {
	struct manager *m = *state;
	queue_close(m->queue);
	refuse(m, json_request("POST", "/tasks", "{\"name\":\"n\"}"), 503, "", "is ending");
	assert_int_equal(tasks_in(m), 0);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		WITH_REQUESTS(what_a_new_task_must_not_be),
		WITH_REQUESTS(a_new_task_is_stored_as_answered),
		WITH_REQUESTS(modules_are_let_go),
		WITH_REQUESTS(a_change_changes_what_it_says),
		WITH_REQUESTS(who_cannot_be_changed),
		WITH_REQUESTS(an_upload_replaces_the_module),
		WITH_REQUESTS(a_module_or_an_image),
		WITH_REQUESTS(too_many_at_once),
		WITH_REQUESTS(the_door_is_shut),
	};
	return cmocka_run_group_tests_name("manager/admit", tests, NULL, NULL);
}
