/* SPDX-License-Identifier: Apache-2.0 */
/* What is offered for a word that the manager does not know; the manager is the test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "cli/ask.h"

#define WEB "6f1c5a2e-1111-4222-8333-444455556666"
#define DATABASE "a0b1c2d3-1111-4222-8333-444455556666"

static const char page[] = "{\"tasks\":[{\"id\":\"" WEB "\",\"name\":\"web\"},"
			   "{\"id\":\"" DATABASE "\",\"name\":\"database\"},{\"id\":5}],"
			   "\"proplets\":[{\"id\":\"proplet-1\",\"name\":\"north\"}]}";

static struct {
	const char *page; /* NULL: it does not answer */
	char path[64];
	unsigned calls;
} peer;

bool manager_call(struct manager *manager, const char *method, const char *path, json_t *body,
		json_t **answer, struct error *err) {
	(void)manager;
	assert_string_equal(method, "GET");
	assert_null(body);
	(void)snprintf(peer.path, sizeof(peer.path), "%s", path);
	peer.calls++;
	*answer = peer.page != NULL ? json_loads(peer.page, 0, NULL) : NULL;
	return *answer != NULL || error_set(err, ERROR_UNAVAILABLE, "it is away");
}

static const char *suggested(
		const char *path, const char *word, enum error_code code, const char *message) {
	static struct error err;
	peer.calls = 0;
	(void)error_set(&err, code, "%s", message);
	suggest(NULL, path, word, &err);
	assert_int_equal(err.code, code);
	assert_true(str_starts(err.message, message));
	return err.message + strlen(message);
}

static int begin(void **state) {
	(void)state;
	peer.page = page;
	return 0;
}

static void the_nearest_one_is_named(void **state) {
	(void)state;
	static const struct {
		const char *path, *word, *more;
	} rows[] = {
		{ "/tasks/web", "web", "; did you mean " WEB " (web)?" },   /* its name */
		{ "/tasks/wbe", "wbe", "; did you mean " WEB " (web)?" },   /* nearly */
		{ "/tasks/6f1c", "6f1c", "; did you mean " WEB " (web)?" }, /* its beginning */
		{ "/tasks/6f1", "6f1", "" },                                /* too little of it */
		{ "/tasks/databsae/start", "databsae", "; did you mean " DATABASE " (database)?" },
		{ "/tasks/nothing-like-it", "nothing-like-it", "" },
		{ "/proplets/proplet-2", "proplet-2", "; did you mean proplet-1 (north)?" },
		{ "/proplets/north", "north", "; did you mean proplet-1 (north)?" },
		{ "/proplets/web", "web", "" }, /* a task is no worker */
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *more = suggested(rows[i].path, rows[i].word, ERROR_NOT_FOUND, "no");
		assert_string_equal(more, rows[i].more);
		assert_true(str_starts(peer.path,
				str_starts(rows[i].path, "/tasks") ? "/tasks?" : "/proplets?"));
	}
}

/* Only what is not there has a neighbour; and nobody is asked for nothing. */
static void other_errors_stay_as_they_are(void **state) {
	(void)state;
	assert_string_equal(suggested("/tasks/web", "web", ERROR_CONFLICT, "no"), "");
	assert_string_equal(suggested("/tasks/web", "web", ERROR_INVALID, "no"), "");
	assert_string_equal(suggested("/backup", "web", ERROR_NOT_FOUND, "no"), "");
	assert_int_equal(peer.calls, 0);
	assert_string_equal(
			suggested("/tasks/web", "web", ERROR_INVALID, "\"web\" is not a task id"),
			"; did you mean " WEB " (web)?");
	assert_int_equal(peer.calls, 1);
}

static void answers_that_do_not_help(void **state) {
	(void)state;
	static const char *const pages[] = { NULL, "{}", "[]", "{\"tasks\":5}", "{\"tasks\":[5]}" };
	for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
		peer.page = pages[i];
		assert_string_equal(suggested("/tasks/web", "web", ERROR_NOT_FOUND, "no"), "");
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(the_nearest_one_is_named, begin),
		cmocka_unit_test_setup(other_errors_stay_as_they_are, begin),
		cmocka_unit_test_setup(answers_that_do_not_help, begin),
	};
	return cmocka_run_group_tests_name("cli/suggest", tests, NULL, NULL);
}
