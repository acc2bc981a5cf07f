/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "cli/tables.h"

enum { HELP_COLUMN = 36 }; /* where help begins */

const struct flag_row flag_rows[FLAGS] = {
#define FLAG(code, name, short_name, value, who, help) { name, short_name, value, who, help },
#include "cli/flags.def"
#undef FLAG
};

bool flag_belongs(const struct flag_row *row, const struct verb *verb) {
	return row->who == G || (row->who & verb->groups) != 0;
}

static bool unknown(const struct verb *verb, const char *argument, struct error *err) {
	static const char *const dashed[FLAGS] = {
#define FLAG(code, name, ...) "--" name,
#include "cli/flags.def"
#undef FLAG
	};
	const char *names[FLAGS];
	char hint[80];
	size_t count = 0;
	for (int i = 0; i < FLAGS && argument[1] == '-'; i++) {
		if (flag_belongs(&flag_rows[i], verb)) {
			names[count++] = dashed[i];
		}
	}
	CLEANUP(mem_freep) char *word = mem_copy(argument, strcspn(argument, "="));
	return error_set(err, ERROR_INVALID, "unknown flag %.60s%s", word,
			nearest(word, names, count, hint));
}

static int find_long(const struct verb *verb, const char *name, size_t size) {
	for (int i = 0; i < FLAGS; i++) {
		if (flag_belongs(&flag_rows[i], verb) && strlen(flag_rows[i].name) == size &&
				memcmp(flag_rows[i].name, name, size) == 0) {
			return i;
		}
	}
	return -1;
}

static int find_short(const struct verb *verb, char name) {
	for (int i = 0; i < FLAGS; i++) {
		if (flag_belongs(&flag_rows[i], verb) && flag_rows[i].short_name == name) {
			return i;
		}
	}
	return -1;
}

/* A flag that takes nothing may be told so: --daemon=false. */
static bool take_switch(
		struct arguments *arguments, int flag, const char *value, struct error *err) {
	bool on = true;
	if (value != NULL && !str_to_bool(value, &on, err)) {
		return error_wrap(err, "flag --%s", flag_rows[flag].name);
	}
	arguments->flags[flag] = on ? "" : NULL;
	return true;
}

/* Lists grow with each flag (--env A=1 --env B=2); of others the last one counts. */
static void take_value(struct arguments *arguments, int flag, const char *value) {
	/* Propeller's -o is an offset, ours a format: each of them may be given. */
	if (flag == FLAG_OUTPUT && value[0] != 0 && value[strspn(value, "0123456789")] == 0) {
		flag = FLAG_OFFSET;
	}
	const char *before = arguments->flags[flag];
	if (before == NULL || strstr(flag_rows[flag].value, ",…") == NULL) {
		arguments->flags[flag] = value;
		return;
	}
	char *joined = str_format("%s,%s", before, value);
	free(arguments->joined[flag]);
	arguments->joined[flag] = joined;
	arguments->flags[flag] = joined;
}

/* Short flags in one word: -l5, -l=5, -vh. NULL: the word ends with them. */
static const char *take_short_switches(struct arguments *arguments, const struct verb *verb,
		const char *name, struct error *err) {
	for (; name[0] != 0; name++) {
		int flag = find_short(verb, name[0]);
		if (flag < 0 || flag_rows[flag].value != NULL || name[1] == '=') {
			return name;
		}
		if (!take_switch(arguments, flag, NULL, err)) {
			return name;
		}
	}
	return NULL;
}

/* One flag at argv[*at]; moves *at to its value. */
static bool take_flag(struct arguments *arguments, const struct verb *verb, char **argv, int *at,
		struct error *err) {
	const char *argument = argv[*at], *name = argument + 1, *value = NULL;
	int flag;
	if (argument[1] == '-') {
		const char *equals = strchr(++name, '=');
		flag = find_long(verb, name,
				equals != NULL ? (size_t)(equals - name) : strlen(name));
		value = equals != NULL ? equals + 1 : NULL;
	} else {
		name = take_short_switches(arguments, verb, name, err);
		if (name == NULL) {
			return true;
		}
		flag = find_short(verb, name[0]);
		value = name[1] != 0 ? name + 1 + (name[1] == '=') : NULL;
	}
	if (flag < 0) {
		return unknown(verb, argument, err);
	}
	if (flag_rows[flag].value == NULL) {
		return take_switch(arguments, flag, value, err);
	}
	if (value == NULL && argv[*at + 1] != NULL) {
		value = argv[++*at];
	}
	if (value == NULL) {
		return error_set(err, ERROR_INVALID, "flag --%s needs a value (%s)",
				flag_rows[flag].name, flag_rows[flag].value);
	}
	take_value(arguments, flag, value);
	return true;
}

static bool take_item(struct arguments *arguments, const char *text, struct error *err) {
	if (arguments->count == ARGUMENTS_MAX) {
		return error_set(err, ERROR_INVALID, "more than %d arguments", ARGUMENTS_MAX);
	}
	arguments->items[arguments->count++] = text;
	return true;
}

static bool check_output(const char *output, struct error *err) {
	static const char *const looks[] = { "table", "wide", "json", "jsonl", "id" };
	char hint[80];
	for (size_t i = 0; i < sizeof(looks) / sizeof(looks[0]); i++) {
		if (output == NULL || str_equal(output, looks[i])) {
			return true;
		}
	}
	return error_set(err, ERROR_INVALID,
			"flag --output: \"%.40s\" is not one of table, wide, json, jsonl, id%s",
			output, nearest(output, looks, sizeof(looks) / sizeof(looks[0]), hint));
}

/* Where the name of an item begins in "FILE FUNCTION [ARGS...]". */
static const char *word_of_usage(const char *usage, int item) {
	for (; item > 0 && strchr(usage, ' ') != NULL; item--) {
		usage = strchr(usage, ' ') + 1;
	}
	return usage;
}

/* A variable of a script that was not set leads to another path, or to another manager. What is
 * handed on to a workload may be empty. */
static bool check_empty(
		const struct arguments *arguments, const struct verb *verb, struct error *err) {
	int named = verb->max < ARGUMENTS_MAX ? arguments->count : verb->min;
	const char *url = arguments->flags[FLAG_MANAGER];
	for (int i = 0; i < named; i++) {
		if (arguments->items[i][0] == 0) {
			const char *name = word_of_usage(verb->usage, i);
			return error_set(err, ERROR_INVALID, "%.*s is empty",
					(int)strcspn(name, " "), name);
		}
	}
	return url == NULL || url[0] != 0 ||
	       error_set(err, ERROR_INVALID, "flag --manager-url is empty");
}

static bool check(const struct arguments *arguments, const struct verb *verb, struct error *err) {
	if (!check_output(arguments->flags[FLAG_OUTPUT], err)) {
		return false;
	}
	if (arguments->count < verb->min) {
		const char *missing = word_of_usage(verb->usage, arguments->count);
		return error_set(err, ERROR_INVALID,
				"%.*s is missing; usage: propeller-cli %s%s%s %s",
				(int)strcspn(missing, " "), missing, verb->noun,
				verb->name[0] != 0 ? " " : "", verb->name, verb->usage);
	}
	if (arguments->count > verb->max) {
		return error_set(err, ERROR_INVALID,
				"\"%.60s\" is too much; usage: propeller-cli %s%s%s %s",
				arguments->items[verb->max], verb->noun,
				verb->name[0] != 0 ? " " : "", verb->name, verb->usage);
	}
	return check_empty(arguments, verb, err);
}

void arguments_finish(struct arguments *arguments) {
	for (int i = 0; i < FLAGS; i++) {
		free(arguments->joined[i]);
	}
	*arguments = (struct arguments){ 0 };
}

static bool is_flag(const char *word) {
	return word[0] == '-' && word[1] != 0 && !isdigit((unsigned char)word[1]);
}

bool arguments_parse(struct arguments *arguments, const struct verb *verb, char **argv,
		struct error *err) {
	bool flags = true;
	for (int at = 0; argv[at] != NULL; at++) {
		if (flags && str_equal(argv[at], "--")) {
			flags = false;
		} else if (flags && is_flag(argv[at]) ? !take_flag(arguments, verb, argv, &at, err)
						      : !take_item(arguments, argv[at], err)) {
			return false;
		}
	}
	return arguments->flags[FLAG_HELP] != NULL || check(arguments, verb, err);
}

static const struct flag_row *row_of_letter(char letter) {
	for (int i = 0; i < FLAGS; i++) {
		if (flag_rows[i].short_name == letter) {
			return &flag_rows[i];
		}
	}
	return NULL;
}

/* -m URL, -vm URL, but -mURL and -l=5 have it in them. */
static bool letters_take_next(const char *letters) {
	for (; letters[0] != 0; letters++) {
		const struct flag_row *row = row_of_letter(letters[0]);
		if (row == NULL || row->value != NULL) {
			return row != NULL && letters[1] == 0;
		}
	}
	return false;
}

/* True if the next word belongs to this flag, whichever verb it is of: a name means one thing. */
static bool takes_next(const char *word) {
	if (word[1] != '-') {
		return letters_take_next(word + 1);
	}
	for (int i = 0; i < FLAGS; i++) {
		if (str_equal(word + 2, flag_rows[i].name)) {
			return flag_rows[i].value != NULL;
		}
	}
	return false;
}

char *arguments_take_item(char **words) {
	int at = 0;
	while (words[at] != NULL && !str_equal(words[at], "--") && is_flag(words[at])) {
		at += takes_next(words[at]) && words[at + 1] != NULL ? 2 : 1;
	}
	char *word = words[at];
	if (word == NULL || str_equal(word, "--")) {
		return NULL;
	}
	for (; words[at] != NULL; at++) {
		words[at] = words[at + 1];
	}
	return word;
}

/* The flag, and what it does beside it, or below where it is long. */
static void print_flag(const struct flag_row *row) {
	char letter[8] = "    ";
	if (row->short_name != 0) {
		(void)snprintf(letter, sizeof(letter), "-%c, ", row->short_name);
	}
	CLEANUP(mem_freep)
	char *left = str_format("  %s--%s%s%s", letter, row->name, row->value != NULL ? " " : "",
			row->value != NULL ? row->value : "");
	size_t width = text_width(left);
	bool below = width + 1 > HELP_COLUMN;
	(void)printf("%s%s%*s%s\n", left, below ? "\n" : "",
			(int)(below ? HELP_COLUMN : HELP_COLUMN - width), "", row->help);
}

/* Returns how many there are. */
static size_t print_flags(const struct verb *verb, const char *title, bool of_all) {
	size_t count = 0;
	for (int i = 0; i < FLAGS; i++) {
		const struct flag_row *row = &flag_rows[i];
		if ((row->who == G) == of_all && flag_belongs(row, verb)) {
			(void)fputs(count++ == 0 ? title : "", stdout);
			print_flag(row);
		}
	}
	return count;
}

void arguments_help(const struct verb *verb) {
	(void)printf("usage: propeller-cli %s%s%s %s\n\n%s\n", verb->noun,
			verb->name[0] != 0 ? " " : "", verb->name, verb->usage, verb->help);
	bool own = print_flags(verb, "\nFlags:\n", false) != 0;
	(void)print_flags(verb, own ? "\nFlags of all verbs:\n" : "\nFlags:\n", true);
}
