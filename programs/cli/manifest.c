/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/manifest.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"

enum { MANIFEST_MAX = 16 * 1024 * 1024 };

/* --- the file ----------------------------------------------------------------------------------
 */

static json_t *parse(const char *name, const struct buf *text, struct error *err) {
	json_error_t why;
	json_t *value = json_loadb(
			buf_text(text), text->size, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &why);
	if (value == NULL) {
		error_set(err, ERROR_INVALID, "%s:%d:%d: %s", name, why.line, why.column, why.text);
	}
	return value;
}

static json_t *list_of(json_t *value) {
	const json_t *tasks = json_object_get(value, "tasks");
	json_t *list = json_is_array(value)   ? json_incref(value)
		       : json_is_array(tasks) ? json_incref((json_t *)(uintptr_t)tasks)
					      : json_pack("[O]", value);
	json_decref(value);
	return list;
}

static bool check_list(const char *name, const json_t *list, struct error *err) {
	size_t i;
	json_t *task;
	if (json_array_size(list) == 0 || json_array_size(list) > MANIFEST_TASKS_MAX) {
		return error_set(err, ERROR_INVALID, "%s: %zu tasks; from 1 to %d are taken", name,
				json_array_size(list), MANIFEST_TASKS_MAX);
	}
	json_array_foreach(list, i, task) {
		const json_t *module = json_object_get(task, "module");
		if (!json_is_string(json_object_get(task, "name")) ||
				(module != NULL && !json_is_string(module))) {
			return error_set(err, ERROR_INVALID,
					"%s: task %zu: an object with a \"name\" and perhaps the "
					"path "
					"of a \"module\", both texts, is expected",
					name, i + 1);
		}
	}
	return true;
}

json_t *manifest_read(const char *path, struct error *err) {
	struct buf text = BUF_INIT(MANIFEST_MAX);
	const char *file = str_equal(path, "-") ? "/dev/stdin" : path;
	json_t *value = file_read(file, &text, err) ? parse(path, &text, err) : NULL;
	json_t *list = value != NULL ? list_of(value) : NULL;
	buf_finish(&text);
	if (list != NULL && !check_list(path, list, err)) {
		json_decref(list);
		list = NULL;
	}
	if (list == NULL) {
		(void)error_wrap(err, "flag --manifest");
	}
	return list;
}

char *manifest_take_module(json_t *task, const char *manifest) {
	const char *module = json_string_value(json_object_get(task, "module"));
	const char *cut = strrchr(manifest, '/');
	char *path = module == NULL ? NULL
		     : module[0] == '/' || cut == NULL
				     ? str_copy(module)
				     : str_format("%.*s/%s", (int)(cut - manifest), manifest,
						       module);
	json_object_del(task, "module");
	return path;
}

/* --- the tasks ---------------------------------------------------------------------------------
 */

/* The manager is told in two steps, and would take the second for a change. */
static bool has_one_module(const json_t *task, const char *module, struct error *err) {
	bool more = json_string_length(json_object_get(task, "image_url")) != 0 ||
		    json_string_length(json_object_get(task, "file")) != 0;
	return module == NULL || !more ||
	       error_set(err, ERROR_INVALID,
			       "it has a \"module\", and an \"image_url\" or a \"file\" as well: "
			       "give "
			       "one of them");
}

/* What the flags say goes for all of them. */
static json_t *create_one(struct manager *manager, const struct arguments *arguments, json_t *task,
		struct error *err) {
	json_t *created = NULL, *flags = task_from_flags(arguments, NULL, err);
	const char *manifest = arguments->flags[FLAG_MANIFEST];
	if (flags == NULL) {
		return NULL;
	}
	CLEANUP(mem_freep) char *module = manifest_take_module(task, manifest);
	(void)json_object_update_recursive(task, flags);
	json_decref(flags);
	if (!has_one_module(task, module, err) ||
			!manager_call(manager, "POST", "/tasks", json_incref(task), &created,
					err)) {
		return NULL;
	}
	const char *id = task_id(created, err);
	if (id == NULL || (module != NULL && !upload_or_delete(manager, id, module, err))) {
		json_decref(created);
		return NULL;
	}
	return created;
}

static void delete_all(struct manager *manager, const json_t *tasks) {
	size_t i;
	json_t *task;
	struct error ignored;
	json_array_foreach(tasks, i, task) {
		CLEANUP(mem_freep)
		char *path = task_path(json_string_value(json_object_get(task, "id")), "");
		(void)!manager_call(manager, "DELETE", path, NULL, NULL, &ignored);
	}
}

static bool create_all(struct manager *manager, const struct arguments *arguments,
		const json_t *list, json_t *created, struct error *err) {
	size_t i;
	json_t *task;
	json_array_foreach(list, i, task) {
		json_t *one = create_one(manager, arguments, task, err);
		if (one == NULL) {
			const char *name = json_string_value(json_object_get(task, "name"));
			delete_all(manager, created);
			return error_wrap(err, "task %zu (%.60s), and none was made", i + 1, name);
		}
		json_array_append_new(created, one);
	}
	return true;
}

int manifest_create(const struct arguments *arguments, struct error *err) {
	struct manager manager;
	if (arguments->count != 0 || arguments->flags[FLAG_FILE] != NULL) {
		error_set(err, ERROR_INVALID,
				"flag --manifest: names and modules stand in the manifest");
		return -1;
	}
	json_t *list = manifest_read(arguments->flags[FLAG_MANIFEST], err);
	if (list == NULL) {
		return -1;
	}
	json_t *created = json_array();
	bool ok = manager_open(&manager, arguments, err) &&
		  create_all(&manager, arguments, list, created, err);
	json_t *page = json_pack("{s:o}", "tasks", created);
	if (ok) {
		show(look_of(arguments) == LOOK_TABLE ? LOOK_ID : look_of(arguments), &view_tasks,
				page);
	}
	json_decref(page);
	json_decref(list);
	manager_close(&manager);
	return ok ? 0 : -1;
}
