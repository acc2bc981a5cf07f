/* SPDX-License-Identifier: Apache-2.0 */
/* The test is the manager and the clock: time passes while somebody waits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/cli.h"

enum { CALLS_MAX = 8 };

static struct {
	const char *answers[CALLS_MAX]; /* the last one again and again; NULL: an error */
	unsigned calls, seconds[CALLS_MAX];
	char path[CALLS_MAX][64];
	uint64_t now_ms;
} peer;

uint64_t __wrap_clock_ms(void);
uint64_t __wrap_clock_ms(void) {
	return peer.now_ms;
}

char *task_path(const char *id, const char *rest) {
	return str_format("/tasks/%s%s", id, rest);
}

bool manager_wait(struct manager *manager, const char *path, unsigned seconds, json_t **answer,
		struct error *err) {
	unsigned call = peer.calls++;
	assert_true(manager == NULL && call < CALLS_MAX);
	peer.seconds[call] = seconds;
	(void)snprintf(peer.path[call], sizeof(peer.path[call]), "%s", path);
	for (; call != 0 && peer.answers[call] == NULL; call--) {
	}
	if (peer.answers[call] == NULL) {
		return error_set(err, ERROR_UNAVAILABLE, "nobody there");
	}
	*answer = json_loads(peer.answers[call], 0, NULL);
	assert_non_null(*answer);
	peer.now_ms += seconds * 1000;
	return true;
}

static int begin(void **state) {
	(void)state;
	memset(&peer, 0, sizeof(peer));
	peer.now_ms = 123456789;
	return 0;
}

#define RUNNING "{\"state\":2}"
#define DONE "{\"state\":3}"

static void expect_final(const char *timeout, unsigned calls) {
	struct error err;
	json_t *task = wait_final(NULL, "id", timeout, &err);
	if (task == NULL) {
		fail_msg("%s", err.message);
	}
	assert_true(json_integer_value(json_object_get(task, "state")) >= 3);
	assert_int_equal(peer.calls, calls);
	json_decref(task);
}

static void expect_error(const char *timeout, enum error_code code, const char *says) {
	struct error err;
	assert_null(wait_final(NULL, "id", timeout, &err));
	if (err.code != code || strstr(err.message, says) == NULL) {
		fail_msg("%d %s", (int)err.code, err.message);
	}
}

static void until_it_is_final(void **state) {
	(void)state;
	static const char *const ends[] = { DONE, "{\"state\":4}", "{\"state\":5}",
		"{\"state\":6}" };
	for (size_t i = 0; i < 4; i++) {
		(void)begin(NULL);
		peer.answers[0] = "{\"state\":0,\"queued\":true}";
		peer.answers[1] = "{\"state\":1}";
		peer.answers[2] = RUNNING;
		peer.answers[3] = ends[i];
		expect_final(NULL, 4);
		assert_string_equal(peer.path[0], "/tasks/id?wait=30");
		assert_string_equal(peer.path[3], "/tasks/id?wait=30");
	}
}

static void no_longer_than_the_timeout(void **state) {
	(void)state;
	static const struct {
		const char *timeout;
		unsigned calls, seconds[4];
	} rows[] = {
		{ "45", 3, { 30, 15, 0 } },
		{ "1m", 3, { 30, 30, 0 } },
		{ "500ms", 2, { 1, 0 } },
		{ "0", 1, { 0 } },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		(void)begin(NULL);
		peer.answers[0] = RUNNING;
		expect_error(rows[i].timeout, ERROR_TIMEOUT, "task id is not final after");
		assert_int_equal(peer.calls, rows[i].calls);
		for (unsigned k = 0; k < rows[i].calls; k++) {
			assert_int_equal(peer.seconds[k], rows[i].seconds[k]);
		}
	}
	(void)begin(NULL);
	peer.answers[0] = RUNNING;
	peer.answers[1] = DONE; /* just in time */
	expect_final("10", 2);
	(void)begin(NULL);
	peer.answers[0] = DONE;
	expect_final("0", 1);
}

/* As good as for ever. */
static void a_timeout_of_ages(void **state) {
	(void)state;
	peer.answers[0] = RUNNING;
	peer.answers[1] = DONE;
	expect_final("18446744073709551", 2);
	assert_int_equal(peer.seconds[0], 30);
}

static void what_was_never_started_never_ends(void **state) {
	(void)state;
	peer.answers[0] = "{\"state\":0}";
	expect_error(NULL, ERROR_CONFLICT, "tasks start id");
	assert_int_equal(peer.calls, 1);
}

static void what_else_goes_wrong(void **state) {
	(void)state;
	expect_error("soon", ERROR_INVALID, "flag --timeout");
	assert_int_equal(peer.calls, 0);
	expect_error("10", ERROR_UNAVAILABLE, "nobody there");
	peer.answers[1] = "{}";
	expect_error(NULL, ERROR_INTERNAL, "is this its address?");
}

/* --- the end -----------------------------------------------------------------------------------
 */

static char out[4096], error_out[4096];

static void read_back(FILE *file, int fd, int kept, char text[4096]) {
	assert_true(dup2(kept, fd) >= 0);
	(void)close(kept);
	rewind(file);
	text[fread(text, 1, 4095, file)] = 0;
	(void)fclose(file);
}

/* The exit code; what was shown is in out and error_out. */
static int finish(const char *json, bool show_output) {
	FILE *files[2] = { tmpfile(), tmpfile() };
	json_t *task = json_loads(json, JSON_ALLOW_NUL, NULL);
	assert_true(task != NULL && files[0] != NULL && files[1] != NULL);
	(void)fflush(stdout);
	(void)fflush(stderr);
	int kept[2] = { dup(STDOUT_FILENO), dup(STDERR_FILENO) };
	(void)dup2(fileno(files[0]), STDOUT_FILENO);
	(void)dup2(fileno(files[1]), STDERR_FILENO);
	int code = finish_with(task, show_output);
	(void)fflush(stdout);
	(void)fflush(stderr);
	read_back(files[0], STDOUT_FILENO, kept[0], out);
	read_back(files[1], STDERR_FILENO, kept[1], error_out);
	json_decref(task);
	return code;
}

static void the_exit_code_is_the_task_s(void **state) {
	(void)state;
	static const struct {
		const char *json;
		int code;
	} rows[] = {
		{ "{\"state\":3}", 0 },
		{ "{\"state\":3,\"exit_code\":0}", 0 },
		{ "{\"state\":4,\"exit_code\":7}", 7 },
		{ "{\"state\":4,\"exit_code\":255}", 255 },
		{ "{\"state\":4,\"exit_code\":256}", 1 }, /* what a shell cannot say */
		{ "{\"state\":4,\"exit_code\":-1}", 1 },
		{ "{\"state\":4,\"exit_code\":0}", 1 }, /* it trapped behind its exit */
		{ "{\"state\":4,\"exit_code\":\"7\"}", 1 },
		{ "{\"state\":4}", 1 },
		{ "{\"state\":5}", 130 },
		{ "{\"state\":6}", 130 },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (finish(rows[i].json, false) != rows[i].code) {
			fail_msg("%s", rows[i].json);
		}
		assert_string_equal(out, "");
		assert_string_equal(error_out, "");
	}
}

static void its_output_goes_where_it_went(void **state) {
	(void)state;
	assert_int_equal(finish("{\"state\":3,\"stdout\":\"a\\u001b[m\",\"stderr\":\"b\","
				"\"results\":\"a\"}",
					 true),
			0);
	assert_string_equal(out, "a\x1b[m"); /* as if it ran here */
	assert_string_equal(error_out, "b");
	(void)finish("{\"state\":3,\"results\":\"42\"}", true);
	assert_string_equal(out, "42\n"); /* of an export, which printed nothing */
	(void)finish("{\"state\":3,\"results\":\"42\",\"stdout\":\"a\",\"stderr\":\"b\"}", false);
	assert_string_equal(out, "");
	assert_string_equal(error_out, "");
}

static void what_went_wrong_is_said(void **state) {
	(void)state;
	(void)finish("{\"state\":4,\"error\":\"boom\\u0007\"}", true);
	assert_string_equal(out, "");
	assert_string_equal(error_out, "error: the task is Failed: boom\\x07\n");
	(void)finish("{\"state\":3,\"error\":\"no\"}", true);
	assert_string_equal(error_out, "");
	(void)finish("{\"state\":3,\"truncated\":true}", false);
	assert_non_null(strstr(error_out, "--output-bytes"));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(until_it_is_final, begin),
		cmocka_unit_test_setup(no_longer_than_the_timeout, begin),
		cmocka_unit_test_setup(a_timeout_of_ages, begin),
		cmocka_unit_test_setup(what_was_never_started_never_ends, begin),
		cmocka_unit_test_setup(what_else_goes_wrong, begin),
		cmocka_unit_test(the_exit_code_is_the_task_s),
		cmocka_unit_test(its_output_goes_where_it_went),
		cmocka_unit_test(what_went_wrong_is_said),
	};
	return cmocka_run_group_tests_name("cli/wait", tests, NULL, NULL);
}
