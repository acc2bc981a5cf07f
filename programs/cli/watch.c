/* SPDX-License-Identifier: Apache-2.0 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/ask.h"

/*
 * GAP: of two paintings. REFRESH: however quiet it is, for not all that is shown has events. POLL:
 * between two questions to a manager that has no events, or is away, in the end; at first less.
 */
enum { GAP_MS = 200, REFRESH_MS = 10 * 1000, FIRST_POLL_MS = 20, POLL_MS = 1000, FIRST_FINAL = 3 };

struct watching {
	const struct question *question;
	struct manager *manager; /* asks; the one that listens is another */
	enum look look;
	bool terminal;
	struct table table;
	json_t *seen; /* of a list: rows by their ids (or texts), as they were shown; else the
			 answer */
	char *screen;
	uint64_t painted_ms;
	bool stale, heard, away; /* heard: events come; away: we said that the manager is */
	bool over, ok;
	struct error *err;
};

static bool is_list(const struct watching *watching) {
	const struct view *view = watching->question->view;
	return view->rows != NULL && view->text == NULL;
}

/* --- a pipe: what is new -------------------------------------------------------------------------
 */

static char *key_of(const struct view *view, const json_t *row) {
	const json_t *id = view->id != NULL ? member_at(row, view->id) : NULL;
	return json_is_string(id) ? str_copy(json_string_value(id))
				  : json_dumps(row, JSON_COMPACT | JSON_ENCODE_ANY);
}

/* The rows that are not as they were shown; they are now. */
static json_t *news_of(struct watching *watching, const json_t *rows) {
	json_t *news = json_array(), *now = json_object(), *row;
	size_t i;
	json_array_foreach(rows, i, row) {
		CLEANUP(mem_freep) char *key = key_of(watching->question->view, row);
		if (!json_equal(json_object_get(watching->seen, key), row)) {
			json_array_append(news, row);
		}
		json_object_set(now, key, row);
	}
	json_decref(watching->seen);
	watching->seen = now;
	return news;
}

static void print_news(struct watching *watching, const json_t *answer) {
	const struct view *view = watching->question->view;
	if (is_list(watching) && watching->look != LOOK_JSON) {
		json_t *news = news_of(watching, json_object_get(answer, view->rows));
		if (json_array_size(news) != 0 || !watching->table.headed) {
			show_rows(watching->look, view, &watching->table, news);
		}
		json_decref(news);
	} else if (!json_equal(watching->seen, answer)) {
		show(watching->look, view, (json_t *)(uintptr_t)answer);
		json_decref(watching->seen);
		watching->seen = json_deep_copy(answer);
	}
	(void)fflush(stdout);
}

/* --- a terminal: painted anew --------------------------------------------------------------------
 */

/* What show() prints, as text. */
static char *render(const struct watching *watching, const json_t *answer) {
	char *text = NULL;
	size_t size = 0;
	FILE *kept = stdout, *memory = open_memstream(&text, &size);
	if (memory == NULL) {
		return str_copy("");
	}
	stdout = memory;
	show(watching->look, watching->question->view, (json_t *)(uintptr_t)answer);
	stdout = kept;
	(void)fclose(memory);
	return text;
}

static size_t rows_of_screen(void) {
	struct winsize size;
	return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 2 ? size.ws_row : 24;
}

/* Line by line over what stands there, so that nothing flickers; what does not fit is left out. */
static void paint(struct watching *watching, const json_t *answer) {
	char *text = render(watching, answer);
	size_t left = rows_of_screen() - 1;
	if (!str_equal(text, watching->screen)) {
		(void)fputs(watching->screen == NULL ? "\033[2J\033[H" : "\033[H", stdout);
		for (const char *line = text; *line != 0 && left != 0; left--) {
			size_t size = strcspn(line, "\n");
			(void)printf("%.*s\033[K\n", (int)size, line);
			line += size + (line[size] != 0);
		}
		(void)fputs("\033[J", stdout);
		(void)fflush(stdout);
	}
	free(watching->screen);
	watching->screen = text;
}

/* --- again and again -----------------------------------------------------------------------------
 */

static void see(struct watching *watching, const json_t *answer) {
	const json_t *state = json_object_get(answer, "state");
	if (watching->terminal) {
		paint(watching, answer);
	} else {
		print_news(watching, answer);
	}
	if (!is_list(watching) && json_is_integer(state) &&
			json_integer_value(state) >= FIRST_FINAL) {
		watching->over = true;
		watching->ok = true;
	}
	if (ferror(stdout)) { /* nobody sees it: main() says so */
		watching->over = true;
		watching->ok = true;
	}
	watching->stale = false;
	watching->painted_ms = clock_ms();
}

/* Asks and shows. A manager that cannot be reached comes back, or Ctrl-C does. */
static void ask_again(struct watching *watching) {
	const struct question *question = watching->question;
	json_t *answer = NULL;
	watching->painted_ms = clock_ms(); /* also if it fails: it is not asked for all the time */
	if (question->fetch(question->context, watching->manager, &answer, watching->err)) {
		watching->away = false;
		see(watching, answer);
	} else if (watching->err->code != ERROR_UNAVAILABLE &&
			watching->err->code != ERROR_TIMEOUT && watching->err->code != ERROR_BUSY) {
		watching->over = true;
	} else if (!watching->away) {
		(void)fprintf(stderr, "note: %s; waiting for it\n", watching->err->message);
		watching->away = true;
	}
	json_decref(answer);
}

/* Any event may change what is shown: of many at once, the last one counts. */
static bool on_events(void *context, const void *bytes, size_t size) {
	struct watching *watching = context;
	/* What happened between the first question and the first word is in no event. */
	watching->stale = watching->stale || !watching->heard ||
			  memmem(bytes, size, "data:", 5) != NULL;
	watching->heard = true;
	if (watching->stale && clock_ms() >= watching->painted_ms + GAP_MS) {
		ask_again(watching);
	}
	return !watching->over;
}

/* `… --watch | head -n 1` ends when head does, and not with the next event. */
static void look_for_readers(struct watching *watching) {
	struct pollfd out = { .fd = STDOUT_FILENO };
	if (poll(&out, 1, 0) == 1 && (out.revents & (POLLERR | POLLHUP)) != 0) {
		watching->over = true;
		watching->ok = true;
	}
}

static bool on_tick(void *context) {
	struct watching *watching = context;
	uint64_t now = clock_ms(), wait = watching->stale ? GAP_MS : REFRESH_MS;
	if (watching->heard && now >= watching->painted_ms + wait) {
		ask_again(watching);
	}
	look_for_readers(watching);
	return !watching->over;
}

static void listen_and_look(struct watching *watching, struct manager *listener) {
	const struct receiver receiver = { on_events, on_tick, watching };
	struct error ignored;
	int pause = FIRST_POLL_MS;
	while (!watching->over) {
		watching->heard = false;
		(void)!manager_listen(listener, "/events", &receiver, &ignored);
		look_for_readers(watching);
		if (!watching->over) {
			pause = watching->heard ? FIRST_POLL_MS : pause;
			(void)poll(NULL, 0, pause);
			pause = pause * 2 < POLL_MS ? pause * 2 : POLL_MS;
			ask_again(watching);
		}
	}
}

bool watch(const struct question *question, struct manager *manager, const json_t *first,
		struct error *err) {
	enum look look = look_of(question->arguments);
	struct watching watching = { .question = question,
		.manager = manager,
		.look = look,
		.terminal = (look == LOOK_TABLE || look == LOOK_WIDE) && isatty(STDOUT_FILENO),
		.table = { .columns = question->view->columns, .wide = look == LOOK_WIDE },
		.err = err };
	struct manager listener;
	bool ok = manager_open(&listener, question->arguments, err);
	if (ok) {
		see(&watching, first); /* may be the end already */
		listen_and_look(&watching, &listener);
		ok = watching.ok;
	}
	manager_close(&listener);
	json_decref(watching.seen);
	free(watching.screen);
	return ok;
}
