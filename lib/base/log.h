/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The log: one line per event on stderr, "time LEVEL message key=value ...".
 *
 * The message is fixed English text, the values follow as key=value; put quotes around those that
 * come from outside: key="%s". Control characters and malformed UTF-8 are written as \xNN and never
 * reach the terminal; a line is cut ("...") at 4096 bytes. As JSON a line is one object: time,
 * level, msg and the values under their keys, as strings, or as numbers where nothing is quoted and
 * all is digits; malformed UTF-8 becomes U+FFFD, a value that has no room is left out ("cut":true).
 * The only global state of the tree is the level and the form set here (LOG_INFO and LOG_TEXT at
 * first). Safe from any thread; a line is written with one write().
 */
#include <stdbool.h>

#include "base/attr.h"
#include "base/error.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

/* "debug", "info", "warn" or "warning", "error", any case. */
bool log_level_parse(const char *text, enum log_level *level, struct error *err) MUST_CHECK;
void log_set_level(enum log_level level);
enum log_form { LOG_TEXT, LOG_JSON };
/* "text" or "json". */
bool log_form_parse(const char *text, enum log_form *form, struct error *err) MUST_CHECK;
void log_set_form(enum log_form form);
/* Both from the settings NAME_LOG_LEVEL and NAME_LOG_FORMAT; errors tell which one. */
bool log_configure(const char *name, const char *level, const char *form,
		struct error *err) MUST_CHECK;
bool log_enabled(enum log_level level);

#define log_debug(...) log_write(LOG_DEBUG, __VA_ARGS__)
#define log_info(...) log_write(LOG_INFO, __VA_ARGS__)
#define log_warn(...) log_write(LOG_WARN, __VA_ARGS__)
#define log_error(...) log_write(LOG_ERROR, __VA_ARGS__)
void log_write(enum log_level level, const char *format, ...) PRINTF(2, 3);
