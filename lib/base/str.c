/* SPDX-License-Identifier: Apache-2.0 */
#include "base/str.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

char *str_copy(const char *text) {
	return text != NULL ? mem_copy(text, strlen(text)) : NULL;
}

char *str_format(const char *format, ...) {
	va_list args;
	va_start(args, format);
	int length = vsnprintf(NULL, 0, format, args);
	va_end(args);

	size_t size = length < 0 ? 1 : (size_t)length + 1;
	char *text = mem_zero(size, 1);
	va_start(args, format);
	(void)vsnprintf(text, size, format, args);
	va_end(args);
	return text;
}

bool str_equal(const char *a, const char *b) {
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

bool str_starts(const char *text, const char *prefix) {
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

bool str_ends(const char *text, const char *suffix) {
	size_t size = strlen(text), tail = strlen(suffix);
	return tail <= size && memcmp(text + size - tail, suffix, tail) == 0;
}

void str_set(char **place, const char *text) {
	char *before = *place;
	*place = str_copy(text); /* first, for text may lie inside of what was there */
	free(before);
}

/* Takes the piece over. */
static void append(struct strings *list, char *piece) {
	list->items = mem_resize(list->items, list->count + 1, sizeof(*list->items));
	list->items[list->count++] = piece;
}

void strings_add(struct strings *list, const char *text) {
	append(list, str_copy(text));
}

void strings_copy(struct strings *to, const struct strings *from) {
	struct strings copy = { 0 };
	for (size_t i = 0; i < from->count; i++) {
		strings_add(&copy, from->items[i]);
	}
	strings_finish(to);
	*to = copy;
}

bool strings_has(const struct strings *list, const char *text) {
	for (size_t i = 0; i < list->count; i++) {
		if (str_equal(list->items[i], text)) {
			return true;
		}
	}
	return false;
}

void strings_split(struct strings *list, const char *text, char separator) {
	while (*text != '\0') {
		const char *end = strchrnul(text, separator);
		if (end != text) {
			append(list, mem_copy(text, (size_t)(end - text)));
		}
		text = *end != '\0' ? end + 1 : end;
	}
}

void strings_finish(struct strings *list) {
	for (size_t i = 0; i < list->count; i++) {
		free(list->items[i]);
	}
	free(list->items);
	*list = (struct strings){ 0 };
}

char **strings_argv(const struct strings *list) {
	char **argv = mem_zero(list->count + 1, sizeof(*argv));
	for (size_t i = 0; i < list->count; i++) {
		argv[i] = list->items[i];
	}
	return argv;
}
