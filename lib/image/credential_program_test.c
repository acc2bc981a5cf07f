/* SPDX-License-Identifier: Apache-2.0 */
/* The test writes the helpers. */
#include "image/credential_program.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/secret.h"
#include "base/str.h"

static char folder[] = "/tmp/airscrew-helpers-XXXXXX";

static void write_program(const char *name, const char *script, unsigned mode) {
	struct error err;
	CLEANUP(mem_freep) char *path = str_format("%s/docker-credential-%s", folder, name);
	CLEANUP(mem_freep) char *text = str_format("#!/bin/sh\n%s\n", script);
	assert_true(file_write(path, text, strlen(text), mode, &err));
	assert_int_equal(chmod(path, mode), 0);
}

static int set_up(void **state) {
	(void)state;
	assert_non_null(mkdtemp(folder));
	CLEANUP(mem_freep)
	char *path = str_format("relative:%s/none::%s:/usr/bin:/bin", folder, folder);
	assert_int_equal(setenv("PATH", path, 1), 0);
	assert_int_equal(setenv("PROXY_WORKLOAD_KEY", "hunter2", 1), 0);
	assert_int_equal(setenv("HELPER_NEEDS", "this", 1), 0);
	return 0;
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *where) {
	(void)info, (void)kind, (void)where;
	return remove(path);
}

static int tear_down(void **state) {
	(void)state;
	return nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static bool ask(const char *program, struct credential_answer *answer, struct error *err) {
	const struct credential_question question = {
		.program = program, .server = "r.example:5000", .timeout_ms = 20000
	};
	return credential_program_ask(&question, answer, err);
}

static void expect(const char *program, const char *username, const char *password) {
	struct credential_answer answer;
	struct error err;
	if (!ask(program, &answer, &err)) {
		fail_msg("%s: %s", program, err.message);
	}
	assert_string_equal(answer.username != NULL ? answer.username : "", username);
	assert_string_equal(answer.password != NULL ? answer.password : "", password);
	secret_wipe(&answer.username);
	secret_wipe(&answer.password);
}

static void it_is_asked(void **state) {
	(void)state;
	write_program("good",
			"test \"$1\" = get || exit 1\nread server || true\n"
			"printf '{\"ServerURL\":\"%s\",\"Username\":\"u-%s\",\"Secret\":\"%s\"}' "
			"\"$server\" \"$server\" \"${PROXY_WORKLOAD_KEY-none}$HELPER_NEEDS\"",
			0700);
	expect("good", "u-r.example:5000", "nonethis");
	write_program("nothing", "echo 'credentials not found in native keychain'\nexit 1", 0700);
	expect("nothing", "", "");
	write_program("empty", "echo '{\"Username\":\"\",\"Secret\":\"\"}'", 0700);
	expect("empty", "", "");
	/* what it leaves behind holds its output, and is not waited for */
	write_program("behind", "sleep 1000 &\necho '{\"Username\":\"a\",\"Secret\":\"b\"}'", 0700);
	expect("behind", "a", "b");
}

static void what_goes_wrong(void **state) {
	(void)state;
	static const struct {
		const char *name, *script;
		unsigned mode;
		enum error_code code;
		const char *says;
	} rows[] = {
		{ "fails", "echo hunter2; echo hunter2 >&2; exit 1", 0700, ERROR_UNAVAILABLE,
				"docker-credential-fails failed for r.example:5000" },
		{ "silent", "exit 0", 0700, ERROR_UNAVAILABLE, "no answer that can be understood" },
		{ "talks", "echo hunter2", 0700, ERROR_UNAVAILABLE,
				"no answer that can be understood" },
		{ "half", "echo '{\"Secret\":\"hunter2\"}'", 0700, ERROR_UNAVAILABLE, "no answer" },
		{ "many", "yes hunter2 | head -c 300000", 0700, ERROR_UNAVAILABLE, "no answer" },
		{ "token", "echo '{\"Username\":\"<token>\",\"Secret\":\"hunter2\"}'", 0700,
				ERROR_UNSUPPORTED, "identity token" },
		{ "dies", "kill -9 $$", 0700, ERROR_UNAVAILABLE, "failed" },
		{ "closed", "echo", 0600, ERROR_NOT_FOUND, "no program docker-credential-closed" },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct credential_answer answer;
		struct error err;
		write_program(rows[i].name, rows[i].script, rows[i].mode);
		assert_false(ask(rows[i].name, &answer, &err));
		assert_true(answer.username == NULL && answer.password == NULL);
		if (err.code != rows[i].code || strstr(err.message, rows[i].says) == NULL ||
				strstr(err.message, "hunter2") != NULL) {
			fail_msg("%s: %s", rows[i].name, err.message);
		}
	}
	struct credential_answer answer;
	struct error err;
	assert_false(ask("absent", &answer, &err));
	assert_int_equal(err.code, ERROR_NOT_FOUND);
}

static bool not_now(void *context, struct error *err) {
	unsigned *asked = context;
	return ++*asked < 3 || error_set(err, ERROR_INTERRUPTED, "stopped");
}

/* It hangs: time is over, or who asks does not want to know any more. */
static void one_that_hangs(void **state) {
	(void)state;
	struct credential_answer answer;
	struct error err;
	unsigned asked = 0;
	write_program("hangs", "trap '' TERM\nsleep 1000\nsleep 1000", 0700);
	struct credential_question question = {
		.program = "hangs", .server = "r.example", .timeout_ms = 150
	};
	uint64_t begin = clock_ms();
	assert_false(credential_program_ask(&question, &answer, &err));
	assert_int_equal(err.code, ERROR_TIMEOUT);
	question.timeout_ms = 0;
	question.may_wait = not_now;
	question.context = &asked;
	assert_false(credential_program_ask(&question, &answer, &err));
	assert_int_equal(err.code, ERROR_INTERRUPTED);
	assert_true(clock_ms() < begin + 100000);
}

static void names(void **state) {
	(void)state;
	static const char *const good[] = { "ecr-login", "pass", "gcloud", "osxkeychain", "a.b_c" };
	static const char *const bad[] = { "", "../pass", "a/b", "-x", ".x", "a b", "a;b", "$x",
		"é" };
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_true(credential_program_valid(good[i]));
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_false(credential_program_valid(bad[i]));
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_asked),
		cmocka_unit_test(what_goes_wrong),
		cmocka_unit_test(one_that_hangs),
		cmocka_unit_test(names),
	};
	return cmocka_run_group_tests_name("image/credential_program", tests, set_up, tear_down);
}
