/* SPDX-License-Identifier: Apache-2.0 */
/* Where calls go, with which token and for how long; HTTP is the test's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/context.h"

static char folder[] = "/tmp/cli-manager-XXXXXX";
static char *file;
static struct error failure;

static struct {
	/* what was asked */
	char url[128], token[64], method[16], path[128], type[64], body[256];
	unsigned connect_ms;
	struct http_call call;
	/* what is answered */
	int status; /* 0: it cannot be reached */
	const char *answer;
	const char *context; /* chosen, or NULL */
} peer;

static void keep(char *place, size_t size, const char *text) {
	(void)snprintf(place, size, "%s", text != NULL ? text : "(none)");
}

struct http_client *__wrap_http_client_create(
		const struct http_client_options *options, struct error *err);
struct http_client *__wrap_http_client_create(
		const struct http_client_options *options, struct error *err) {
	(void)err;
	keep(peer.url, sizeof(peer.url), options->base_url);
	keep(peer.token, sizeof(peer.token), options->token);
	peer.connect_ms = options->connect_ms;
	return (struct http_client *)&peer;
}

void __wrap_http_client_destroy(struct http_client *client);
void __wrap_http_client_destroy(struct http_client *client) {
	assert_true(client == NULL || client == (struct http_client *)&peer);
}

bool __wrap_http_client_send(struct http_client *client, const struct http_call *call,
		struct http_answer *answer, struct error *err);
bool __wrap_http_client_send(struct http_client *client, const struct http_call *call,
		struct http_answer *answer, struct error *err) {
	assert_true(client == (struct http_client *)&peer);
	CLEANUP(mem_freep) char *body = mem_copy(call->body.data, call->body.size);
	keep(peer.method, sizeof(peer.method), call->method);
	keep(peer.path, sizeof(peer.path), call->path);
	keep(peer.type, sizeof(peer.type), call->type);
	keep(peer.body, sizeof(peer.body), body);
	peer.call = *call;
	if (peer.status == 0) {
		return error_set(err, ERROR_UNAVAILABLE, "nobody listens");
	}
	answer->status = peer.status;
	return buf_append(&answer->body, peer.answer, strlen(peer.answer), err);
}

bool context_choose(const struct arguments *arguments, json_t **context, struct error *err) {
	(void)arguments, (void)err;
	*context = peer.context != NULL ? json_loads(peer.context, 0, NULL) : NULL;
	return true;
}

/* --- the tests ---------------------------------------------------------------------------------
 */

static int begin(void **state) {
	static const char *const variables[] = { "PROPELLER_MANAGER_URL", "PROPELLER_TOKEN",
		"PROPELLER_TOKEN_FILE", "PROPELLER_EXECUTOR_TOKEN", "PROPELLER_EXECUTOR_TOKEN_FILE",
		"PROPELLER_CA", "PROPELLER_CERT", "PROPELLER_KEY" };
	(void)state;
	for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
		(void)unsetenv(variables[i]);
	}
	memset(&peer, 0, sizeof(peer));
	peer.status = 200;
	peer.answer = "{\"ok\":true}";
	return 0;
}

static struct manager opened(const struct arguments *arguments) {
	struct manager manager;
	if (!manager_open(&manager, arguments, &failure)) {
		fail_msg("%s", failure.message);
	}
	return manager;
}

static void expect(const char *flag, const char *url, const char *token) {
	struct arguments arguments = { .count = 0 };
	arguments.flags[FLAG_MANAGER] = flag;
	struct manager manager = opened(&arguments);
	assert_string_equal(peer.url, url);
	assert_string_equal(peer.token, token);
	manager_close(&manager);
}

/* Flag, environment, context, default. */
static void where_the_manager_is(void **state) {
	(void)state;
	CLEANUP(mem_freep)
	char *context = str_format(
			"{\"manager_url\":\"http://context\",\"token_file\":\"%s\"}", file);
	expect(NULL, "http://localhost:7070", "(none)");
	(void)setenv("PROPELLER_MANAGER_URL", "http://environment", 1);
	expect(NULL, "http://environment", "(none)");
	expect("http://flag", "http://flag", "(none)");
	peer.context = context;
	expect(NULL, "http://context", "of-the-file");
	(void)setenv("PROPELLER_TOKEN", "of-the-environment", 1);
	expect(NULL, "http://context", "of-the-environment");
}

/* It has no context and a token of its own. */
static void an_executor_is_shown_its_own_token(void **state) {
	(void)state;
	struct manager executor;
	const struct arguments arguments = { .count = 0 };
	CLEANUP(mem_freep) char *context = str_format("{\"token_file\":\"%s\"}", file);
	peer.context = context;
	(void)setenv("PROPELLER_TOKEN", "of-the-manager", 1);
	(void)setenv("PROPELLER_TOKEN_FILE", file, 1);
	assert_true(manager_open_executor(&executor, &arguments, "http://executor", &failure));
	assert_string_equal(peer.url, "http://executor");
	assert_string_equal(peer.token, "(none)");
	manager_close(&executor);
	(void)setenv("PROPELLER_EXECUTOR_TOKEN", "its-own", 1);
	assert_true(manager_open_executor(&executor, &arguments, "http://executor", &failure));
	assert_string_equal(peer.token, "its-own");
	manager_close(&executor);
}

/* Who names a certificate means TLS. */
static void flags_of_tls_want_https(void **state) {
	(void)state;
	static const enum flag flags[] = { FLAG_CA, FLAG_CERT, FLAG_KEY };
	static const char *const names[] = { "--ca", "--cert", "--key" };
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		struct arguments arguments = { .count = 0 };
		struct manager manager;
		arguments.flags[FLAG_MANAGER] = "http://plain";
		arguments.flags[flags[i]] = "/nonexistent";
		assert_false(manager_open(&manager, &arguments, &failure));
		assert_non_null(strstr(failure.message, "are for https://"));
		manager_close(&manager);
		arguments.flags[FLAG_MANAGER] = "https://safe";
		assert_false(manager_open(&manager, &arguments, &failure));
		assert_non_null(strstr(failure.message, names[i]));
		manager_close(&manager);
	}
	(void)setenv("PROPELLER_CA", "/nonexistent", 1); /* for other managers, perhaps */
	expect("http://plain", "http://plain", "(none)");
}

static void calls_and_their_time(void **state) {
	(void)state;
	const struct arguments arguments = { .count = 0 };
	struct manager manager = opened(&arguments);
	json_t *answer = NULL;
	assert_true(manager_call(&manager, "POST", "/tasks", json_pack("{s:s}", "name", "a"),
			&answer, &failure));
	assert_true(json_is_true(json_object_get(answer, "ok")));
	json_decref(answer);
	assert_string_equal(peer.method, "POST");
	assert_string_equal(peer.path, "/tasks");
	assert_string_equal(peer.type, "application/json");
	assert_string_equal(peer.body, "{\"name\":\"a\"}");
	assert_int_equal(peer.call.timeout_ms, 60000);
	assert_true(manager_call(&manager, "DELETE", "/tasks/1", NULL, NULL, &failure));
	assert_string_equal(peer.type, "(none)");
	assert_int_equal(peer.call.body.size, 0);
	answer = NULL;
	assert_true(manager_wait(&manager, "/tasks/1?wait=30", 30, &answer, &failure));
	assert_string_equal(peer.method, "GET");
	assert_int_equal(peer.call.timeout_ms, 90000);
	json_decref(answer);
	manager_close(&manager);
	assert_true(manager_open_briefly(&manager, &arguments, 400, &failure));
	assert_int_equal(peer.connect_ms, 400);
	assert_true(manager_call(&manager, "GET", "/tasks", NULL, NULL, &failure));
	assert_int_equal(peer.call.timeout_ms, 400);
	manager_close(&manager);
}

static bool take(void *context, const void *bytes, size_t size) {
	(void)context, (void)bytes, (void)size;
	return true;
}

static bool tick(void *context) {
	return context != NULL;
}

/* Events are never silent for long; a file may be slow to begin. */
static void answers_that_go_on(void **state) {
	(void)state;
	const struct arguments arguments = { .count = 0 };
	const struct receiver receiver = { take, tick, &peer };
	struct manager manager = opened(&arguments);
	for (int events = 0; events < 2; events++) {
		assert_true((events == 1 ? manager_listen : manager_fetch)(
				&manager, "/there", &receiver, &failure));
		assert_string_equal(peer.method, "GET");
		assert_string_equal(peer.path, "/there");
		assert_true(peer.call.take == take && peer.call.tick == tick &&
				peer.call.context == &peer);
		assert_int_equal(peer.call.silence_seconds, events == 1 ? 40 : 600);
		assert_int_equal(peer.call.timeout_ms, (events == 1 ? 1 : 7) * 24 * 3600 * 1000);
	}
	manager_close(&manager);
}

static void answers_that_are_errors(void **state) {
	(void)state;
	static const struct {
		int status;
		const char *answer;
		enum error_code code; /* ERROR_NONE: it is none */
		const char *words;
	} rows[] = {
		{ 0, "", ERROR_UNAVAILABLE, "cannot reach the manager: nobody listens" },
		{ 404, "{\"type\":\"/problems/not-found\",\"detail\":\"there is no task 7\"}",
				ERROR_NOT_FOUND, "there is no task 7" },
		{ 401, "", ERROR_DENIED, "" },
		{ 200, "<html>", ERROR_INTERNAL, "not JSON; is this its address?" },
		{ 200, "", ERROR_NONE, "" },
		{ 204, "", ERROR_NONE, "" },
	};
	const struct arguments arguments = { .count = 0 };
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct manager manager = opened(&arguments);
		json_t *answer = NULL;
		peer.status = rows[i].status;
		peer.answer = rows[i].answer;
		bool ok = manager_call(&manager, "GET", "/tasks/7", NULL, &answer, &failure);
		assert_int_equal(ok, rows[i].code == ERROR_NONE);
		assert_null(answer);
		if (!ok && (failure.code != rows[i].code ||
					   strstr(failure.message, rows[i].words) == NULL)) {
			fail_msg("row %zu: %s", i, failure.message);
		}
		manager_close(&manager);
	}
}

static void uploads(void **state) {
	(void)state;
	const struct arguments arguments = { .count = 0 };
	struct manager manager = opened(&arguments);
	assert_true(manager_upload(&manager, "a/b", file, &failure));
	assert_string_equal(peer.method, "PUT");
	assert_string_equal(peer.path, "/tasks/a%2Fb/upload");
	assert_string_equal(peer.type, "application/wasm");
	assert_int_equal(peer.call.file_size, strlen("of-the-file\n"));
	assert_true(peer.call.file > 0);
	assert_int_equal(peer.call.timeout_ms, 3600 * 1000);
	assert_false(manager_upload(&manager, "a", folder, &failure));
	assert_non_null(strstr(failure.message, "no regular file"));
	assert_false(manager_upload(&manager, "a", "/nonexistent", &failure));
	assert_int_equal(failure.code, ERROR_NOT_FOUND);
	assert_false(manager_upload(&manager, "a", "/dev/null", &failure));
	assert_true(file_write(file, "", 0, 0600, &failure));
	assert_false(manager_upload(&manager, "a", file, &failure));
	assert_non_null(strstr(failure.message, "it is empty"));
	manager_close(&manager);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(where_the_manager_is, begin),
		cmocka_unit_test_setup(an_executor_is_shown_its_own_token, begin),
		cmocka_unit_test_setup(flags_of_tls_want_https, begin),
		cmocka_unit_test_setup(calls_and_their_time, begin),
		cmocka_unit_test_setup(answers_that_go_on, begin),
		cmocka_unit_test_setup(answers_that_are_errors, begin),
		cmocka_unit_test_setup(uploads, begin),
	};
	if (mkdtemp(folder) == NULL) {
		return 1;
	}
	file = str_format("%s/token", folder);
	if (!file_write(file, "of-the-file\n", 12, 0600, &failure)) {
		return 1;
	}
	int failed = cmocka_run_group_tests_name("cli/manager", tests, NULL, NULL);
	(void)unlink(file);
	(void)rmdir(folder);
	free(file);
	return failed;
}
