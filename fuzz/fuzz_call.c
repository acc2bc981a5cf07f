/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A call of a function, as a client asks for it: two bytes of gas, the values as text up to a
 * line's end, the module. All of it may be anything. Every mode must come to the same end with the
 * same values and the same gas; a value that is read must be read again from what it is written as.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "engine/function.h"
#include "engine/sections.h"

enum { MODULE_MAX = 16 * 1024, LINE_MAX = 256, VALUES_MAX = 16, MODES = 3 };

struct job {
	struct engine *engine;
	uint64_t gas;
	struct bytes wasm;
	char line[LINE_MAX];
	struct call_result results[MODES];
	struct error errors[MODES];
	bool returned[MODES];
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds) {
	if (!holds) {
		abort();
	}
}

/* Text to value, to text, to the same value; a NaN comes back as the canonical one. */
static bool read_value(const char *text, enum value_type type, struct value *value) {
	struct error err = { 0 };
	struct value again;
	char written[VALUE_TEXT_SIZE];
	if (!value_read(text, type, 1, value, &err)) {
		must(err.code == ERROR_INVALID && err.message[0] != '\0');
		return false;
	}
	value_write(value, written);
	must(value_read(written, type, 1, &again, &err));
	must(strcmp(written, "nan") == 0 || again.of.bits64 == value->of.bits64);
	return true;
}

/* The words of a line as values of these types; what is no such value is 0. */
static size_t read_values(const char *line, const struct export_function *function,
		struct value values[VALUES_MAX]) {
	char copy[LINE_MAX];
	memcpy(copy, line, sizeof(copy));
	char *word = copy;
	size_t count = function_param_count(function);
	for (size_t i = 0; i < count && i < VALUES_MAX; i++) {
		size_t length = strcspn(word, " ");
		bool last = word[length] == '\0';
		word[length] = '\0';
		if (!read_value(word, function_param(function, i), &values[i])) {
			values[i] = (struct value){ .type = function_param(function, i) };
		}
		word += last ? length : length + 1;
	}
	return count;
}

static void call(struct job *job, int mode, struct program *program, const char *name) {
	struct value values[VALUES_MAX];
	struct error *err = &job->errors[mode];
	const struct export_function *function = program_function(program, name, err);
	struct run_stop *stop = run_stop_create(job->engine);
	struct call_request request = {
		.values = values, .gas = job->gas, .calls = 200, .memory_bytes = 1 << 20
	};
	if (function != NULL && function_param_count(function) <= VALUES_MAX) {
		request.count = read_values(job->line, function, values);
		job->returned[mode] = program_call(
				program, function, &request, stop, &job->results[mode], err);
		must(job->returned[mode] || err->message[0] != '\0');
		must(job->returned[mode] || err->code != ERROR_INTERNAL);
	}
	run_stop_destroy(stop);
}

static void compare(const struct job *job, int mode) {
	const struct call_result *one = &job->results[0], *other = &job->results[mode];
	must(job->returned[0] == job->returned[mode]);
	must(job->returned[0] || job->errors[0].code == job->errors[mode].code);
	must(one->trap == other->trap && one->gas_used == other->gas_used);
	must(one->count == other->count);
	for (size_t i = 0; i < one->count; i++) {
		must(one->values[i].of.bits64 == other->values[i].of.bits64);
	}
}

static void call_all(struct job *job, struct program *const programs[MODES], const char *name) {
	for (int mode = 0; mode < MODES; mode++) {
		job->returned[mode] = false;
		job->results[mode] = (struct call_result){ 0 };
		job->errors[mode].code = ERROR_NONE;
		call(job, mode, programs[mode], name);
		compare(job, mode);
	}
	for (int mode = 0; mode < MODES; mode++) {
		call_result_finish(&job->results[mode]);
	}
}

/* A module is accepted by all modes or by none. */
static bool prepare(struct job *job, struct program *programs[MODES]) {
	for (int mode = 0; mode < MODES; mode++) {
		struct error err = { 0 };
		programs[mode] = program_create(
				job->engine, (enum engine_kind)mode, true, job->wasm, NULL, &err);
		must(programs[mode] != NULL || err.message[0] != '\0');
		must((programs[mode] == NULL) == (programs[0] == NULL));
	}
	return programs[0] != NULL;
}

/* In a thread, since libFuzzer's own has too small a stack. */
static void *work(void *context) {
	struct job *job = context;
	struct strings names = { 0 };
	struct program *programs[MODES];
	if (prepare(job, programs) && sections_exports(job->wasm, &names)) {
		for (size_t i = 0; i < names.count && i < 4; i++) {
			call_all(job, programs, names.items[i]);
		}
	}
	for (int mode = 0; mode < MODES; mode++) {
		program_destroy(programs[mode]);
	}
	strings_finish(&names);
	return NULL;
}

static void work_in_thread(struct job *job) {
	pthread_t thread;
	pthread_attr_t attributes;
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, PROGRAM_STACK_BYTES);
	must(pthread_create(&thread, &attributes, work, job) == 0);
	pthread_join(thread, NULL);
	pthread_attr_destroy(&attributes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	static struct engine *engine; /* one for the process, as in fuzz_engine.c */
	struct job job = { 0 };
	struct error err;
	if (engine == NULL && (engine = engine_create(NULL, &err)) == NULL) {
		abort();
	}
	const uint8_t *end = size > 2 ? memchr(data + 2, '\n', size - 2) : NULL;
	if (end == NULL || size > MODULE_MAX || end - (data + 2) >= LINE_MAX) {
		return 0;
	}
	job.engine = engine;
	job.gas = (uint64_t)data[0] * 256 + data[1];
	memcpy(job.line, data + 2, (size_t)(end - (data + 2)));
	job.wasm = (struct bytes){ end + 1, size - (size_t)(end + 1 - data) };
	for (enum value_type type = VALUE_I32; type <= VALUE_F64; type++) {
		struct value value;
		(void)read_value(job.line, type, &value);
	}
	work_in_thread(&job);
	return 0;
}
