/* SPDX-License-Identifier: Apache-2.0 */
/* What a manifest asks of the manager, which is the test: all of it, or nothing stays. */
#include "cli/manifest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"

static char folder[] = "/tmp/cli-manifest-XXXXXX";
static char *path;
static struct error failure;

static struct {
	char asked[4096];    /* "METHOD path body", one behind the other */
	const char *refused; /* a word of what is refused, or NULL */
	unsigned created;
} peer;

static bool note(const char *text, struct error *err) {
	size_t used = strlen(peer.asked);
	(void)snprintf(peer.asked + used, sizeof(peer.asked) - used, "%s%s", used != 0 ? "|" : "",
			text);
	return peer.refused == NULL || strstr(text, peer.refused) == NULL ||
	       error_set(err, ERROR_CONFLICT, "refused");
}

bool manager_open(struct manager *manager, const struct arguments *arguments, struct error *err) {
	*manager = (struct manager){ 0 };
	(void)arguments, (void)err;
	return true;
}

void manager_close(struct manager *manager) {
	(void)manager;
}

char *task_path(const char *id, const char *rest) {
	return str_format("/tasks/%s%s", id, rest);
}

bool manager_call(struct manager *manager, const char *method, const char *where, json_t *body,
		json_t **answer, struct error *err) {
	CLEANUP(mem_freep) char *text = body != NULL ? json_dumps(body, JSON_SORT_KEYS) : NULL;
	CLEANUP(mem_freep)
	char *call = str_format("%s %s%s%s", method, where, text != NULL ? " " : "",
			text != NULL ? text : "");
	(void)manager;
	json_decref(body);
	if (!note(call, err)) {
		return false;
	}
	if (answer != NULL) {
		CLEANUP(mem_freep) char *id = str_format("t%u", ++peer.created);
		*answer = json_pack("{s:s}", "id", id);
	}
	return true;
}

bool upload_or_delete(
		struct manager *manager, const char *id, const char *file, struct error *err) {
	CLEANUP(mem_freep) char *call = str_format("UPLOAD %s %s", id, file);
	(void)manager;
	return note(call, err);
}

/* --- the tests ---------------------------------------------------------------------------------
 */

static int begin(void **state) {
	(void)state;
	memset(&peer, 0, sizeof(peer));
	return 0;
}

static void write_manifest(const char *text) {
	assert_true(file_write(path, text, strlen(text), 0600, &failure));
}

/* What the manager was asked; standard output goes nowhere. */
static int create(const char *text, const char *daemon) {
	struct arguments arguments = { .count = 0 };
	arguments.flags[FLAG_MANIFEST] = path;
	arguments.flags[FLAG_OUTPUT] = "id";
	arguments.flags[FLAG_DAEMON] = daemon;
	write_manifest(text);
	FILE *kept = stdout;
	stdout = fopen("/dev/null", "w");
	assert_non_null(stdout);
	int code = manifest_create(&arguments, &failure);
	(void)fclose(stdout);
	stdout = kept;
	return code;
}

static void lists_of_three_kinds(void **state) {
	(void)state;
	static const struct {
		const char *text;
		size_t count;
	} rows[] = { { "{\"name\":\"a\"}", 1 }, { "[{\"name\":\"a\"},{\"name\":\"b\"}]", 2 },
		{ "{\"tasks\":[{\"name\":\"a\"},{\"name\":\"b\"},{\"name\":\"c\"}]}", 3 } };
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		write_manifest(rows[i].text);
		json_t *list = manifest_read(path, &failure);
		assert_int_equal(json_array_size(list), rows[i].count);
		json_decref(list);
	}
}

static void what_is_no_manifest(void **state) {
	(void)state;
	static const struct {
		const char *text, *words;
	} rows[] = {
		{ "", ":1:0: " },
		{ "[", "manifest.json:1:1: " },
		{ "[]", "0 tasks; from 1 to 1000" },
		{ "{\"tasks\":[]}", "0 tasks; from 1 to 1000" },
		{ "[5]", "task 1: an object" },
		{ "[{\"name\":\"a\"},{}]", "task 2: an object" },
		{ "[{\"name\":5}]", "task 1: an object" },
		{ "[{\"name\":\"a\",\"module\":5}]", "task 1: an object" },
		{ "[{\"name\":\"a\",\"name\":\"b\"}]", "duplicate" },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		write_manifest(rows[i].text);
		assert_null(manifest_read(path, &failure));
		assert_true(str_starts(failure.message, "flag --manifest: "));
		if (strstr(failure.message, rows[i].words) == NULL) {
			fail_msg("%s: %s", rows[i].text, failure.message);
		}
	}
	assert_null(manifest_read("/nonexistent", &failure));
	assert_int_equal(failure.code, ERROR_NOT_FOUND);
}

static void no_more_than_its_limit(void **state) {
	(void)state;
	for (int more = 0; more < 2; more++) {
		json_t *list = json_array();
		for (int i = 0; i < MANIFEST_TASKS_MAX + more; i++) {
			json_array_append_new(list, json_pack("{s:s}", "name", "a"));
		}
		char *text = json_dumps(list, 0);
		write_manifest(text);
		free(text);
		json_decref(list);
		list = manifest_read(path, &failure);
		assert_int_equal(list != NULL, more == 0);
		json_decref(list);
	}
}

static void where_modules_are(void **state) {
	(void)state;
	static const struct {
		const char *module, *manifest, *path;
	} rows[] = { { "a.wasm", "m.json", "a.wasm" }, { "a.wasm", "x/m.json", "x/a.wasm" },
		{ "b/a.wasm", "/x/y/m.json", "/x/y/b/a.wasm" },
		{ "/a.wasm", "x/m.json", "/a.wasm" }, { NULL, "x/m.json", NULL } };
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		json_t *task = json_pack("{s:s, s:s*}", "name", "a", "module", rows[i].module);
		char *found = manifest_take_module(task, rows[i].manifest);
		if (rows[i].path == NULL) {
			assert_null(found);
		} else {
			assert_string_equal(found, rows[i].path);
		}
		assert_null(json_object_get(task, "module"));
		free(found);
		json_decref(task);
	}
}

static void all_are_made_with_what_the_flags_say(void **state) {
	(void)state;
	CLEANUP(mem_freep)
	char *wanted = str_format("POST /tasks {\"daemon\": true, \"limits\": {}, \"name\": \"a\"}|"
				  "UPLOAD t1 %s/a.wasm|"
				  "POST /tasks {\"daemon\": true, \"limits\": {}, \"name\": \"b\", "
				  "\"priority\": 7}",
			folder);
	assert_int_equal(create("[{\"name\":\"a\",\"module\":\"a.wasm\",\"daemon\":false},"
				"{\"name\":\"b\",\"priority\":7}]",
					 "true"),
			0);
	assert_string_equal(peer.asked, wanted);
}

/* The second one fails: the first one goes again, and the message says which it was. */
static void or_none_stays(void **state) {
	(void)state;
	static const char text[] = "[{\"name\":\"a\"},{\"name\":\"b\",\"module\":\"b.wasm\"},"
				   "{\"name\":\"c\"}]";
	peer.refused = "\"b\"";
	assert_int_equal(create(text, NULL), -1);
	assert_non_null(strstr(failure.message, "task 2 (b), and none was made"));
	assert_non_null(strstr(peer.asked, "|DELETE /tasks/t1"));
	assert_null(strstr(peer.asked, "\"c\""));
	(void)begin(state);
	peer.refused = "UPLOAD";
	assert_int_equal(create(text, NULL), -1);
	assert_non_null(strstr(peer.asked, "UPLOAD t2"));
	assert_non_null(strstr(peer.asked, "|DELETE /tasks/t1"));
}

static void names_stand_in_the_manifest(void **state) {
	(void)state;
	struct arguments arguments = { .items = { "name" }, .count = 1 };
	arguments.flags[FLAG_MANIFEST] = path;
	assert_int_equal(manifest_create(&arguments, &failure), -1);
	arguments.count = 0;
	arguments.flags[FLAG_FILE] = "a.wasm";
	assert_int_equal(manifest_create(&arguments, &failure), -1);
	assert_int_equal(failure.code, ERROR_INVALID);
	assert_string_equal(peer.asked, "");
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(lists_of_three_kinds, begin),
		cmocka_unit_test_setup(what_is_no_manifest, begin),
		cmocka_unit_test_setup(no_more_than_its_limit, begin),
		cmocka_unit_test_setup(where_modules_are, begin),
		cmocka_unit_test_setup(all_are_made_with_what_the_flags_say, begin),
		cmocka_unit_test_setup(or_none_stays, begin),
		cmocka_unit_test_setup(names_stand_in_the_manifest, begin),
	};
	if (mkdtemp(folder) == NULL) {
		return 1;
	}
	path = str_format("%s/manifest.json", folder);
	int failed = cmocka_run_group_tests_name("cli/manifest", tests, NULL, NULL);
	(void)unlink(path);
	(void)rmdir(folder);
	free(path);
	return failed;
}
