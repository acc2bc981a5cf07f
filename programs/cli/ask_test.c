/* SPDX-License-Identifier: Apache-2.0 */
/* The test is a manager with a list of numbered things. */
#include "cli/ask.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"

static struct {
	unsigned things, calls, open;
	const char *foreign; /* what somebody else answers */
} peer;
static char shown[65536];

bool manager_open(struct manager *manager, const struct arguments *arguments, struct error *err) {
	(void)arguments, (void)err;
	*manager = (struct manager){ 0 };
	peer.open++;
	return true;
}

void manager_close(struct manager *manager) {
	(void)manager;
	peer.open--;
}

bool manager_call(struct manager *manager, const char *method, const char *path, json_t *body,
		json_t **answer, struct error *err) {
	(void)manager, (void)err;
	assert_string_equal(method, "GET");
	assert_true(str_starts(path, "/tasks?offset="));
	unsigned offset = (unsigned)strtoul(path + strlen("/tasks?offset="), NULL, 10);
	unsigned limit = (unsigned)strtoul(strstr(path, "&limit=") + strlen("&limit="), NULL, 10);
	assert_in_range(limit, 1, 100);
	json_t *rows = json_array();
	for (unsigned i = offset; i < peer.things && i < offset + limit; i++) {
		CLEANUP(mem_freep) char *id = str_format("t%u", i);
		json_array_append_new(rows, json_pack("{s:s,s:i}", "id", id, "odd", (int)(i % 2)));
	}
	json_decref(body);
	*answer = peer.foreign != NULL
				  ? json_loads(peer.foreign, JSON_DECODE_ANY, NULL)
				  : json_pack("{s:i,s:i,s:i,s:o}", "offset", (int)offset, "limit",
						    (int)limit, "total", (int)peer.things, "tasks",
						    json_incref(rows));
	json_decref(rows);
	peer.calls++;
	return true;
}

static struct error failure;

static int list(const struct arguments *arguments) {
	FILE *file = tmpfile();
	assert_non_null(file);
	(void)fflush(stdout);
	int kept = dup(STDOUT_FILENO);
	assert_true(dup2(fileno(file), STDOUT_FILENO) >= 0);
	peer.calls = 0;
	int code = ask_rows(arguments, "/tasks", "", &view_tasks, &failure);
	(void)fflush(stdout);
	assert_true(dup2(kept, STDOUT_FILENO) >= 0);
	(void)close(kept);
	rewind(file);
	shown[fread(shown, 1, sizeof(shown) - 1, file)] = 0;
	(void)fclose(file);
	assert_int_equal(peer.open, 0);
	return code;
}

static void pages(void **state) {
	(void)state;
	static const struct {
		unsigned things;
		const char *offset, *limit, *filter;
		unsigned calls, rows, total;
		const char *first;
	} rows[] = {
		{ 37, NULL, NULL, NULL, 1, 10, 37, "t0" },
		{ 37, "30", NULL, NULL, 1, 7, 37, "t30" },
		{ 37, NULL, "100", NULL, 1, 37, 37, "t0" },
		{ 250, NULL, "250", NULL, 3, 250, 250, "t0" },
		{ 250, "100", "101", NULL, 2, 101, 250, "t100" },
		{ 200, NULL, "1000000", NULL, 3, 200, 200, "t0" },
		{ 250, NULL, NULL, "odd=1", 3, 10, 125, "t1" },
		{ 250, "120", NULL, "odd=1", 3, 5, 125, "t241" },
		{ 250, NULL, NULL, "odd=2", 3, 0, 0, NULL },
		{ 0, NULL, NULL, NULL, 1, 0, 0, NULL },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct arguments arguments = { .count = 0 };
		arguments.flags[FLAG_OFFSET] = rows[i].offset;
		arguments.flags[FLAG_LIMIT] = rows[i].limit;
		arguments.flags[FLAG_FILTER] = rows[i].filter;
		arguments.flags[FLAG_OUTPUT] = "json";
		peer.things = rows[i].things;
		assert_int_equal(list(&arguments), 0);
		assert_int_equal(peer.calls, rows[i].calls);
		json_t *page = json_loads(shown, 0, NULL);
		json_t *list = json_object_get(page, "tasks");
		assert_int_equal(json_array_size(list), rows[i].rows);
		assert_int_equal(json_integer_value(json_object_get(page, "total")), rows[i].total);
		if (rows[i].first != NULL) {
			assert_string_equal(json_string_value(json_object_get(
							    json_array_get(list, 0), "id")),
					rows[i].first);
		}
		json_decref(page);
	}
}

static void what_is_refused(void **state) {
	(void)state;
	static const struct {
		enum flag flag;
		const char *value, *says;
	} rows[] = { { FLAG_LIMIT, "x", "flag --limit" }, { FLAG_OFFSET, "-1", "flag --offset" },
		{ FLAG_FILTER, "x", "flag --filter" } };
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct arguments arguments = { .count = 0 };
		arguments.flags[rows[i].flag] = rows[i].value;
		assert_int_equal(list(&arguments), -1);
		assert_int_equal(peer.calls, 0);
		assert_non_null(strstr(failure.message, rows[i].says));
	}
}

static void answers_of_somebody_else(void **state) {
	(void)state;
	static const char *const answers[] = { "{}", "[]", "7", "{\"tasks\":7}", "\"x\"" };
	const struct arguments arguments = { .count = 0 };
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		peer.foreign = answers[i];
		assert_int_equal(list(&arguments), -1);
		assert_non_null(strstr(failure.message, "is this its address?"));
	}
	peer.foreign = NULL;
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pages),
		cmocka_unit_test(what_is_refused),
		cmocka_unit_test(answers_of_somebody_else),
	};
	return cmocka_run_group_tests_name("cli/ask", tests, NULL, NULL);
}
