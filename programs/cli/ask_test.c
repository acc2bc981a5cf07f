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
	unsigned marked;     /* this thing is marked */
	unsigned script;     /* which of the scripts below listening is */
	unsigned away;       /* so many calls cannot reach it */
} peer;
static char shown[65536];
static const struct view *list_view = &view_tasks;

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
	(void)manager;
	assert_string_equal(method, "GET");
	if (peer.away != 0) {
		peer.away--;
		json_decref(body);
		return error_set(err, ERROR_UNAVAILABLE, "it is away");
	}
	if (str_equal(path, "/tasks/t0")) {
		peer.calls++;
		*answer = json_pack("{s:s,s:i}", "id", "t0", "state", peer.marked != 0 ? 3 : 2);
		return peer.foreign == NULL ||
		       error_set(err, ERROR_NOT_FOUND, "there is no task t0");
	}
	assert_true(str_starts(path, "/tasks?offset="));
	unsigned offset = (unsigned)strtoul(path + strlen("/tasks?offset="), NULL, 10);
	unsigned limit = (unsigned)strtoul(strstr(path, "&limit=") + strlen("&limit="), NULL, 10);
	assert_in_range(limit, 1, 100);
	json_t *rows = json_array();
	for (unsigned i = offset; i < peer.things && i < offset + limit; i++) {
		CLEANUP(mem_freep) char *id = str_format("t%u", i);
		json_array_append_new(
				rows, json_pack("{s:s,s:i,s:b}", "id", id, "odd", (int)(i % 2),
						      "marked", i + 1 == peer.marked));
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

/* Time passes only where the test says so. */
static uint64_t now_ms = 1000;
uint64_t __wrap_clock_ms(void);
uint64_t __wrap_clock_ms(void) {
	return now_ms;
}

/* Ticks until a question has been asked. */
static bool tick_on(const struct receiver *receiver) {
	unsigned before = peer.calls + peer.away;
	while (peer.calls + peer.away == before) {
		now_ms += 50;
		if (!receiver->tick(receiver->context)) {
			return false;
		}
	}
	return true;
}

static bool hear(const struct receiver *receiver, const char *text) {
	return receiver->take(receiver->context, text, strlen(text));
}

/* Something happens, then the watched thing is over; by events, or without any. */
bool manager_listen(struct manager *manager, const char *path, const struct receiver *receiver,
		struct error *err) {
	static const char event[] = "event: task\ndata: {}\n\n", beat[] = ":\n\n";
	(void)manager;
	assert_string_equal(path, "/events");
	if (peer.script == 0) { /* Propeller has none: marked by the time of the next look */
		peer.marked = 1;
		return error_set(err, ERROR_NOT_FOUND, "there is nothing at /events");
	}
	assert_true(hear(receiver, beat) && tick_on(receiver)); /* it has begun */
	unsigned before = peer.calls;
	assert_true(hear(receiver, beat) && receiver->tick(receiver->context));
	assert_int_equal(peer.calls, before); /* a beat is no news */
	peer.marked = 1;
	peer.away = peer.script == 2 ? 1 : 0;
	peer.foreign = peer.script == 3 ? "gone" : NULL;
	if (hear(receiver, event) && tick_on(receiver)) {
		peer.marked = 2;
		now_ms += 250; /* longer than the gap between two looks */
		if (hear(receiver, event)) {
			peer.foreign = "{}"; /* else a list is watched for ever */
			(void)tick_on(receiver);
			(void)hear(receiver, event);
			(void)tick_on(receiver);
		}
	}
	return error_set(err, ERROR_INTERRUPTED, "ended");
}

static struct error failure;

static int call(const struct arguments *arguments, bool one) {
	FILE *file = tmpfile();
	assert_non_null(file);
	(void)fflush(stdout);
	int kept = dup(STDOUT_FILENO);
	assert_true(dup2(fileno(file), STDOUT_FILENO) >= 0);
	peer.calls = 0;
	int code = one ? ask_view(arguments, "/tasks/t0", &view_task, &failure)
		       : ask_rows(arguments, "/tasks", "", list_view, &failure);
	(void)fflush(stdout);
	assert_true(dup2(kept, STDOUT_FILENO) >= 0);
	(void)close(kept);
	rewind(file);
	shown[fread(shown, 1, sizeof(shown) - 1, file)] = 0;
	(void)fclose(file);
	assert_int_equal(peer.open, 0);
	return code;
}

static int list(const struct arguments *arguments) {
	return call(arguments, false);
}

/* What was measured is told from the oldest on; people want to see what was lately. */
static void the_last_rows(void **state) {
	(void)state;
	struct view measured = view_tasks;
	measured.oldest_first = true;
	list_view = &measured;
	static const struct {
		unsigned things;
		const char *offset, *limit, *shown;
	} rows[] = {
		{ 37, NULL, NULL, "t27\nt28\nt29\nt30\nt31\nt32\nt33\nt34\nt35\nt36\n" },
		{ 37, NULL, "2", "t35\nt36\n" },
		{ 37, "0", "2", "t0\nt1\n" },
		{ 2, NULL, NULL, "t0\nt1\n" },
		{ 0, NULL, NULL, "" },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct arguments arguments = { .count = 0 };
		arguments.flags[FLAG_OFFSET] = rows[i].offset;
		arguments.flags[FLAG_LIMIT] = rows[i].limit;
		arguments.flags[FLAG_OUTPUT] = "id";
		peer.things = rows[i].things;
		assert_int_equal(list(&arguments), 0);
		assert_string_equal(shown, rows[i].shown);
	}
	list_view = &view_tasks;
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

static unsigned lines_with(const char *words) {
	unsigned count = 0;
	for (const char *at = shown; (at = strstr(at, words)) != NULL; at++) {
		count++;
	}
	return count;
}

/* A pipe gets every row once, and again when it has changed. */
static void a_watched_list(void **state) {
	(void)state;
	struct arguments arguments = { .count = 0 };
	arguments.flags[FLAG_WATCH] = "";
	arguments.flags[FLAG_OUTPUT] = "jsonl";
	for (peer.script = 1; peer.script <= 2; peer.script++) {
		peer.things = 3;
		peer.marked = 0;
		assert_int_equal(call(&arguments, false), -1); /* somebody else took the address */
		assert_int_equal(failure.code, ERROR_INTERNAL);
		assert_int_equal(lines_with("\"id\":"), peer.script == 1 ? 6 : 4);
		assert_int_equal(lines_with("\"marked\":true"), peer.script == 1 ? 2 : 1);
		peer.foreign = NULL;
	}
	arguments.flags[FLAG_OUTPUT] = "table";
	peer.script = 1;
	peer.marked = 0;
	assert_int_equal(call(&arguments, false), -1);
	assert_int_equal(lines_with("NAME"), 1);
	assert_int_equal(lines_with("t0"), 3);
	peer.foreign = NULL;
}

static void a_watched_task(void **state) {
	(void)state;
	struct arguments arguments = { .items = { "t0" }, .count = 1 };
	arguments.flags[FLAG_WATCH] = "";
	arguments.flags[FLAG_OUTPUT] = "jsonl";
	for (peer.script = 0; peer.script <= 2; peer.script++) {
		peer.marked = 0;
		assert_int_equal(call(&arguments, true), 0); /* until it has ended */
		assert_string_equal(shown,
				"{\"id\":\"t0\",\"state\":2}\n{\"id\":\"t0\",\"state\":3}\n");
	}
	peer.marked = 0; /* script 3: it is deleted */
	assert_int_equal(call(&arguments, true), -1);
	assert_int_equal(failure.code, ERROR_NOT_FOUND);
	assert_string_equal(shown, "{\"id\":\"t0\",\"state\":2}\n");
	peer.foreign = NULL;
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pages),
		cmocka_unit_test(the_last_rows),
		cmocka_unit_test(what_is_refused),
		cmocka_unit_test(answers_of_somebody_else),
		cmocka_unit_test(a_watched_list),
		cmocka_unit_test(a_watched_task),
	};
	return cmocka_run_group_tests_name("cli/ask", tests, NULL, NULL);
}
