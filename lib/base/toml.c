/* SPDX-License-Identifier: Apache-2.0 */
/* The document: its lines, its tables, and where things stand in it. */
#include "base/toml.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "base/toml_parts.h"

static const char byte_order_mark[] = "\xEF\xBB\xBF";

struct toml_document {
	struct toml_text text;
	struct toml root;
};

const struct toml *toml_root(const struct toml_document *document) {
	return &document->root;
}

const struct toml *toml_get(const struct toml *table, const char *key) {
	size_t size = strlen(key);
	CLEANUP(mem_freep) char *copy = mem_copy(key, size);
	const struct toml_text text = { copy, size };
	return toml_find(table, &text);
}

const char *toml_kind_name(enum toml_kind kind) {
	static const char *const names[] = {
		[TOML_TABLE] = "a table",
		[TOML_ARRAY] = "an array",
		[TOML_STRING] = "a string",
		[TOML_INTEGER] = "a whole number",
		[TOML_FLOAT] = "a number with a fraction",
		[TOML_BOOL] = "true or false",
		[TOML_DATETIME] = "a date with a time",
		[TOML_LOCAL_DATETIME] = "a date with a time",
		[TOML_LOCAL_DATE] = "a date",
		[TOML_LOCAL_TIME] = "a time",
	};
	return names[kind];
}

static struct toml_place place_of(const char *text, size_t size, size_t offset) {
	struct toml_place place = { 1, 1 };
	for (size_t i = 0; i < offset && i < size; i++) {
		bool continues = ((unsigned char)text[i] & 0xC0) == 0x80;
		place.column += !continues;
		if (text[i] == '\n') {
			place.line++;
			place.column = 1;
		}
	}
	return place;
}

struct toml_place toml_place(const struct toml_document *document, size_t offset) {
	return place_of(document->text.bytes, document->text.size, offset);
}

bool toml_fail(struct toml_parser *parser, const char *at, const char *format, ...) {
	char what[400];
	va_list arguments;
	va_start(arguments, format);
	(void)vsnprintf(what, sizeof(what), format, arguments);
	va_end(arguments);
	size_t size = (size_t)(parser->end - parser->begin);
	struct toml_place place = place_of(parser->begin, size, (size_t)(at - parser->begin));
	return error_set(parser->err, ERROR_INVALID, "%.500s:%u:%u: %s", parser->name, place.line,
			place.column, what);
}

/* [a.b.c]: goes into a, or b. What is not there yet is implied. */
static struct toml *enter(struct toml_parser *parser, struct toml *table, struct toml_key *key) {
	struct toml *found = toml_find(table, &key->text);
	if (found == NULL) {
		return toml_add(parser, table, key, TOML_TABLE, TOML_IMPLIED);
	}
	if (found->origin == TOML_CLOSED) {
		(void)toml_fail(parser, parser->begin + key->offset,
				"\"%.64s\" has a value already, so no table can be in it",
				key->text.bytes);
		return NULL;
	}
	return found->kind == TOML_ARRAY ? found->items[found->count - 1] : found;
}

static struct toml *define_twice(
		struct toml_parser *parser, const struct toml_key *key, const struct toml *found) {
	struct toml_place first = place_of(
			parser->begin, (size_t)(parser->end - parser->begin), found->key_offset);
	(void)toml_fail(parser, parser->begin + key->offset,
			"\"%.64s\" is defined a second time (first in line %u)", key->text.bytes,
			first.line);
	return NULL;
}

static struct toml *define_table(
		struct toml_parser *parser, struct toml *parent, struct toml_key *key) {
	struct toml *found = toml_find(parent, &key->text);
	if (found == NULL) {
		return toml_add(parser, parent, key, TOML_TABLE, TOML_DEFINED);
	}
	if (found->origin != TOML_IMPLIED) {
		return define_twice(parser, key, found);
	}
	found->origin = TOML_DEFINED;
	found->key_offset = found->offset = key->offset;
	return found;
}

static struct toml *extend_array(
		struct toml_parser *parser, struct toml *parent, struct toml_key *key) {
	struct toml *array = toml_find(parent, &key->text);
	size_t offset = key->offset;
	if (array == NULL) {
		array = toml_add(parser, parent, key, TOML_ARRAY, TOML_DEFINED);
	} else if (array->kind != TOML_ARRAY || array->origin != TOML_DEFINED) {
		return define_twice(parser, key, array);
	}
	struct toml *table = array != NULL ? toml_add(parser, array, NULL, TOML_TABLE, TOML_DEFINED)
					   : NULL;
	if (table != NULL) {
		table->key_offset = table->offset = offset;
	}
	return table;
}

static bool expect_brackets(struct toml_parser *parser, bool array) {
	const char *wanted = array ? "]]" : "]";
	if (strncmp(parser->at, wanted, strlen(wanted)) != 0) {
		return toml_fail(parser, parser->at, "the name of a table ends with %s", wanted);
	}
	parser->at += strlen(wanted);
	return true;
}

/* [a.b] or [[a.b]]: the table that the following lines fill; NULL on error. */
static struct toml *read_header(struct toml_parser *parser, struct toml *root) {
	struct toml *table = root;
	struct toml_keys keys;
	parser->at++;
	bool array = toml_take(parser, '[');
	if (!toml_read_keys(parser, &keys)) {
		return NULL;
	}
	if (!expect_brackets(parser, array)) {
		table = NULL;
	}
	for (size_t i = 0; i + 1 < keys.count && table != NULL; i++) {
		table = enter(parser, table, &keys.items[i]);
	}
	if (table != NULL) {
		struct toml_key *last = &keys.items[keys.count - 1];
		table = array ? extend_array(parser, table, last)
			      : define_table(parser, table, last);
	}
	toml_finish_keys(&keys);
	return table;
}

/* One line: *table is where its pair goes, and what its header changes. */
static bool read_line(struct toml_parser *parser, struct toml *root, struct toml **table) {
	toml_skip_space(parser);
	if (toml_at(parser, '[')) {
		*table = read_header(parser, root);
		if (*table == NULL) {
			return false;
		}
	} else if (parser->at < parser->end && strchr("#\r\n", *parser->at) == NULL) {
		if (!toml_read_pair(parser, *table)) {
			return false;
		}
	} else if (parser->at < parser->end && *parser->at == '\0') {
		return toml_fail(parser, parser->at, "a zero byte is no text");
	}
	toml_skip_space(parser);
	if (!toml_skip_comment(parser)) {
		return false;
	}
	if (parser->at < parser->end && !toml_take_newline(parser)) {
		return toml_fail(parser, parser->at, "the line should end here");
	}
	return true;
}

static bool check_encoding(struct toml_parser *parser) {
	const char *at = parser->begin;
	while (at < parser->end) {
		size_t size = str_utf8_next(at, (size_t)(parser->end - at));
		if (size == 0) {
			return toml_fail(parser, at, "this is not UTF-8; save the file as UTF-8");
		}
		at += size;
	}
	if (parser->end - parser->begin >= 3 && memcmp(parser->begin, byte_order_mark, 3) == 0) {
		parser->at += 3;
	}
	return true;
}

static bool read_all(struct toml_parser *parser, struct toml *root) {
	struct toml *table = root;
	if (!check_encoding(parser)) {
		return false;
	}
	while (parser->at < parser->end) {
		if (!read_line(parser, root, &table)) {
			return false;
		}
	}
	return true;
}

struct toml_document *toml_parse(
		const char *name, const char *text, size_t size, struct error *err) {
	if (size > TOML_BYTES_MAX) {
		(void)error_set(err, ERROR_TOO_LARGE, "%.500s is larger than %d bytes", name,
				TOML_BYTES_MAX);
		return NULL;
	}
	struct toml_document *document = MEM_NEW(struct toml_document);
	document->text = (struct toml_text){ mem_copy(text, size), size };
	document->root.origin = TOML_DEFINED;
	const char *begin = document->text.bytes;
	struct toml_parser parser = {
		.name = name, .begin = begin, .at = begin, .end = begin + size, .err = err
	};
	if (!read_all(&parser, &document->root)) {
		toml_destroyp(&document);
	}
	return document;
}

static void finish(struct toml *value) {
	for (size_t i = 0; i < value->count; i++) {
		finish(value->items[i]);
		free(value->items[i]);
	}
	if (value->kind == TOML_STRING) {
		toml_wipe(&value->text);
	}
	free(value->key.bytes);
	free(value->items);
}

void toml_destroy(struct toml_document *document) {
	if (document != NULL) {
		finish(&document->root);
		toml_wipe(&document->text);
		free(document);
	}
}

void toml_destroyp(struct toml_document **document) {
	toml_destroy(*document);
	*document = NULL;
}
