/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs of `tasks`, but for run. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "cli/ask.h"
#include "cli/manifest.h"

enum { POLL_MS = 1000 };

bool upload_or_delete(
		struct manager *manager, const char *id, const char *file, struct error *err) {
	struct error ignored;
	if (file == NULL || manager_upload(manager, id, file, err)) {
		return true;
	}
	CLEANUP(mem_freep) char *path = task_path(id, "");
	(void)!manager_call(manager, "DELETE", path, NULL, NULL, &ignored);
	return false;
}

int tasks_create(const struct arguments *arguments, struct error *err) {
	if (arguments->flags[FLAG_MANIFEST] != NULL) {
		return manifest_create(arguments, err);
	}
	if (arguments->count == 0) {
		error_set(err, ERROR_INVALID, "usage: propeller-cli tasks create NAME [FLAGS]");
		return -1;
	}
	struct manager manager;
	json_t *task = NULL, *body = task_from_flags(arguments, arguments->items[0], err);
	if (body == NULL) {
		return -1;
	}
	bool ok = manager_open(&manager, arguments, err);
	if (!ok) {
		json_decref(body);
	}
	ok = ok && manager_call(&manager, "POST", "/tasks", body, &task, err);
	const char *id = ok ? task_id(task, err) : NULL;
	ok = id != NULL && upload_or_delete(&manager, id, arguments->flags[FLAG_FILE], err);
	if (ok) {
		show(look_of(arguments), &view_created, task);
	}
	json_decref(task);
	manager_close(&manager);
	return ok ? 0 : -1;
}

int tasks_view(const struct arguments *arguments, struct error *err) {
	CLEANUP(mem_freep) char *path = task_path(arguments->items[0], "");
	return ask_view(arguments, path, &view_task, err);
}

/* The manager filters by metadata itself: "metadata={...}", "" without --metadata, NULL with err.
 */
static char *metadata_query(const struct arguments *arguments, struct error *err) {
	if (arguments->flags[FLAG_METADATA] == NULL) {
		return str_copy("");
	}
	json_t *task = task_from_flags(arguments, NULL, err);
	if (task == NULL) {
		return NULL;
	}
	CLEANUP(mem_freep) char *text = json_dumps(json_object_get(task, "metadata"), JSON_COMPACT);
	CLEANUP(mem_freep) char *escaped = http_escape(text);
	json_decref(task);
	return str_format("metadata=%s", escaped);
}

int tasks_list(const struct arguments *arguments, struct error *err) {
	CLEANUP(mem_freep) char *query = metadata_query(arguments, err);
	return query != NULL ? ask_rows(arguments, "/tasks", query, &view_tasks, err) : -1;
}

int tasks_update(const struct arguments *arguments, struct error *err) {
	CLEANUP(mem_freep) char *path = task_path(arguments->items[0], "");
	json_t *body = task_from_flags(arguments, arguments->flags[FLAG_NAME], err);
	if (body == NULL || ask(arguments, "PUT", path, body, &view_task, err) != 0) {
		return -1;
	}
	if (arguments->flags[FLAG_FILE] == NULL) {
		return 0;
	}
	struct manager manager;
	bool ok = manager_open(&manager, arguments, err) &&
		  manager_upload(&manager, arguments->items[0], arguments->flags[FLAG_FILE], err);
	manager_close(&manager);
	return ok ? 0 : -1;
}

int tasks_delete(const struct arguments *arguments, struct error *err) {
	CLEANUP(mem_freep) char *path = task_path(arguments->items[0], "");
	return ask(arguments, "DELETE", path, NULL, NULL, err);
}

int tasks_start(const struct arguments *arguments, struct error *err) {
	CLEANUP(mem_freep) char *path = task_path(arguments->items[0], "/start");
	return ask(arguments, "POST", path, NULL, NULL, err);
}

int tasks_stop(const struct arguments *arguments, struct error *err) {
	CLEANUP(mem_freep) char *path = task_path(arguments->items[0], "/stop");
	return ask(arguments, "POST", path, NULL, NULL, err);
}

int tasks_upload(const struct arguments *arguments, struct error *err) {
	struct manager manager;
	bool ok = manager_open(&manager, arguments, err) &&
		  manager_upload(&manager, arguments->items[0], arguments->items[1], err);
	if (!ok) {
		suggest(&manager, "/tasks/", arguments->items[0], err);
	}
	manager_close(&manager);
	if (ok) {
		(void)puts(look_of(arguments) == LOOK_ID ? arguments->items[0] : "ok");
	}
	return ok ? 0 : -1;
}

int tasks_results(const struct arguments *arguments, struct error *err) {
	CLEANUP(mem_freep) char *path = task_path(arguments->items[0], "/results");
	return ask_view(arguments, path, &view_results, err);
}

/* Workers send what a task wrote with its result and not before: so there is one thing to wait for.
 */
static json_t *follow(struct manager *manager, const char *id, struct error *err) {
	CLEANUP(mem_freep) char *path = task_path(id, "?wait=30");
	bool told = false;
	for (;;) {
		json_t *task = NULL;
		if (!manager_wait(manager, path, 30, &task, err) || task_id(task, err) == NULL) {
			json_decref(task);
			return NULL;
		}
		const json_t *state = json_object_get(task, "state");
		if (json_integer_value(state) >= 3) {
			return task;
		}
		if (!told) {
			(void)fprintf(stderr,
					"note: the task is %s; its output comes when it has "
					"ended, for workers send it with the result\n",
					state_name(task));
			told = true;
		}
		if (json_integer_value(state) ==
				0) { /* not started: nothing that the manager waits for */
			(void)poll(NULL, 0, POLL_MS);
		}
		json_decref(task);
	}
}

static int logs_follow(const struct arguments *arguments, struct error *err) {
	struct manager manager;
	json_t *task = NULL;
	if (manager_open(&manager, arguments, err)) {
		task = follow(&manager, arguments->items[0], err);
		if (task == NULL) {
			suggest(&manager, "/tasks/", arguments->items[0], err);
		}
	}
	bool ok = task != NULL;
	if (ok) {
		show(look_of(arguments), &view_logs, task);
	}
	json_decref(task);
	manager_close(&manager);
	return ok ? 0 : -1;
}

int tasks_logs(const struct arguments *arguments, struct error *err) {
	if (arguments->flags[FLAG_FOLLOW] != NULL) {
		return logs_follow(arguments, err);
	}
	CLEANUP(mem_freep) char *path = task_path(arguments->items[0], "");
	return ask_view(arguments, path, &view_logs, err);
}

int tasks_placement(const struct arguments *arguments, struct error *err) {
	CLEANUP(mem_freep) char *path = task_path(arguments->items[0], "/placement");
	return ask_view(arguments, path, &view_placement, err);
}

int tasks_metrics(const struct arguments *arguments, struct error *err) {
	CLEANUP(mem_freep) char *path = task_path(arguments->items[0], "/metrics");
	return ask_rows(arguments, path, "", &view_task_metrics, err);
}

int tasks_wait(const struct arguments *arguments, struct error *err) {
	struct manager manager;
	json_t *task = NULL;
	int code = -1;
	if (manager_open(&manager, arguments, err)) {
		task = wait_final(
				&manager, arguments->items[0], arguments->flags[FLAG_TIMEOUT], err);
	}
	if (task == NULL && manager.client != NULL) {
		suggest(&manager, "/tasks/", arguments->items[0], err);
	} else if (task != NULL) {
		code = finish_with(task, false);
		if (look_of(arguments) != LOOK_TABLE) {
			show(look_of(arguments), &view_task, task);
		} else if (code == 0) {
			(void)puts(state_name(task));
		}
	}
	json_decref(task);
	manager_close(&manager);
	return code;
}
