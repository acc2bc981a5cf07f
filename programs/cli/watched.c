/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/watched.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "cli/push.h"
#include "cli/samples.h"
#include "cli/spy.h"

enum { HEAR_MS = 30000 };

static const char mark[] = "Hello, world!", domain[] = "local", repository[] = "samples/hello";
static const char result_path[] = "control/proplet/results";

struct seen {
	unsigned messages, marked, sealed;
};

/* These go around anyway, task or not: searched, not shown. */
static bool is_chatter(const char *path) {
	static const char *const chatter[] = { "control/proplet/alive", "control/proplet/create",
		"control/proplet/metrics", "control/proplet/task_metrics",
		"control/manager/online" };
	for (size_t i = 0; i < sizeof(chatter) / sizeof(chatter[0]); i++) {
		if (strcmp(path, chatter[i]) == 0) {
			return true;
		}
	}
	return false;
}

static void show_heard(void *context, const struct heard *heard) {
	struct seen *seen = context;
	seen->messages++;
	seen->marked += heard->marked;
	seen->sealed += heard->sealed;
	if (!is_chatter(heard->path) || heard->marked) {
		(void)printf("    %-36s %7zu bytes  %s%s...%s\n", heard->path, heard->size,
				heard->sealed ? "sealed " : "", heard->begins,
				heard->marked ? "   \"Hello, world!\" is in it" : "");
	}
}

/* What the task gave; true if it is right. */
static bool show_task(const char *title, const json_t *task, const struct error *err) {
	const char *results = json_string_value(json_object_get(task, "results"));
	const char *error = json_string_value(json_object_get(task, "error"));
	bool right = results != NULL && str_starts(results, mark);
	const char *text = right || (error == NULL && results != NULL) ? results
			   : error != NULL                             ? error
								       : err->message;
	CLEANUP(mem_freep) char *line = mem_copy(text, strcspn(text, "\n"));
	CLEANUP(mem_freep) char *safe = printable(line, 200);
	(void)printf("\n  %s: %s, it printed \"%s\"; the broker saw\n", title,
			right ? "Completed" : "WRONG", safe);
	return right;
}

static bool judge(const struct watched *watched, const struct seen *seen) {
	bool right = watched->encrypted ? seen->marked == 0 && seen->sealed != 0
					: seen->marked != 0;
	(void)printf("    \"%s\" is in %u of %u messages%s\n", mark, seen->marked, seen->messages,
			right ? "" : ": WRONG");
	(void)fflush(stdout);
	return right;
}

static bool run_one(const struct watched *watched, struct spy *spy, const char *title,
		const char *image) {
	struct error err = { .message = "" };
	struct seen seen = { 0 };
	CLEANUP(mem_freep)
	char *file = str_format("%s/hello-world/build/hello.wasm", watched->examples);
	json_t *description = json_pack("{s:s}", "name", "hello-world");
	if (image != NULL) {
		json_object_set_new(description, "image_url", json_string(image));
	}
	spy_begin(spy);
	json_t *task = samples_task(
			watched->manager, description, image != NULL ? NULL : file, &err);
	(void)spy_wait(spy, result_path, HEAR_MS); /* the broker may tell us last */
	bool right = show_task(title, task, &err);
	json_decref(task);
	spy_each(spy, show_heard, &seen);
	return judge(watched, &seen) && right;
}

static bool run_image(const struct watched *watched, struct spy *spy) {
	struct error err;
	CLEANUP(mem_freep) char *address = str_format("http://%s", watched->registry);
	CLEANUP(mem_freep) char *image = str_format("%s/%s:v1", watched->registry, repository);
	CLEANUP(mem_freep)
	char *file = str_format("%s/hello-world/build/hello.wasm", watched->examples);
	CLEANUP(mem_freep)
	char *title = str_format("hello-world %s, as the image %s",
			watched->encrypted ? "encrypted" : "in the open", image);
	if (!push_module(address, repository, "v1", file, &err)) {
		(void)printf("\n  %s: WRONG, %s\n", title, err.message);
		return false;
	}
	return run_one(watched, spy, title, image);
}

bool watched_run(const struct watched *watched) {
	struct error err;
	CLEANUP(mem_freep) char *address = str_format("tcp://127.0.0.1:%u", watched->mqtt_port);
	struct spy *spy = spy_create(address, domain, watched->channel, mark, &err);
	if (spy == NULL) {
		(void)printf("\n  listening at the broker: WRONG, %s\n", err.message);
		return false;
	}
	bool right = run_one(watched, spy,
			watched->encrypted ? "hello-world encrypted" : "hello-world in the open",
			NULL);
	if (watched->registry != NULL) {
		right = run_image(watched, spy) && right;
	}
	spy_destroy(spy);
	return right;
}
