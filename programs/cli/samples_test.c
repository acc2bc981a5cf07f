/* SPDX-License-Identifier: Apache-2.0 */
/* The test is the manager: it knows what each sample must give. */
#include "cli/samples.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"

static const struct {
	const char *name, *file, *members, *results;
} expected[] = {
	{ "hello-world", "E/hello-world/build/hello.wasm",
			"{\"inputs\":[],\"invoke\":null,\"engine\":null}", "Hello, world!\n" },
	{ "add 10 20", "E/add/build/add.wasm",
			"{\"inputs\":[\"10\",\"20\"],\"invoke\":\"add\",\"engine\":null}", "30" },
	{ "fib 30, multipass", "E/fib/build/fib.wasm",
			"{\"inputs\":[\"30\"],\"invoke\":\"fib\",\"engine\":\"multipass\"}",
			"832040" },
	{ "fib 30, singlepass", "E/fib/build/fib.wasm",
			"{\"inputs\":[\"30\"],\"invoke\":\"fib\",\"engine\":\"singlepass\"}",
			"832040" },
	{ "fib 30, interp", "E/fib/build/fib.wasm",
			"{\"inputs\":[\"30\"],\"invoke\":\"fib\",\"engine\":\"interp\"}",
			"832040" },
};
enum { SAMPLES = sizeof(expected) / sizeof(expected[0]) };

static struct {
	unsigned created, uploaded, started, waited;
	const char *answer;        /* to a creation, instead of a task */
	unsigned refused;          /* this one, from 1: at `place` */
	const char *place, *final; /* this one's end, if it is not refused */
} peer;

char *task_path(const char *id, const char *rest) {
	assert_non_null(id);
	return str_format("/tasks/%s%s", id, rest);
}

static bool go_on(const char *place, struct error *err) {
	return peer.created != peer.refused || !str_equal(peer.place, place) ||
	       error_set(err, ERROR_UNAVAILABLE, "refused at %s", place);
}

bool manager_call(struct manager *manager, const char *method, const char *path, json_t *body,
		json_t **answer, struct error *err) {
	assert_true(manager == NULL && strcmp(method, "POST") == 0);
	if (strcmp(path, "/tasks") != 0) {
		CLEANUP(mem_freep) char *wanted = str_format("/tasks/id%u/start", peer.created);
		assert_string_equal(path, wanted);
		peer.started++;
		return go_on("start", err);
	}
	assert_in_range(peer.created, 0, SAMPLES - 1);
	json_t *wanted = json_loads(expected[peer.created].members, 0, NULL);
	json_object_set_new(wanted, "name", json_string(expected[peer.created].name));
	assert_true(json_equal(body, wanted));
	json_decref(wanted);
	json_decref(body);
	peer.created++;
	if (!go_on("create", err)) {
		return false;
	}
	CLEANUP(mem_freep) char *task = str_format("{\"id\":\"id%u\"}", peer.created);
	*answer = json_loads(peer.answer != NULL ? peer.answer : task, JSON_DECODE_ANY, NULL);
	return true;
}

bool manager_upload(struct manager *manager, const char *id, const char *file, struct error *err) {
	assert_true(manager == NULL && id != NULL);
	assert_string_equal(file, expected[peer.created - 1].file);
	peer.uploaded++;
	return go_on("upload", err);
}

json_t *wait_final(
		struct manager *manager, const char *id, const char *timeout, struct error *err) {
	CLEANUP(mem_freep) char *wanted = str_format("id%u", peer.created);
	assert_true(manager == NULL && timeout != NULL);
	assert_string_equal(id, wanted);
	peer.waited++;
	if (!go_on("wait", err)) {
		return NULL;
	}
	if (peer.created == peer.refused && peer.final != NULL) {
		return json_loads(peer.final, 0, NULL);
	}
	return json_pack("{s:i,s:s}", "state", 3, "results", expected[peer.created - 1].results);
}

static char shown[4096];

/* What samples_run() says, with its table in `shown`. */
static bool run(void) {
	FILE *file = tmpfile();
	assert_non_null(file);
	(void)fflush(stdout);
	int kept = dup(STDOUT_FILENO);
	assert_true(dup2(fileno(file), STDOUT_FILENO) >= 0);
	bool all = samples_run(NULL, "E");
	(void)fflush(stdout);
	assert_true(dup2(kept, STDOUT_FILENO) >= 0);
	(void)close(kept);
	rewind(file);
	shown[fread(shown, 1, sizeof(shown) - 1, file)] = 0;
	(void)fclose(file);
	return all;
}

static unsigned count(const char *text) {
	unsigned found = 0;
	for (const char *at = shown; (at = strstr(at, text)) != NULL; at++) {
		found++;
	}
	return found;
}

static int begin(void **state) {
	(void)state;
	memset(&peer, 0, sizeof(peer));
	return 0;
}

static void all_is_right(void **state) {
	(void)state;
	assert_true(run());
	assert_true(peer.created == SAMPLES && peer.uploaded == SAMPLES &&
			peer.started == SAMPLES && peer.waited == SAMPLES);
	assert_int_equal(count("Completed"), SAMPLES);
	assert_int_equal(count("WRONG"), 0);
	for (size_t i = 0; i < SAMPLES; i++) {
		assert_int_equal(count(expected[i].name), 1);
	}
	assert_int_equal(count("Hello, world!\n"), 1);
	assert_int_equal(count("832040\n"), 3);
}

/* One that is wrong is told, and the others run all the same. */
static void one_is_wrong(void **state) {
	static const struct {
		const char *final, *says;
	} rows[] = {
		{ "{\"state\":3,\"results\":\"31\"}", "31\n" },
		{ "{\"state\":3,\"results\":\"30\\n\"}", "30\n" },
		{ "{\"state\":3,\"results\":\"\"}", "WRONG" },
		{ "{\"state\":4,\"error\":\"a trap\\nin a line\"}", "a trap\n" },
		{ "{\"state\":4,\"error\":\"\\u001b[31m\"}", "\\x1b[31m\n" },
		{ "{}", "WRONG" },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		(void)begin(state);
		peer.refused = 2;
		peer.final = rows[i].final;
		assert_false(run());
		assert_int_equal(peer.created, SAMPLES);
		assert_int_equal(count("WRONG"), 1);
		assert_int_equal(count("Completed"), SAMPLES - 1);
		assert_true(count(rows[i].says) != 0);
	}
}

static void one_is_refused(void **state) {
	static const char *const places[] = { "create", "upload", "start", "wait" };
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		(void)begin(state);
		peer.refused = 3;
		peer.place = places[i];
		assert_false(run());
		assert_int_equal(peer.created, SAMPLES);
		assert_int_equal(peer.uploaded, SAMPLES - (i < 1));
		assert_int_equal(peer.started, SAMPLES - (i < 2));
		assert_int_equal(peer.waited, SAMPLES - (i < 3));
		assert_int_equal(count("WRONG"), 1);
		assert_int_equal(count("refused at "), 1);
	}
}

/* Whoever answers at that address: it is no manager. */
static void answers_that_are_no_task(void **state) {
	(void)state;
	peer.answer = "{}";
	assert_false(run());
	assert_int_equal(peer.created, SAMPLES);
	assert_int_equal(peer.uploaded + peer.started + peer.waited, 0);
	assert_int_equal(count("WRONG"), SAMPLES);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(all_is_right, begin),
		cmocka_unit_test_setup(one_is_wrong, begin),
		cmocka_unit_test_setup(one_is_refused, begin),
		cmocka_unit_test_setup(answers_that_are_no_task, begin),
	};
	return cmocka_run_group_tests_name("cli/samples", tests, NULL, NULL);
}
