/* SPDX-License-Identifier: Apache-2.0 */
/* For an id that the manager does not know: the task or worker that it may be. */
#include <string.h>

#include "base/str.h"
#include "cli/ask.h"
#include "cli/guess.h"

enum { PREFIX_MIN = 4, NEAR = 3 };

static const char *text_of(const json_t *row, const char *name) {
	const char *text = json_string_value(json_object_get(row, name));
	return text != NULL ? text : "";
}

/* 0: it is its name or the beginning of its id; NEAR and more: something else. */
static size_t how_far(const json_t *row, const char *word) {
	const char *id = text_of(row, "id"), *name = text_of(row, "name");
	if (str_equal(name, word) || (strlen(word) >= PREFIX_MIN && str_starts(id, word))) {
		return 0;
	}
	size_t from_id = word_distance(word, id), from_name = word_distance(word, name);
	return from_id < from_name ? from_id : from_name;
}

static const json_t *best_of(const json_t *rows, const char *word) {
	const json_t *best = NULL;
	size_t i, least = NEAR;
	json_t *row;
	json_array_foreach(rows, i, row) {
		size_t far = how_far(row, word);
		if (far < least) {
			least = far;
			best = row;
		}
	}
	return best;
}

/* Also what cannot be an id at all. */
static bool is_unknown(const struct error *err) {
	return err->code == ERROR_NOT_FOUND ||
	       (err->code == ERROR_INVALID && strstr(err->message, "is not a task id") != NULL);
}

void suggest(struct manager *manager, const char *path, const char *word, struct error *err) {
	bool task = str_starts(path, "/tasks/"), worker = str_starts(path, "/proplets/");
	struct error ignored;
	json_t *page = NULL;
	if (!is_unknown(err) || (!task && !worker) ||
			!manager_call(manager, "GET",
					task ? "/tasks?offset=0&limit=100"
					     : "/proplets?offset=0&limit=100",
					NULL, &page, &ignored)) {
		return;
	}
	const json_t *row = best_of(json_object_get(page, task ? "tasks" : "proplets"), word);
	if (row != NULL) {
		struct error first = *err;
		(void)error_set(err, first.code, "%.800s; did you mean %.64s (%.64s)?",
				first.message, text_of(row, "id"), text_of(row, "name"));
	}
	json_decref(page);
}
