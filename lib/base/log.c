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

#include "base/log_line.h"
#include "base/str.h"

static _Atomic int threshold = LOG_INFO;
static _Atomic int form_now = LOG_TEXT;

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

bool log_form_parse(const char *text, enum log_form *form, struct error *err) {
	*form = strcasecmp(text, "json") == 0 ? LOG_JSON : LOG_TEXT;
	return *form == LOG_JSON || strcasecmp(text, "text") == 0 ||
	       error_set(err, ERROR_INVALID, "\"%.40s\" is no log format; use text or json", text);
}

void log_set_form(enum log_form form) {
	atomic_store_explicit(&form_now, (int)form, memory_order_relaxed);
}

bool log_configure(const char *name, const char *level, const char *form, struct error *err) {
	enum log_level least;
	enum log_form chosen;
	if (!log_level_parse(level, &least, err)) {
		return error_wrap(err, "setting %s_LOG_LEVEL", name);
	}
	if (!log_form_parse(form, &chosen, err)) {
		return error_wrap(err, "setting %s_LOG_FORMAT", name);
	}
	log_set_level(least);
	log_set_form(chosen);
	return true;
}

bool log_enabled(enum log_level level) {
	return (int)level >= atomic_load_explicit(&threshold, memory_order_relaxed);
}

/* All of it or nothing; keeps room for the "..." and the newline at the end. */
bool log_add(struct log_line *line, const char *bytes, size_t size) {
	if (size > sizeof(line->text) - line->size - LOG_END_ROOM) {
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

static bool add_escaped(struct log_line *line, const char *bytes, size_t size) {
	for (size_t i = 0; i < size; i++) {
		char text[8];
		int length = snprintf(text, sizeof(text), "\\x%02x", (unsigned char)bytes[i]);
		if (!log_add(line, text, (size_t)length)) {
			return false;
		}
	}
	return true;
}

static bool add_clean(struct log_line *line, const char *text) {
	size_t left = strlen(text);
	while (left > 0) {
		size_t size = str_utf8_next(text, left);
		bool plain = size != 0 && !is_control(text, size);
		size = size != 0 ? size : 1;
		if (!(plain ? log_add(line, text, size) : add_escaped(line, text, size))) {
			return false;
		}
		text += size;
		left -= size;
	}
	return true;
}

static void time_text(char text[LOG_TIME_MAX]) {
	struct timespec now;
	struct tm tm;
	(void)clock_gettime(CLOCK_REALTIME, &now);
	(void)gmtime_r(&now.tv_sec, &tm);
	size_t used = strftime(text, LOG_TIME_MAX, "%Y-%m-%dT%H:%M:%S", &tm);
	(void)snprintf(text + used, LOG_TIME_MAX - used, ".%03ldZ", now.tv_nsec / 1000000);
}

static void add_start(struct log_line *line, enum log_level level) {
	char time[LOG_TIME_MAX];
	time_text(time);
	line->size = (size_t)snprintf(
			line->text, sizeof(line->text), "%s %s ", time, level_names[level]);
}

static void add_end(struct log_line *line, bool whole) {
	const char *end = whole ? "\n" : "...\n";
	memcpy(line->text + line->size, end, strlen(end));
	line->size += strlen(end);
}

static void put(const struct log_line *line) {
	while (write(STDERR_FILENO, line->text, line->size) < 0 && errno == EINTR) {
	}
}

static void write_text(enum log_level level, const char *format, va_list args) {
	char message[LOG_LINE_MAX];
	int length = vsnprintf(message, sizeof(message), format, args);
	struct log_line line;
	add_start(&line, level);
	bool whole = length >= 0 && (size_t)length < sizeof(message);
	whole = add_clean(&line, length < 0 ? format : message) && whole;
	add_end(&line, whole);
	put(&line);
}

static void write_json(enum log_level level, const char *format, va_list args) {
	static const char *const names[] = { "debug", "info", "warn", "error" };
	char time[LOG_TIME_MAX];
	struct log_line line;
	time_text(time);
	log_json(&line, time, names[level], format, args);
	put(&line);
}

void log_write(enum log_level level, const char *format, ...) {
	if (!log_enabled(level)) {
		return;
	}
	int saved = errno; /* a log line between a failed call and its check changes nothing */
	va_list args;
	va_start(args, format);
	if (atomic_load_explicit(&form_now, memory_order_relaxed) == LOG_JSON) {
		write_json(level, format, args);
	} else {
		write_text(level, format, args);
	}
	va_end(args);
	errno = saved;
}
