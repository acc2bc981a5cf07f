/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/output.h"

enum { STEP_SECONDS = 30, FIRST_FINAL = 3, COMPLETED = 3, FAILED = 4 };

static bool is_final(const json_t *task) {
	return json_integer_value(json_object_get(task, "state")) >= FIRST_FINAL;
}

json_t *wait_final(
		struct manager *manager, const char *id, const char *timeout, struct error *err) {
	const uint64_t ages = UINT64_MAX / 2; /* a deadline that is still a number */
	uint64_t ms = ages;
	if (timeout != NULL && !str_to_duration_ms(timeout, &ms, err)) {
		(void)error_wrap(err, "flag --timeout");
		return NULL;
	}
	for (uint64_t deadline = clock_ms() + (ms < ages ? ms : ages);;) {
		uint64_t now = clock_ms(), left = now < deadline ? deadline - now : 0;
		unsigned seconds = left < STEP_SECONDS * 1000 ? (unsigned)((left + 999) / 1000)
							      : (unsigned)STEP_SECONDS;
		CLEANUP(mem_freep) char *rest = str_format("?wait=%u", seconds);
		CLEANUP(mem_freep) char *path = task_path(id, rest);
		json_t *task = NULL;
		if (!manager_wait(manager, path, seconds, &task, err)) {
			return NULL;
		}
		if (!json_is_integer(json_object_get(task, "state"))) {
			json_decref(task);
			error_set(err, ERROR_INTERNAL,
					"the manager's answer has no \"state\" in it; is this its "
					"address?");
			return NULL;
		}
		bool idle = json_integer_value(json_object_get(task, "state")) == 0 &&
			    !json_is_true(json_object_get(task, "queued"));
		if (is_final(task)) {
			return task;
		}
		json_decref(task);
		if (idle) {
			error_set(err, ERROR_CONFLICT,
					"task %s was not started: propeller-cli tasks start %s", id,
					id);
			return NULL;
		}
		if (left == 0) {
			error_set(err, ERROR_TIMEOUT, "task %s is not final after %s%s", id,
					timeout,
					timeout[strspn(timeout, "0123456789")] == 0 ? " s" : "");
			return NULL;
		}
	}
}

/* 1..124 and others as they are; what a shell cannot say (256, -1) is 1. */
static int exit_of(const json_t *task) {
	const json_t *code = json_object_get(task, "exit_code");
	json_int_t value = json_integer_value(code);
	json_int_t state = json_integer_value(json_object_get(task, "state"));
	if (state == COMPLETED) {
		return 0;
	}
	if (state != FAILED) {
		return STOPPED;
	}
	return json_is_integer(code) && value > 0 && value < 256 ? (int)value : 1;
}

static void show_values(const json_t *task) {
	const char *results = json_string_value(json_object_get(task, "results"));
	if (results != NULL && results[0] != 0) {
		(void)puts(results);
		(void)fflush(stdout);
	}
}

int finish_with(const json_t *task, bool show_output) {
	const char *error = json_string_value(json_object_get(task, "error"));
	if (show_output) {
		if (json_string_length(json_object_get(task, "stdout")) == 0) {
			show_values(task);
		}
		print_bytes(task, "stdout", "stdout_base64", stdout);
		print_bytes(task, "stderr", "stderr_base64", stderr);
	}
	if (json_is_true(json_object_get(task, "truncated"))) {
		(void)fputs("note: the output was longer than its limit and was cut "
			    "(--output-bytes)\n",
				stderr);
	}
	int code = exit_of(task);
	if (code != 0 && error != NULL) {
		CLEANUP(mem_freep) char *safe = printable(error, 0);
		(void)fprintf(stderr, "error: the task is %s: %s\n", state_name(task), safe);
	}
	return code;
}
