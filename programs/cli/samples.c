/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/samples.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"

static const struct sample {
	const char *title, *file, *invoke, *engine, *inputs[3], *expected;
} samples[] = {
	{ "hello-world", "hello-world/build/hello.wasm", NULL, NULL, { NULL }, "Hello, world!\n" },
	{ "add 10 20", "add/build/add.wasm", "add", NULL, { "10", "20", NULL }, "30" },
	{ "fib 30, multipass", "fib/build/fib.wasm", "fib", "multipass", { "30", NULL }, "832040" },
	{ "fib 30, singlepass", "fib/build/fib.wasm", "fib", "singlepass", { "30", NULL },
			"832040" },
	{ "fib 30, interp", "fib/build/fib.wasm", "fib", "interp", { "30", NULL }, "832040" },
};

static json_t *describe(const struct sample *sample) {
	json_t *task = json_object(), *inputs = json_array();
	for (size_t i = 0; sample->inputs[i] != NULL; i++) {
		json_array_append_new(inputs, json_string(sample->inputs[i]));
	}
	json_object_set_new(task, "name", json_string(sample->title));
	json_object_set_new(task, "inputs", inputs);
	json_object_set_new(task, "invoke",
			sample->invoke != NULL ? json_string(sample->invoke) : json_null());
	json_object_set_new(task, "engine",
			sample->engine != NULL ? json_string(sample->engine) : json_null());
	return task;
}

json_t *samples_task(
		struct manager *manager, json_t *description, const char *file, struct error *err) {
	json_t *created = NULL, *task = NULL;
	if (!manager_call(manager, "POST", "/tasks", description, &created, err)) {
		return NULL;
	}
	const char *id = task_id(created, err);
	CLEANUP(mem_freep) char *start = id != NULL ? task_path(id, "/start") : NULL;
	if (id != NULL && (file == NULL || manager_upload(manager, id, file, err)) &&
			manager_call(manager, "POST", start, NULL, NULL, err)) {
		task = wait_final(manager, id, "120s", err);
	}
	json_decref(created);
	return task;
}

static json_t *run_one(struct manager *manager, const struct sample *sample, const char *examples,
		struct error *err) {
	CLEANUP(mem_freep) char *file = str_format("%s/%s", examples, sample->file);
	return samples_task(manager, describe(sample), file, err);
}

static bool show(const struct sample *sample, const json_t *task, uint64_t took_us,
		const struct error *err) {
	const char *results = json_string_value(json_object_get(task, "results"));
	const char *error = json_string_value(json_object_get(task, "error"));
	bool right = results != NULL && strcmp(results, sample->expected) == 0;
	const char *text = right             ? results
			   : error != NULL   ? error
			   : results != NULL ? results
					     : err->message;
	CLEANUP(mem_freep) char *line = mem_copy(text, strcspn(text, "\n"));
	CLEANUP(mem_freep) char *safe = printable(line, 60);
	(void)printf("  %-20s %-12s %7.1f ms   %s\n", sample->title, right ? "Completed" : "WRONG",
			(double)took_us / 1000.0, safe);
	(void)fflush(stdout);
	return right;
}

bool samples_run(struct manager *manager, const char *examples) {
	bool all = true;
	(void)printf("\n  %-20s %-12s %10s   %s\n", "SAMPLE", "STATE", "TIME", "RESULT");
	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		struct error err = { .message = "" };
		uint64_t began = clock_us();
		json_t *task = run_one(manager, &samples[i], examples, &err);
		all &= show(&samples[i], task, clock_us() - began, &err);
		json_decref(task);
	}
	(void)puts("  (time: create, upload, start, compile, run and wait)");
	return all;
}
