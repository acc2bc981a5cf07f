/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A log line as JSON. Its keys are those of the format string: a mark goes in front of each of them
 * before the values are put in, so that no value can pass for a key. Where a value holds the mark
 * itself, the line stays one message.
 */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/log_line.h"
#include "base/str.h"

#define MARK '\x1f'

static bool is_key_char(char c) {
	return (c >= 'a' && c <= 'z') || c == '_';
}

/* True if " key=" begins here. */
static bool is_key(const char *at) {
	const char *end = at + 1;
	while (is_key_char(*end)) {
		end++;
	}
	return *at == ' ' && end > at + 1 && *end == '=';
}

/* The format with a mark in place of the space before each key; how many there are. */
static size_t mark_keys(const char *format, char marked[LOG_LINE_MAX]) {
	size_t keys = 0, used = 0;
	for (; *format != '\0' && used + 1 < LOG_LINE_MAX; format++) {
		bool key = is_key(format);
		marked[used++] = key ? MARK : *format;
		keys += key;
	}
	marked[used] = '\0';
	return keys;
}

static size_t count_marks(const char *text) {
	size_t marks = 0;
	for (; *text != '\0'; text++) {
		marks += *text == MARK;
	}
	return marks;
}

/* One character as it stands in a JSON string. */
static bool add_char(struct log_line *line, const char *bytes, size_t size) {
	char text[8];
	unsigned char first = (unsigned char)bytes[0];
	if (size == 0) {
		return log_add(line, "\xef\xbf\xbd", 3);
	}
	if (first == '"' || first == '\\') {
		text[0] = '\\';
		text[1] = (char)first;
		return log_add(line, text, 2);
	}
	bool c1 = size == 2 && first == 0xc2 && (unsigned char)bytes[1] < 0xa0;
	if (first < 0x20 || first == 0x7f || c1) {
		(void)snprintf(text, sizeof(text), "\\u%04x", c1 ? (unsigned char)bytes[1] : first);
		return log_add(line, text, 6);
	}
	return log_add(line, bytes, size);
}

static bool add_string(struct log_line *line, const char *text, size_t left) {
	bool ok = log_add(line, "\"", 1);
	while (ok && left > 0) {
		size_t size = str_utf8_next(text, left);
		ok = add_char(line, text, size);
		size = size != 0 ? size : 1;
		text += size;
		left -= size;
	}
	return ok && log_add(line, "\"", 1);
}

/* A JSON number as it stands: digits without a leading zero, no more than a double holds. */
static bool is_number(const char *text, size_t size) {
	bool digits = size > 0 && size <= 15 && strspn(text, "0123456789") >= size;
	return digits && (size == 1 || text[0] != '0');
}

/* "key=value" or "key=\"value\"". */
static bool add_field(struct log_line *line, const char *field, size_t size) {
	size_t key = (size_t)((const char *)memchr(field, '=', size) - field);
	const char *value = field + key + 1;
	size_t left = size - key - 1;
	bool quoted = left >= 2 && value[0] == '"' && value[left - 1] == '"';
	bool ok = log_add(line, ",", 1) && add_string(line, field, key) && log_add(line, ":", 1);
	if (quoted) {
		return ok && add_string(line, value + 1, left - 2);
	}
	return ok && (is_number(value, left) ? log_add(line, value, left)
					     : add_string(line, value, left));
}

/* The values, each as a whole or not at all. */
static bool add_fields(struct log_line *line, const char *fields) {
	bool whole = true;
	while (*fields == MARK) {
		size_t size = strcspn(++fields, "\x1f"), before = line->size;
		if (!add_field(line, fields, size)) {
			line->size = before;
			whole = false;
		}
		fields += size;
	}
	return whole;
}

/* A message that has no room is cut; false then. */
static bool add_message(struct log_line *line, const char *message, size_t size) {
	size_t before = line->size, left = size;
	while (!add_string(line, message, left)) {
		line->size = before;
		left /= 2;
	}
	return left == size;
}

void log_json(struct log_line *line, const char *time, const char *level, const char *format,
		va_list args) {
	char marked[LOG_LINE_MAX], message[LOG_LINE_MAX];
	size_t keys = mark_keys(format, marked);
	int length = vsnprintf(message, sizeof(message), marked, args);
	bool whole = length >= 0 && (size_t)length < sizeof(message);
	bool split = whole && count_marks(message) == keys;
	size_t said = split ? strcspn(message, "\x1f") : strlen(message);
	line->size = (size_t)snprintf(line->text, sizeof(line->text),
			"{\"time\":\"%s\",\"level\":\"%s\",\"msg\":", time, level);
	whole = add_message(line, message, said) && whole;
	whole = (!split || add_fields(line, message + said)) && whole;
	const char *end = whole ? "}\n" : ",\"cut\":true}\n";
	memcpy(line->text + line->size, end, strlen(end));
	line->size += strlen(end);
}
