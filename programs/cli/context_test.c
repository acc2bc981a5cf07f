/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/context.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/secret.h"
#include "base/str.h"

static char folder[] = "/tmp/cli-context-XXXXXX";
static struct error failure;
static uid_t me, owner; /* who we are, and whose the file is */

uid_t __wrap_geteuid(void);
uid_t __wrap_geteuid(void) {
	return me;
}

bool __real_secret_read_content(const char *file, const char *what, size_t max,
		struct secret_content *content, struct error *err);
bool __wrap_secret_read_content(const char *file, const char *what, size_t max,
		struct secret_content *content, struct error *err);
bool __wrap_secret_read_content(const char *file, const char *what, size_t max,
		struct secret_content *content, struct error *err) {
	bool ok = __real_secret_read_content(file, what, max, content, err);
	content->owner = owner;
	return ok;
}

static void write_file(const char *text, unsigned mode) {
	CLEANUP(mem_freep) char *path = contexts_path();
	CLEANUP(mem_freep) char *below = str_format("%s/propeller", folder);
	assert_true(file_make_folder(below, &failure));
	assert_true(file_write(path, text, strlen(text), mode, &failure));
}

static int begin(void **state) {
	(void)state;
	CLEANUP(mem_freep) char *path = contexts_path();
	(void)unlink(path);
	me = owner = 0;
	(void)unsetenv("PROPELLER_MANAGER_URL");
	(void)unsetenv("PROPELLER_CONTEXT");
	return 0;
}

static bool set(const char *name, const char *url, const char *token_file) {
	struct arguments arguments = { .items = { name }, .count = 1 };
	arguments.flags[FLAG_MANAGER] = url;
	arguments.flags[FLAG_TOKEN_FILE] = token_file;
	arguments.flags[FLAG_OUTPUT] = "id";
	return context_set(&arguments, &failure) == 0;
}

/* The URL of the chosen one, "" for none, NULL with an error. */
static const char *chosen(const char *flag, const char *url) {
	static char text[256];
	struct arguments arguments = { .count = 0 };
	json_t *context;
	arguments.flags[FLAG_CONTEXT] = flag;
	arguments.flags[FLAG_MANAGER] = url;
	if (!context_choose(&arguments, &context, &failure)) {
		return NULL;
	}
	const char *found = json_string_value(json_object_get(context, "manager_url"));
	(void)snprintf(text, sizeof(text), "%s", found != NULL ? found : "");
	json_decref(context);
	return text;
}

static void what_is_set_is_kept(void **state) {
	(void)state;
	struct stat info;
	CLEANUP(mem_freep) char *path = contexts_path();
	assert_string_equal(chosen(NULL, NULL), "");
	assert_true(set("one", "https://one:7070", "/secret \"quoted\"\\token"));
	assert_int_equal(stat(path, &info), 0);
	assert_int_equal(info.st_mode & 0777, 0600);
	assert_true(set("two.b", "http://two", NULL));
	assert_string_equal(chosen(NULL, NULL), "https://one:7070"); /* the first one */
	assert_string_equal(chosen("two.b", NULL), "http://two");
	assert_true(set("one", NULL, ""));
	json_t *all = contexts_load(&failure);
	const json_t *one = json_object_get(json_object_get(all, "contexts"), "one");
	assert_string_equal(
			json_string_value(json_object_get(one, "manager_url")), "https://one:7070");
	assert_null(json_object_get(one, "token_file"));
	json_decref(all);
}

static void who_wins(void **state) {
	(void)state;
	assert_true(set("one", "http://one", NULL) && set("two", "http://two", NULL));
	(void)setenv("PROPELLER_CONTEXT", "two", 1);
	assert_string_equal(chosen(NULL, NULL), "http://two");
	assert_string_equal(chosen("one", NULL), "http://one");
	(void)setenv("PROPELLER_MANAGER_URL", "http://elsewhere", 1);
	assert_string_equal(chosen(NULL, NULL), ""); /* and no token of a context goes there */
	assert_string_equal(chosen("one", NULL), "http://one");
	(void)unsetenv("PROPELLER_MANAGER_URL");
	assert_string_equal(chosen(NULL, "http://elsewhere"), "");
	assert_null(chosen("one", "http://elsewhere"));
	assert_null(chosen("three", NULL));
	assert_int_equal(failure.code, ERROR_NOT_FOUND);
	const struct arguments two = { .items = { "two" }, .count = 1 };
	(void)unsetenv("PROPELLER_CONTEXT");
	assert_int_equal(context_use(&two, &failure), 0);
	assert_string_equal(chosen(NULL, NULL), "http://two");
	assert_int_equal(context_delete(&two, &failure), 0);
	assert_string_equal(chosen(NULL, NULL), "");
	assert_int_equal(context_delete(&two, &failure), -1);
	assert_int_equal(context_use(&two, &failure), -1);
}

static void what_is_no_context(void **state) {
	(void)state;
	static const struct {
		const char *name, *url, *file;
	} rows[] = { { "", "http://h", NULL }, { "a b", "http://h", NULL },
		{ "../x", "http://h", NULL }, { "new", NULL, NULL }, { "new", "ftp://h", NULL },
		{ "new", "h:7070", NULL }, { "new", "https://user:secret@h", NULL },
		{ "new", "http://h\n", NULL }, { "new", "http://h", "a\x7f" },
		{ "new", "http://h", "\xff" } };
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (set(rows[i].name, rows[i].url, rows[i].file)) {
			fail_msg("row %zu", i);
		}
		assert_int_equal(failure.code, ERROR_INVALID);
		assert_null(strstr(failure.message, "secret"));
	}
	assert_string_equal(chosen(NULL, NULL), "");
}

static void files_that_are_refused(void **state) {
	(void)state;
	static const struct {
		const char *text;
		unsigned mode;
		bool fine;
	} rows[] = {
		{ "", 0600, true },
		{ "current = \"a\"\n[contexts.a]\nmanager_url = \"http://a\"\n", 0600, true },
		{ "current = \"a\"\n[contexts.a]\nmanager_url = \"http://a\"\n", 0644, true },
		{ "current = \"a\"\n[contexts.a]\nmanager_url = \"http://a\"\n", 0666, false },
		{ "current = \"a\"\n[contexts.a]\n", 0600, false },
		{ "current = \"a\"\n", 0600, false },
		{ "current = 5\n", 0600, false }, /* not the default: that is another manager */
		{ "contexts = 7\n", 0600, false },
		{ "[contexts]\na = 5\n", 0600, false },
		{ "[contexts.a]\nmanager_url = 5\n", 0600, false },
		{ "[contexts.a]\ntoken = \"x\"\n", 0600, false },
		{ "current = ", 0600, false },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		write_file(rows[i].text, rows[i].mode);
		CLEANUP(mem_freep) char *path = contexts_path();
		assert_int_equal(chmod(path, rows[i].mode), 0);
		if ((chosen(NULL, NULL) != NULL) != rows[i].fine) {
			fail_msg("row %zu: %s", i, failure.message);
		}
	}
}

static void files_of_others(void **state) {
	(void)state;
	enum { ROOT = 0, ME = 1000, OTHER = 1001 };
	static const struct {
		uid_t me, owner;
		bool fine;
	} rows[] = { { ME, ME, true }, { ME, ROOT, true }, { ME, OTHER, false },
		{ ROOT, ROOT, true }, { ROOT, OTHER, false } };
	write_file("current = \"a\"\n[contexts.a]\nmanager_url = \"http://a\"\n", 0644);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		me = rows[i].me;
		owner = rows[i].owner;
		if ((chosen(NULL, NULL) != NULL) != rows[i].fine) {
			fail_msg("row %zu: %s", i, failure.message);
		}
	}
	assert_non_null(strstr(failure.message, "belongs to another user (uid 1001)"));
}

static void where_it_is(void **state) {
	(void)state;
	(void)unsetenv("XDG_CONFIG_HOME");
	(void)setenv("HOME", "/h", 1);
	char *path = contexts_path();
	assert_string_equal(path, "/h/.config/propeller/contexts.toml");
	free(path);
	(void)unsetenv("HOME");
	assert_null(contexts_path());
	assert_string_equal(chosen(NULL, NULL), "");
	assert_false(set("a", "http://a", NULL));
	(void)setenv("XDG_CONFIG_HOME", folder, 1);
}

static int leave_nothing(void **state) {
	CLEANUP(mem_freep) char *below = str_format("%s/propeller", folder);
	(void)begin(state);
	return rmdir(below) == 0 ? rmdir(folder) : -1;
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(what_is_set_is_kept, begin),
		cmocka_unit_test_setup(who_wins, begin),
		cmocka_unit_test_setup(what_is_no_context, begin),
		cmocka_unit_test_setup(files_that_are_refused, begin),
		cmocka_unit_test_setup(files_of_others, begin),
		cmocka_unit_test_setup(where_it_is, begin),
	};
	assert_non_null(mkdtemp(folder));
	(void)setenv("XDG_CONFIG_HOME", folder, 1);
	return cmocka_run_group_tests_name("cli/context", tests, NULL, leave_nothing);
}
