/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads TOML from stdin and writes it as the tagged JSON of the public test cases:
 * {"key": {"type": "integer", "value": "1"}}. Exit code 1 with a message when it is not TOML.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/toml.h"

static void write_text(const struct toml_text *text) {
	(void)putchar('"');
	for (size_t i = 0; i < text->size; i++) {
		unsigned char c = (unsigned char)text->bytes[i];
		if (c < 0x20 || c == '"' || c == '\\') {
			(void)printf("\\u%04x", c);
		} else {
			(void)putchar(c);
		}
	}
	(void)putchar('"');
}

static void write_date(const struct toml_time *time) {
	(void)printf("%04d-%02d-%02d", time->year, time->month, time->day);
}

static void write_clock(const struct toml_time *time) {
	(void)printf("%02d:%02d:%02d.%09d", time->hour, time->minute, time->second,
			time->nanosecond);
}

static void write_time(const struct toml *value) {
	const struct toml_time *time = &value->time;
	if (value->kind != TOML_LOCAL_TIME) {
		write_date(time);
	}
	if (value->kind == TOML_DATETIME || value->kind == TOML_LOCAL_DATETIME) {
		(void)putchar('T');
	}
	if (value->kind != TOML_LOCAL_DATE) {
		write_clock(time);
	}
	if (value->kind == TOML_DATETIME) {
		int offset = time->offset_minutes, size = offset < 0 ? -offset : offset;
		(void)printf("%c%02d:%02d", offset < 0 ? '-' : '+', size / 60, size % 60);
	}
}

static void write_scalar(const struct toml *value) {
	static const char *const types[] = {
		[TOML_STRING] = "string",
		[TOML_INTEGER] = "integer",
		[TOML_FLOAT] = "float",
		[TOML_BOOL] = "bool",
		[TOML_DATETIME] = "datetime",
		[TOML_LOCAL_DATETIME] = "datetime-local",
		[TOML_LOCAL_DATE] = "date-local",
		[TOML_LOCAL_TIME] = "time-local",
	};
	(void)printf("{\"type\": \"%s\", \"value\": ", types[value->kind]);
	if (value->kind == TOML_STRING) {
		write_text(&value->text);
		(void)putchar('}');
		return;
	}
	(void)putchar('"');
	switch (value->kind) {
	case TOML_INTEGER: (void)printf("%" PRId64, value->integer); break;
	case TOML_FLOAT: (void)printf("%.17g", value->number); break;
	case TOML_BOOL: (void)printf("%s", value->truth ? "true" : "false"); break;
	default: write_time(value); break;
	}
	(void)printf("\"}");
}

static void write_value(const struct toml *value) {
	if (value->kind != TOML_TABLE && value->kind != TOML_ARRAY) {
		write_scalar(value);
		return;
	}
	(void)putchar(value->kind == TOML_TABLE ? '{' : '[');
	for (size_t i = 0; i < value->count; i++) {
		if (i > 0) {
			(void)putchar(',');
		}
		if (value->kind == TOML_TABLE) {
			write_text(&value->items[i]->key);
			(void)putchar(':');
		}
		write_value(value->items[i]);
	}
	(void)putchar(value->kind == TOML_TABLE ? '}' : ']');
}

int main(void) {
	CLEANUP(mem_freep) char *text = mem_zero(TOML_BYTES_MAX + 1, 1);
	struct error err;
	size_t size = fread(text, 1, TOML_BYTES_MAX + 1, stdin);
	CLEANUP(toml_destroyp)
	struct toml_document *document = toml_parse("stdin", text, size, &err);
	if (document == NULL) {
		(void)fprintf(stderr, "%s\n", err.message);
		return 1;
	}
	write_value(toml_root(document));
	(void)putchar('\n');
	return 0;
}
