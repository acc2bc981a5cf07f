/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `complete -- WORDS`: what the last word (which may be empty) can become, from the tables of verbs
 * and flags, and ids from the manager if it answers at once. A candidate and what it is, divided by
 * a tab, a line each; the last line is ":files", ":folders" or ":" for what the shell adds itself.
 * It says nothing else whatever goes wrong: somebody is typing.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "cli/context.h"
#include "cli/table.h"
#include "cli/tables.h"

enum { PATIENCE_MS = 400, ABOUT_WIDTH = 70 };

struct completing {
	const char *word;   /* to be completed */
	const char *before; /* what stands in front of its value in the same word: "--output=" */
	const struct verb *verb;    /* NULL: not there yet */
	const char *noun;           /* NULL: not there yet */
	struct arguments arguments; /* what stands before */
	const char *more;           /* "files", "folders" or "" */
};

static void offer(const struct completing *line, const char *candidate, const char *about) {
	CLEANUP(mem_freep) char *safe = printable(candidate, 0);
	CLEANUP(mem_freep) char *short_about = printable(about, ABOUT_WIDTH);
	(void)printf("%s%s\t%s\n", line->before, safe, short_about);
}

static void offer_if(const struct completing *line, const char *candidate, const char *about) {
	if (str_starts(candidate, line->word)) {
		offer(line, candidate, about);
	}
}

/* --- ids ---------------------------------------------------------------------------------------
 */

static const char *text_of(const json_t *row, const char *name) {
	const char *text = json_string_value(json_object_get(row, name));
	return text != NULL ? text : "";
}

/* A stopped task cannot be stopped, a running one not started. */
static bool makes_sense(const struct verb *verb, const json_t *row) {
	json_int_t state = json_integer_value(json_object_get(row, "state"));
	bool runs = state == 1 || state == 2;
	if (verb == NULL || !str_equal(verb->noun, "tasks")) {
		return true;
	}
	return str_equal(verb->name, "stop")                                       ? runs
	       : str_equal(verb->name, "start") || str_equal(verb->name, "delete") ? !runs
										   : true;
}

static void offer_rows(const struct completing *line, const json_t *rows, bool tasks) {
	size_t i;
	json_t *row;
	json_array_foreach(rows, i, row) {
		const char *id = text_of(row, "id"), *name = text_of(row, "name");
		CLEANUP(mem_freep)
		char *about = str_format("%s%s%s", name, name[0] != 0 ? ", " : "",
				tasks                                         ? state_name(row)
				: json_is_true(json_object_get(row, "alive")) ? "alive"
									      : "not alive");
		bool fits = str_starts(id, line->word) || str_starts(name, line->word);
		if (id[0] != 0 && fits && (!tasks || makes_sense(line->verb, row))) {
			offer(line, id, about);
		}
	}
}

static void offer_ids(const struct completing *line, const char *noun) {
	bool tasks = str_equal(noun, "tasks");
	struct manager manager;
	struct error ignored;
	json_t *page = NULL;
	if (!tasks && !str_equal(noun, "proplets")) {
		return;
	}
	if (manager_open_briefly(&manager, &line->arguments, PATIENCE_MS, &ignored) &&
			manager_call(&manager, "GET",
					tasks ? "/tasks?offset=0&limit=100"
					      : "/proplets?offset=0&limit=100",
					NULL, &page, &ignored)) {
		offer_rows(line, json_object_get(page, noun), tasks);
	}
	json_decref(page);
	manager_close(&manager);
}

static void offer_contexts(const struct completing *line) {
	struct error ignored;
	json_t *all = contexts_load(&ignored), *context;
	const char *name;
	json_object_foreach(json_object_get(all, "contexts"), name, context) {
		offer_if(line, name, text_of(context, "manager_url"));
	}
	json_decref(all);
}

/* --- words -------------------------------------------------------------------------------------
 */

static void offer_alternatives(const struct completing *line, const char *alternatives) {
	struct strings words = { 0 };
	strings_split(&words, alternatives, '|');
	for (size_t i = 0; i < words.count; i++) {
		offer_if(line, words.items[i], "");
	}
	strings_finish(&words);
}

/* By the word that --help has for it: FILE, DIR, PROPLET, ID, a|b|c. */
static void offer_kind(struct completing *line, const char *kind) {
	if (str_equal(kind, "FILE")) {
		line->more = "files";
	} else if (str_equal(kind, "DIR")) {
		line->more = "folders";
	} else if (str_equal(kind, "PROPLET")) {
		offer_ids(line, "proplets");
	} else if (str_equal(kind, "CONTEXT") || str_equal(kind, "[CONTEXT]")) {
		offer_contexts(line);
	} else if (str_equal(kind, "ID") && line->verb != NULL) {
		offer_ids(line, line->verb->noun);
	} else if (strchr(kind, '|') != NULL) {
		offer_alternatives(line, kind);
	}
}

static void offer_nouns(const struct completing *line) {
	for (const struct verb *verb = verbs; verb->noun != NULL; verb++) {
		bool first = verb == verbs || !str_equal(verb->noun, verb[-1].noun);
		if (first && (verb->groups & Z) == 0) {
			offer_if(line, verb->noun, verb->name[0] == 0 ? verb->help : "");
		}
	}
}

static void offer_verbs(const struct completing *line) {
	for (const struct verb *verb = verbs; verb->noun != NULL; verb++) {
		if (str_equal(verb->noun, line->noun)) {
			offer_if(line, verb->name, verb->help);
		}
	}
}

static void offer_flags(const struct completing *line) {
	static const struct verb any = { .groups = N };
	const struct verb *verb = line->verb != NULL ? line->verb : &any;
	for (int i = 0; i < FLAGS; i++) {
		const struct flag_row *row = &flag_rows[i];
		bool list = row->value != NULL && strstr(row->value, ",…") != NULL;
		bool given = line->arguments.flags[i] != NULL && !list;
		CLEANUP(mem_freep) char *word = str_format("--%s", row->name);
		if (flag_belongs(row, verb) && !given) {
			offer_if(line, word, row->help);
		}
	}
}

/* The item at hand is the n-th word of the usage: "ID FILE", "FILE [ARGS...]". */
static void offer_item(struct completing *line) {
	struct strings words = { 0 };
	size_t at = (size_t)line->arguments.count;
	strings_split(&words, line->verb->usage, ' ');
	if (at < words.count) {
		offer_kind(line, words.items[at]);
	}
	strings_finish(&words);
}

/* --- the line ----------------------------------------------------------------------------------
 */

/* bash cuts words at "=": "--output", "=", "js" is --output with the value js. */
static size_t join(const struct arguments *arguments, const char **words) {
	size_t count = 0;
	for (int i = 0; i < arguments->count; i++) {
		bool cut = str_equal(arguments->items[i], "=") && count != 0 &&
			   str_starts(words[count - 1], "-");
		if (!cut) {
			words[count++] = arguments->items[i];
		} else if (i + 1 == arguments->count) {
			words[count++] = "";
		}
	}
	return count;
}

/* The value that a flag before the last word waits for, as its kind; NULL: it waits for none. */
static const char *waiting(const struct completing *line, const char *word) {
	static const struct verb any = { .groups = N };
	for (int i = 0; word != NULL && i < FLAGS; i++) {
		const struct flag_row *row = &flag_rows[i];
		bool is_short = word[0] == '-' && word[1] == row->short_name && word[1] != 0 &&
				word[2] == 0;
		if ((is_short || (str_starts(word, "--") && str_equal(word + 2, row->name))) &&
				flag_belongs(row, line->verb != NULL ? line->verb : &any)) {
			return row->value;
		}
	}
	return NULL;
}

/* Noun, verb and what else stands before the last word. Half a line has errors: they do not count.
 */
static void read_line(struct completing *line, char **words) {
	struct error ignored;
	static const struct verb any = { .groups = N, .max = ARGUMENTS_MAX };
	line->noun = arguments_take_item(words);
	if (line->noun != NULL) {
		line->verb = verb_find(line->noun, NULL);
		const char *name = line->verb == NULL ? arguments_take_item(words) : NULL;
		line->verb = line->verb != NULL ? line->verb : verb_find(line->noun, name);
	}
	(void)!arguments_parse(
			&line->arguments, line->verb != NULL ? line->verb : &any, words, &ignored);
}

static void offer_for(struct completing *line, const char *kind, bool flags_ended) {
	const char *equals = strchr(line->word, '=');
	if (kind != NULL) {
		offer_kind(line, kind);
	} else if (line->word[0] == '-' && equals != NULL && !flags_ended) {
		CLEANUP(mem_freep)
		char *flag = mem_copy(line->word, (size_t)(equals - line->word));
		CLEANUP(mem_freep) char *before = str_format("%s=", flag);
		const char *value = waiting(line, flag);
		line->before = before;
		line->word = equals + 1;
		offer_kind(line, value != NULL ? value : "");
		line->before = "";
	} else if (line->word[0] == '-' && !flags_ended) {
		offer_flags(line);
	} else if (line->noun == NULL) {
		offer_nouns(line);
	} else if (line->verb == NULL) {
		offer_verbs(line);
	} else {
		offer_item(line);
	}
}

int complete(const struct arguments *arguments, struct error *err) {
	static const char *words[ARGUMENTS_MAX + 1];
	static struct completing line; /* large, and one per process */
	(void)err;
	size_t count = join(arguments, words);
	bool flags_ended = false;
	line = (struct completing){ .word = "", .before = "", .more = "" };
	if (count != 0) {
		line.word = words[--count];
	}
	words[count] = NULL;
	for (size_t i = 0; i < count; i++) {
		flags_ended = flags_ended || str_equal(words[i], "--");
	}
	const char *last = count != 0 ? words[count - 1] : NULL;
	read_line(&line, (char **)(uintptr_t)words);
	offer_for(&line, flags_ended ? NULL : waiting(&line, last), flags_ended);
	(void)printf(":%s\n", line.more);
	arguments_finish(&line.arguments);
	return 0;
}
