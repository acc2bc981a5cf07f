/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "base/str.h"

/* PIPE_BUF: up to this size a write to a pipe is never mixed with another one. */
enum { LINE_MAX_SIZE = 4096 };

static _Atomic int threshold = LOG_INFO;

static const char *const level_names[] = { "DEBUG", "INFO", "WARN", "ERROR" };

bool log_level_parse(const char *text, enum log_level *level, struct error *err) {
	if (strcasecmp(text, "warning") == 0) {
		*level = LOG_WARN;
		return true;
	}
	for (int i = LOG_DEBUG; i <= LOG_ERROR; i++) {
		if (strcasecmp(text, level_names[i]) == 0) {
			*level = (enum log_level)i;
			return true;
		}
	}
	return error_set(err, ERROR_INVALID,
			"\"%.40s\" is no log level; use debug, info, warn or error", text);
}

void log_set_level(enum log_level level) {
	atomic_store_explicit(&threshold, (int)level, memory_order_relaxed);
}

bool log_enabled(enum log_level level) {
	return (int)level >= atomic_load_explicit(&threshold, memory_order_relaxed);
}

struct line {
	char text[LINE_MAX_SIZE];
	size_t size;
};

/* All of it or nothing; keeps room for the "..." and the newline at the end. */
static bool add(struct line *line, const char *bytes, size_t size) {
	if (size > sizeof(line->text) - line->size - sizeof("...\n")) {
		return false;
	}
	memcpy(line->text + line->size, bytes, size);
	line->size += size;
	return true;
}

/* Characters that a terminal acts on: C0, DEL, and C1 as UTF-8 writes it. */
static bool is_control(const char *bytes, size_t size) {
	unsigned char first = (unsigned char)bytes[0];
	return first < 0x20 || first == 0x7f ||
	       (size == 2 && first == 0xc2 && (unsigned char)bytes[1] < 0xa0);
}

static bool add_escaped(struct line *line, const char *bytes, size_t size) {
	for (size_t i = 0; i < size; i++) {
		char text[8];
		int length = snprintf(text, sizeof(text), "\\x%02x", (unsigned char)bytes[i]);
		if (!add(line, text, (size_t)length)) {
			return false;
		}
	}
	return true;
}

static bool add_clean(struct line *line, const char *text) {
	size_t left = strlen(text);
	while (left > 0) {
		size_t size = str_utf8_next(text, left);
		bool plain = size != 0 && !is_control(text, size);
		size = size != 0 ? size : 1;
		if (!(plain ? add(line, text, size) : add_escaped(line, text, size))) {
			return false;
		}
		text += size;
		left -= size;
	}
	return true;
}

static void add_start(struct line *line, enum log_level level) {
	struct timespec now;
	struct tm tm;
	(void)clock_gettime(CLOCK_REALTIME, &now);
	(void)gmtime_r(&now.tv_sec, &tm);
	size_t used = strftime(line->text, 32, "%Y-%m-%dT%H:%M:%S", &tm);
	int more = snprintf(line->text + used, 32, ".%03ldZ %s ", now.tv_nsec / 1000000,
			level_names[level]);
	line->size = used + (size_t)more;
}

static void add_end(struct line *line, bool whole) {
	const char *end = whole ? "\n" : "...\n";
	memcpy(line->text + line->size, end, strlen(end));
	line->size += strlen(end);
}

void log_write(enum log_level level, const char *format, ...) {
	if (!log_enabled(level)) {
		return;
	}
	int saved = errno; /* a log line between a failed call and its check changes nothing */
	char message[LINE_MAX_SIZE];
	va_list args;
	va_start(args, format);
	int length = vsnprintf(message, sizeof(message), format, args);
	va_end(args);

	struct line line;
	add_start(&line, level);
	bool whole = length >= 0 && (size_t)length < sizeof(message);
	whole = add_clean(&line, length < 0 ? format : message) && whole;
	add_end(&line, whole);
	while (write(STDERR_FILENO, line.text, line.size) < 0 && errno == EINTR) {
	}
	errno = saved;
}
