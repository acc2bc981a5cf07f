/* SPDX-License-Identifier: Apache-2.0 */
#include "base/settings.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/version.h"

enum { NAMES_MAX = 4, SECRET_MAX = 4096 };

/* A value and where it came from, for messages. */
struct origin {
	const char *value;
	char name[160];
};

static void *field_of(void *target, const struct setting *row) {
	return (char *)target + row->offset;
}

static bool in_range(const struct setting *row, uint64_t value, struct error *err) {
	if (value < row->min || (row->max != 0 && value > row->max)) {
		return error_set(err, ERROR_INVALID, "it must be within %llu to %llu",
				(unsigned long long)row->min,
				(unsigned long long)(row->max != 0 ? row->max : UINT64_MAX));
	}
	return true;
}

static bool parse(const struct setting *row, const char *text, void *field, struct error *err) {
	switch (row->kind) {
	case SETTING_TEXT:
	case SETTING_SECRET: str_set(field, text); return true;
	case SETTING_NUMBER: return str_to_u64(text, field, err) && in_range(row, *(uint64_t *)field, err);
	case SETTING_BYTES: return str_to_bytes(text, field, err) && in_range(row, *(uint64_t *)field, err);
	case SETTING_DURATION:
		return str_to_duration_ms(text, field, err) && in_range(row, *(uint64_t *)field, err);
	case SETTING_BOOL: return str_to_bool(text, field, err);
	}
	return false;
}

static bool set(const struct setting *row, void *target, const struct origin *from,
		struct error *err) {
	if (parse(row, from->value, field_of(target, row), err)) {
		return true;
	}
	return error_wrap(err, "setting %s", from->name);
}

static const char *name_at(const struct setting *row, size_t i) {
	return i == 0 ? row->env : row->alias[i - 1];
}

static bool find_variable(const struct setting *row, struct origin *from, struct error *err) {
	from->value = NULL;
	for (size_t i = 0; i < NAMES_MAX && name_at(row, i) != NULL; i++) {
		const char *value = getenv(name_at(row, i));
		if (value == NULL || value[0] == 0) {
			continue;
		}
		if (from->value != NULL && strcmp(from->value, value) != 0) {
			return error_set(err, ERROR_INVALID,
					"settings %s and %s are names of one thing and disagree: unset one",
					from->name, name_at(row, i));
		}
		from->value = value;
		(void)snprintf(from->name, sizeof(from->name), "%s", name_at(row, i));
	}
	return true;
}

static bool file_is_private(const char *name, const char *path, struct error *err) {
	struct stat info;
	if (stat(path, &info) != 0) {
		return error_errno(err, errno, "setting %s: the file %s", name, path);
	}
	if ((info.st_mode & 077) != 0) {
		return error_set(err, ERROR_INVALID,
				"setting %s: the file %s can be read by others; chmod 600 it", name, path);
	}
	return true;
}

/* A secret from the file that NAME_FILE names. */
static bool load_secret_file(const struct setting *row, void *target, struct error *err) {
	char name[160];
	(void)snprintf(name, sizeof(name), "%s_FILE", row->env);
	const char *path = getenv(name);
	if (path == NULL || path[0] == 0) {
		return true;
	}
	struct buf content = BUF_INIT(SECRET_MAX);
	bool ok = file_is_private(name, path, err) &&
			(file_read(path, &content, err) || error_wrap(err, "setting %s", name));
	if (ok) {
		size_t size = content.size;
		if (size != 0 && content.data[size - 1] == '\n') {
			content.data[size - 1] = 0;
		}
		str_set(field_of(target, row), buf_text(&content));
	}
	if (content.data != NULL) {
		OPENSSL_cleanse(content.data, content.capacity);
	}
	buf_finish(&content);
	return ok;
}

static bool load_row(const struct setting *row, void *target, struct error *err) {
	struct origin from;
	if (row->fallback != NULL) {
		from.value = row->fallback;
		(void)snprintf(from.name, sizeof(from.name), "%s (its default)", row->env);
		if (!set(row, target, &from, err)) {
			return false;
		}
	}
	if (!find_variable(row, &from, err)) {
		return false;
	}
	if (from.value != NULL) {
		return set(row, target, &from, err);
	}
	return row->kind != SETTING_SECRET || load_secret_file(row, target, err);
}

static const struct setting *find_flag(const struct settings *settings, const char *name, size_t size) {
	for (size_t i = 0; i < settings->count; i++) {
		const char *flag = settings->rows[i].flag;
		if (flag != NULL && settings->rows[i].kind != SETTING_SECRET && strlen(flag) == size &&
				memcmp(flag, name, size) == 0) {
			return &settings->rows[i];
		}
	}
	return NULL;
}

static bool no_such_flag(const struct settings *settings, const char *argument, struct error *err) {
	return error_set(err, ERROR_INVALID, "unknown flag %.80s; `%s --help` lists them", argument,
			settings->program);
}

/* One flag at argv[*at]; moves *at past its value. */
static bool load_flag(const struct settings *settings, void *target, char **argv, int *at,
		struct error *err) {
	const char *argument = argv[*at];
	if (!str_starts(argument, "--")) {
		return error_set(err, ERROR_INVALID, "unexpected argument \"%.80s\"; `%s --help` explains",
				argument, settings->program);
	}
	const char *name = argument + 2, *equals = strchr(name, '=');
	size_t size = equals != NULL ? (size_t)(equals - name) : strlen(name);
	bool negative = str_starts(name, "no-") && find_flag(settings, name, size) == NULL;
	const struct setting *row = find_flag(settings, name + (negative ? 3 : 0), size - (negative ? 3 : 0));
	if (row == NULL || (negative && (row->kind != SETTING_BOOL || equals != NULL))) {
		return no_such_flag(settings, argument, err);
	}
	struct origin from = { .value = equals != NULL ? equals + 1 : NULL };
	(void)snprintf(from.name, sizeof(from.name), "--%s", row->flag);
	if (from.value == NULL && row->kind == SETTING_BOOL) {
		from.value = negative ? "false" : "true";
	}
	if (from.value == NULL && argv[*at + 1] != NULL) {
		from.value = argv[++*at];
	}
	if (from.value == NULL) {
		return error_set(err, ERROR_INVALID, "flag --%s needs a value", row->flag);
	}
	return set(row, target, &from, err);
}

static bool is_missing(const struct setting *row, void *target) {
	char **text = field_of(target, row);
	return row->required && (row->kind == SETTING_TEXT || row->kind == SETTING_SECRET) &&
	       (*text == NULL || (*text)[0] == 0);
}

static bool load_all(const struct settings *settings, void *target, char **argv, struct error *err) {
	for (size_t i = 0; i < settings->count; i++) {
		if (!load_row(&settings->rows[i], target, err)) {
			return false;
		}
	}
	for (int at = 1; argv[at] != NULL; at++) {
		if (!load_flag(settings, target, argv, &at, err)) {
			return false;
		}
	}
	for (size_t i = 0; i < settings->count; i++) {
		const struct setting *row = &settings->rows[i];
		if (is_missing(row, target)) {
			return error_set(err, ERROR_INVALID, "setting %s is missing: %s", row->env, row->help);
		}
	}
	return true;
}

enum settings_outcome settings_load(const struct settings *settings, void *target, int argc,
		char **argv, struct error *err) {
	for (int i = 1; i < argc; i++) {
		if (str_equal(argv[i], "--help") || str_equal(argv[i], "-h")) {
			settings_help(settings, stdout);
			return SETTINGS_DONE;
		}
		if (str_equal(argv[i], "--version")) {
			(void)printf("%s %s\n", settings->program, AIRSCREW_VERSION);
			return SETTINGS_DONE;
		}
	}
	if (!load_all(settings, target, argv, err)) {
		settings_finish(settings, target);
		return SETTINGS_BAD;
	}
	return SETTINGS_RUN;
}

static void help_row(const struct setting *row, FILE *out) {
	char flag[64] = "";
	if (row->flag != NULL && row->kind != SETTING_SECRET) {
		(void)snprintf(flag, sizeof(flag), "--%s", row->flag);
	}
	(void)fprintf(out, "  %-22s %-28s %s", flag, row->env, row->help);
	if (row->fallback != NULL && row->fallback[0] != 0) {
		(void)fprintf(out, " [%s]", row->fallback);
	}
	if (row->required) {
		(void)fputs(" (required)", out);
	}
	(void)fputc('\n', out);
	for (size_t i = 1; i < NAMES_MAX && name_at(row, i) != NULL; i++) {
		(void)fprintf(out, "  %-22s %-28s   the same\n", "", name_at(row, i));
	}
}

void settings_help(const struct settings *settings, FILE *out) {
	(void)fprintf(out, "%s: %s\n\nUsage: %s %s\n\n", settings->program, settings->summary,
			settings->program, settings->usage);
	(void)fprintf(out, "  %-22s %-28s %s\n", "FLAG", "ENVIRONMENT", "WHAT [default]");
	for (size_t i = 0; i < settings->count; i++) {
		help_row(&settings->rows[i], out);
	}
	(void)fprintf(out, "  %-22s %-28s %s\n", "--help", "", "this text");
	(void)fprintf(out, "  %-22s %-28s %s\n", "--version", "", "the version");
	(void)fputs("\nA flag wins over the environment. Secrets come from the environment, or from a file"
		    " (mode 0600) named by NAME_FILE.\n", out);
}

void settings_finish(const struct settings *settings, void *target) {
	for (size_t i = 0; i < settings->count; i++) {
		const struct setting *row = &settings->rows[i];
		char **text = field_of(target, row);
		if (row->kind != SETTING_TEXT && row->kind != SETTING_SECRET) {
			continue;
		}
		if (*text != NULL && row->kind == SETTING_SECRET) {
			OPENSSL_cleanse(*text, strlen(*text));
		}
		free(*text);
		*text = NULL;
	}
}
