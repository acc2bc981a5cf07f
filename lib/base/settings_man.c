/* SPDX-License-Identifier: Apache-2.0 */
/* The manual page of a program, from its table of settings: what --help says, and where it looks.
 */
#include <ctype.h>
#include <string.h>

#include "base/mem.h"
#include "base/roff.h"
#include "base/settings_parts.h"
#include "base/str.h"

static const char *value_of(const struct setting *row) {
	static const char *const kinds[] = {
		[SETTING_TEXT] = "TEXT",
		[SETTING_SECRET] = NULL,
		[SETTING_NUMBER] = "NUMBER",
		[SETTING_BYTES] = "SIZE",
		[SETTING_BOOL] = NULL,
		[SETTING_DURATION] = "TIME",
		[SETTING_FILE] = "FILE",
		[SETTING_SECTION] = "NAME",
	};
	return kinds[row->kind];
}

static bool has_flag(const struct setting *row) {
	return row->flag != NULL && row->kind != SETTING_SECRET;
}

/* The row's meaning, its default, and its other names. */
static void describe(const struct setting *row, FILE *out) {
	bool fallback = row->fallback != NULL && row->fallback[0] != 0 &&
			row->kind != SETTING_SECRET;
	CLEANUP(mem_freep)
	char *text = str_format("%c%s%s%s%s%s", toupper((unsigned char)row->help[0]), row->help + 1,
			str_ends(row->help, ".") ? "" : ".",
			row->required && !fallback ? " Has to be set." : "",
			fallback ? " Default: " : "", fallback ? row->fallback : "");
	roff_text(out, text);
}

static void print_flags(const struct settings *settings, FILE *out) {
	roff_section(out, "OPTIONS");
	roff_text(out, "A setting that has a flag; each flag may also be written as --FLAG=VALUE "
		       "and "
		       "with one dash.");
	roff_list_begin(out);
	for (size_t i = 0; i < settings->count; i++) {
		const struct setting *row = &settings->rows[i];
		if (has_flag(row)) {
			roff_flag(out, row->kind == SETTING_BOOL ? "--[no-]" : "--", row->flag,
					value_of(row));
			describe(row, out);
		}
	}
	roff_flag(out, "--", "help", NULL);
	roff_text(out, "Shows all settings and ends.");
	roff_flag(out, "--", "man", NULL);
	roff_text(out, "Prints this page for man(1) and ends.");
	roff_flag(out, "--", "version", NULL);
	roff_text(out, "Shows the version and ends.");
	roff_list_end(out);
}

/* Other names of the same setting, and for secrets those of files with it. */
static void print_other_names(const struct setting *row, FILE *out) {
	for (size_t i = 0; i < SETTING_NAMES; i++) {
		const char *name = setting_env_name(row, i);
		if (name != NULL && i != 0) {
			CLEANUP(mem_freep) char *text = str_format("Also %s.", name);
			roff_text(out, text);
		}
		if (name != NULL && row->kind == SETTING_SECRET) {
			CLEANUP(mem_freep)
			char *text = str_format("A file with it: %s_FILE.", name);
			roff_text(out, text);
		}
	}
}

static void print_environment(const struct settings *settings, FILE *out) {
	roff_section(out, "ENVIRONMENT");
	roff_text(out, "A flag wins over the environment, the environment over the settings file, "
		       "that over the default. Secrets have no flag: NAME_FILE is the path of a "
		       "file "
		       "that has the secret of NAME in it and is for its owner only.");
	roff_list_begin(out);
	for (size_t i = 0; i < settings->count; i++) {
		const struct setting *row = &settings->rows[i];
		if (row->env == NULL) {
			continue;
		}
		roff_variable(out, row->env);
		if (has_flag(row)) {
			CLEANUP(mem_freep) char *same = str_format("As --%s.", row->flag);
			roff_text(out, same);
		} else {
			describe(row, out);
		}
		print_other_names(row, out);
	}
	roff_list_end(out);
}

static const struct setting *find_kind(const struct settings *settings, enum setting_kind kind) {
	for (size_t i = 0; i < settings->count; i++) {
		if (settings->rows[i].kind == kind) {
			return &settings->rows[i];
		}
	}
	return NULL;
}

static void print_file(const struct settings *settings, FILE *out) {
	const struct setting *file = find_kind(settings, SETTING_FILE);
	const struct setting *section = find_kind(settings, SETTING_SECTION);
	if (file == NULL || section == NULL) {
		return;
	}
	CLEANUP(mem_freep)
	char *text = str_format(
			"The settings file is TOML 1.0: the one that --%s or %s names, else "
			"the first of these. Section [%s] has the names of the environment "
			"without %.*s, in small letters: log_level = \"debug\". One that "
			"holds a secret has to be for its owner only.",
			file->flag, file->env, section->fallback, (int)strcspn(file->env, "_") + 1,
			file->env);
	roff_section(out, "FILES");
	roff_text(out, text);
	roff_list_begin(out);
	roff_words(out, "./config.toml");
	roff_words(out, "/etc/propeller/config.toml");
	roff_list_end(out);
}

void settings_man(const struct settings *settings, FILE *out) {
	roff_begin(out, settings->program, 8, settings->summary);
	roff_section(out, "SYNOPSIS");
	(void)fputs(".Nm\n", out);
	roff_text(out, settings->usage);
	roff_section(out, "DESCRIPTION");
	CLEANUP(mem_freep)
	char *text = str_format("%c%s.", toupper((unsigned char)settings->summary[0]),
			settings->summary + 1);
	roff_text(out, text);
	roff_text(out, "It says on standard error what it does, and ends on SIGTERM and SIGINT.");
	print_flags(settings, out);
	print_environment(settings, out);
	print_file(settings, out);
	roff_section(out, "EXIT STATUS");
	roff_text(out, "0 after a signal to end, else what has happened is on standard error.");
	roff_section(out, "SEE ALSO");
	(void)fputs(".Xr propeller-cli 1\n", out);
}
