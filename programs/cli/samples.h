/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The sample tasks that `up --samples` runs: each result is compared with what it must be. */
#include "cli/cli.h"

/*
 * Creates a task, uploads the file to it unless that is NULL, starts it and waits. The final task,
 * or NULL with err; takes the description over, and the caller drops the task.
 */
json_t *samples_task(struct manager *manager, json_t *description, const char *file,
		struct error *err) MUST_CHECK;

/* Prints a table. False if one is wrong or missing. */
bool samples_run(struct manager *manager, const char *examples);
