/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/ask.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "cli/filter.h"

enum { PAGE_MAX = 100, LIMIT = 10 }; /* the manager's most, and what a terminal has room for */

/* Nothing came, or nothing that is to be seen. */
static void show_done(const struct arguments *arguments, json_t *answer) {
	enum look look = look_of(arguments);
	if (look == LOOK_ID && arguments->count != 0) {
		(void)puts(arguments->items[0]);
	} else if (look == LOOK_TABLE || look == LOOK_WIDE) {
		(void)puts("ok");
	} else if (answer != NULL) {
		print_json(look, answer);
	}
}

/* False where somebody else has answered: what is not there would look like a task that waits. */
static bool check_answer(const struct view *view, const json_t *answer, struct error *err) {
	const char *member = view->rows != NULL ? view->rows : view->must;
	bool there = view->rows != NULL ? json_is_array(json_object_get(answer, member))
					: member == NULL || json_object_get(answer, member) != NULL;
	return there || (answer == NULL && view->may_be_empty) ||
	       error_set(err, ERROR_INTERNAL,
			       "the manager's answer has no \"%s\" in it; is this its address?",
			       member);
}

int ask(const struct arguments *arguments, const char *method, const char *path, json_t *body,
		const struct view *view, struct error *err) {
	struct manager manager;
	json_t *answer = NULL;
	if (!look_check(arguments, view, err)) {
		json_decref(body);
		return -1;
	}
	bool ok = manager_open(&manager, arguments, err);
	if (!ok) {
		json_decref(body);
	}
	ok = ok && manager_call(&manager, method, path, body, &answer, err) &&
	     (view == NULL || answer == NULL || check_answer(view, answer, err));
	if (ok && answer != NULL && view != NULL) {
		show(look_of(arguments), view, answer);
	} else if (ok) {
		show_done(arguments, answer);
	}
	if (!ok && arguments->count != 0) {
		suggest(&manager, path, arguments->items[0], err);
	}
	json_decref(answer);
	manager_close(&manager);
	return ok ? 0 : -1;
}

/* --- rows --------------------------------------------------------------------------------------
 */

struct rows {
	const struct arguments *arguments;
	const char *path, *query;
	const struct view *view;
	struct filter filter;
	uint64_t offset, limit;
	uint64_t seen, passed; /* rows that were looked at, and that the filter let through */
	json_t *answer;        /* as the manager gives it, with the rows of all pages */
};

static bool number_of(const char *text, uint64_t fallback, const char *flag, uint64_t *number,
		struct error *err) {
	*number = fallback;
	return text == NULL || str_to_u64(text, number, err) || error_wrap(err, "flag --%s", flag);
}

static bool rows_open(struct rows *rows, struct error *err) {
	const char *const *flags = rows->arguments->flags;
	return look_check(rows->arguments, rows->view, err) &&
	       number_of(flags[FLAG_OFFSET], 0, "offset", &rows->offset, err) &&
	       number_of(flags[FLAG_LIMIT], LIMIT, "limit", &rows->limit, err) &&
	       filter_parse(&rows->filter, flags[FLAG_FILTER], err);
}

/* One page; its rows are NULL where somebody else has answered. */
static json_t *fetch_page(struct rows *rows, struct manager *manager, uint64_t offset,
		uint64_t limit, struct error *err) {
	json_t *page = NULL;
	CLEANUP(mem_freep)
	char *path = str_format("%s?offset=%llu&limit=%llu%s%s", rows->path,
			(unsigned long long)offset, (unsigned long long)limit,
			rows->query[0] != 0 ? "&" : "", rows->query);
	if (!manager_call(manager, "GET", path, NULL, &page, err)) {
		return NULL;
	}
	if (!check_answer(rows->view, page, err)) {
		json_decref(page);
		return NULL;
	}
	return page;
}

static json_t *rows_of(const struct rows *rows, const json_t *page) {
	return json_object_get(page, rows->view->rows);
}

/* Without a filter the manager counts; with one, we do. */
static void add_row(struct rows *rows, json_t *row) {
	json_t *list = rows_of(rows, rows->answer);
	rows->seen++;
	if (filter_lets(&rows->filter, row)) {
		bool wanted = rows->filter.count == 0 || rows->passed >= rows->offset;
		if (wanted && json_array_size(list) < rows->limit) {
			json_array_append(list, row);
		}
		rows->passed++;
	}
}

static void add_page(struct rows *rows, json_t *page) {
	size_t i;
	json_t *row;
	if (rows->answer == NULL) {
		rows->answer = json_copy(page);
		json_object_set_new(rows->answer, rows->view->rows, json_array());
	}
	json_array_foreach(rows_of(rows, page), i, row) {
		add_row(rows, row);
	}
}

/* Where the last rows begin, if it is not told where to begin. */
static bool find_offset(struct rows *rows, struct manager *manager, struct error *err) {
	if (!rows->view->oldest_first || rows->arguments->flags[FLAG_OFFSET] != NULL) {
		return true;
	}
	json_t *page = fetch_page(rows, manager, 0, 1, err);
	if (page == NULL) {
		return false;
	}
	json_int_t total = json_integer_value(json_object_get(page, "total"));
	rows->offset = total > 0 && (uint64_t)total > rows->limit ? (uint64_t)total - rows->limit
								  : 0;
	json_decref(page);
	return true;
}

/* All pages that are needed; a filter looks at the whole list: how else would the total be known?
 */
static bool fetch_rows(struct rows *rows, struct manager *manager, struct error *err) {
	bool filtered = rows->filter.count != 0;
	uint64_t offset = filtered ? 0 : rows->offset, left = filtered ? UINT64_MAX : rows->limit;
	for (;;) {
		uint64_t wanted = left < PAGE_MAX ? left : PAGE_MAX;
		json_t *page = fetch_page(rows, manager, offset, wanted, err);
		if (page == NULL) {
			return false;
		}
		size_t got = json_array_size(rows_of(rows, page));
		add_page(rows, page);
		json_decref(page);
		offset += got;
		left -= got < left ? got : left;
		if (got < wanted || left == 0) {
			break;
		}
	}
	if (filtered) {
		json_object_set_new(rows->answer, "total", json_integer((json_int_t)rows->passed));
	}
	json_object_set_new(rows->answer, "offset", json_integer((json_int_t)rows->offset));
	json_object_set_new(rows->answer, "limit", json_integer((json_int_t)rows->limit));
	return true;
}

/* --- questions that are asked once, or again and again -------------------------------------------
 */

static bool fetch_once(void *context, struct manager *manager, json_t **answer, struct error *err) {
	const struct question *question = context;
	json_t *fetched = NULL;
	bool ok = manager_call(manager, "GET", question->path, NULL, &fetched, err) &&
		  check_answer(question->view, fetched, err);
	if (!ok) {
		json_decref(fetched);
	}
	*answer = ok ? fetched : NULL;
	return ok;
}

static bool fetch_all(void *context, struct manager *manager, json_t **answer, struct error *err) {
	struct rows *rows = context;
	rows->seen = 0;
	rows->passed = 0;
	rows->answer = NULL;
	bool ok = find_offset(rows, manager, err) && fetch_rows(rows, manager, err);
	if (!ok) {
		json_decref(rows->answer);
	}
	*answer = ok ? rows->answer : NULL;
	return ok;
}

/* Shows the answer; with --watch every new one. */
static int ask_with(const struct question *question, struct error *err) {
	const struct arguments *arguments = question->arguments;
	struct manager manager;
	json_t *answer = NULL;
	bool watched = arguments->flags[FLAG_WATCH] != NULL;
	bool ok = manager_open(&manager, arguments, err) &&
		  question->fetch(question->context, &manager, &answer, err);
	if (ok && watched) {
		ok = watch(question, &manager, answer, err);
	} else if (ok && answer != NULL) {
		show(look_of(arguments), question->view, answer);
		show_total(look_of(arguments), question->view, answer);
	}
	if (!ok && arguments->count != 0) {
		suggest(&manager, question->path, arguments->items[0], err);
	}
	json_decref(answer);
	manager_close(&manager);
	return ok ? 0 : -1;
}

int ask_view(const struct arguments *arguments, const char *path, const struct view *view,
		struct error *err) {
	struct question question = {
		.arguments = arguments, .path = path, .view = view, .fetch = fetch_once
	};
	question.context = &question;
	return look_check(arguments, view, err) ? ask_with(&question, err) : -1;
}

/* Nothing fits, and it may be the key: that looks the same otherwise. */
static void note_unknown(const struct rows *rows) {
	const char *key = filter_unknown(&rows->filter);
	if (key != NULL && rows->seen != 0 && rows->passed == 0) {
		CLEANUP(mem_freep) char *safe = printable(key, 60);
		(void)fprintf(stderr,
				"note: no row has \"%s\"; -o json shows the members of rows\n",
				safe);
	}
}

int ask_rows(const struct arguments *arguments, const char *path, const char *query,
		const struct view *view, struct error *err) {
	struct rows rows = { .arguments = arguments, .path = path, .query = query, .view = view };
	const struct question question = { .arguments = arguments,
		.path = path,
		.view = view,
		.fetch = fetch_all,
		.context = &rows };
	if (!rows_open(&rows, err)) {
		return -1;
	}
	int code = ask_with(&question, err);
	note_unknown(&rows);
	filter_finish(&rows.filter);
	return code;
}
