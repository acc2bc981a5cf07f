/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What the parts of base/settings share: flags, the settings file, secrets, and words about a row.
 * Private to them.
 */
#include "base/settings.h"
#include "base/str.h"
#include "base/toml.h"

enum {
	SETTING_NAMES = 4,     /* env and its aliases */
	SETTING_NAME_MAX = 48, /* of a name that is looked for among similar ones */
};

/* The environment names of a row by index; NULL where there is none. */
const char *setting_env_name(const struct setting *row, size_t index);
/* What messages call the setting: its environment name, else its flag. */
const char *setting_title(const struct setting *row);

/* A text for a setting and a phrase that says where it is from. */
struct setting_source {
	char where[ERROR_MESSAGE_MAX / 2];
	const char *value; /* NULL: nothing was found */
};

/* Takes one value in; a second one has to be the same. The value is not copied. */
bool setting_offer(struct setting_source *source, const char *where, const char *value,
		struct error *err) MUST_CHECK;
/*
 * Looks at NAME<suffix> for all names of the row. ERROR_INVALID when two of them disagree; the
 * values themselves never appear in the message.
 */
bool setting_find_env(const struct setting *row, const char *suffix, struct setting_source *source,
		struct error *err) MUST_CHECK;

/* The settings file that was read. {0}: none. */
struct settings_file {
	char *path, *section_name;
	struct toml_document *document;
	const struct toml *section; /* ours; NULL: it is not in the file */
	struct strings texts;       /* what numbers are as text */
};
/*
 * Finds, reads and checks the file: TOML, known keys, and nobody else's eyes where it holds a
 * secret. Without a row of SETTING_FILE, or when none of the searched files is there, `file` stays
 * empty and this is true.
 */
bool settings_file_load(const struct settings *settings, const char *const *given,
		struct settings_file *file, struct error *err) MUST_CHECK;
/* As setting_find_env(), for the keys of our section. The source lives as long as the file. */
bool setting_find_key(const struct setting *row, const char *suffix, struct settings_file *file,
		struct setting_source *source, struct error *err) MUST_CHECK;
void settings_file_finish(struct settings_file *file);
/* True for the kinds that a settings file can hold. */
bool setting_has_key(const struct setting *row);
/* "http_port", or "" where the row has no such name. */
void setting_key(const struct setting *row, size_t index, char key[SETTING_NAME_MAX]);

/* Sets the secret from the environment, the settings file or its own; NULL when there is none. */
bool setting_load_secret(const struct setting *row, struct settings_file *file, char **field,
		struct error *err) MUST_CHECK;

bool setting_missing(const struct setting *row, struct error *err);

/*
 * Reads argv into given[row]: the text of the last flag for that row, NULL without one.
 * SETTINGS_RUN: go on. SETTINGS_DONE: --help or --version has been answered.
 */
enum settings_outcome settings_read_flags(const struct settings *settings, int argc, char **argv,
		const char **given, struct error *err) MUST_CHECK;

/* The known name that is nearest to a wrong one. */
struct setting_guess {
	char typed[SETTING_NAME_MAX];
	char best[SETTING_NAME_MAX + sizeof("no-")]; /* "": none is near */
	size_t distance;
};
/* What is too long to be a name has no near one. */
void setting_guess_begin(struct setting_guess *guess, const char *typed, size_t size);
void setting_guess_consider(struct setting_guess *guess, const char *prefix, const char *name);
