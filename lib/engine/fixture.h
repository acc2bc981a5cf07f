/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * For the tests of this folder: modules written as text, run with limits that a test can change.
 * One engine per test program; a failure here fails the test.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <wasmtime.h>

#include "base/mem.h"
#include "engine/engine.h"

/* A list of literals as the engine takes one. */
#define TEXTS(...)                                                                                 \
	(&(struct strings){ (char **)(uintptr_t)(const char *[]){ __VA_ARGS__ },                   \
			sizeof((const char *[]){ __VA_ARGS__ }) / sizeof(char *) })

static const enum engine_kind kinds[] = { ENGINE_MULTIPASS, ENGINE_SINGLEPASS, ENGINE_INTERP };
enum { KINDS = 3 };

/* One run: set what differs, call trial_run(), look, call trial_finish(). */
struct trial {
	struct run_request request;
	struct run_result result;
	struct error err;
	struct run_stop *stop;
	bool ok;
};

static struct engine *engine;

/*
 * wasmtime turns signals into traps with the handlers that it installs with the first engine.
 * cmocka installs its own around each test and would get them: trap_signals() puts wasmtime's back.
 */
static const int trap_signal_numbers[] = { SIGILL, SIGFPE, SIGSEGV, SIGBUS };
static struct sigaction trap_actions[4];

static inline void trap_signals(void) {
	for (int i = 0; i < 4; i++) {
		sigaction(trap_signal_numbers[i], &trap_actions[i], NULL);
	}
}

static inline struct engine *engine_make(const struct engine_options *options) {
	struct error err;
	struct engine *made = engine_create(options, &err);
	for (int i = 0; i < 4; i++) {
		sigaction(trap_signal_numbers[i], NULL, &trap_actions[i]);
	}
	return made;
}

static inline int engine_setup(void **state) {
	(void)state;
	engine = engine_make(NULL);
	return engine != NULL ? 0 : -1;
}

static inline int engine_teardown(void **state) {
	(void)state;
	engine_destroy(engine);
	return 0;
}

/* The binary of a text; wasm_byte_vec_delete(). */
static inline wasm_byte_vec_t wasm_of(const char *text) {
	wasm_byte_vec_t wasm, message;
	wasmtime_error_t *error = wasmtime_wat2wasm(text, strlen(text), &wasm);
	if (error != NULL) {
		wasmtime_error_message(error, &message);
		fail_msg("bad text: %.*s", (int)message.size, message.data);
	}
	return wasm;
}

static inline struct module *compile_metered(
		enum engine_kind kind, bool metered, const char *text, struct error *err) {
	wasm_byte_vec_t wasm = wasm_of(text);
	struct bytes bytes = { (const uint8_t *)wasm.data, wasm.size };
	struct module *module = engine_compile(engine, kind, metered, bytes, err);
	wasm_byte_vec_delete(&wasm);
	return module;
}

static inline struct module *compile(enum engine_kind kind, const char *text) {
	struct error err;
	struct module *module = compile_metered(kind, false, text, &err);
	if (module == NULL) {
		fail_msg("%s: %s", engine_kind_name(kind), err.message);
	}
	return module;
}

static inline struct trial trial_new(void) {
	return (struct trial){
		.request = { .name = "task",
				.limits = { .memory_bytes = 16 << 20,
						.wall_ms = 20000,
						.output_bytes = 4096 } },
		.stop = run_stop_create(engine),
	};
}

static inline void trial_run(struct trial *trial, struct module *module) {
	trap_signals();
	trial->ok = module_run(module, &trial->request, trial->stop, &trial->result, &trial->err);
}

static inline void trial_finish(struct trial *trial) {
	run_result_finish(&trial->result);
	run_stop_destroy(trial->stop);
}

/* The message is exactly this. */
static inline void assert_failed(
		const struct trial *trial, enum error_code code, const char *message) {
	assert_false(trial->ok);
	assert_string_equal(trial->err.message, message);
	assert_int_equal(trial->err.code, code);
}

/* The message has this in it. */
static inline void assert_says(const struct error *err, enum error_code code, const char *words) {
	if (strstr(err->message, words) == NULL) {
		fail_msg("\"%s\" does not say \"%s\"", err->message, words);
	}
	assert_int_equal(err->code, code);
}
