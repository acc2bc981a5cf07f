/* SPDX-License-Identifier: Apache-2.0 */
/* Who we are and whose the file is, the test says. */
#include "cli/token.h"

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

enum { ROOT = 0, ME = 1000, OTHER = 1001 };

static const struct token_place place = { "A_TOKEN", "A_TOKEN_FILE", NULL };
static char folder[] = "/tmp/cli-token-XXXXXX";
static char *path;
static uid_t me, owner;
static struct error failure;

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

static int begin(void **state) {
	(void)state;
	me = owner = ME;
	(void)unsetenv("A_TOKEN");
	(void)unsetenv("A_TOKEN_FILE");
	return 0;
}

static void put(const char *text, mode_t mode) {
	assert_true(file_write(path, text, strlen(text), 0600, &failure));
	assert_int_equal(chmod(path, mode), 0);
}

static void expect(const char *flag, const struct token_place *from, const char *wanted) {
	char *token;
	if (!token_find(flag, from, &token, &failure)) {
		fail_msg("%s", failure.message);
	}
	if (wanted == NULL) {
		assert_null(token);
	} else {
		assert_non_null(token);
		assert_string_equal(token, wanted);
	}
	secret_wipe(&token);
}

static void refuse(const char *file, enum error_code code, const char *words) {
	char *token;
	assert_false(token_find(file, &place, &token, &failure));
	assert_null(token);
	assert_int_equal(failure.code, code);
	if (strstr(failure.message, words) == NULL) {
		fail_msg("no \"%s\" in: %s", words, failure.message);
	}
}

static void the_first_one_that_says_something_counts(void **state) {
	(void)state;
	const struct token_place kept = { "A_TOKEN", "A_TOKEN_FILE", path };
	put("from-a-file\nand more\n", 0600);
	expect(NULL, &place, NULL);
	expect(NULL, &kept, "from-a-file");
	expect(path, &place, "from-a-file");
	(void)setenv("A_TOKEN_FILE", "/nonexistent", 1);
	refuse(NULL, ERROR_NOT_FOUND, "/nonexistent");
	(void)setenv("A_TOKEN_FILE", path, 1);
	expect(NULL, &place, "from-a-file");
	(void)setenv("A_TOKEN", "at-once", 1);
	expect(NULL, &kept, "at-once");
	expect(path, &place, "from-a-file");
	(void)setenv("A_TOKEN", "", 1); /* none is wanted */
	expect(NULL, &kept, NULL);
}

static void who_may_have_the_file(void **state) {
	(void)state;
	static const struct {
		uid_t me, owner;
		mode_t mode;
		const char *refusal; /* NULL: it is taken */
	} rows[] = {
		{ ME, ME, 0600, NULL },
		{ ME, ME, 0400, NULL },
		{ ME, ME, 0640, "run chmod 600" },
		{ ME, ME, 0604, "run chmod 600" },
		{ ME, ME, 0620, "run chmod 600" },
		{ ME, ROOT, 0640, NULL },
		{ ME, ROOT, 0444, NULL },
		{ ME, ROOT, 0660, "root has to run chmod 640" },
		{ ME, ROOT, 0646, "root has to run chmod 640" },
		{ ME, OTHER, 0604, "another user (uid 1001)" },
		{ ME, OTHER, 0600, "another user (uid 1001)" },
		{ ROOT, ROOT, 0600, NULL },
		{ ROOT, ROOT, 0644, "run chmod 600" },
		{ ROOT, OTHER, 0600, NULL },
		{ ROOT, OTHER, 0644, "run chmod 600" },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		put("s3cret\n", rows[i].mode);
		me = rows[i].me;
		owner = rows[i].owner;
		if (rows[i].refusal == NULL) {
			expect(path, &place, "s3cret");
		} else {
			refuse(path, ERROR_INVALID, rows[i].refusal);
			assert_non_null(strstr(failure.message, path));
			assert_null(strstr(failure.message, "s3cret"));
		}
	}
}

static void a_pipe_is_read(void **state) {
	(void)state;
	int ends[2];
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], "through\n", 8), 8);
	(void)close(ends[1]);
	CLEANUP(mem_freep) char *name = str_format("/dev/fd/%d", ends[0]);
	expect(name, &place, "through");
	(void)close(ends[0]);
}

static void files_that_hold_no_token(void **state) {
	(void)state;
	put("\nlater\n", 0600);
	refuse(path, ERROR_INVALID, "empty line");
	put("", 0600);
	refuse(path, ERROR_INVALID, "empty line");
	CLEANUP(mem_freep) char *much = mem_zero(5001, 1);
	memset(much, 'a', 5000);
	put(much, 0600);
	refuse(path, ERROR_TOO_LARGE, "larger than 4096");
	refuse("/nonexistent", ERROR_NOT_FOUND, "the file with the token: ");
	refuse(folder, ERROR_INTERNAL, "the file with the token: ");
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(the_first_one_that_says_something_counts, begin),
		cmocka_unit_test_setup(who_may_have_the_file, begin),
		cmocka_unit_test_setup(a_pipe_is_read, begin),
		cmocka_unit_test_setup(files_that_hold_no_token, begin),
	};
	if (mkdtemp(folder) == NULL) {
		return 1;
	}
	path = str_format("%s/token", folder);
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	(void)unlink(path);
	(void)rmdir(folder);
	free(path);
	return failed;
}
