/* SPDX-License-Identifier: Apache-2.0 */
/* What half a line can become; the manager and the contexts are the test's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "cli/context.h"

/* The handlers of the verbs, none of which is called. */
#define complete the_complete_of_the_table
#define VERB(noun, name, handler, ...)                                                             \
	int handler(const struct arguments *arguments, struct error *err);                         \
	int handler(const struct arguments *arguments, struct error *err) {                        \
		(void)arguments, (void)err;                                                        \
		abort();                                                                           \
	}
#include "cli/verbs.def"
#undef VERB
#undef complete

static struct {
	const char *page;    /* NULL: it does not answer */
	const char *manager; /* the --manager-url that it was asked by */
	unsigned calls;
} peer;

bool manager_open_briefly(struct manager *manager, const struct arguments *arguments, unsigned ms,
		struct error *err) {
	*manager = (struct manager){ .patience_ms = ms };
	peer.manager = arguments->flags[FLAG_MANAGER];
	assert_in_range(ms, 1, 1000); /* somebody waits for it */
	return peer.page != NULL || error_set(err, ERROR_UNAVAILABLE, "it is away");
}

bool manager_call(struct manager *manager, const char *method, const char *path, json_t *body,
		json_t **answer, struct error *err) {
	(void)manager, (void)body, (void)err;
	CLEANUP(mem_freep) char *call = str_format("%s %s", method, path);
	assert_true(str_starts(call, "GET /tasks?") || str_starts(call, "GET /proplets?"));
	peer.calls++;
	*answer = json_loads(peer.page, 0, NULL);
	return true;
}

void manager_close(struct manager *manager) {
	(void)manager;
}

json_t *contexts_load(struct error *err) {
	(void)err;
	return json_pack("{s:{s:{s:s}, s:{s:s}}}", "contexts", "factory", "manager_url",
			"http://factory", "bench", "manager_url", "http://bench");
}

/* --- one line ----------------------------------------------------------------------------------
 */

enum { WORDS_MAX = 8 };

/* The candidates, each with a space behind it, and the last line; without what they are. */
static const char *completed(const char *const words[WORDS_MAX]) {
	static char shown[16384];
	struct arguments arguments = { .count = 0 };
	struct error err;
	char *text = NULL;
	size_t size;
	FILE *kept = stdout;
	while (arguments.count < WORDS_MAX && words[arguments.count] != NULL) {
		arguments.items[arguments.count] = words[arguments.count];
		arguments.count++;
	}
	stdout = open_memstream(&text, &size);
	assert_int_equal(complete(&arguments, &err), 0);
	(void)fclose(stdout);
	stdout = kept;
	shown[0] = 0;
	for (char *line = text, *next; *line != 0; line = next) {
		size_t used = strlen(shown), word = strcspn(line, "\t\n");
		next = line + strcspn(line, "\n") + 1;
		(void)snprintf(shown + used, sizeof(shown) - used, "%.*s%s", (int)word, line,
				line[0] == ':' ? "" : " ");
	}
	free(text);
	return shown;
}

static void expect(const char *wanted, const char *const words[WORDS_MAX]) {
	assert_string_equal(completed(words), wanted);
}

#define LINE(...) ((const char *const[WORDS_MAX]){ __VA_ARGS__ })

static int begin(void **state) {
	(void)state;
	memset(&peer, 0, sizeof(peer));
	return 0;
}

/* --- the tests ---------------------------------------------------------------------------------
 */

static void nouns_and_verbs(void **state) {
	(void)state;
	expect("tasks :", LINE("ta"));
	expect("proplets :", LINE("pr"));
	expect("start stop :", LINE("tasks", "st"));
	expect(":", LINE("tasks", "zz"));
	expect(":", LINE("nothing", ""));
	expect("completion :", LINE("compl")); /* and not what the shells call */
	const char *all = completed(LINE(""));
	assert_non_null(strstr(all, "tasks "));
	assert_non_null(strstr(all, "up "));
	assert_null(strstr(all, "complete "));
	assert_string_equal(completed(LINE(NULL)), all);
	assert_int_equal(peer.calls, 0);
}

static void flags_and_their_values(void **state) {
	(void)state;
	expect("--limit :", LINE("tasks", "list", "--lim"));
	expect(":", LINE("tasks", "list", "--limit", "5", "--lim")); /* once is enough */
	expect(":", LINE("tasks", "stop", "--lim"));                 /* has none */
	expect("--manager-url --manifest :", LINE("tasks", "create", "--man"));
	expect("json jsonl :", LINE("tasks", "list", "-o", "js"));
	expect("json jsonl :", LINE("tasks", "list", "--output", "js"));
	expect("--output=json --output=jsonl :", LINE("tasks", "list", "--output=js"));
	expect("json jsonl :", LINE("tasks", "list", "--output", "=", "js")); /* bash cuts */
	expect(":", LINE("tasks", "list", "--limit", ""));
	expect(":", LINE("tasks", "list", "--nothing=", ""));
	expect(":", LINE("tasks", "run", "x", "--", "--e")); /* flags have ended */
	expect("bash :", LINE("completion", "b"));
}

static void what_the_shell_adds(void **state) {
	(void)state;
	expect(":files", LINE("tasks", "run", ""));
	expect(":files", LINE("tasks", "create", "n", "--file", "x"));
	expect(":folders", LINE("up", "--state", ""));
	expect(":", LINE("tasks", "create", "n", ""));
}

static const char two_tasks[] = "{\"tasks\":[{\"id\":\"6f1c\",\"name\":\"web\",\"state\":2},"
				"{\"id\":\"a0b1\",\"name\":\"database\",\"state\":3},{\"id\":5},{"
				"\"name\":\"none\"}]}";

static void ids_that_make_sense(void **state) {
	(void)state;
	peer.page = two_tasks;
	expect("6f1c a0b1 :", LINE("tasks", "view", ""));
	expect("6f1c :", LINE("tasks", "stop", ""));   /* it runs */
	expect("a0b1 :", LINE("tasks", "start", ""));  /* it does not */
	expect("a0b1 :", LINE("tasks", "delete", "")); /* nor can what runs be deleted */
	expect("6f1c :", LINE("tasks", "view", "we")); /* names lead there */
	expect("a0b1 :", LINE("tasks", "view", "a0"));
	expect(":", LINE("tasks", "view", "zz"));
	expect(":files", LINE("tasks", "upload", "a0b1", "")); /* the second word */
	peer.page = "{\"proplets\":[{\"id\":\"proplet-1\",\"name\":\"north\",\"alive\":true}]}";
	expect("proplet-1 :", LINE("proplets", "view", "nor"));
	expect("proplet-1 :", LINE("tasks", "create", "n", "--proplet-id", ""));
	(void)completed(LINE("-m", "http://there", "proplets", "view", ""));
	assert_string_equal(peer.manager, "http://there");
}

/* Somebody is typing: nothing is said, whatever goes wrong. */
static void a_manager_that_does_not_help(void **state) {
	(void)state;
	expect(":", LINE("tasks", "view", ""));
	static const char *const pages[] = { "{}", "[]", "{\"tasks\":5}", "{\"tasks\":[5,null]}" };
	for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
		peer.page = pages[i];
		expect(":", LINE("tasks", "view", ""));
	}
}

/* A name is a stranger's: it moves neither the cursor nor to the next line. */
static void names_cannot_drive_the_terminal(void **state) {
	(void)state;
	peer.page = "{\"tasks\":[{\"id\":\"a\\n:files\\t\\u001b[2J\",\"name\":\"x\\ny\",\"state\":"
		    "3}]}";
	expect("a\\x0a:files\\x09\\x1b[2J :", LINE("tasks", "view", ""));
}

static void contexts_by_their_names(void **state) {
	(void)state;
	expect("factory :", LINE("context", "use", "fa"));
	expect("factory :", LINE("tasks", "list", "--context", "fa"));
	expect("factory bench :", LINE("context", "show", ""));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(nouns_and_verbs, begin),
		cmocka_unit_test_setup(flags_and_their_values, begin),
		cmocka_unit_test_setup(what_the_shell_adds, begin),
		cmocka_unit_test_setup(ids_that_make_sense, begin),
		cmocka_unit_test_setup(a_manager_that_does_not_help, begin),
		cmocka_unit_test_setup(names_cannot_drive_the_terminal, begin),
		cmocka_unit_test_setup(contexts_by_their_names, begin),
	};
	return cmocka_run_group_tests_name("cli/complete", tests, NULL, NULL);
}
