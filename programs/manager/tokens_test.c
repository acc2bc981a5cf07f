/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/tokens.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

/* SHA-256 of "abc" (FIPS 180-2, B.1). */
#define ABC "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

static const char *path(void) {
	static char text[64];
	(void)snprintf(text, sizeof(text), "/tmp/tokens_test.%d", (int)getpid());
	return text;
}

static void put(const char *text, size_t size, unsigned mode) {
	struct error err;
	assert_true(file_write(path(), text, size, mode, &err));
	assert_int_equal(chmod(path(), mode), 0);
}

static int remove_file(void **state) {
	(void)state;
	(void)unlink(path());
	return 0;
}

static void roles(void **state) {
	static const char text[] = "# who\n\nviewer look\n  operator\tdo-it \r\nadmin " ABC
				   "\nviewer both\nadmin both\noperator last";
	static const struct {
		const char *token;
		enum role role;
	} rows[] = { { "look", ROLE_VIEWER }, { "do-it", ROLE_OPERATOR }, { "abc", ROLE_ADMIN },
		{ "both", ROLE_ADMIN }, { "last", ROLE_OPERATOR }, { "", ROLE_NONE },
		{ ABC, ROLE_NONE }, { "loo", ROLE_NONE }, { "look ", ROLE_NONE },
		{ "# who", ROLE_NONE } };
	struct error err;
	(void)state;
	put(text, sizeof(text) - 1, 0600);
	struct tokens *tokens = tokens_open(path(), &err);
	if (tokens == NULL) {
		fail_msg("%s", err.message);
	}
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(tokens_role(tokens, rows[i].token), rows[i].role);
	}
	put("viewer other\n", 13, 0600);
	assert_true(tokens_reload(tokens, &err));
	assert_int_equal(tokens_role(tokens, "look"), ROLE_NONE);
	assert_int_equal(tokens_role(tokens, "other"), ROLE_VIEWER);
	put("viewer", 6, 0600);
	assert_false(tokens_reload(tokens, &err)); /* and all stays */
	assert_int_equal(tokens_role(tokens, "other"), ROLE_VIEWER);
	tokens_close(tokens);
}

static void bad_files(void **state) {
	static const struct {
		const char *text;
		unsigned mode;
		const char *says;
	} rows[] = { { "", 0600, "no token" }, { "# nobody\n", 0600, "no token" },
		{ "viewer secret", 0640, "chmod 600" }, { "viewer secret", 0604, "chmod 600" },
		{ "secret", 0600, ":1:" }, { "viewer a\nroot secret", 0600, ":2:" },
		{ "viewer secret more", 0600, ":1:" }, { "viewer\nsecret", 0600, ":1:" },
		{ "viewer sha256:secret", 0600, ":1:" }, { "viewer " ABC "0", 0600, ":1:" },
		{ "Viewer secret", 0600, ":1:" } };
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct error err;
		put(rows[i].text, strlen(rows[i].text), rows[i].mode);
		assert_null(tokens_open(path(), &err));
		if (strstr(err.message, rows[i].says) == NULL) {
			fail_msg("%s: %s", rows[i].text, err.message);
		}
		assert_null(strstr(err.message, "secret"));
	}
	struct error err;
	put("viewer a\0b", 10, 0600);
	assert_null(tokens_open(path(), &err));
	assert_null(tokens_open("/nowhere/tokens", &err));
	assert_null(tokens_open("/tmp", &err));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(roles, remove_file),
		cmocka_unit_test_teardown(bad_files, remove_file),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
