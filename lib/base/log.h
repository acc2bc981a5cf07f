/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The log: one line per event on stderr, "time LEVEL message key=value ...".
 *
 * The message is fixed English text, the values follow as key=value; put quotes around those that
 * come from outside: key="%s". Control characters and malformed UTF-8 are written as \xNN and never
 * reach the terminal; a line is cut ("...") at 4096 bytes. The only global state of the tree is the
 * level set here (LOG_INFO at first). Safe from any thread; a line is written with one write().
 */
#include <stdbool.h>

#include "base/attr.h"
#include "base/error.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

/* "debug", "info", "warn" or "warning", "error", any case. */
bool log_level_parse(const char *text, enum log_level *level, struct error *err) MUST_CHECK;
void log_set_level(enum log_level level);
bool log_enabled(enum log_level level);

#define log_debug(...) log_write(LOG_DEBUG, __VA_ARGS__)
#define log_info(...) log_write(LOG_INFO, __VA_ARGS__)
#define log_warn(...) log_write(LOG_WARN, __VA_ARGS__)
#define log_error(...) log_write(LOG_ERROR, __VA_ARGS__)
void log_write(enum log_level level, const char *format, ...) PRINTF(2, 3);
