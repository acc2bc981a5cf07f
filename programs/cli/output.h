/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * How an answer is shown (-o): as a table or lines for people, as the manager's JSON, as JSON in
 * one line for each row, or as nothing but ids. Views say how for each kind of answer (views.c).
 * What is data goes to standard output; what is said about it ("10 of 37") to standard error.
 */
#include "cli/cli.h"
#include "cli/table.h"

enum look { LOOK_TABLE, LOOK_WIDE, LOOK_JSON, LOOK_JSONL, LOOK_ID };

struct view {
	const char *rows;  /* the member of the answer that has the rows; NULL: it is one thing */
	const char *id;    /* path in a row of what -o id prints; NULL: has none */
	const char *must;  /* a member that the answer has, if the rows are none */
	bool may_be_empty; /* as Propeller says that there is nothing yet */
	bool oldest_first; /* the rows: without --offset people want the last ones */
	const struct column *columns;
	void (*text)(const json_t *answer); /* for people: instead of the columns */
	void (*more)(const json_t *answer); /* for people: behind the columns */
};

/* views.c */
extern const struct view view_tasks, view_task, view_created, view_results, view_logs,
		view_placement, view_task_metrics, view_proplets, view_proplet,
		view_proplet_metrics, view_beats, view_health, view_contexts, view_context,
		view_backup;

enum look look_of(const struct arguments *arguments);
/* False where the view has no such look. */
bool look_check(const struct arguments *arguments, const struct view *view, struct error *err);
void show(enum look look, const struct view *view, json_t *answer);
/* Rows only, into a table whose head may have been printed. */
void show_rows(enum look look, const struct view *view, struct table *table, const json_t *rows);
/* "10 of 37", to standard error, where people see a list. */
void show_total(enum look look, const struct view *view, const json_t *answer);
/* JSON in the look that was asked for. */
void print_json(enum look look, const json_t *value);
/* The bytes of a task's output: member `whole` has them in base64, else `name` as text. */
void print_bytes(const json_t *object, const char *name, const char *whole, FILE *out);
