/* SPDX-License-Identifier: Apache-2.0 */
/* `tasks run FILE [ARGS]`: create, upload, start, wait, show, as if the program ran here. */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "cli/output.h"

/* "path/app.wasm" -> "app.wasm" */
static const char *name_of(const struct arguments *arguments) {
	const char *file = arguments->items[0];
	const char *cut = strrchr(file, '/');
	const char *name = arguments->flags[FLAG_NAME];
	return name != NULL ? name : cut != NULL && cut[1] != 0 ? cut + 1 : file;
}

/* What stands behind the file: the export's arguments with --invoke, else the program's. */
static void add_arguments(json_t *task, const struct arguments *arguments) {
	const char *member = arguments->flags[FLAG_INVOKE] != NULL ? "inputs" : "cli_args";
	if (arguments->count < 2) {
		return;
	}
	json_t *list = json_array();
	for (int i = 1; i < arguments->count; i++) {
		json_array_append_new(list, json_string(arguments->items[i]));
	}
	json_object_set_new(task, member, list);
}

struct stopper {
	struct arguments arguments;
	char id[64];
	sigset_t signals;
};

/* Ctrl-C stops the task; the main thread then sees its end. A second one ends at once. */
static void *stop_on_signal(void *context) {
	struct stopper *stopper = context;
	struct manager manager;
	struct error err;
	int signal;
	(void)sigwait(&stopper->signals, &signal);
	CLEANUP(mem_freep) char *path = task_path(stopper->id, "/stop");
	if (!manager_open(&manager, &stopper->arguments, &err) ||
			!manager_call(&manager, "POST", path, NULL, NULL, &err)) {
		(void)fprintf(stderr, "error: the task could not be stopped: %s\n", err.message);
		_exit(STOPPED);
	}
	(void)sigwait(&stopper->signals, &signal);
	_exit(STOPPED);
}

static void begin_stopper(const struct arguments *arguments, const char *id) {
	struct stopper *stopper = MEM_NEW(struct stopper); /* lives as long as the process */
	pthread_t thread;
	stopper->arguments = *arguments;
	(void)snprintf(stopper->id, sizeof(stopper->id), "%s", id);
	(void)sigemptyset(&stopper->signals);
	(void)sigaddset(&stopper->signals, SIGINT);
	(void)sigaddset(&stopper->signals, SIGTERM);
	(void)pthread_sigmask(SIG_BLOCK, &stopper->signals, NULL);
	if (pthread_create(&thread, NULL, stop_on_signal, stopper) == 0) {
		(void)pthread_detach(thread);
	}
}

static void remove_task(struct manager *manager, const char *id) {
	struct error ignored;
	CLEANUP(mem_freep) char *path = task_path(id, "");
	(void)!manager_call(manager, "DELETE", path, NULL, NULL, &ignored);
}

static json_t *run(struct manager *manager, const struct arguments *arguments, const char *id,
		struct error *err) {
	CLEANUP(mem_freep) char *start = task_path(id, "/start");
	if (!manager_upload(manager, id, arguments->items[0], err) ||
			!manager_call(manager, "POST", start, NULL, NULL, err)) {
		remove_task(manager, id);
		return NULL;
	}
	begin_stopper(arguments, id);
	return wait_final(manager, id, arguments->flags[FLAG_TIMEOUT], err);
}

static int finish(struct manager *manager, const struct arguments *arguments, json_t *task,
		const char *id) {
	enum look look = look_of(arguments);
	bool people = look == LOOK_TABLE || look == LOOK_WIDE;
	int code = finish_with(task, people);
	if (!people) {
		show(look, &view_task, task);
	}
	if (arguments->flags[FLAG_REMOVE] != NULL) {
		remove_task(manager, id);
	}
	return code;
}

int tasks_run(const struct arguments *arguments, struct error *err) {
	struct manager manager;
	json_t *created = NULL, *task = NULL,
	       *body = task_from_flags(arguments, name_of(arguments), err);
	int code = -1;
	if (body == NULL) {
		return -1;
	}
	add_arguments(body, arguments);
	bool ok = manager_open(&manager, arguments, err);
	if (!ok) {
		json_decref(body);
	}
	ok = ok && manager_call(&manager, "POST", "/tasks", body, &created, err);
	const char *id = ok ? task_id(created, err) : NULL;
	if (id != NULL) {
		task = run(&manager, arguments, id, err);
		code = task != NULL ? finish(&manager, arguments, task, id) : -1;
	}
	json_decref(task);
	json_decref(created);
	manager_close(&manager);
	return code;
}
