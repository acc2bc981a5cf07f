/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A program's settings: one table, and from it defaults, a settings file, environment, flags,
 * --help and checks.
 *
 * Precedence: default < settings file < environment < flag. A flag may be written with one dash,
 * as Go's programs have it (-http-port 8080). Each row names one setting; its
 * aliases are other names of the same environment variable (Propeller's two generations), the
 * first one that is set wins and two that disagree are refused; one that is set to nothing counts
 * as not set. A setting marked secret has no flag: secrets come from the environment, from the
 * settings file, or from a file named by NAME_FILE (read whole, one trailing newline dropped). A
 * file that holds a secret is refused when others than its owner may touch it.
 *
 * A table with a row of SETTING_FILE has a settings file, in TOML: the one that this row names
 * (it has to be there; --FLAG= means none), else ./config.toml, else /etc/propeller/config.toml.
 * The program reads its own section, [manager]; the others belong to other programs. Its keys are
 * the environment names and aliases in small letters without what is before the first "_":
 * MANAGER_HTTP_PORT is http_port. A key that is no setting is an error.
 *
 * Every error names the setting, where its value came from, and what would be accepted.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/attr.h"
#include "base/error.h"

enum setting_kind {
	SETTING_TEXT,     /* char *        (owned by the settings, freed by settings_finish) */
	SETTING_SECRET,   /* char *        never shown, never a flag */
	SETTING_NUMBER,   /* uint64_t      within min..max */
	SETTING_BYTES,    /* uint64_t      "256MiB", within min..max */
	SETTING_DURATION, /* uint64_t ms   "30", "30s", within min..max ms */
	SETTING_BOOL,     /* bool          also --no-FLAG */
	SETTING_FILE,     /* char *        the settings file; then the one that was read, or NULL */
	SETTING_SECTION,  /* char *        its section; the fallback says which */
};

struct setting {
	const char *env;        /* "MANAGER_HTTP_PORT", or NULL for a flag only */
	const char *alias[3];   /* other environment names, NULL-ended unless full */
	const char *flag;       /* "http-port", or NULL */
	const char *flag_alias; /* another name of the flag, or NULL */
	enum setting_kind kind;
	size_t offset;        /* of the field in the program's own structure */
	const char *fallback; /* text of the default; NULL: the field stays NULL or 0 */
	const char *help;     /* one line */
	uint64_t min, max;    /* max 0: no limit */
	bool required;
};

struct settings {
	const char *program; /* "propeller-manager" */
	const char *summary; /* one line for --help */
	const char *usage;   /* "[FLAGS]" */
	const struct setting *rows;
	size_t count;
};

enum settings_outcome { SETTINGS_RUN, SETTINGS_DONE, SETTINGS_BAD };

/*
 * Fills `target` (zeroed by the caller). Handles --help, --man and --version itself (prints to
 * stdout: SETTINGS_DONE). SETTINGS_BAD: err says which setting, what it had, what it takes.
 * Arguments that are not flags end it with an error. After anything but SETTINGS_RUN target holds
 * nothing; settings_finish() is allowed then, and twice.
 */
enum settings_outcome settings_load(const struct settings *settings, void *target, int argc,
		char **argv, struct error *err) MUST_CHECK;
void settings_help(const struct settings *settings, FILE *out);
/* The manual page (section 8), in the mdoc language; --man prints it. */
void settings_man(const struct settings *settings, FILE *out);
/* Frees (secrets: wipes first) what settings_load() allocated in target. */
void settings_finish(const struct settings *settings, void *target);
