/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What the parts of base/settings share: flags, secrets, and words about a row. Private to them. */
#include "base/settings.h"

enum { SETTING_NAMES = 4 }; /* env and its aliases */

/* The environment names of a row by index; NULL where there is none. */
const char *setting_env_name(const struct setting *row, size_t index);
/* What messages call the setting: its environment name, else its flag. */
const char *setting_title(const struct setting *row);

/* A text for a setting and a phrase that says where it is from. */
struct setting_source {
	char where[160];
	const char *value; /* NULL: nothing was found */
};

/*
 * Looks at NAME<suffix> for all names of the row. ERROR_INVALID when two of them disagree; the
 * values themselves never appear in the message.
 */
bool setting_find_env(const struct setting *row, const char *suffix, struct setting_source *source,
		struct error *err) MUST_CHECK;

/* Sets the secret from the environment or its file; stays NULL when there is none. */
bool setting_load_secret(const struct setting *row, char **field, struct error *err) MUST_CHECK;
/* Wipes, frees and forgets a secret. */
void setting_wipe_secret(char **field);

bool setting_missing(const struct setting *row, struct error *err);

/*
 * Reads argv into given[row]: the text of the last flag for that row, NULL without one.
 * SETTINGS_RUN: go on. SETTINGS_DONE: --help or --version has been answered.
 */
enum settings_outcome settings_read_flags(const struct settings *settings, int argc, char **argv,
		const char **given, struct error *err) MUST_CHECK;
