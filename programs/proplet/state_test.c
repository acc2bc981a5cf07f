/* SPDX-License-Identifier: Apache-2.0 */
#include "proplet/state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <ftw.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"

static int make_folder(void **state) {
	char *folder = str_copy("/tmp/state_test.XXXXXX");
	(void)unsetenv("STATE_DIRECTORY");
	(void)unsetenv("XDG_STATE_HOME");
	(void)unsetenv("HOME");
	*state = mkdtemp(folder);
	return *state == NULL;
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *where) {
	(void)info, (void)kind, (void)where;
	return remove(path);
}

static int remove_folder(void **state) {
	int code = nftw(*state, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(*state);
	return code;
}

static void one_worker_per_id(void **state) {
	struct state first, second, other;
	struct error err;
	assert_true(state_open(&first, *state, "w1", &err));
	assert_false(state_open(&second, *state, "w1", &err));
	assert_int_equal(err.code, ERROR_CONFLICT);
	assert_non_null(strstr(err.message, "PROPLET_CLIENT_ID"));
	assert_true(state_open(&other, *state, "w2", &err));
	uint64_t number = first.boot_number;
	assert_true(number > 1700000000);
	state_close(&second);
	state_close(&first);
	assert_true(state_open(&second, *state, "w1", &err));
	assert_true(second.boot_number > number); /* within one second, too */
	state_close(&second);
	state_close(&other);
}

static void ids_stay_in_the_folder(void **state) {
	struct state odd;
	struct error err;
	CLEANUP(mem_freep) char *expected = str_format("%s/proplet-..", (char *)*state);
	assert_true(state_open(&odd, *state, "..", &err));
	assert_string_equal(odd.folder, expected);
	state_close(&odd);
}

static void the_environment_says_where(void **state) {
	static const char *const rows[][2] = { { "HOME", "%s/.local/state/propeller/proplet-w" },
		{ "XDG_STATE_HOME", "%s/propeller/proplet-w" },
		{ "STATE_DIRECTORY", "%s/proplet-w" } }; /* each is stronger than those before */
	for (size_t i = 0; i < 3; i++) {
		struct state own;
		struct error err;
		char expected[256];
		(void)snprintf(expected, sizeof(expected), "%s%s", (char *)*state, rows[i][1] + 2);
		assert_int_equal(setenv(rows[i][0], *state, 1), 0);
		assert_true(state_open(&own, NULL, "w", &err));
		assert_string_equal(own.folder, expected);
		assert_non_null(own.results);
		state_close(&own);
	}
}

static void without_any_it_is_temporary(void **state) {
	(void)state;
	struct state own;
	struct error err;
	assert_true(state_open(&own, NULL, "w", &err));
	assert_true(own.temporary);
	assert_null(own.results);
	CLEANUP(mem_freep) char *folder = str_copy(own.folder);
	assert_int_equal(access(folder, F_OK), 0);
	state_close(&own);
	assert_int_equal(access(folder, F_OK), -1);
}

static void a_folder_that_cannot_be(void **state) {
	struct state own;
	struct error err;
	CLEANUP(mem_freep) char *file = str_format("%s/file", (char *)*state);
	FILE *out = fopen(file, "w");
	assert_non_null(out);
	(void)fclose(out);
	assert_false(state_open(&own, file, "w", &err));
	assert_non_null(strstr(err.message, "PROPLET_STATE_DIR"));
	state_close(&own);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

int main(void) {
	const struct CMUnitTest tests[] = {
		IN_FOLDER(one_worker_per_id),
		IN_FOLDER(ids_stay_in_the_folder),
		IN_FOLDER(the_environment_says_where),
		IN_FOLDER(without_any_it_is_temporary),
		IN_FOLDER(a_folder_that_cannot_be),
	};
	return cmocka_run_group_tests_name("proplet/state", tests, NULL, NULL);
}
