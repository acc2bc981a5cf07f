/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * For tests of program_call(): modules as text, calls with values and results as text. The tests
 * run in a thread that has the stack for it: call_tests_run() instead of cmocka_run_group_tests().
 */
#include <pthread.h>

#include "engine/fixture.h"
#include "engine/function.h"

static inline struct program *prepare(enum engine_kind kind, bool metered, const char *text) {
	struct error err;
	wasm_byte_vec_t wasm = wasm_of(text);
	struct program *program = program_create(engine, kind, metered,
			(struct bytes){ (const uint8_t *)wasm.data, wasm.size }, NULL, &err);
	wasm_byte_vec_delete(&wasm);
	if (program == NULL) {
		fail_msg("%s: %s", engine_kind_name(kind), err.message);
	}
	return program;
}

/* One call: set what differs, called(), look, called_finish(). */
struct called {
	struct call_request request;
	struct call_result result;
	struct value values[8];
	struct run_stop *stop;
	struct error err;
	bool ok;
};

static inline struct called called_new(void) {
	return (struct called){
		.request = { .gas = CALL_GAS_MOST, .memory_bytes = 16 << 20, .wall_ms = 20000 },
		.stop = run_stop_create(engine),
	};
}

/* The inputs are texts, by the types that the function takes. */
static inline void called_go(struct called *called, struct program *program, const char *name,
		const char *const *inputs) {
	const struct export_function *function = program_function(program, name, &called->err);
	if (function == NULL) {
		fail_msg("%s", called->err.message);
	}
	called->request.values = called->values;
	called->request.count = function_param_count(function);
	for (size_t i = 0; i < called->request.count; i++) {
		if (!value_read(inputs[i], function_param(function, i), i + 1, &called->values[i],
				    &called->err)) {
			fail_msg("%s", called->err.message);
		}
	}
	trap_signals();
	called->ok = program_call(program, function, &called->request, called->stop,
			&called->result, &called->err);
}

static inline void called_finish(struct called *called) {
	call_result_finish(&called->result);
	run_stop_destroy(called->stop);
}

/* The results joined by a space, or the trap's name, or the error's message. */
static inline void outcome(const struct called *called, char *text, size_t size) {
	text[0] = '\0';
	if (!called->ok) {
		bool trap = called->result.trap != TRAP_NONE;
		(void)snprintf(text, size, "%s",
				trap ? trap_name(called->result.trap) : called->err.message);
		return;
	}
	for (size_t i = 0, used = 0; i < called->result.count; i++) {
		char one[VALUE_TEXT_SIZE];
		value_write(&called->result.values[i], one);
		used += (size_t)snprintf(text + used, size - used, "%s%s", i == 0 ? "" : " ", one);
	}
}

/* Calls once and expects this. */
static inline void gives(struct program *program, const char *name, const char *const *inputs,
		const char *expected) {
	char text[512];
	struct called called = called_new();
	called_go(&called, program, name, inputs);
	outcome(&called, text, sizeof(text));
	assert_string_equal(text, expected);
	called_finish(&called);
}
#define INPUTS(...) ((const char *const[]){ __VA_ARGS__ "" })

struct call_tests {
	const char *name;
	const struct CMUnitTest *tests;
	size_t count;
	int failed;
};

static inline void *call_tests_thread(void *context) {
	struct call_tests *all = context;
	all->failed = _cmocka_run_group_tests(
			all->name, all->tests, all->count, engine_setup, engine_teardown);
	return NULL;
}

/* A thread that may call. */
static inline int call_thread_start(pthread_t *thread, void *(*body)(void *), void *context) {
	pthread_attr_t attributes;
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, PROGRAM_STACK_BYTES);
	int rc = pthread_create(thread, &attributes, body, context);
	pthread_attr_destroy(&attributes);
	return rc;
}

static inline int call_tests_run(const char *name, const struct CMUnitTest *tests, size_t count) {
	struct call_tests all = { name, tests, count, 1 };
	pthread_t thread;
	if (call_thread_start(&thread, call_tests_thread, &all) == 0) {
		pthread_join(thread, NULL);
	}
	return all.failed;
}
