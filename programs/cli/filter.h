/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * --filter KEY=VALUE[,KEY!=VALUE...]: which rows of a list are shown; all of the terms must hold.
 * KEY is a member of the row in -o json, with dots for what is inside (metadata.arch); VALUE may
 * have * and ? in it, and does not tell A from a. A state is its name or its number; a list matches
 * when one of its items does; what is not there is the empty text.
 */
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/str.h"

enum { TERMS_MAX = 32 };

struct filter {
	struct strings words; /* the keys and values, cut apart */
	struct {
		const char *key, *value;
		bool unequal;
		bool known; /* a row that was looked at has the key */
	} terms[TERMS_MAX];
	size_t count;
};

/* NULL is the filter that lets everything through. */
bool filter_parse(struct filter *filter, const char *text, struct error *err) MUST_CHECK;
bool filter_lets(struct filter *filter, const json_t *row);
/* The first key that no row has had that was looked at: perhaps a slip; NULL if all were there. */
const char *filter_unknown(const struct filter *filter);
void filter_finish(struct filter *filter);
