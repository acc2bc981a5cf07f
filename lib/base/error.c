/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"

struct row {
	const char *slug, *title;
	int http, grpc, exit;
};

static const struct row rows[] = {
	[ERROR_NONE] = { "none", "no error", 200, 0, 0 },
#define ERROR(name, slug, http, grpc, exit, title)                                                 \
	[ERROR_##name] = { slug, title, http, grpc, exit },
#include "spec/errors.def"
#undef ERROR
};

enum { ROW_COUNT = sizeof(rows) / sizeof(rows[0]) };

/*
 * A message quotes what came from outside and may be cut inside of a character: what is malformed
 * or would act on a terminal becomes '?', so that every message fits into JSON and onto a screen.
 */
static void clean(char *message) {
	size_t left = strlen(message);
	while (left > 0) {
		size_t step = str_utf8_next(message, left);
		unsigned char first = (unsigned char)*message;
		if (step == 0 || first == 0x7f ||
				(first < 0x20 && first != '\n' && first != '\t')) {
			*message = '?';
			step = 1;
		}
		message += step;
		left -= step;
	}
}

static size_t say(struct error *err, const char *format, va_list args) {
	int used = vsnprintf(err->message, sizeof(err->message), format, args);
	if (used < 0) {
		return 0;
	}
	return (size_t)used < sizeof(err->message) ? (size_t)used : sizeof(err->message) - 1;
}

static size_t fill(struct error *err, enum error_code code, const char *origin, const char *format,
		va_list args) {
	err->code = code;
	err->origin = origin;
	err->part = ERROR_ANYWHERE;
	err->place[0] = 0;
	return say(err, format, args);
}

bool error_set_at(struct error *err, enum error_code code, const char *origin, const char *format,
		...) {
	va_list args;
	va_start(args, format);
	(void)fill(err, code, origin, format, args);
	va_end(args);
	clean(err->message);
	return false;
}

static enum error_code code_of_errno(int number) {
	switch (number) {
	case ENOSPC:
	case EDQUOT: return ERROR_NO_SPACE;
	case ENOMEM: return ERROR_NO_MEMORY;
	default: return ERROR_INTERNAL;
	}
}

bool error_errno_at(struct error *err, int number, const char *origin, const char *format, ...) {
	va_list args;
	va_start(args, format);
	size_t used = fill(err, code_of_errno(number), origin, format, args);
	va_end(args);
	(void)snprintf(err->message + used, sizeof(err->message) - used, ": %s", strerror(number));
	clean(err->message);
	return false;
}

bool error_wrap(struct error *err, const char *format, ...) {
	char inner[sizeof(err->message)];
	memcpy(inner, err->message, sizeof(inner));

	va_list args;
	va_start(args, format);
	size_t used = say(err, format, args);
	va_end(args);
	(void)snprintf(err->message + used, sizeof(err->message) - used, ": %s", inner);
	clean(err->message);
	return false;
}

/* RFC 6901, 3; NULL and no step if it is too long. */
static char *write_step(char to[ERROR_PLACE_MAX], const char *name) {
	size_t used = 0;
	to[used++] = '/';
	for (; *name != 0; name++) {
		if (used + 3 > ERROR_PLACE_MAX) {
			return NULL;
		}
		bool special = *name == '~' || *name == '/';
		if (special) {
			to[used++] = '~';
		}
		to[used++] = *name != '~' && special ? '1' : special ? '0' : *name;
	}
	to[used] = 0;
	return to;
}

bool error_in(struct error *err, const char *member) {
	char step[ERROR_PLACE_MAX], inner[ERROR_PLACE_MAX] = "";
	if (err->part == ERROR_IN_BODY) {
		memcpy(inner, err->place, sizeof(inner));
	}
	if (write_step(step, member) == NULL) {
		step[0] = inner[0] = 0;
	}
	bool fits = strlen(step) + strlen(inner) < ERROR_PLACE_MAX;
	err->part = ERROR_IN_BODY;
	(void)snprintf(err->place, sizeof(err->place), "%s%s", step, fits ? inner : "");
	return false;
}

bool error_in_item(struct error *err, size_t index) {
	char text[24];
	(void)snprintf(text, sizeof(text), "%zu", index);
	return error_in(err, text);
}

bool error_of(struct error *err, enum error_part part, const char *name) {
	err->part = part;
	(void)snprintf(err->place, sizeof(err->place), "%s", name);
	return false;
}

int error_http_status(enum error_code code) {
	return rows[code].http;
}

int error_grpc_status(enum error_code code) {
	return rows[code].grpc;
}

int error_exit_code(enum error_code code) {
	return rows[code].exit;
}

const char *error_title(enum error_code code) {
	return rows[code].title;
}

const char *error_slug(enum error_code code) {
	return rows[code].slug;
}

enum error_code error_from_slug(const char *slug) {
	for (int i = 0; i < ROW_COUNT; i++) {
		if (strcmp(rows[i].slug, slug) == 0) {
			return (enum error_code)i;
		}
	}
	return ERROR_INTERNAL;
}
