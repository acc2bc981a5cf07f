/* SPDX-License-Identifier: Apache-2.0 */
/* Files of components; all that a library does with them is in tests/test_h_components.py. */
#include "engine/fixture.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "engine/component_fixture.h"

/* The numbers of error-code's names, as COMPONENT_FILES tells them. */
enum { IS_DIRECTORY = 1014, NAME_TOO_LONG = 1018, NO_ENTRY = 1020 };
enum { NOT_PERMITTED = 1031, READ_ONLY = 1033, ACCESS = 1000, NO_DIRECTORY = 2000 };

static char top[] = "/tmp/airscrew-component-XXXXXX";
static char inside[64], outside[64];

static int setup(void **state) {
	(void)state;
	if (mkdtemp(top) == NULL) {
		return -1;
	}
	(void)snprintf(inside, sizeof(inside), "%s/in", top);
	(void)snprintf(outside, sizeof(outside), "%s/out", top);
	struct strings dirs = { 0 };
	strings_add(&dirs, inside);
	const struct engine_options options = { .dirs = &dirs };
	bool ok = mkdir(inside, 0700) == 0 && mkdir(outside, 0700) == 0;
	engine = ok ? engine_make(&options) : NULL;
	strings_finish(&dirs);
	return engine != NULL ? 0 : -1;
}

static int teardown(void **state) {
	(void)state;
	engine_destroy(engine);
	static const char *const names[] = { "in/new", "in/way", "in/folder/x", "in/folder",
		"in/pipe", "in", "out" };
	char path[128];
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", top, names[i]);
		(void)remove(path);
	}
	return rmdir(top);
}

static void make_at(const char *name, int (*make)(const char *path, mode_t mode)) {
	char path[128];
	(void)snprintf(path, sizeof(path), "%s/%s", inside, name);
	assert_int_equal(make(path, 0700), 0);
}

/* What `put` or `get` of a path gives, with the directory or without. */
static int does(const char *name, const char *path, const struct run_dir *dir) {
	struct trial trial = trial_new();
	struct module *module = compile(ENGINE_SINGLEPASS, COMPONENT_FILES);
	trial.request.invoke = name;
	trial.request.inputs = TEXTS(path);
	trial.request.dirs = dir;
	trial.request.dir_count = dir != NULL ? 1 : 0;
	trial_run(&trial, module);
	if (!trial.ok) {
		fail_msg("%s", trial.err.message);
	}
	int number = (int)strtol(trial.result.values, NULL, 10);
	trial_finish(&trial);
	module_destroy(module);
	return number;
}

static void files_are_written_and_read(void **state) {
	(void)state;
	const struct run_dir dir = { .host = inside, .guest = "/", .write = true };
	assert_int_equal(does("get", "new", &dir), NO_ENTRY);
	assert_int_equal(does("put", "new", &dir), 5);
	assert_int_equal(does("get", "new", &dir), 5);
	make_at("folder", mkdir);
	assert_int_equal(does("put", "folder/x", &dir), 5);
	assert_int_equal(does("get", "folder/../new", &dir), 5);
	assert_int_equal(does("put", "folder", &dir), IS_DIRECTORY);
}

static void nothing_leads_out(void **state) {
	(void)state;
	const struct run_dir dir = { .host = inside, .guest = "/", .write = true };
	char path[128], long_path[5001];
	(void)snprintf(path, sizeof(path), "%s/way", inside);
	assert_int_equal(symlink("../out", path), 0);
	assert_int_equal(does("put", "way/secret", &dir), NOT_PERMITTED);
	assert_int_equal(does("put", "../out/secret", &dir), NOT_PERMITTED);
	assert_int_equal(does("get", "/etc/passwd", &dir), NOT_PERMITTED);
	memset(long_path, 'x', sizeof(long_path) - 1);
	long_path[sizeof(long_path) - 1] = '\0';
	assert_int_equal(does("get", long_path, &dir), NAME_TOO_LONG);
	make_at("pipe", mkfifo); /* which would wait for a writer */
	assert_int_equal(does("get", "pipe", &dir), ACCESS);
	assert_int_equal(rmdir(outside), 0); /* it is empty */
	assert_int_equal(mkdir(outside, 0700), 0);
}

static void what_may_not_be_written_is_not(void **state) {
	(void)state;
	const struct run_dir dir = { .host = inside, .guest = "/" };
	assert_int_equal(does("put", "new", &dir), READ_ONLY);
	assert_int_equal(does("put", "other", &dir), READ_ONLY);
	assert_int_equal(does("get", "new", &dir), 5);
}

static void there_is_no_directory_without_asking(void **state) {
	(void)state;
	assert_int_equal(does("get", "new", NULL), NO_DIRECTORY);
	struct trial trial = trial_new();
	struct module *module = compile(ENGINE_MULTIPASS, COMPONENT_FILES);
	const struct run_dir dir = { .host = outside, .guest = "/" };
	trial.request.invoke = "get";
	trial.request.inputs = TEXTS("new");
	trial.request.dirs = &dir;
	trial.request.dir_count = 1;
	trial_run(&trial, module);
	assert_false(trial.ok);
	assert_says(&trial.err, ERROR_INVALID, "list");
	trial_finish(&trial);
	module_destroy(module);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_are_written_and_read),
		cmocka_unit_test(nothing_leads_out),
		cmocka_unit_test(what_may_not_be_written_is_not),
		cmocka_unit_test(there_is_no_directory_without_asking),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
