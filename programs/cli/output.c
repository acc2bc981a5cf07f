/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/output.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/mem.h"
#include "base/str.h"

static const char *const looks[] = { [LOOK_TABLE] = "table",
	[LOOK_WIDE] = "wide",
	[LOOK_JSON] = "json",
	[LOOK_JSONL] = "jsonl",
	[LOOK_ID] = "id" };

enum look look_of(const struct arguments *arguments) {
	const char *name = arguments->flags[FLAG_OUTPUT];
	for (size_t i = 0; i < sizeof(looks) / sizeof(looks[0]); i++) {
		if (str_equal(name, looks[i])) {
			return (enum look)i;
		}
	}
	return LOOK_TABLE;
}

bool look_check(const struct arguments *arguments, const struct view *view, struct error *err) {
	return look_of(arguments) != LOOK_ID || view == NULL || view->id != NULL ||
	       error_set(err, ERROR_INVALID,
			       "flag --output: this answer has no ids; take table, wide, json or "
			       "jsonl");
}

void print_json(enum look look, const json_t *value) {
	size_t flags = look == LOOK_JSONL ? JSON_COMPACT : JSON_INDENT(2);
	CLEANUP(mem_freep) char *text = json_dumps(value, flags | JSON_ENCODE_ANY);
	(void)puts(text != NULL ? text : "null");
}

static void print_id(const struct view *view, const json_t *row) {
	const json_t *id = member_at(row, view->id);
	if (json_is_string(id)) {
		CLEANUP(mem_freep) char *safe = printable(json_string_value(id), 0);
		(void)puts(safe);
	}
}

static void show_row(enum look look, const struct view *view, const json_t *row) {
	if (look == LOOK_ID) {
		print_id(view, row);
	} else {
		print_json(look, row);
	}
}

void show_rows(enum look look, const struct view *view, struct table *table, const json_t *rows) {
	size_t i;
	json_t *row;
	if (look == LOOK_TABLE || look == LOOK_WIDE) {
		table_print(table, rows);
		return;
	}
	json_array_foreach(rows, i, row) {
		show_row(look, view, row);
	}
}

void show_total(enum look look, const struct view *view, const json_t *answer) {
	const json_t *total = json_object_get(answer, "total");
	if ((look == LOOK_TABLE || look == LOOK_WIDE) && view->rows != NULL &&
			json_is_integer(total)) {
		(void)fflush(stdout);
		(void)fprintf(stderr, "%zu of %lld\n",
				json_array_size(json_object_get(answer, view->rows)),
				(long long)json_integer_value(total));
	}
}

void show(enum look look, const struct view *view, json_t *answer) {
	bool people = look == LOOK_TABLE || look == LOOK_WIDE;
	struct table table = { .columns = view->columns, .wide = look == LOOK_WIDE };
	if (look == LOOK_JSON) {
		print_json(look, answer);
	} else if (people && view->text != NULL) {
		view->text(answer);
	} else if (view->rows != NULL) {
		show_rows(look, view, &table, json_object_get(answer, view->rows));
	} else if (!people) {
		show_row(look, view, answer);
	} else {
		fields_print(view->columns, look == LOOK_WIDE, answer);
		if (view->more != NULL) {
			view->more(answer);
		}
	}
}

void print_bytes(const json_t *object, const char *name, const char *whole, FILE *out) {
	const json_t *encoded = json_object_get(object, whole),
		     *text = json_object_get(object, name);
	struct buf bytes = BUF_INIT(64 * 1024 * 1024);
	struct error ignored;
	if (json_is_string(encoded) &&
			base64_decode(json_string_value(encoded), json_string_length(encoded),
					&bytes, &ignored)) {
		(void)fwrite(bytes.data, 1, bytes.size, out);
	} else if (json_is_string(text)) {
		(void)fwrite(json_string_value(text), 1, json_string_length(text), out);
	}
	buf_finish(&bytes);
	(void)fflush(out);
}
