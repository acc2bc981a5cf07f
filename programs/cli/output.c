/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/cli.h"

bool wants_json(const struct arguments *arguments) {
	return str_equal(arguments->flags[FLAG_OUTPUT], "json");
}

void print_json(json_t *value) {
	CLEANUP(mem_freep) char *text = json_dumps(value, JSON_INDENT(2) | JSON_ENCODE_ANY);
	(void)puts(text != NULL ? text : "null");
}

char *printable(const char *text, size_t width) {
	size_t size = strlen(text), used = 0;
	char *copy = mem_zero(size * 4 + 1, 1);
	for (size_t i = 0; i < size; i++) {
		unsigned char c = (unsigned char)text[i];
		if (c < 0x20 || c == 0x7f) {
			used += (size_t)snprintf(copy + used, 5, "\\x%02x", c);
		} else {
			copy[used++] = (char)c;
		}
	}
	if (width != 0 && used > width) {
		while (width > 1 && ((unsigned char)copy[width - 1] & 0xc0) == 0x80) {
			width--; /* not in the middle of a character */
		}
		(void)memcpy(copy + width - 1, "~", 2);
	}
	return copy;
}

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

static bool colours(void) {
	const char *no = getenv("NO_COLOR");
	return isatty(STDOUT_FILENO) && (no == NULL || no[0] == 0);
}

static const char *text_of(const json_t *object, const char *name) {
	const char *text = json_string_value(json_object_get(object, name));
	return text != NULL ? text : "";
}

static void print_field(const char *name, const char *text) {
	CLEANUP(mem_freep) char *safe = printable(text, 0);
	if (safe[0] != 0) {
		(void)printf("%-12s %s\n", name, safe);
	}
}

static void print_state(const json_t *task, int width) {
	const char *colour = states[state_of(task)].colour;
	if (colours() && colour[0] != 0) {
		(void)printf("\033[%sm%-*s\033[0m", colour, width, state_name(task));
	} else {
		(void)printf("%-*s", width, state_name(task));
	}
}

static void print_history(const json_t *history) {
	size_t i;
	json_t *move;
	json_array_foreach(history, i, move) {
		CLEANUP(mem_freep) char *cause = printable(text_of(move, "cause"), 0);
		(void)printf("%-12s %.19s  %lld  ", i == 0 ? "history" : "", text_of(move, "at"),
				(long long)json_integer_value(json_object_get(move, "attempt")));
		print_state(move, 12);
		(void)printf(" %s\n", cause);
	}
}

void print_task(const json_t *task) {
	print_field("id", text_of(task, "id"));
	print_field("name", text_of(task, "name"));
	(void)printf("%-12s ", "state");
	print_state(task, 0);
	(void)printf("%s\n", json_is_true(json_object_get(task, "queued"))
					     ? " (queued: all workers are busy)"
					     : "");
	print_field("proplet", text_of(task, "proplet_id"));
	print_field("engine", text_of(task, "engine"));
	print_field("results", text_of(task, "results"));
	print_field("error", text_of(task, "error"));
	print_history(json_object_get(task, "history"));
}

void print_tasks(const json_t *page) {
	size_t i;
	json_t *task;
	(void)printf("%-36s  %-24s %-12s %-8s %s\n", "ID", "NAME", "STATE", "ATTEMPT", "RESULTS");
	json_array_foreach(json_object_get(page, "tasks"), i, task) {
		CLEANUP(mem_freep) char *name = printable(text_of(task, "name"), 24);
		CLEANUP(mem_freep) char *results = printable(text_of(task, "results"), 40);
		(void)printf("%-36s  %-24s ", text_of(task, "id"), name);
		print_state(task, 12);
		(void)printf(" %-8lld %s\n",
				(long long)json_integer_value(json_object_get(task, "attempt")),
				results);
	}
	(void)printf("%zu of %lld\n", json_array_size(json_object_get(page, "tasks")),
			(long long)json_integer_value(json_object_get(page, "total")));
}

void print_proplets(const json_t *page) {
	size_t i;
	json_t *proplet;
	(void)printf("%-24s %-18s %-6s %-8s %s\n", "ID", "NAME", "ALIVE", "TASKS", "LAST HEARD");
	json_array_foreach(json_object_get(page, "proplets"), i, proplet) {
		CLEANUP(mem_freep) char *id = printable(text_of(proplet, "id"), 24);
		(void)printf("%-24s %-18s %-6s %-8lld %.19s\n", id, text_of(proplet, "name"),
				json_is_true(json_object_get(proplet, "alive")) ? "yes" : "no",
				(long long)json_integer_value(
						json_object_get(proplet, "task_count")),
				text_of(proplet, "last_alive_at"));
	}
	(void)printf("%zu of %lld\n", json_array_size(json_object_get(page, "proplets")),
			(long long)json_integer_value(json_object_get(page, "total")));
}

void print_placement(const json_t *answer) {
	size_t i;
	json_t *worker;
	CLEANUP(mem_freep) char *summary = printable(text_of(answer, "summary"), 0);
	(void)printf("%s\n\n%-24s %-6s %s\n", summary, "WORKER", "CAN", "WHY");
	json_array_foreach(json_object_get(answer, "workers"), i, worker) {
		CLEANUP(mem_freep) char *id = printable(text_of(worker, "proplet_id"), 24);
		CLEANUP(mem_freep) char *reason = printable(text_of(worker, "reason"), 0);
		(void)printf("%-24s %-6s %s\n", id,
				json_is_true(json_object_get(worker, "eligible")) ? "yes" : "no",
				reason);
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
