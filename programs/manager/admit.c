/* SPDX-License-Identifier: Apache-2.0 */
/* Creating and changing tasks: what a client asks for is checked here, before anything is stored.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "manager/api.h"
#include "manager/events.h"
#include "manager/once.h"
#include "manager/tasks.h"
#include "manager/upload.h"

/* A body on its way to the loop: JSON, and a module that is pinned until the commit is over. */
struct admission {
	struct modules *modules;
	char *id; /* NULL for a new task */
	json_t *json;
	bool has_module;
	struct module_info module;
	struct task *task; /* a new one, read in the HTTP thread */
	struct once once;  /* of a new one */
};

static void free_admission(struct deed *deed) {
	struct admission *admission = deed->data;
	if (admission->has_module) {
		modules_unpin(admission->modules, admission->module.digest);
	}
	task_destroy(admission->task);
	json_decref(admission->json);
	free(admission->id);
	free(admission);
}

static void discard(struct admission *admission) {
	struct deed deed = { .data = admission };
	free_admission(&deed);
}

static json_t *parse(struct bytes text, struct error *err) {
	json_error_t where;
	if (text.size == 0) {
		error_set(err, ERROR_INVALID, "not valid JSON: the body is empty");
		return NULL;
	}
	json_t *json = api_parse(text, &where);
	if (json == NULL) {
		error_set(err, ERROR_INVALID, "not valid JSON: %s (line %d, column %d)", where.text,
				where.line, where.column);
	} else if (!json_is_object(json)) {
		json_decref(json);
		json = NULL;
		error_set(err, ERROR_INVALID, "a JSON object is expected");
	}
	return json;
}

/* `file` must be text; absent, null and "" mean no module. Of a text that was taken out "" is left:
 * what else stands there is a second `file`, or its name was not seen for its escapes. */
static bool check_file(
		const struct admission *admission, const struct upload *upload, struct error *err) {
	const json_t *file = json_object_get(admission->json, "file");
	const char *wrong = NULL;
	if (file != NULL && !json_is_null(file) && !json_is_string(file)) {
		wrong = ": expected the module in base64";
	} else if (json_string_length(file) != 0) {
		wrong = ": write its name without escapes";
	} else if (upload != NULL && upload_has_module(upload) && !json_is_string(file)) {
		wrong = " is there twice";
	}
	return wrong == NULL || error_set(err, ERROR_INVALID, "field \"file\"%s", wrong) ||
	       error_in(err, "file");
}

/* A module is brought, or it is said where it is. */
static bool check_one_module(
		const struct admission *admission, const struct upload *upload, struct error *err) {
	const json_t *url = json_object_get(admission->json, "image_url");
	return json_string_length(url) == 0 || upload == NULL || !upload_has_module(upload) ||
	       error_set(err, ERROR_INVALID,
			       "field \"image_url\": the task brings its module in \"file\" "
			       "already; give one of them") ||
	       error_in(err, "image_url");
}

/* In the HTTP thread: everything that needs no state. */
static struct admission *read_body(struct manager *m, struct http_request *request, bool needs_json,
		struct error *err) {
	struct upload *upload = http_sink_context(request);
	struct admission *admission = MEM_NEW(struct admission);
	struct bytes text = upload != NULL ? upload_json(upload) : (struct bytes){ 0 };
	admission->modules = m->modules;
	admission->id = str_copy(http_param(request, "id"));
	if (upload != NULL && upload_failed(upload, err)) {
		discard(admission);
		return NULL;
	}
	if (needs_json || text.size != 0) {
		admission->json = parse(text, err);
		if (admission->json == NULL || !check_file(admission, upload, err)) {
			discard(admission);
			return NULL;
		}
	}
	if (!check_one_module(admission, upload, err)) {
		discard(admission);
		return NULL;
	}
	if (upload != NULL && upload_has_module(upload)) {
		if (!upload_finish(upload, &admission->module, err)) {
			discard(admission);
			return NULL;
		}
		admission->has_module = true;
	}
	return admission;
}

static void set_module(struct task *task, const struct module_info *module) {
	str_set(&task->work.image_url, NULL);
	memcpy(task->work.digest, module->digest, sizeof(task->work.digest));
	task->work.module_size = module->size;
	str_set(&task->file_shown, module->shown);
}

/* As it was said when the task was new. If it was changed or removed since, that shows. */
static void answer_created(struct manager *m, struct deed *deed, const char *id) {
	struct task *task = store_task_get(m->store, id, &deed->err);
	if (task == NULL) {
		deed_fail(deed, ERROR_CLASH,
				"header Idempotency-Key: the task that was created under this key, "
				"%s, is not there any more",
				id);
		(void)error_of(&deed->err, ERROR_IN_HEADER, once_header);
		return;
	}
	struct move move = {
		.at = task->created_at, .state = TASK_PENDING, .cause = (char[]){ "created" }
	};
	task_as_created(manager_keep(m, task));
	(void)snprintf(deed->location, sizeof(deed->location), "/tasks/%s", id);
	deed_answer(deed, 201, task_view(task, &move, 1));
	deed->tagged = deed->replayed = true;
}

static void apply_create(struct manager *m, struct deed *deed) {
	struct admission *admission = deed->data;
	struct task *task = admission->task;
	struct error err;
	struct move move = {
		.at = m->wall_ns, .state = TASK_PENDING, .cause = (char[]){ "created" }
	};
	bool before;
	if (!once_find(m, deed, &admission->once, &before)) {
		return;
	}
	if (before) {
		answer_created(m, deed, admission->once.done.task_id);
		return;
	}
	task->created_at = task->updated_at = m->wall_ns;
	if (manager_write(m) && manager_wrote(m, store_task_add(m->store, task, &err), &err) &&
			manager_wrote(m, store_move_add(m->store, task->id, &move, &err), &err) &&
			once_keep(m, &admission->once, task->id, 0)) {
		(void)snprintf(deed->location, sizeof(deed->location), "/tasks/%s", task->id);
		deed_answer(deed, 201, task_view(task, &move, 1));
		deed->tagged = true;
		events_task(m, task, "created", NULL);
	}
}

void api_tasks_create(void *context, struct http_request *request) {
	struct manager *m = context;
	struct error err;
	struct admission *admission = read_body(m, request, true, &err);
	if (admission == NULL) {
		http_reply_error(request, &err);
		return;
	}
	admission->task = task_create();
	if (!task_read(admission->task, admission->json, false, &err)) {
		http_reply_error(request, &err);
		discard(admission);
		return;
	}
	if (!once_read(&admission->once, request, admission->json,
			    admission->has_module ? admission->module.digest : "", &err)) {
		http_reply_error(request, &err);
		discard(admission);
		return;
	}
	random_uuid(admission->task->id);
	if (admission->has_module) {
		set_module(admission->task, &admission->module);
	}
	deed_submit(m, request, apply_create, free_admission, admission, false);
}

/* A copy of the task with the changes, so that a refused one changes nothing. */
static struct task *changed(
		struct manager *m, const struct admission *admission, struct deed *deed) {
	struct task *task = store_task_get(m->store, admission->id, &deed->err);
	if (task == NULL) {
		return NULL;
	}
	(void)manager_keep(m, task);
	if (admission->json != NULL && !task_read(task, admission->json, true, &deed->err)) {
		return NULL;
	}
	if (admission->has_module) {
		set_module(task, &admission->module);
	} else if (task->work.image_url != NULL) {
		str_set(&task->file_shown, NULL); /* of a module that it had before */
	}
	task->updated_at = m->wall_ns;
	return task;
}

static bool may_change(struct manager *m, const struct admission *admission, struct deed *deed,
		char digest[DIGEST_HEX_SIZE]) {
	struct task *task = tasks_get(m, admission->id, &deed->err);
	if (task == NULL) {
		return false;
	}
	if (tasks_live(m, task->id) != NULL) {
		deed_fail(deed, ERROR_CONFLICT, "task %s is %s%s; stop it before changing it",
				task->id, task_state_name(task->state),
				task->queued ? " (queued)" : "");
		return false;
	}
	memcpy(digest, task->work.digest, DIGEST_HEX_SIZE);
	return api_is_current(m, deed, task);
}

static void apply_change(struct manager *m, struct deed *deed) {
	struct admission *admission = deed->data;
	char before[DIGEST_HEX_SIZE];
	struct error err;
	if (!may_change(m, admission, deed, before)) {
		return;
	}
	struct task *task = changed(m, admission, deed);
	if (task != NULL && manager_write(m) &&
			manager_wrote(m, store_task_change(m->store, task, &err), &err)) {
		if (before[0] != 0 && strcmp(before, task->work.digest) != 0) {
			strings_add(&m->orphans, before);
		}
		api_answer_task(m, deed, task->id, 200);
		events_task(m, task, "changed", NULL);
	}
}

static void change(struct manager *m, struct http_request *request, bool upload) {
	struct error err;
	struct admission *admission = read_body(m, request, !upload, &err);
	if (admission == NULL) {
		http_reply_error(request, &err);
		return;
	}
	if (upload && !admission->has_module) {
		error_set(&err, ERROR_MODULE,
				"not a module: the request has none; send its bytes, or a part "
				"\"file\"");
		(void)(admission->json != NULL ? error_in(&err, "file")
					       : error_of(&err, ERROR_IN_PART, "file"));
		http_reply_error(request, &err);
		discard(admission);
		return;
	}
	deed_submit(m, request, apply_change, free_admission, admission, false);
}

void api_tasks_update(void *context, struct http_request *request) {
	change(context, request, false);
}

void api_tasks_upload(void *context, struct http_request *request) {
	change(context, request, true);
}
