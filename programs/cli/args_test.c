/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "cli/tables.h"

static const struct verb create = {
	.noun = "tasks", .name = "create", .usage = "NAME", .groups = C, .min = 1, .max = 1
};
static const struct verb run = {
	.noun = "tasks", .name = "run", .usage = "FILE", .groups = R, .min = 1, .max = ARGUMENTS_MAX
};
static const struct verb call = { .noun = "execute",
	.name = "",
	.usage = "FILE FUNCTION [ARGS...]",
	.min = 2,
	.max = ARGUMENTS_MAX };
static const struct verb list = { .noun = "tasks", .name = "list", .usage = "", .groups = L };

static struct arguments arguments;

static struct strings words;

/* Words separated by spaces. */
static bool parse(const struct verb *verb, const char *line, struct error *err) {
	char *argv[64] = { 0 };
	strings_finish(&words);
	strings_split(&words, line, ' ');
	for (size_t i = 0; i < words.count; i++) {
		argv[i] = words.items[i];
	}
	arguments_finish(&arguments);
	return arguments_parse(&arguments, verb, argv, err);
}

static void forms_of_flags(void **state) {
	(void)state;
	struct error err;
	static const char *const lines[] = { "x --file a.wasm -m http://h -o json",
		"--file=a.wasm x -m=http://h -o=json",
		"-f a.wasm --manager-url http://h x --output json" };
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		assert_true(parse(&create, lines[i], &err));
		assert_string_equal(arguments.flags[FLAG_FILE], "a.wasm");
		assert_string_equal(arguments.flags[FLAG_MANAGER], "http://h");
		assert_string_equal(arguments.flags[FLAG_OUTPUT], "json");
		assert_int_equal(arguments.count, 1);
		assert_string_equal(arguments.items[0], "x");
	}
	assert_true(parse(&create, "x --daemon --file=", &err));
	assert_string_equal(arguments.flags[FLAG_DAEMON], "");
	assert_string_equal(arguments.flags[FLAG_FILE], "");
}

static void numbers_and_what_follows_two_dashes_are_items(void **state) {
	(void)state;
	struct error err;
	assert_true(parse(&run, "a.wasm -5 10 --invoke add -- --invoke -x", &err));
	assert_int_equal(arguments.count, 5);
	assert_string_equal(arguments.items[1], "-5");
	assert_string_equal(arguments.items[3], "--invoke");
	assert_string_equal(arguments.items[4], "-x");
	assert_string_equal(arguments.flags[FLAG_INVOKE], "add");
	assert_true(parse(&run, "a.wasm -", &err));
	assert_string_equal(arguments.items[1], "-");
}

static void the_old_offset(void **state) {
	(void)state;
	struct error err;
	assert_true(parse(&list, "-o 20 -l 5", &err));
	assert_string_equal(arguments.flags[FLAG_OFFSET], "20");
	assert_null(arguments.flags[FLAG_OUTPUT]);
	assert_string_equal(arguments.flags[FLAG_LIMIT], "5");
	assert_true(parse(&list, "-o json -o 20", &err));
	assert_string_equal(arguments.flags[FLAG_OFFSET], "20");
	assert_string_equal(arguments.flags[FLAG_OUTPUT], "json");
}

/* As Propeller's flags (pflag) are written. */
static void short_flags_in_one_word(void **state) {
	(void)state;
	struct error err;
	static const char *const lines[] = { "-l5 -o20 -mhttp://h", "-l=5 -o=20 -m=http://h",
		"-vl5 -o 20 -vm http://h" };
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		assert_true(parse(&list, lines[i], &err));
		assert_string_equal(arguments.flags[FLAG_LIMIT], "5");
		assert_string_equal(arguments.flags[FLAG_OFFSET], "20");
		assert_string_equal(arguments.flags[FLAG_MANAGER], "http://h");
	}
	assert_true(parse(&list, "-vh", &err));
	assert_non_null(arguments.flags[FLAG_HELP]);
	assert_non_null(arguments.flags[FLAG_TLS]);
}

static void switches_and_lists(void **state) {
	(void)state;
	struct error err;
	assert_true(parse(&create, "x --daemon=true --latent=false --env A=1 -e B=2 --env=C=3,D=4",
			&err));
	assert_string_equal(arguments.flags[FLAG_DAEMON], "");
	assert_null(arguments.flags[FLAG_LATENT]);
	assert_string_equal(arguments.flags[FLAG_ENV], "A=1,B=2,C=3,D=4");
	assert_true(parse(&create, "x --name a --name b", &err));
	assert_string_equal(arguments.flags[FLAG_NAME], "b");
}

static void where_noun_and_verb_are(void **state) {
	(void)state;
	static const struct {
		const char *line, *word, *left;
	} rows[] = { { "tasks list", "tasks", "list" }, { "-m URL tasks", "tasks", "-m URL" },
		{ "-m=URL tasks x", "tasks", "-m=URL x" }, { "-v tasks", "tasks", "-v" },
		{ "--limit 5 -h tasks", "tasks", "--limit 5 -h" },
		{ "--unknown tasks", "tasks", "--unknown" }, { "-mURL tasks", "tasks", "-mURL" },
		{ "-vm URL tasks", "tasks", "-vm URL" }, { "-vmURL tasks", "tasks", "-vmURL" },
		{ "-- tasks", NULL, "-- tasks" }, { "-m", NULL, "-m" }, { "", NULL, "" } };
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char left[64] = "", *argv[8] = { 0 };
		struct strings line = { 0 };
		strings_split(&line, rows[i].line, ' ');
		for (size_t j = 0; j < line.count; j++) {
			argv[j] = line.items[j];
		}
		const char *word = arguments_take_item(argv);
		assert_true(str_equal(word, rows[i].word));
		for (size_t j = 0; argv[j] != NULL; j++) {
			size_t used = strlen(left);
			(void)snprintf(left + used, sizeof(left) - used, "%s%s", j != 0 ? " " : "",
					argv[j]);
		}
		assert_string_equal(left, rows[i].left);
		strings_finish(&line);
	}
}

/* Names mean one thing, short ones one for each verb (-f is --file, and --follow of logs). */
static void short_names_are_unique(void **state) {
	(void)state;
	for (int i = 0; i < FLAGS; i++) {
		for (int j = 0; j < i; j++) {
			assert_string_not_equal(flag_rows[i].name, flag_rows[j].name);
			bool apart = flag_rows[i].who != G && flag_rows[j].who != G &&
				     (flag_rows[i].who & flag_rows[j].who) == 0;
			assert_true(flag_rows[i].short_name == 0 || apart ||
					flag_rows[i].short_name != flag_rows[j].short_name);
		}
	}
}

static void what_is_refused(void **state) {
	(void)state;
	static const struct {
		const struct verb *verb;
		const char *line, *says;
	} rows[] = {
		{ &create, "x --fil a", "unknown flag --fil; did you mean --file?" },
		{ &create, "x --fil=a", "unknown flag --fil; did you mean --file?" },
		{ &create, "x --samples", "unknown flag --samples" }, /* another verb's */
		{ &create, "x -q", "unknown flag -q" },
		{ &create, "x -vq", "unknown flag -vq" },
		{ &create, "x --daemon=perhaps", "flag --daemon: " },
		{ &create, "x --file", "flag --file needs a value" },
		{ &create, "x -o yaml", "\"yaml\" is not one of table, wide" },
		{ &create, "x -o jsn", "; did you mean json?" },
		{ &create, "", "NAME is missing; usage: propeller-cli tasks create NAME" },
		{ &create, "x y", "\"y\" is too much; usage: propeller-cli tasks create NAME" },
		{ &call, "f.wasm", "FUNCTION is missing; usage: propeller-cli execute FILE" },
		{ &create, "x --", "" },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct error err = { 0 };
		bool ok = parse(rows[i].verb, rows[i].line, &err);
		if (ok != (rows[i].says[0] == 0) ||
				(!ok && strstr(err.message, rows[i].says) == NULL)) {
			fail_msg("%s: %s", rows[i].line, err.message);
		}
		assert_true(ok || err.code == ERROR_INVALID);
	}
}

static void help_needs_no_arguments(void **state) {
	(void)state;
	struct error err;
	assert_true(parse(&create, "--help", &err));
	assert_true(parse(&create, "-h a b c", &err));
}

static void too_many_arguments(void **state) {
	(void)state;
	struct error err;
	char *argv[ARGUMENTS_MAX + 2], word[] = "x";
	for (int i = 0; i <= ARGUMENTS_MAX; i++) {
		argv[i] = word;
	}
	argv[ARGUMENTS_MAX + 1] = NULL;
	arguments_finish(&arguments);
	assert_false(arguments_parse(&arguments, &run, argv, &err));
	argv[ARGUMENTS_MAX] = NULL;
	arguments_finish(&arguments);
	assert_true(arguments_parse(&arguments, &run, argv, &err));
	strings_finish(&words);
	arguments_finish(&arguments);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(forms_of_flags),
		cmocka_unit_test(numbers_and_what_follows_two_dashes_are_items),
		cmocka_unit_test(the_old_offset),
		cmocka_unit_test(short_flags_in_one_word),
		cmocka_unit_test(switches_and_lists),
		cmocka_unit_test(where_noun_and_verb_are),
		cmocka_unit_test(short_names_are_unique),
		cmocka_unit_test(what_is_refused),
		cmocka_unit_test(help_needs_no_arguments),
		cmocka_unit_test(too_many_arguments),
	};
	return cmocka_run_group_tests_name("cli/args", tests, NULL, NULL);
}
