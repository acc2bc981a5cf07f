/* SPDX-License-Identifier: Apache-2.0 */
/* What each verb asks of the manager, which is the test, and what it shows of the answer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "cli/cli.h"

/* --- the manager -------------------------------------------------------------------------------
 */

static struct {
	char asked[1024];    /* "METHOD path body", one behind the other */
	const char *answer;  /* NULL: an empty one */
	const char *refused; /* a word of what is refused, or NULL */
	unsigned open;
} peer;

static bool note(struct error *err, const char *text) {
	size_t used = strlen(peer.asked);
	(void)snprintf(peer.asked + used, sizeof(peer.asked) - used, "%s%s", used != 0 ? "|" : "",
			text);
	return peer.refused == NULL || strstr(text, peer.refused) == NULL ||
	       error_set(err, ERROR_CONFLICT, "refused");
}

bool manager_open(struct manager *manager, const struct arguments *arguments, struct error *err) {
	*manager = (struct manager){ 0 };
	peer.open++;
	return arguments->flags[FLAG_MANAGER] == NULL ||
	       error_set(err, ERROR_INVALID, "no such manager");
}

void manager_close(struct manager *manager) {
	(void)manager;
	peer.open--;
}

char *task_path(const char *id, const char *rest) {
	assert_non_null(id);
	CLEANUP(mem_freep) char *escaped = http_escape(id);
	return str_format("/tasks/%s%s", escaped, rest);
}

bool manager_call(struct manager *manager, const char *method, const char *path, json_t *body,
		json_t **answer, struct error *err) {
	CLEANUP(mem_freep) char *text = body != NULL ? json_dumps(body, JSON_COMPACT) : NULL;
	CLEANUP(mem_freep)
	char *call = str_format("%s %s%s%s", method, path, text != NULL ? " " : "",
			text != NULL ? text : "");
	(void)manager;
	json_decref(body);
	if (!note(err, call)) {
		return false;
	}
	if (answer != NULL) {
		*answer = peer.answer != NULL ? json_loads(peer.answer, JSON_DECODE_ANY, NULL)
					      : NULL;
	}
	return true;
}

bool manager_wait(struct manager *manager, const char *path, unsigned seconds, json_t **answer,
		struct error *err) {
	(void)seconds;
	return manager_call(manager, "GET", path, NULL, answer, err);
}

bool manager_listen(struct manager *manager, const char *path, const struct receiver *receiver,
		struct error *err) {
	(void)manager, (void)path, (void)receiver;
	return error_set(err, ERROR_INTERNAL, "nobody watches here");
}

bool manager_upload(struct manager *manager, const char *id, const char *file, struct error *err) {
	(void)manager;
	assert_non_null(id);
	CLEANUP(mem_freep) char *call = str_format("UPLOAD %s %s", id, file);
	return note(err, call);
}

json_t *wait_final(
		struct manager *manager, const char *id, const char *timeout, struct error *err) {
	(void)manager;
	CLEANUP(mem_freep)
	char *call = str_format("WAIT %s %s", id, timeout != NULL ? timeout : "for ever");
	return note(err, call) ? json_loads(peer.answer, 0, NULL) : NULL;
}

int finish_with(const json_t *task, bool show_output) {
	assert_false(show_output);
	return json_integer_value(json_object_get(task, "state")) == 3 ? 0 : 7;
}

/* --- one call ----------------------------------------------------------------------------------
 */

static char shown[4096];
static struct error failure;

static int call(int (*verb)(const struct arguments *arguments, struct error *err),
		const struct arguments *arguments) {
	FILE *file = tmpfile();
	assert_non_null(file);
	peer.asked[0] = 0;
	(void)fflush(stdout);
	int kept = dup(STDOUT_FILENO);
	assert_true(dup2(fileno(file), STDOUT_FILENO) >= 0);
	int code = verb(arguments, &failure);
	(void)fflush(stdout);
	assert_true(dup2(kept, STDOUT_FILENO) >= 0);
	(void)close(kept);
	rewind(file);
	shown[fread(shown, 1, sizeof(shown) - 1, file)] = 0;
	(void)fclose(file);
	assert_int_equal(peer.open, 0); /* whatever came of it */
	return code;
}

static int begin(void **state) {
	(void)state;
	memset(&peer, 0, sizeof(peer));
	return 0;
}

/* --- the tests ---------------------------------------------------------------------------------
 */

static void what_each_verb_asks(void **state) {
	(void)state;
	static const struct {
		int (*verb)(const struct arguments *arguments, struct error *err);
		const char *asked, *answer, *shown;
	} rows[] = {
		{ tasks_view, "GET /tasks/a%2Fb", "{\"id\":\"a/b\",\"state\":2}", "Running" },
		{ tasks_delete, "DELETE /tasks/a%2Fb", NULL, "ok\n" },
		{ tasks_start, "POST /tasks/a%2Fb/start", "{\"started\":true}", "ok\n" },
		{ tasks_stop, "POST /tasks/a%2Fb/stop", "{\"stopped\":true}", "ok\n" },
		{ tasks_results, "GET /tasks/a%2Fb/results", "{\"results\":\"42\"}", "42\n" },
		{ tasks_results, "GET /tasks/a%2Fb/results", "{\"results\":\"line\\n\"}",
				"line\n" },
		{ tasks_results, "GET /tasks/a%2Fb/results", "{\"results\":null}",
				"no results yet\n" },
		{ tasks_results, "GET /tasks/a%2Fb/results", "{\"results\":[1]}", "1" },
		{ tasks_logs, "GET /tasks/a%2Fb", "{\"id\":\"a/b\",\"stdout\":\"out\"}", "out" },
		{ tasks_placement, "GET /tasks/a%2Fb/placement", "{\"workers\":[]}", "WORKER" },
		{ tasks_metrics,
				"GET /tasks/a%2Fb/metrics?offset=0&limit=1|GET "
				"/tasks/a%2Fb/metrics?offset=0&limit=10",
				"{\"metrics\":[]}", "CPU %" },
		{ tasks_list, "GET /tasks?offset=0&limit=10", "{\"tasks\":[],\"total\":0}", "ID " },
		{ tasks_update, "PUT /tasks/a%2Fb {\"limits\":{}}",
				"{\"id\":\"a/b\",\"name\":\"n\"}", "n" },
		{ tasks_upload, "UPLOAD a/b m.wasm", NULL, "ok\n" },
		{ tasks_wait, "WAIT a/b for ever", "{\"state\":3}", "Completed\n" },
		{ proplets_list, "GET /proplets?offset=0&limit=10&status=", "{\"proplets\":[]}",
				"LAST HEARD" },
		{ proplets_view, "GET /proplets/a%2Fb", "{\"id\":\"a/b\"}", "id           a/b" },
		{ proplets_metrics,
				"GET /proplets/a%2Fb/metrics?offset=0&limit=1|GET "
				"/proplets/a%2Fb/metrics?offset=0&limit=10",
				"{\"metrics\":[]}", "RSS" },
		{ proplets_history,
				"GET /proplets/a%2Fb/alive-history?offset=0&limit=1|GET "
				"/proplets/a%2Fb/alive-history?offset=0&limit=10",
				"{\"history\":[]}", "HEARD\n" },
		{ proplets_delete, "DELETE /proplets/a%2Fb", NULL, "ok\n" },
		{ health, "GET /health", "{\"status\":\"pass\",\"version\":\"1\"}",
				"pass (version 1)\n" },
	};
	const struct arguments arguments = { .items = { "a/b", "m.wasm" }, .count = 2 };
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		peer.answer = rows[i].answer;
		if (call(rows[i].verb, &arguments) != 0) {
			fail_msg("%s: %s", rows[i].asked, failure.message);
		}
		assert_string_equal(peer.asked, rows[i].asked);
		bool whole = str_ends(rows[i].shown, "\n");
		if (whole ? strcmp(shown, rows[i].shown) != 0
			  : strstr(shown, rows[i].shown) == NULL) {
			fail_msg("%s: %s", rows[i].asked, shown);
		}
	}
}

static void json_is_shown_as_it_came(void **state) {
	(void)state;
	struct arguments arguments = { .items = { "id" }, .count = 1 };
	arguments.flags[FLAG_OUTPUT] = "json";
	peer.answer = "{\"id\":\"id\",\"unknown\":[1,{}]}";
	assert_int_equal(call(tasks_view, &arguments), 0);
	json_t *is = json_loads(shown, 0, NULL), *wanted = json_loads(peer.answer, 0, NULL);
	assert_true(json_equal(is, wanted));
	json_decref(is);
	json_decref(wanted);
}

static void a_refusal_fails_the_verb(void **state) {
	(void)state;
	static int (*const verbs[])(const struct arguments *, struct error *) = { tasks_create,
		tasks_view, tasks_list, tasks_update, tasks_delete, tasks_start, tasks_stop,
		tasks_upload, tasks_results, tasks_logs, tasks_placement, tasks_metrics, tasks_wait,
		proplets_list, proplets_view, proplets_metrics, proplets_history, proplets_delete,
		health };
	struct arguments arguments = { .items = { "id", "m.wasm" }, .count = 2 };
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		peer.refused = "";
		assert_int_equal(call(verbs[i], &arguments), -1);
		assert_int_equal(failure.code, ERROR_CONFLICT);
		assert_string_equal(shown, "");
		arguments.flags[FLAG_MANAGER] = "nowhere";
		assert_int_equal(call(verbs[i], &arguments), -1);
		assert_int_equal(failure.code, ERROR_INVALID);
		assert_string_equal(peer.asked, "");
		arguments.flags[FLAG_MANAGER] = NULL;
	}
}

/* The end is waited for. */
static void logs_that_are_followed(void **state) {
	(void)state;
	struct arguments arguments = { .items = { "id" }, .count = 1 };
	arguments.flags[FLAG_FOLLOW] = "";
	peer.answer = "{\"id\":\"id\",\"state\":3,\"stdout\":\"out\"}";
	assert_int_equal(call(tasks_logs, &arguments), 0);
	assert_string_equal(peer.asked, "GET /tasks/id?wait=30");
	assert_string_equal(shown, "out");
	peer.refused = "GET";
	assert_int_equal(call(tasks_logs, &arguments), -1);
}

static void pages_and_filters(void **state) {
	(void)state;
	struct arguments arguments = { .items = { "id" }, .count = 1 };
	peer.answer = "{\"tasks\":[],\"proplets\":[]}";
	arguments.flags[FLAG_OFFSET] = "20";
	arguments.flags[FLAG_LIMIT] = "5";
	arguments.flags[FLAG_METADATA] = "a=b&c,d=e";
	assert_int_equal(call(tasks_list, &arguments), 0);
	assert_string_equal(peer.asked, "GET /tasks?offset=20&limit=5&metadata="
					"%7B%22a%22%3A%22b%26c%22%2C%22d%22%3A%22e%22%7D");
	arguments.flags[FLAG_STATUS] = "active&x";
	assert_int_equal(call(proplets_list, &arguments), 0);
	assert_string_equal(peer.asked, "GET /proplets?offset=20&limit=5&status=active%26x");
	arguments.flags[FLAG_LIMIT] = "ten";
	static int (*const verbs[])(const struct arguments *, struct error *) = { tasks_list,
		tasks_metrics, proplets_list, proplets_metrics, proplets_history };
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		assert_int_equal(call(verbs[i], &arguments), -1);
		assert_string_equal(peer.asked, ""); /* nobody is bothered with it */
		assert_non_null(strstr(failure.message, "flag --limit"));
	}
}

static void a_task_is_created(void **state) {
	(void)state;
	struct arguments arguments = { .items = { "n" }, .count = 1 };
	peer.answer = "{\"id\":\"id1\"}";
	assert_int_equal(call(tasks_create, &arguments), 0);
	assert_string_equal(peer.asked, "POST /tasks {\"name\":\"n\",\"limits\":{}}");
	assert_string_equal(shown, "id1\n");
	arguments.flags[FLAG_FILE] = "m.wasm";
	assert_int_equal(call(tasks_create, &arguments), 0);
	assert_string_equal(
			peer.asked, "POST /tasks {\"name\":\"n\",\"limits\":{}}|UPLOAD id1 m.wasm");
	peer.refused = "UPLOAD"; /* then there is no task either */
	assert_int_equal(call(tasks_create, &arguments), -1);
	assert_string_equal(peer.asked, "POST /tasks {\"name\":\"n\",\"limits\":{}}|UPLOAD id1 "
					"m.wasm|DELETE /tasks/id1");
	assert_int_equal(failure.code, ERROR_CONFLICT);
	assert_string_equal(shown, "");
	arguments.flags[FLAG_PRIORITY] = "high";
	assert_int_equal(call(tasks_create, &arguments), -1);
	assert_string_equal(peer.asked, "");
}

static void a_task_is_changed(void **state) {
	(void)state;
	struct arguments arguments = { .items = { "id1" }, .count = 1 };
	peer.answer = "{\"id\":\"id1\",\"name\":\"other\"}";
	arguments.flags[FLAG_NAME] = "other";
	arguments.flags[FLAG_FILE] = "m.wasm";
	assert_int_equal(call(tasks_update, &arguments), 0);
	assert_string_equal(peer.asked,
			"PUT /tasks/id1 {\"name\":\"other\",\"limits\":{}}|UPLOAD id1 m.wasm");
	peer.refused = "PUT";
	assert_int_equal(call(tasks_update, &arguments), -1);
	assert_string_equal(peer.asked, "PUT /tasks/id1 {\"name\":\"other\",\"limits\":{}}");
	peer.refused = "UPLOAD";
	assert_int_equal(call(tasks_update, &arguments), -1);
}

/* Whoever answers at that address: it is no manager. */
static void answers_that_are_no_task(void **state) {
	(void)state;
	static const char *const answers[] = { NULL, "{}", "{\"id\":7}", "[]", "\"id1\"" };
	struct arguments arguments = { .items = { "n" }, .count = 1 };
	for (size_t i = 0; i < 2 * sizeof(answers) / sizeof(answers[0]); i++) {
		peer.answer = answers[i / 2];
		arguments.flags[FLAG_FILE] = i % 2 != 0 ? "m.wasm" : NULL;
		assert_int_equal(call(tasks_create, &arguments), -1);
		assert_string_equal(peer.asked, "POST /tasks {\"name\":\"n\",\"limits\":{}}");
		assert_non_null(strstr(failure.message, "is this its address?"));
	}
}

static void views_of_what_is_no_manager(void **state) {
	(void)state;
	static int (*const verbs[])(const struct arguments *, struct error *) = { tasks_view,
		tasks_logs, tasks_placement, tasks_results, proplets_view, health };
	static const char *const answers[] = { "{}", "[]", NULL };
	struct arguments arguments = { .items = { "id1" }, .count = 1 };
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		for (size_t k = 0; k < sizeof(answers) / sizeof(answers[0]); k++) {
			bool nothing_yet = verbs[i] == tasks_results && answers[k] == NULL;
			peer.answer = answers[k];
			assert_int_equal(call(verbs[i], &arguments), nothing_yet ? 0 : -1);
			assert_string_equal(shown, "");
			assert_true(nothing_yet ||
					strstr(failure.message, "is this its address?") != NULL);
		}
	}
	peer.answer = "{}";
	arguments.flags[FLAG_FOLLOW] = "";
	assert_int_equal(call(tasks_logs, &arguments), -1);
}

static void a_wait_ends_as_its_task(void **state) {
	(void)state;
	struct arguments arguments = { .items = { "id1" }, .count = 1 };
	peer.answer = "{\"state\":4}";
	arguments.flags[FLAG_TIMEOUT] = "5s";
	assert_int_equal(call(tasks_wait, &arguments), 7);
	assert_string_equal(peer.asked, "WAIT id1 5s");
	assert_string_equal(shown, ""); /* why stands on standard error */
	arguments.flags[FLAG_OUTPUT] = "json";
	assert_int_equal(call(tasks_wait, &arguments), 7);
	assert_non_null(strstr(shown, "\"state\": 4"));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(what_each_verb_asks, begin),
		cmocka_unit_test_setup(json_is_shown_as_it_came, begin),
		cmocka_unit_test_setup(a_refusal_fails_the_verb, begin),
		cmocka_unit_test_setup(logs_that_are_followed, begin),
		cmocka_unit_test_setup(pages_and_filters, begin),
		cmocka_unit_test_setup(a_task_is_created, begin),
		cmocka_unit_test_setup(a_task_is_changed, begin),
		cmocka_unit_test_setup(answers_that_are_no_task, begin),
		cmocka_unit_test_setup(views_of_what_is_no_manager, begin),
		cmocka_unit_test_setup(a_wait_ends_as_its_task, begin),
	};
	return cmocka_run_group_tests_name("cli/tasks", tests, NULL, NULL);
}
