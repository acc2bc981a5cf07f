/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/mem.h"
#include "base/settings_parts.h"
#include "base/str.h"

enum { CELL_MAX = 96 };

struct widths {
	int flag, env, fallback;
};

static void flag_cell(const struct setting *row, char cell[CELL_MAX]) {
	static const char *const kinds[] = {
		[SETTING_TEXT] = "TEXT",
		[SETTING_SECRET] = "",
		[SETTING_NUMBER] = "NUMBER",
		[SETTING_BYTES] = "SIZE",
		[SETTING_BOOL] = "",
		[SETTING_DURATION] = "TIME",
		[SETTING_FILE] = "FILE",
		[SETTING_SECTION] = "NAME",
	};
	if (row->flag == NULL || row->kind == SETTING_SECRET) {
		(void)snprintf(cell, CELL_MAX, "-");
	} else if (row->kind == SETTING_BOOL) {
		(void)snprintf(cell, CELL_MAX, "--[no-]%s", row->flag);
	} else {
		(void)snprintf(cell, CELL_MAX, "--%s %s", row->flag, kinds[row->kind]);
	}
}

static const char *fallback_cell(const struct setting *row) {
	if (row->fallback == NULL || *row->fallback == '\0' || row->kind == SETTING_SECRET) {
		return row->required ? "(required)" : "-";
	}
	return row->fallback;
}

static void widen(int *width, const char *text) {
	int length = (int)strlen(text);
	*width = length > *width ? length : *width;
}

/* All environment names of a row, with NAME_FILE for secrets. */
static void env_cells(const struct setting *row, struct strings *cells) {
	for (size_t i = 0; i < SETTING_NAMES; i++) {
		const char *name = setting_env_name(row, i);
		if (name == NULL) {
			continue;
		}
		strings_add(cells, name);
		if (row->kind == SETTING_SECRET) {
			CLEANUP(mem_freep) char *file = str_format("%s_FILE", name);
			strings_add(cells, file);
		}
	}
	if (cells->count == 0) {
		strings_add(cells, "-");
	}
}

static struct widths measure(const struct settings *settings) {
	struct widths widths = { (int)sizeof("--version") - 1, (int)sizeof("ENVIRONMENT") - 1,
		(int)sizeof("DEFAULT") - 1 };
	for (size_t i = 0; i < settings->count; i++) {
		const struct setting *row = &settings->rows[i];
		char flag[CELL_MAX];
		CLEANUP(strings_finish) struct strings names = { 0 };
		flag_cell(row, flag);
		env_cells(row, &names);
		widen(&widths.flag, flag);
		widen(&widths.fallback, fallback_cell(row));
		for (size_t j = 0; j < names.count; j++) {
			widen(&widths.env, names.items[j]);
		}
	}
	return widths;
}

/* One line of the table; other names of the same setting stand below the first. */
static void print_row(const struct setting *row, const struct widths *widths, FILE *out) {
	char flag[CELL_MAX];
	CLEANUP(strings_finish) struct strings names = { 0 };
	flag_cell(row, flag);
	env_cells(row, &names);
	(void)fprintf(out, "  %-*s  %-*s  %-*s  %s\n", widths->flag, flag, widths->env,
			names.items[0], widths->fallback, fallback_cell(row), row->help);
	for (size_t i = 1; i < names.count; i++) {
		(void)fprintf(out, "  %-*s  %s\n", widths->flag, "", names.items[i]);
	}
}

static const struct setting *find_kind(const struct settings *settings, enum setting_kind kind) {
	for (size_t i = 0; i < settings->count; i++) {
		if (settings->rows[i].kind == kind) {
			return &settings->rows[i];
		}
	}
	return NULL;
}

/* Where values come from, and who wins. */
static void print_sources(const struct settings *settings, FILE *out) {
	const struct setting *file = find_kind(settings, SETTING_FILE);
	const struct setting *section = find_kind(settings, SETTING_SECTION);
	(void)fprintf(out,
			"\nA flag wins over the environment, the environment over %sthe default. "
			"Secrets have no flag:\n"
			"set NAME, or NAME_FILE to the path of a file that only its owner may "
			"read.\n",
			file != NULL ? "the settings file, that over " : "");
	if (file != NULL && section != NULL) {
		int prefix = (int)strcspn(file->env, "_") + 1;
		(void)fprintf(out,
				"\nThe settings file (TOML) is the one that --%s or %s names, else "
				"./config.toml, else\n"
				"/etc/propeller/config.toml. Its section [%s] has the names of the "
				"environment without %.*s, in\n"
				"small letters: log_level = \"debug\". One that holds a secret "
				"must be "
				"for its owner only (chmod 600).\n",
				file->flag, file->env, section->fallback, prefix, file->env);
	}
}

void settings_help(const struct settings *settings, FILE *out) {
	struct widths widths = measure(settings);
	(void)fprintf(out, "%s: %s\n\nUsage: %s %s\n\n", settings->program, settings->summary,
			settings->program, settings->usage);
	(void)fprintf(out, "  %-*s  %-*s  %-*s  %s\n", widths.flag, "FLAG", widths.env,
			"ENVIRONMENT", widths.fallback, "DEFAULT", "MEANING");
	for (size_t i = 0; i < settings->count; i++) {
		print_row(&settings->rows[i], &widths, out);
	}
	static const struct setting own[] = { { .flag = "help", .help = "Show this and end" },
		{ .flag = "man", .help = "Print the manual page and end: --man | man -l -" },
		{ .flag = "version", .help = "Show the version and end" } };
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
		(void)fprintf(out, "  --%-*s  %-*s  %-*s  %s\n", widths.flag - 2, own[i].flag,
				widths.env, "-", widths.fallback, "-", own[i].help);
	}
	print_sources(settings, out);
}
