/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/settings_parts.h"
#include "base/str.h"
#include "base/version.h"

/* One flag as it was written: --name or --name=value, or the same with one dash. */
struct flag {
	const char *name; /* ends at `size` */
	size_t size;
	const char *value; /* NULL without "=" */
};

struct arguments {
	const struct settings *settings;
	const char **given;
	int argc, at; /* at: the next argument */
	char **argv;
};

static struct flag split_flag(const char *argument) {
	const char *name = argument + (argument[1] == '-' ? 2 : 1);
	size_t size = strcspn(name, "=");
	return (struct flag){
		.name = name, .size = size, .value = name[size] == '=' ? name + size + 1 : NULL
	};
}

static bool named(const struct flag *flag, const char *name) {
	return strlen(name) == flag->size && memcmp(flag->name, name, flag->size) == 0;
}

static const struct setting *find_row(const struct settings *settings, const struct flag *flag) {
	for (size_t i = 0; i < settings->count; i++) {
		const struct setting *row = &settings->rows[i];
		if (row->flag == NULL || row->kind == SETTING_SECRET) {
			continue;
		}
		if (named(flag, row->flag) ||
				(row->flag_alias != NULL && named(flag, row->flag_alias))) {
			return row;
		}
	}
	return NULL;
}

static void consider_all(struct setting_guess *guess, const struct settings *settings) {
	setting_guess_consider(guess, "", "help");
	setting_guess_consider(guess, "", "man");
	setting_guess_consider(guess, "", "version");
	for (size_t i = 0; i < settings->count; i++) {
		const struct setting *row = &settings->rows[i];
		if (row->flag == NULL || row->kind == SETTING_SECRET) {
			continue;
		}
		setting_guess_consider(guess, "", row->flag);
		if (row->kind == SETTING_BOOL) {
			setting_guess_consider(guess, "no-", row->flag);
		}
	}
}

/* Never quotes a value: somebody may have tried to pass a secret. */
static bool unknown_flag(
		const struct settings *settings, const struct flag *flag, struct error *err) {
	struct setting_guess guess;
	setting_guess_begin(&guess, flag->name, flag->size);
	consider_all(&guess, settings);
	if (guess.best[0] != '\0') {
		return error_set(err, ERROR_INVALID, "unknown flag --%.*s; did you mean --%s?",
				(int)flag->size, flag->name, guess.best);
	}
	int shown = flag->size < 80 ? (int)flag->size : 80;
	return error_set(err, ERROR_INVALID, "unknown flag --%.*s; %s --help lists all of them",
			shown, flag->name, settings->program);
}

/* "--flag value"; something that looks like a flag is no value (--flag=--value says it is). */
static bool next_value(struct arguments *arguments, const struct flag *flag, const char **value,
		struct error *err) {
	if (arguments->at >= arguments->argc || str_starts(arguments->argv[arguments->at], "--")) {
		return error_set(err, ERROR_INVALID, "flag --%s needs a value: --%s=VALUE",
				flag->name, flag->name);
	}
	*value = arguments->argv[arguments->at++];
	return true;
}

/* Understands --no-FLAG of a bool. */
static const struct setting *find_negated(
		const struct settings *settings, const struct flag *flag) {
	if (flag->value != NULL || !str_starts(flag->name, "no-")) {
		return NULL;
	}
	struct flag positive = { .name = flag->name + 3, .size = flag->size - 3 };
	const struct setting *row = find_row(settings, &positive);
	return row != NULL && row->kind == SETTING_BOOL ? row : NULL;
}

static bool take_flag(struct arguments *arguments, const struct flag *flag, struct error *err) {
	const struct settings *settings = arguments->settings;
	const char *value = flag->value;
	const struct setting *row = find_row(settings, flag);
	if (row == NULL) {
		row = find_negated(settings, flag);
		value = "false";
	} else if (row->kind == SETTING_BOOL) {
		value = value != NULL ? value : "true";
	} else if (value == NULL && !next_value(arguments, flag, &value, err)) {
		return false;
	}
	if (row == NULL) {
		return unknown_flag(settings, flag, err);
	}
	arguments->given[row - settings->rows] = value;
	return true;
}

/* With one dash or two. */
static bool is_word(const char *argument, const char *word) {
	return argument[0] == '-' && str_equal(argument + (argument[1] == '-' ? 2 : 1), word);
}

static enum settings_outcome take_argument(struct arguments *arguments, struct error *err) {
	const struct settings *settings = arguments->settings;
	const char *argument = arguments->argv[arguments->at++];
	if (is_word(argument, "help") || str_equal(argument, "-h")) {
		settings_help(settings, stdout);
		return SETTINGS_DONE;
	}
	if (is_word(argument, "man")) {
		settings_man(settings, stdout);
		return SETTINGS_DONE;
	}
	if (is_word(argument, "version")) {
		(void)printf("%s %s\n", settings->program, AIRSCREW_VERSION);
		return SETTINGS_DONE;
	}
	if (argument[0] != '-' || argument[1] == '\0' || argument[2] == '\0') {
		(void)error_set(err, ERROR_INVALID,
				"unexpected argument \"%.80s\"; %s --help shows what there is",
				argument, settings->program);
		return SETTINGS_BAD;
	}
	struct flag flag = split_flag(argument);
	return take_flag(arguments, &flag, err) ? SETTINGS_RUN : SETTINGS_BAD;
}

enum settings_outcome settings_read_flags(const struct settings *settings, int argc, char **argv,
		const char **given, struct error *err) {
	struct arguments arguments = {
		.settings = settings, .given = given, .argc = argc, .at = 1, .argv = argv
	};
	enum settings_outcome outcome = SETTINGS_RUN;
	while (outcome == SETTINGS_RUN && arguments.at < argc) {
		outcome = take_argument(&arguments, err);
	}
	return outcome;
}
