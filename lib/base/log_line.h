/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A line of the log while it is made: shared by the two forms, log.c and log_json.c. */
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"

enum {
	/* PIPE_BUF: up to this size a write to a pipe is never mixed with another one. */
	LOG_LINE_MAX = 4096,
	LOG_TIME_MAX = 64,
	LOG_END_ROOM = 16, /* for what says that something was cut, and the newline */
};

struct log_line {
	char text[LOG_LINE_MAX];
	size_t size;
};

/* All of it or nothing. */
bool log_add(struct log_line *line, const char *bytes, size_t size) MUST_CHECK;

/* The whole line as a JSON object. */
void log_json(struct log_line *line, const char *time, const char *level, const char *format,
		va_list args);
