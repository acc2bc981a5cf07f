/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/text.h"

enum { GAP = 2, NARROWEST = 8, FIELD_WIDTH = 12, CELL_MAX = 1024 * 1024 };

static const struct {
	const char *name, *colour;
} states[] = { { "Pending", "" }, { "Scheduled", "36" }, { "Running", "34" }, { "Completed", "32" },
	{ "Failed", "31" }, { "Skipped", "" }, { "Interrupted", "33" } };

static size_t state_of(const json_t *task) {
	json_int_t state = json_integer_value(json_object_get(task, "state"));
	return state >= 0 && state < (json_int_t)(sizeof(states) / sizeof(states[0]))
			       ? (size_t)state
			       : 0;
}

const char *state_name(const json_t *task) {
	return states[state_of(task)].name;
}

const char *state_called(size_t number) {
	return number < sizeof(states) / sizeof(states[0]) ? states[number].name : NULL;
}

json_t *member_at(const json_t *value, const char *path) {
	while (path[0] != 0 && value != NULL) {
		char name[64];
		size_t size = strcspn(path, ".");
		(void)snprintf(name, sizeof(name), "%.*s", (int)size, path);
		value = json_object_get(value, name);
		path += size + (path[size] == '.');
	}
	return (json_t *)(uintptr_t)value;
}

/* --- cells -------------------------------------------------------------------------------------
 */

static char *list_cell(const json_t *list) {
	struct buf text = BUF_INIT(CELL_MAX);
	size_t i;
	json_t *item;
	json_array_foreach(list, i, item) {
		CLEANUP(mem_freep)
		char *piece = json_is_string(item)
					      ? printable(json_string_value(item), 0)
					      : json_dumps(item, JSON_COMPACT | JSON_ENCODE_ANY);
		(void)buf_append_some(&text, ",", i != 0 ? 1 : 0);
		(void)buf_append_some(&text, piece, strlen(piece));
	}
	char *copy = str_copy(text.size != 0 ? buf_text(&text) : "");
	buf_finish(&text);
	return copy;
}

static char *text_cell(const json_t *value) {
	if (json_is_string(value)) { /* what a program prints mostly ends with its line */
		const char *text = json_string_value(value);
		size_t size = strlen(text);
		CLEANUP(mem_freep)
		char *line = mem_copy(text, size - (size != 0 && text[size - 1] == '\n'));
		return printable(line, 0);
	}
	if (json_is_array(value)) {
		return list_cell(value);
	}
	if (value == NULL || json_is_null(value) ||
			(json_is_object(value) && json_object_size(value) == 0)) {
		return str_copy("");
	}
	CLEANUP(mem_freep)
	char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_SORT_KEYS);
	return printable(text, 0);
}

static char *time_cell(const json_t *value) {
	const char *text = json_string_value(value);
	if (text == NULL || str_starts(text, "0001-")) {
		return str_copy("");
	}
	CLEANUP(mem_freep) char *seconds = str_format("%.19s", text);
	return printable(seconds, 0);
}

/* What is shown of a row in a column; "" where there is nothing. */
static char *cell_of(const json_t *row, const struct column *column) {
	const json_t *value = member_at(row, column->path);
	switch (column->form) {
	case FORM_TEXT: return text_cell(value);
	case FORM_STATE: return str_copy(state_name(row));
	case FORM_TIME: return time_cell(value);
	case FORM_YES: return str_copy(json_is_true(value) ? "yes" : "no");
	case FORM_SIZE:
		return json_is_number(value) ? str_size(json_number_value(value)) : str_copy("");
	case FORM_NUMBER:
	case FORM_TENTHS: break;
	}
	return json_is_number(value) ? str_format(column->form == FORM_TENTHS ? "%.1f" : "%.0f",
						       json_number_value(value))
				     : str_copy("");
}

static bool is_number(const struct column *column) {
	return column->form == FORM_NUMBER || column->form == FORM_TENTHS ||
	       column->form == FORM_SIZE;
}

static bool is_shown(const struct column *column, bool wide) {
	return wide || !column->wide;
}

/* --- tables ------------------------------------------------------------------------------------
 */

static size_t count_of(const struct column *columns) {
	size_t count = 0;
	while (count < COLUMNS_MAX && columns[count].title != NULL) {
		count++;
	}
	return count;
}

static void widen(size_t *width, const char *text) {
	size_t wanted = text_width(text);
	*width = wanted > *width ? wanted : *width;
}

/* All cells, row after row. */
static char **make_cells(struct table *table, size_t count, const json_t *rows) {
	size_t height = json_array_size(rows);
	char **cells = mem_zero(height * count + 1, sizeof(*cells));
	for (size_t i = 0; i < height * count; i++) {
		const struct column *column = &table->columns[i % count];
		if (is_shown(column, table->wide)) {
			char *cell = cell_of(json_array_get(rows, i / count), column);
			cells[i] = cell[0] != 0 ? cell : str_copy("-");
			free(cell[0] != 0 ? NULL : cell);
			text_cut(cells[i], table->wide ? 0 : column->most);
			widen(&table->widths[i % count], cells[i]);
		}
	}
	return cells;
}

/* The widest text loses a column until all fit; -o wide shows everything and may run over. */
static void fit(struct table *table, size_t count) {
	size_t screen = table->wide ? 0 : terminal_width(STDOUT_FILENO);
	while (screen != 0) {
		size_t sum = 0, widest = count;
		for (size_t i = 0; i < count; i++) {
			const struct column *column = &table->columns[i];
			sum += is_shown(column, table->wide) ? table->widths[i] + GAP : 0;
			if (column->most != 0 && table->widths[i] > NARROWEST &&
					(widest == count ||
							table->widths[i] > table->widths[widest])) {
				widest = i;
			}
		}
		if (widest == count || sum <= screen + GAP) {
			return;
		}
		table->widths[widest]--;
	}
}

static void print_cell(const struct table *table, size_t i, const char *text, const char *colour,
		bool last) {
	size_t width = table->widths[i], used = text_width(text);
	int gap = width > used ? (int)(width - used) : 0;
	bool right = is_number(&table->columns[i]);
	(void)printf("%*s", right ? gap : 0, "");
	(void)printf(colour[0] != 0 ? "\033[%sm%s\033[0m" : "%s%s", colour, text);
	if (!last) {
		(void)printf("%*s", (right ? 0 : gap) + GAP, "");
	}
}

/* The texts of a line, NULL: the head. */
static void print_line(const struct table *table, size_t count, char **cells, const json_t *row) {
	bool colours = row != NULL && terminal_colours(STDOUT_FILENO);
	size_t last = count - 1;
	while (last > 0 && !is_shown(&table->columns[last], table->wide)) {
		last--;
	}
	for (size_t i = 0; i <= last; i++) {
		const struct column *column = &table->columns[i];
		if (is_shown(column, table->wide)) {
			bool coloured = colours && column->form == FORM_STATE;
			if (cells != NULL && column->most != 0) {
				text_cut(cells[i], table->widths[i]);
			}
			print_cell(table, i, cells != NULL ? cells[i] : column->title,
					coloured ? states[state_of(row)].colour : "", i == last);
		}
	}
	(void)putchar('\n');
}

void table_print(struct table *table, const json_t *rows) {
	size_t count = count_of(table->columns), height = json_array_size(rows);
	for (size_t i = 0; i < count; i++) {
		widen(&table->widths[i], table->columns[i].title);
	}
	char **cells = make_cells(table, count, rows);
	fit(table, count);
	if (!table->headed) {
		print_line(table, count, NULL, NULL);
		table->headed = true;
	}
	for (size_t i = 0; i < height; i++) {
		print_line(table, count, cells + i * count, json_array_get(rows, i));
	}
	for (size_t i = 0; i < height * count; i++) {
		free(cells[i]);
	}
	free(cells);
}

void fields_print(const struct column *columns, bool wide, const json_t *thing) {
	bool colours = terminal_colours(STDOUT_FILENO);
	for (const struct column *column = columns; column->title != NULL; column++) {
		CLEANUP(mem_freep)
		char *cell = is_shown(column, wide) ? cell_of(thing, column) : str_copy("");
		const char *colour = colours && column->form == FORM_STATE
						     ? states[state_of(thing)].colour
						     : "";
		if (cell[0] != 0) {
			(void)printf("%-*s ", FIELD_WIDTH, column->title);
			(void)printf(colour[0] != 0 ? "\033[%sm%s\033[0m\n" : "%s%s\n", colour,
					cell);
		}
	}
}
