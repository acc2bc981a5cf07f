/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* One question to the manager and its answer on the screen: what most verbs are. */
#include "cli/output.h"

/*
 * Sends body (taken over; NULL: none) and shows the answer; without a view, or without an answer,
 * people see "ok", -o id the item that the verb was about, and JSON is the answer as it is.
 */
int ask(const struct arguments *arguments, const char *method, const char *path, json_t *body,
		const struct view *view, struct error *err);
/* GET of one thing. */
int ask_view(const struct arguments *arguments, const char *path, const struct view *view,
		struct error *err);
/*
 * --limit rows from --offset on of what stands at `path`, those that --filter wants. `query` ("" or
 * "a=b&c=d") goes with every page. Many rows are asked for in pages.
 */
int ask_rows(const struct arguments *arguments, const char *path, const char *query,
		const struct view *view, struct error *err);
/*
 * suggest.c: where err is that the manager does not know what `path` names, the task or worker of
 * that name, or of nearly that id, is added to the message. Costs one more question.
 */
void suggest(struct manager *manager, const char *path, const char *word, struct error *err);
/* What is asked, and asked again by watch(). */
struct question {
	const struct arguments *arguments;
	const char *path; /* without its query */
	const struct view *view;
	/* The answer, the caller's. */
	bool (*fetch)(void *context, struct manager *manager, json_t **answer, struct error *err);
	void *context;
};
/*
 * watch.c: --watch. Shows `first`, and then what is asked again whenever the manager tells of
 * something (GET /events), or every second if it tells nothing: a terminal is painted anew, a pipe
 * gets the rows that are new or have changed. Ends (true) when the one task that it is about is
 * final; false with err when the manager says no. One that is away is waited for.
 */
bool watch(const struct question *question, struct manager *manager, const json_t *first,
		struct error *err) MUST_CHECK;
