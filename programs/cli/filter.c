/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/filter.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/table.h"

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

bool filter_lets(const struct filter *filter, const json_t *row) {
	for (size_t i = 0; i < filter->count; i++) {
		if (holds(row, filter->terms[i].key, filter->terms[i].value) ==
				filter->terms[i].unequal) {
			return false;
		}
	}
	return true;
}
