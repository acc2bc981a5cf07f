/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Tables for people, from JSON and a list of columns. Columns are as wide as what is in them and
 * always the same ones in the same order; what is not there is "-", so that every line has as many
 * words as the head (texts may have more). On a terminal that is too narrow, texts are cut; ids and
 * numbers never are.
 */
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

enum form {
	FORM_TEXT, /* any JSON: lists with commas */
	FORM_STATE,
	FORM_NUMBER,
	FORM_TENTHS,
	FORM_SIZE, /* bytes as KiB, MiB */
	FORM_TIME, /* to seconds */
	FORM_YES,  /* yes or no */
};

struct column {
	const char *title;
	const char *path; /* "metrics.cpu_percent"; "": the row itself */
	enum form form;
	unsigned most; /* columns of the terminal, but with -o wide; 0: is never cut */
	bool wide;     /* only with -o wide */
};

enum { COLUMNS_MAX = 24 };

struct table {
	const struct column *columns; /* ended by one without a title */
	bool wide, headed;            /* headed: the head has been printed */
	size_t widths[COLUMNS_MAX];   /* they only grow */
};

/* The member at a dotted path, or NULL. */
json_t *member_at(const json_t *value, const char *path);
/* Prints rows to standard output, before the first ones the head. */
void table_print(struct table *table, const json_t *rows);
/* One thing, a line for each column that has something. */
void fields_print(const struct column *columns, bool wide, const json_t *thing);

const char *state_name(const json_t *task);
/* By its number; NULL from the first one on that there is not. */
const char *state_called(size_t number);
