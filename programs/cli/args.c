/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "cli/tables.h"

const struct flag_row flag_rows[FLAGS] = {
#define FLAG(code, name, short_name, value, who, help) { name, short_name, value, who, help },
#include "cli/flags.def"
#undef FLAG
};

bool flag_belongs(const struct flag_row *row, const struct verb *verb) {
	return row->who == G || (row->who & verb->groups) != 0;
}

static size_t distance(const char *a, const char *b) {
	size_t size = strlen(b), row[64];
	if (size >= sizeof(row) / sizeof(row[0]) || strlen(a) > 60) {
		return 99;
	}
	for (size_t j = 0; j <= size; j++) {
		row[j] = j;
	}
	for (size_t i = 1; a[i - 1] != 0; i++) {
		size_t corner = row[0];
		row[0] = i;
		for (size_t j = 1; j <= size; j++) {
			size_t best = corner + (a[i - 1] != b[j - 1]);
			corner = row[j];
			best = row[j] + 1 < best ? row[j] + 1 : best;
			row[j] = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
		}
	}
	return row[size];
}

const char *nearest(const char *word, const char *const *words, size_t count, char text[80]) {
	size_t best = 3;
	text[0] = 0;
	for (size_t i = 0; i < count; i++) {
		size_t far = distance(word, words[i]);
		if (far < best) {
			best = far;
			(void)snprintf(text, 80, "; did you mean %.40s?", words[i]);
		}
	}
	return text;
}

static bool unknown(const struct verb *verb, const char *argument, struct error *err) {
	const char *names[FLAGS];
	char hint[80];
	size_t count = 0;
	for (int i = 0; i < FLAGS; i++) {
		if (flag_belongs(&flag_rows[i], verb)) {
			names[count++] = flag_rows[i].name;
		}
	}
	return error_set(err, ERROR_INVALID, "unknown flag %.60s%s", argument,
			nearest(argument + strspn(argument, "-"), names, count, hint));
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

/* One flag at argv[*at]; moves *at to its value. */
static bool take_flag(struct arguments *arguments, const struct verb *verb, char **argv, int *at,
		struct error *err) {
	const char *argument = argv[*at];
	bool is_long = argument[1] == '-';
	const char *name = argument + (is_long ? 2 : 1);
	const char *equals = strchr(name, '=');
	size_t size = equals != NULL ? (size_t)(equals - name) : strlen(name);
	int flag = is_long     ? find_long(verb, name, size)
		   : size == 1 ? find_short(verb, name[0])
			       : -1;
	if (flag < 0) {
		return unknown(verb, argument, err);
	}
	const char *value = equals != NULL ? equals + 1 : NULL;
	if (flag_rows[flag].value == NULL) {
		value = "";
	} else if (value == NULL) {
		value = argv[*at + 1] != NULL ? argv[++*at] : NULL;
	}
	if (value == NULL) {
		return error_set(err, ERROR_INVALID, "flag --%s needs a value (%s)",
				flag_rows[flag].name, flag_rows[flag].value);
	}
	arguments->flags[flag] = value;
	return true;
}

static bool take_item(struct arguments *arguments, const char *text, struct error *err) {
	if (arguments->count == ARGUMENTS_MAX) {
		return error_set(err, ERROR_INVALID, "more than %d arguments", ARGUMENTS_MAX);
	}
	arguments->items[arguments->count++] = text;
	return true;
}

/* Propeller's -o is an offset; ours is a format. */
static void settle_output(struct arguments *arguments) {
	const char *output = arguments->flags[FLAG_OUTPUT];
	if (output != NULL && output[0] != 0 && strspn(output, "0123456789") == strlen(output)) {
		arguments->flags[FLAG_OFFSET] = output;
		arguments->flags[FLAG_OUTPUT] = NULL;
	}
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

static bool check(const struct arguments *arguments, const struct verb *verb, struct error *err) {
	if (!check_output(arguments->flags[FLAG_OUTPUT], err)) {
		return false;
	}
	if (arguments->count < verb->min || arguments->count > verb->max) {
		return error_set(err, ERROR_INVALID, "usage: propeller-cli %s%s%s %s", verb->noun,
				verb->name[0] != 0 ? " " : "", verb->name, verb->usage);
	}
	return true;
}

bool arguments_parse(struct arguments *arguments, const struct verb *verb, char **argv,
		struct error *err) {
	bool flags = true;
	for (int at = 0; argv[at] != NULL; at++) {
		bool is_flag = flags && argv[at][0] == '-' && argv[at][1] != 0 &&
			       !isdigit((unsigned char)argv[at][1]);
		if (flags && str_equal(argv[at], "--")) {
			flags = false;
		} else if (is_flag ? !take_flag(arguments, verb, argv, &at, err)
				   : !take_item(arguments, argv[at], err)) {
			return false;
		}
	}
	settle_output(arguments);
	return arguments->flags[FLAG_HELP] != NULL || check(arguments, verb, err);
}

void arguments_help(const struct verb *verb) {
	(void)printf("usage: propeller-cli %s%s%s %s\n\n%s\n\nFlags:\n", verb->noun,
			verb->name[0] != 0 ? " " : "", verb->name, verb->usage, verb->help);
	for (int i = 0; i < FLAGS; i++) {
		char left[64];
		if (!flag_belongs(&flag_rows[i], verb)) {
			continue;
		}
		int used = flag_rows[i].short_name != 0 ? snprintf(left, sizeof(left), "-%c, --%s",
									  flag_rows[i].short_name,
									  flag_rows[i].name)
							: snprintf(left, sizeof(left), "    --%s",
									  flag_rows[i].name);
		(void)snprintf(left + used, sizeof(left) - (size_t)used, " %s",
				flag_rows[i].value != NULL ? flag_rows[i].value : "");
		(void)printf("  %-32s %s\n", left, flag_rows[i].help);
	}
}
