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
