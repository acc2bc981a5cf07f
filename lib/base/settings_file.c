/* SPDX-License-Identifier: Apache-2.0 */
/* The settings file: which one, whether all of its keys are ours, and what they say. */
#include <ctype.h>
#include <inttypes.h>
#include <string.h>

#include "base/mem.h"
#include "base/secret.h"
#include "base/settings_parts.h"

static const char *const searched[] = { "./config.toml", "/etc/propeller/config.toml" };

/* What the check of a section passes along. */
struct check {
	const struct settings *settings;
	const struct settings_file *file;
	unsigned mode;
	struct error *err;
};

bool setting_has_key(const struct setting *row) {
	return row->env != NULL && row->kind != SETTING_FILE && row->kind != SETTING_SECTION;
}

void setting_key(const struct setting *row, size_t index, char key[SETTING_NAME_MAX]) {
	const char *name = setting_env_name(row, index);
	const char *begin = name != NULL ? strchr(name, '_') : NULL;
	size_t size = 0;
	while (begin != NULL && begin[1 + size] != '\0' && size + 1 < SETTING_NAME_MAX) {
		key[size] = (char)tolower((unsigned char)begin[1 + size]);
		size++;
	}
	key[size] = '\0';
}

/* "FILE:3:7" */
static char *place(const struct settings_file *file, size_t offset) {
	struct toml_place at = toml_place(file->document, offset);
	return str_format("%.400s:%u:%u", file->path, at.line, at.column);
}

/* The row that a key belongs to; *direct: it is no NAME_FILE. */
static const struct setting *find_row(
		const struct settings *settings, const char *name, bool *direct) {
	for (size_t i = 0; i < settings->count * SETTING_NAMES; i++) {
		const struct setting *row = &settings->rows[i / SETTING_NAMES];
		char key[SETTING_NAME_MAX];
		setting_key(row, i % SETTING_NAMES, key);
		size_t size = strlen(key);
		if (size == 0 || !setting_has_key(row) || strncmp(name, key, size) != 0) {
			continue;
		}
		*direct = name[size] == '\0';
		if (*direct || (row->kind == SETTING_SECRET && str_equal(name + size, "_file"))) {
			return row;
		}
	}
	return NULL;
}

static void consider_keys(struct setting_guess *guess, const struct settings *settings) {
	for (size_t i = 0; i < settings->count * SETTING_NAMES; i++) {
		const struct setting *row = &settings->rows[i / SETTING_NAMES];
		char key[SETTING_NAME_MAX];
		setting_key(row, i % SETTING_NAMES, key);
		if (key[0] != '\0' && setting_has_key(row)) {
			setting_guess_consider(guess, "", key);
		}
	}
}

static bool refuse_key(const struct check *check, const struct toml *item) {
	const struct settings_file *file = check->file;
	CLEANUP(mem_freep) char *where = place(file, item->key_offset);
	struct setting_guess guess;
	setting_guess_begin(&guess, item->key.bytes, item->key.size);
	consider_keys(&guess, check->settings);
	if (guess.best[0] != '\0') {
		return error_set(check->err, ERROR_INVALID,
				"%s: unknown key %.64s in [%.64s]; did you mean %s?", where,
				item->key.bytes, file->section_name, guess.best);
	}
	return error_set(check->err, ERROR_INVALID,
			"%s: unknown key %.64s in [%.64s]; %s --help lists all settings", where,
			item->key.bytes, file->section_name, check->settings->program);
}

/* What a file has for each kind: one type of TOML, or the text of the environment. */
static const struct {
	enum toml_kind kind;
	bool or_text;
	const char *words;
} types[] = {
	[SETTING_TEXT] = { TOML_STRING, true, "a string" },
	[SETTING_SECRET] = { TOML_STRING, true, "a string" },
	[SETTING_NUMBER] = { TOML_INTEGER, false, "a whole number" },
	[SETTING_BYTES] = { TOML_INTEGER, true,
			"a whole number of bytes, or a string such as \"256MiB\"" },
	[SETTING_DURATION] = { TOML_INTEGER, true,
			"a whole number of seconds, or a string such as \"30s\"" },
	[SETTING_BOOL] = { TOML_BOOL, false, "true or false" },
};

static bool check_type(
		const struct check *check, const struct setting *row, const struct toml *item) {
	bool text = item->kind == TOML_STRING;
	bool fits = item->kind == types[row->kind].kind || (text && types[row->kind].or_text);
	CLEANUP(mem_freep) char *where = place(check->file, item->offset);
	if (!fits) {
		return error_set(check->err, ERROR_INVALID, "%s: %s is %s; it takes %s", where,
				item->key.bytes, toml_kind_name(item->kind),
				types[row->kind].words);
	}
	if (text && strlen(item->text.bytes) != item->text.size) {
		return error_set(check->err, ERROR_INVALID,
				"%s: %s holds a zero byte; it takes text", where, item->key.bytes);
	}
	return true;
}

static bool check_eyes(const struct check *check, const struct toml *item) {
	CLEANUP(mem_freep) char *where = place(check->file, item->key_offset);
	if ((check->mode & 077) == 0) {
		return true;
	}
	return error_set(check->err, ERROR_INVALID,
			"%s: %s is a secret, and others than its owner may use this file (mode "
			"%04o); run chmod 600 on it, or name a file of its own with %s_file",
			where, item->key.bytes, check->mode, item->key.bytes);
}

/* Also what a flag or the environment hides has to be right: some day it will not be hidden. */
static bool check_key(const struct check *check, const struct toml *item) {
	bool direct = false, text = strlen(item->key.bytes) == item->key.size;
	const struct setting *row =
			text ? find_row(check->settings, item->key.bytes, &direct) : NULL;
	if (row == NULL) {
		return refuse_key(check, item);
	}
	if (!check_type(check, row, item)) {
		return false;
	}
	bool secret = row->kind == SETTING_SECRET && direct && item->text.size > 0;
	return !secret || check_eyes(check, item);
}

/* Settings in front of the first [section] were meant for one. */
static bool check_root(const struct check *check) {
	const struct toml *root = toml_root(check->file->document);
	for (size_t i = 0; i < root->count; i++) {
		const struct toml *item = root->items[i];
		bool direct;
		if (item->kind == TOML_TABLE || item->kind == TOML_ARRAY ||
				find_row(check->settings, item->key.bytes, &direct) == NULL) {
			continue;
		}
		CLEANUP(mem_freep) char *where = place(check->file, item->key_offset);
		return error_set(check->err, ERROR_INVALID,
				"%s: %.64s is in no section; put it below [%.64s]", where,
				item->key.bytes, check->file->section_name);
	}
	return true;
}

static bool check_section(const struct check *check) {
	const struct toml *section = check->file->section;
	if (section == NULL) {
		return true;
	}
	if (section->kind != TOML_TABLE) {
		CLEANUP(mem_freep) char *where = place(check->file, section->key_offset);
		return error_set(check->err, ERROR_INVALID,
				"%s: %.64s is %s; it should be a section: [%.64s]", where,
				check->file->section_name, toml_kind_name(section->kind),
				check->file->section_name);
	}
	for (size_t i = 0; i < section->count; i++) {
		if (!check_key(check, section->items[i])) {
			return false;
		}
	}
	return true;
}

/* What a flag or the environment says about the file; NULL: nothing. */
static bool find_choice(const struct settings *settings, const char *const *given,
		enum setting_kind kind, const struct setting **row, struct setting_source *source,
		struct error *err) {
	*row = NULL;
	source->value = NULL;
	for (size_t i = 0; i < settings->count; i++) {
		if (settings->rows[i].kind != kind) {
			continue;
		}
		*row = &settings->rows[i];
		if (given[i] != NULL) {
			(void)snprintf(source->where, sizeof(source->where), "flag --%s",
					settings->rows[i].flag);
			source->value = given[i];
			return true;
		}
		return setting_find_env(*row, "", source, err);
	}
	return true;
}

/* A file that was asked for has to be there; the searched ones may be missing. */
static bool read_file(const struct setting_source *choice, struct settings_file *file,
		struct secret_content *content, struct error *err) {
	const char *const *paths = choice->value != NULL ? &choice->value : searched;
	size_t count = choice->value != NULL ? 1 : sizeof(searched) / sizeof(searched[0]);
	for (size_t i = 0; i < count; i++) {
		if (secret_read_content(paths[i], "settings file", TOML_BYTES_MAX, content, err)) {
			file->path = str_copy(paths[i]);
			return true;
		}
		if (choice->value != NULL) {
			return error_wrap(err, "from %s", choice->where);
		}
		if (!content->missing) {
			return false;
		}
	}
	return true;
}

/* A section that was asked for has to be there; the usual one may be missing. */
static bool find_section(const struct settings *settings, const char *const *given,
		struct settings_file *file, struct error *err) {
	const struct setting *row;
	struct setting_source source;
	if (!find_choice(settings, given, SETTING_SECTION, &row, &source, err)) {
		return false;
	}
	const char *usual = row != NULL ? row->fallback : settings->program;
	file->section_name = str_copy(source.value != NULL ? source.value : usual);
	file->section = toml_get(toml_root(file->document), file->section_name);
	if (file->section == NULL && !str_equal(file->section_name, usual)) {
		return error_set(err, ERROR_INVALID,
				"the settings file %.400s has no section [%.64s] (from %s)",
				file->path, file->section_name, source.where);
	}
	return true;
}

bool settings_file_load(const struct settings *settings, const char *const *given,
		struct settings_file *file, struct error *err) {
	const struct setting *row;
	struct setting_source choice;
	CLEANUP(secret_wipe_content) struct secret_content content = { 0 };
	if (!find_choice(settings, given, SETTING_FILE, &row, &choice, err)) {
		return false;
	}
	if (row == NULL || (choice.value != NULL && *choice.value == '\0')) {
		return true;
	}
	if (!read_file(&choice, file, &content, err)) {
		return false;
	}
	if (file->path == NULL) {
		return true;
	}
	file->document = toml_parse(file->path, content.bytes, content.size, err);
	if (file->document == NULL || !find_section(settings, given, file, err)) {
		return false;
	}
	const struct check check = { settings, file, content.mode, err };
	return check_root(&check) && check_section(&check);
}

void settings_file_finish(struct settings_file *file) {
	toml_destroyp(&file->document);
	strings_finish(&file->texts);
	free(file->path);
	free(file->section_name);
	*file = (struct settings_file){ 0 };
}

static const char *keep_number(struct settings_file *file, int64_t number) {
	CLEANUP(mem_freep) char *text = str_format("%" PRId64, number);
	strings_add(&file->texts, text);
	return file->texts.items[file->texts.count - 1];
}

/* The value as the environment would have it. Its type has been checked. */
static const char *text_of(const struct toml *value, struct settings_file *file) {
	switch (value->kind) {
	case TOML_INTEGER: return keep_number(file, value->integer);
	case TOML_BOOL: return value->truth ? "true" : "false";
	default: return value->text.bytes;
	}
}

static bool offer_key(const char *key, struct settings_file *file, struct setting_source *source,
		struct error *err) {
	const struct toml *value = toml_get(file->section, key);
	if (value == NULL) {
		return true;
	}
	CLEANUP(mem_freep) char *at = place(file, value->offset);
	CLEANUP(mem_freep) char *where = str_format("%s in %s", key, at);
	const char *text = text_of(value, file);
	return *text == '\0' || setting_offer(source, where, text, err);
}

bool setting_find_key(const struct setting *row, const char *suffix, struct settings_file *file,
		struct setting_source *source, struct error *err) {
	source->value = NULL;
	for (size_t i = 0; i < SETTING_NAMES && file->section != NULL; i++) {
		char name[SETTING_NAME_MAX];
		setting_key(row, i, name);
		CLEANUP(mem_freep) char *key = str_format("%s%s", name, suffix);
		bool here = setting_has_key(row) && name[0] != '\0';
		if (here && !offer_key(key, file, source, err)) {
			return false;
		}
	}
	return true;
}
