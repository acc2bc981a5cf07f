/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs of `tasks`, but for run. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "cli/cli.h"

/* One call with one answer, shown as JSON or by `show`. */
static int ask(const struct arguments *arguments, const char *method, const char *path,
		json_t *body, void (*show)(const json_t *answer), struct error *err) {
	struct manager manager;
	json_t *answer = NULL;
	bool ok = manager_open(&manager, arguments, err);
	if (!ok) {
		json_decref(body);
	}
	ok = ok && manager_call(&manager, method, path, body, &answer, err);
	if (ok && answer != NULL && wants_json(arguments)) {
		print_json(answer);
	} else if (ok && answer != NULL && show != NULL) {
		show(answer);
	} else if (ok) {
		(void)puts("ok");
	}
	json_decref(answer);
	manager_close(&manager);
	return ok ? 0 : -1;
}

static bool upload_or_delete(
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
	if (ok && wants_json(arguments)) {
		print_json(task);
	} else if (ok) {
		(void)puts(id);
	}
	json_decref(task);
	manager_close(&manager);
	return ok ? 0 : -1;
}

int tasks_view(const struct arguments *arguments, struct error *err) {
	CLEANUP(mem_freep) char *path = task_path(arguments->items[0], "");
	return ask(arguments, "GET", path, NULL, print_task, err);
}

static bool number_of(const char *text, uint64_t fallback, const char *flag, uint64_t *number,
		struct error *err) {
	*number = fallback;
	return text == NULL || str_to_u64(text, number, err) || error_wrap(err, "flag --%s", flag);
}

/* "?offset=0&limit=10" and the filters. NULL with err. */
static char *page_query(const struct arguments *arguments, struct error *err) {
	uint64_t offset, limit;
	if (!number_of(arguments->flags[FLAG_OFFSET], 0, "offset", &offset, err) ||
			!number_of(arguments->flags[FLAG_LIMIT], 10, "limit", &limit, err)) {
		return NULL;
	}
	return str_format("?offset=%llu&limit=%llu", (unsigned long long)offset,
			(unsigned long long)limit);
}

int tasks_list(const struct arguments *arguments, struct error *err) {
	CLEANUP(mem_freep) char *query = page_query(arguments, err);
	CLEANUP(mem_freep) char *filter = NULL;
	if (query == NULL) {
		return -1;
	}
	if (arguments->flags[FLAG_METADATA] != NULL) {
		json_t *task = task_from_flags(arguments, NULL, err);
		if (task == NULL) {
			return -1;
		}
		CLEANUP(mem_freep)
		char *text = json_dumps(json_object_get(task, "metadata"), JSON_COMPACT);
		CLEANUP(mem_freep) char *escaped = http_escape(text);
		filter = str_format("&metadata=%s", escaped);
		json_decref(task);
	}
	CLEANUP(mem_freep)
	char *path = str_format("/tasks%s%s", query, filter != NULL ? filter : "");
	return ask(arguments, "GET", path, NULL, print_tasks, err);
}

int tasks_update(const struct arguments *arguments, struct error *err) {
	CLEANUP(mem_freep) char *path = task_path(arguments->items[0], "");
	json_t *body = task_from_flags(arguments, arguments->flags[FLAG_NAME], err);
	if (body == NULL || ask(arguments, "PUT", path, body, print_task, err) != 0) {
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
	manager_close(&manager);
	if (ok) {
		(void)puts("ok");
	}
	return ok ? 0 : -1;
}

static void print_results(const json_t *answer) {
	const json_t *results = json_object_get(answer, "results");
	if (json_is_string(results)) {
		size_t size = json_string_length(results);
		(void)fwrite(json_string_value(results), 1, size, stdout);
		if (size == 0 || json_string_value(results)[size - 1] != '\n') {
			(void)putchar('\n');
		}
	} else if (results != NULL && !json_is_null(results)) {
		print_json((json_t *)(uintptr_t)results); /* of a worker that is not ours */
	} else {
		(void)puts("no results yet");
	}
}

int tasks_results(const struct arguments *arguments, struct error *err) {
	CLEANUP(mem_freep) char *path = task_path(arguments->items[0], "/results");
	return ask(arguments, "GET", path, NULL, print_results, err);
}

static void print_logs(const json_t *task) {
	print_bytes(task, "stdout", "stdout_base64", stdout);
	print_bytes(task, "stderr", "stderr_base64", stderr);
}

int tasks_logs(const struct arguments *arguments, struct error *err) {
	CLEANUP(mem_freep) char *path = task_path(arguments->items[0], "");
	return ask(arguments, "GET", path, NULL, print_logs, err);
}

int tasks_placement(const struct arguments *arguments, struct error *err) {
	CLEANUP(mem_freep) char *path = task_path(arguments->items[0], "/placement");
	return ask(arguments, "GET", path, NULL, print_placement, err);
}

/* A page of what stands at `path`, which it takes over. */
static int ask_page(const struct arguments *arguments, char *path,
		void (*show)(const json_t *answer), struct error *err) {
	CLEANUP(mem_freep) char *query = page_query(arguments, err);
	CLEANUP(mem_freep) char *base = path;
	if (query == NULL) {
		return -1;
	}
	CLEANUP(mem_freep) char *whole = str_format("%s%s", base, query);
	return ask(arguments, "GET", whole, NULL, show, err);
}

int tasks_metrics(const struct arguments *arguments, struct error *err) {
	return ask_page(arguments, task_path(arguments->items[0], "/metrics"), print_task_metrics,
			err);
}

int tasks_wait(const struct arguments *arguments, struct error *err) {
	struct manager manager;
	json_t *task = NULL;
	int code = -1;
	if (manager_open(&manager, arguments, err)) {
		task = wait_final(
				&manager, arguments->items[0], arguments->flags[FLAG_TIMEOUT], err);
	}
	if (task != NULL) {
		code = finish_with(task, false);
		if (wants_json(arguments)) {
			print_json(task);
		} else if (code == 0) {
			(void)puts(state_name(task));
		}
	}
	json_decref(task);
	manager_close(&manager);
	return code;
}

/* --- proplets and health -----------------------------------------------------------------------
 */

int proplets_list(const struct arguments *arguments, struct error *err) {
	CLEANUP(mem_freep) char *query = page_query(arguments, err);
	if (query == NULL) {
		return -1;
	}
	const char *status = arguments->flags[FLAG_STATUS];
	CLEANUP(mem_freep) char *escaped = http_escape(status != NULL ? status : "");
	CLEANUP(mem_freep) char *path = str_format("/proplets%s&status=%s", query, escaped);
	return ask(arguments, "GET", path, NULL, print_proplets, err);
}

static char *proplet_path(const char *id, const char *rest) {
	CLEANUP(mem_freep) char *escaped = http_escape(id);
	return str_format("/proplets/%s%s", escaped, rest);
}

static void print_any(const json_t *answer) {
	print_json((json_t *)(uintptr_t)answer);
}

int proplets_view(const struct arguments *arguments, struct error *err) {
	CLEANUP(mem_freep) char *path = proplet_path(arguments->items[0], "");
	return ask(arguments, "GET", path, NULL, print_any, err);
}

int proplets_metrics(const struct arguments *arguments, struct error *err) {
	return ask_page(arguments, proplet_path(arguments->items[0], "/metrics"),
			print_proplet_metrics, err);
}

int proplets_history(const struct arguments *arguments, struct error *err) {
	return ask_page(arguments, proplet_path(arguments->items[0], "/alive-history"), print_beats,
			err);
}

int proplets_delete(const struct arguments *arguments, struct error *err) {
	CLEANUP(mem_freep) char *path = proplet_path(arguments->items[0], "");
	return ask(arguments, "DELETE", path, NULL, NULL, err);
}

static void print_health(const json_t *answer) {
	(void)printf("%s (version %s)\n", json_string_value(json_object_get(answer, "status")),
			json_string_value(json_object_get(answer, "version")));
}

int health(const struct arguments *arguments, struct error *err) {
	return ask(arguments, "GET", "/health", NULL, print_health, err);
}
