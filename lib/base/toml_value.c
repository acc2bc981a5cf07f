/* SPDX-License-Identifier: Apache-2.0 */
/* Pairs, arrays, inline tables, and what stands between them. */
#include <string.h>

#include "base/mem.h"
#include "base/toml_parts.h"

size_t toml_offset(const struct toml_parser *parser) {
	return (size_t)(parser->at - parser->begin);
}

bool toml_at(const struct toml_parser *parser, char c) {
	return parser->at < parser->end && *parser->at == c;
}

bool toml_take(struct toml_parser *parser, char c) {
	bool there = toml_at(parser, c);
	parser->at += there;
	return there;
}

void toml_skip_space(struct toml_parser *parser) {
	while (toml_at(parser, ' ') || toml_at(parser, '\t')) {
		parser->at++;
	}
}

bool toml_take_newline(struct toml_parser *parser) {
	if (toml_at(parser, '\r') && parser->at[1] == '\n') {
		parser->at++;
	}
	return toml_take(parser, '\n');
}

bool toml_is_control(char c) {
	return ((unsigned char)c < 0x20 && c != '\t') || c == 0x7F;
}

bool toml_skip_comment(struct toml_parser *parser) {
	if (!toml_at(parser, '#')) {
		return true;
	}
	while (parser->at < parser->end && !toml_at(parser, '\n')) {
		bool line_ends = toml_at(parser, '\r') && parser->at[1] == '\n';
		if (toml_is_control(*parser->at) && !line_ends) {
			return toml_fail(parser, parser->at,
					"a comment holds no control characters");
		}
		parser->at += line_ends ? 0 : 1;
		if (line_ends) {
			break;
		}
	}
	return true;
}

/* Inside of an array: spaces, lines and comments. */
static bool skip_lines(struct toml_parser *parser) {
	do {
		toml_skip_space(parser);
		if (!toml_skip_comment(parser)) {
			return false;
		}
	} while (toml_take_newline(parser));
	return true;
}

struct toml *toml_find(const struct toml *table, const struct toml_text *key) {
	for (size_t i = 0; i < table->count; i++) {
		const struct toml_text *name = &table->items[i]->key;
		if (name->size == key->size && memcmp(name->bytes, key->bytes, key->size) == 0) {
			return table->items[i];
		}
	}
	return NULL;
}

struct toml *toml_add(struct toml_parser *parser, struct toml *parent, struct toml_key *key,
		enum toml_kind kind, enum toml_origin origin) {
	if (parser->values >= TOML_VALUES_MAX) {
		(void)toml_fail(parser, parser->at, "there are more than %d values",
				TOML_VALUES_MAX);
		return NULL;
	}
	parser->values++;
	struct toml *value = MEM_NEW(struct toml);
	value->kind = kind;
	value->origin = (int)origin;
	value->offset = value->key_offset = toml_offset(parser);
	if (key != NULL) {
		value->offset = value->key_offset = key->offset;
		value->key = key->text;
		key->text = (struct toml_text){ 0 };
	}
	if ((parent->count & (parent->count - 1)) == 0) { /* full at 0, 1, 2, 4, 8 … */
		size_t capacity = parent->count == 0 ? 1 : 2 * parent->count;
		parent->items = mem_resize(parent->items, capacity, sizeof(*parent->items));
	}
	parent->items[parent->count++] = value;
	return value;
}

/* The table in which the last part of a dotted key stands; NULL on error. */
static struct toml *enter_dotted(
		struct toml_parser *parser, struct toml *table, struct toml_keys *keys) {
	for (size_t i = 0; i + 1 < keys->count && table != NULL; i++) {
		struct toml_key *key = &keys->items[i];
		struct toml *found = toml_find(table, &key->text);
		if (found == NULL) {
			table = toml_add(parser, table, key, TOML_TABLE, TOML_DOTTED);
		} else if (found->origin == TOML_DOTTED) {
			table = found;
		} else {
			(void)toml_fail(parser, parser->begin + key->offset,
					"\"%.64s\" is defined elsewhere, so a dotted key cannot "
					"add to it",
					key->text.bytes);
			return NULL;
		}
	}
	return table;
}

static bool read_pair_of(struct toml_parser *parser, struct toml *table, struct toml_keys *keys) {
	struct toml *parent = enter_dotted(parser, table, keys);
	if (parent == NULL) {
		return false;
	}
	struct toml_key *last = &keys->items[keys->count - 1];
	if (toml_find(parent, &last->text) != NULL) {
		return toml_fail(parser, parser->begin + last->offset,
				"\"%.64s\" is here for the second time", last->text.bytes);
	}
	if (!toml_take(parser, '=')) {
		return toml_fail(parser, parser->at, "a key is followed by = and its value");
	}
	toml_skip_space(parser);
	struct toml *value = toml_add(parser, parent, last, TOML_BOOL, TOML_CLOSED);
	return value != NULL && toml_read_value(parser, value);
}

bool toml_read_pair(struct toml_parser *parser, struct toml *table) {
	struct toml_keys keys;
	if (!toml_read_keys(parser, &keys)) {
		return false;
	}
	bool read = read_pair_of(parser, table, &keys);
	toml_finish_keys(&keys);
	return read;
}

static bool read_items(struct toml_parser *parser, struct toml *array) {
	for (;;) {
		if (!skip_lines(parser)) {
			return false;
		}
		if (toml_take(parser, ']')) {
			return true;
		}
		struct toml *item = toml_add(parser, array, NULL, TOML_BOOL, TOML_CLOSED);
		if (item == NULL || !toml_read_value(parser, item) || !skip_lines(parser)) {
			return false;
		}
		if (!toml_take(parser, ',') && !toml_at(parser, ']')) {
			return toml_fail(parser, parser->at,
					"an array goes on with a comma or ends with ]");
		}
	}
}

/* All in one line, no comma at the end (TOML 1.0). */
static bool read_members(struct toml_parser *parser, struct toml *table) {
	toml_skip_space(parser);
	if (toml_take(parser, '}')) {
		return true;
	}
	for (;;) {
		toml_skip_space(parser);
		if (!toml_read_pair(parser, table)) {
			return false;
		}
		toml_skip_space(parser);
		if (toml_take(parser, '}')) {
			return true;
		}
		if (!toml_take(parser, ',')) {
			return toml_fail(parser, parser->at,
					"an inline table goes on with a comma or ends with } in "
					"the same line");
		}
	}
}

static bool read_nested(struct toml_parser *parser, struct toml *value) {
	if (parser->depth >= TOML_DEPTH_MAX) {
		return toml_fail(parser, parser->at, "values are nested more than %d deep",
				TOML_DEPTH_MAX);
	}
	parser->depth++;
	value->kind = *parser->at == '[' ? TOML_ARRAY : TOML_TABLE;
	parser->at++;
	bool read = value->kind == TOML_ARRAY ? read_items(parser, value)
					      : read_members(parser, value);
	parser->depth--;
	return read;
}

static bool read_bool(struct toml_parser *parser, struct toml *value) {
	value->kind = TOML_BOOL;
	value->truth = *parser->at == 't';
	const char *word = value->truth ? "true" : "false";
	if (strncmp(parser->at, word, strlen(word)) != 0) {
		return toml_fail(parser, parser->at, "a value is needed here; text has quotes");
	}
	parser->at += strlen(word);
	return true;
}

bool toml_read_value(struct toml_parser *parser, struct toml *value) {
	value->offset = toml_offset(parser);
	if (toml_at(parser, '"') || toml_at(parser, '\'')) {
		value->kind = TOML_STRING;
		return toml_read_string(parser, true, &value->text);
	}
	if (toml_at(parser, '[') || toml_at(parser, '{')) {
		return read_nested(parser, value);
	}
	if (toml_at(parser, 't') || toml_at(parser, 'f')) {
		return read_bool(parser, value);
	}
	if (toml_begins_time(parser)) {
		return toml_read_time(parser, value);
	}
	return toml_read_number(parser, value);
}
