/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/filter.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/guess.h"
#include "cli/table.h"

enum { STATES_MAX = 16 };

/* A state that there is, by name, number or pattern: a slip would look like "none are so". */
static bool check_state(const char *pattern, struct error *err) {
	const char *names[STATES_MAX];
	char hint[80], number[24];
	size_t count = 0;
	for (; state_called(count) != NULL; count++) {
		names[count] = state_called(count);
		(void)snprintf(number, sizeof(number), "%zu", count);
		if (fnmatch(pattern, names[count], FNM_CASEFOLD) == 0 ||
				fnmatch(pattern, number, 0) == 0) {
			return true;
		}
	}
	return pattern[0] == 0 ||
	       error_set(err, ERROR_INVALID,
			       "flag --filter: no state is called \"%.40s\"%s; `tasks list -o "
			       "wide` shows how they are called",
			       pattern, nearest(pattern, names, count, hint));
}

static bool add_term(struct filter *filter, char *text, struct error *err) {
	char *cut = strchr(text, '=');
	if (cut == NULL || cut == text || (cut == text + 1 && text[0] == '!')) {
		return error_set(err, ERROR_INVALID,
				"flag --filter: \"%.60s\" is not KEY=VALUE or KEY!=VALUE", text);
	}
	if (filter->count == TERMS_MAX) {
		return error_set(
				err, ERROR_INVALID, "flag --filter: more than %d terms", TERMS_MAX);
	}
	bool unequal = cut[-1] == '!';
	cut[unequal ? -1 : 0] = 0;
	if (str_equal(text, "state") && !check_state(cut + 1, err)) {
		return false;
	}
	filter->terms[filter->count].key = text;
	filter->terms[filter->count].value = cut + 1;
	filter->terms[filter->count++].unequal = unequal;
	return true;
}

bool filter_parse(struct filter *filter, const char *text, struct error *err) {
	*filter = (struct filter){ 0 };
	if (text == NULL) {
		return true;
	}
	strings_split(&filter->words, text, ',');
	for (size_t i = 0; i < filter->words.count; i++) {
		if (!add_term(filter, filter->words.items[i], err)) {
			filter_finish(filter);
			return false;
		}
	}
	return true;
}

void filter_finish(struct filter *filter) {
	strings_finish(&filter->words);
	*filter = (struct filter){ 0 };
}

static bool is_like(const json_t *value, const char *pattern) {
	if (json_is_string(value)) {
		return fnmatch(pattern, json_string_value(value), FNM_CASEFOLD) == 0;
	}
	if (value == NULL || json_is_null(value)) {
		return pattern[0] == 0;
	}
	CLEANUP(mem_freep) char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
	return text != NULL && fnmatch(pattern, text, FNM_CASEFOLD) == 0;
}

static bool holds(const json_t *row, const char *key, const char *pattern) {
	const json_t *value = member_at(row, key);
	size_t i;
	json_t *item;
	if (json_is_array(value)) {
		json_array_foreach(value, i, item) {
			if (is_like(item, pattern)) {
				return true;
			}
		}
		return json_array_size(value) == 0 && pattern[0] == 0;
	}
	bool named = str_equal(key, "state") && json_is_integer(value) &&
		     fnmatch(pattern, state_name(row), FNM_CASEFOLD) == 0;
	return named || is_like(value, pattern);
}

bool filter_lets(struct filter *filter, const json_t *row) {
	bool lets = true;
	for (size_t i = 0; i < filter->count; i++) {
		const char *key = filter->terms[i].key;
		filter->terms[i].known = filter->terms[i].known || member_at(row, key) != NULL;
		lets = lets && holds(row, key, filter->terms[i].value) != filter->terms[i].unequal;
	}
	return lets;
}

const char *filter_unknown(const struct filter *filter) {
	for (size_t i = 0; i < filter->count; i++) {
		if (!filter->terms[i].known) {
			return filter->terms[i].key;
		}
	}
	return NULL;
}
