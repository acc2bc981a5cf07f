/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * `tasks create --manifest FILE`: tasks as JSON, one object, a list, or {"tasks": [...]}. An object
 * is what POST /tasks takes; "module" is beside it the path of the module to upload, from the
 * manifest's folder. All of them are made, or none stays.
 */
#include "cli/ask.h"

enum { MANIFEST_TASKS_MAX = 1000 };

/* The list of tasks, each an object with a name; "-" is standard input. NULL with err. */
json_t *manifest_read(const char *path, struct error *err);
/* Takes "module" out of a task: the path to upload, or NULL. Freed by the caller. */
char *manifest_take_module(json_t *task, const char *manifest) MUST_CHECK;
int manifest_create(const struct arguments *arguments, struct error *err);
