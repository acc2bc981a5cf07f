/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What the files of this folder share and nobody else sees: the engine, a module as an interface
 * of two functions, and the kinds that stand behind it (wasmtime.c, external.c).
 */
#include <pthread.h>
#include <stdatomic.h>

#include <airscrew_wasmtime.h>

#include "engine/engine.h"
#include "engine/epoch.h"

/* One wasmtime engine and the host functions for it. */
struct tier {
	wasm_engine_t *wasm;
	wasmtime_linker_t *linker;
};

enum { TIER_KINDS = ENGINE_INTERP + 1 };

/* What a tier's code is for; code of one is of no use in another. */
enum tier_use {
	TIER_RUN,
	TIER_FUEL,     /* as TIER_RUN, and it counts fuel */
	TIER_CALL,     /* strict.h */
	TIER_CALL_ODD, /* the same for modules that have no place in its pool */
	TIER_USES
};

struct engine {
	atomic_uint calls[TIER_KINDS];  /* that take place now, of function.h */
	char *external, *folder, *self; /* as in struct engine_options */
	uint64_t compile_memory_bytes, compile_cpu_seconds;
	struct strings dirs;
	struct epochs epochs;
	bool keeps_stacks;       /* the next one is there: */
	pthread_key_t stack_key; /* of a thread that calls programs, where its stack begins */
	pthread_mutex_t lock;    /* guards what follows */
	struct tier tiers[TIER_KINDS][TIER_USES]; /* made when first used */
};

/* One way of running: fills the result, see module_run(). */
typedef bool (*module_run_fn)(struct module *module, const struct run_request *request,
		struct run_stop *stop, struct run_result *result, struct error *err);

/* The common part of every module, first in what the kinds make of it. */
struct module {
	struct engine *engine;
	enum engine_kind kind;
	size_t size;
	module_run_fn run;
	void (*destroy)(struct module *module);
};

/* "\0asm" and a version: ERROR_MODULE in plain words if not. */
bool wasm_header_check(struct bytes wasm, struct error *err) MUST_CHECK;

/* What is compiled differently. */
struct module_kind {
	enum engine_kind kind;
	enum tier_use use;
};

/* Compiled code: one of the two. */
struct code {
	wasmtime_module_t *module;
	wasmtime_component_t *component;
};

/* wasmtime.c */
bool component_is(struct bytes wasm); /* by its header, which must be checked before */
bool tier_compile(struct engine *engine, const struct tier *tier, enum engine_kind kind,
		struct bytes wasm, struct code *code, struct error *err) MUST_CHECK;
/* As tier_compile(), in a child if there is a stop and wasmtime_compile() would. */
bool tier_code(struct engine *engine, const struct tier *tier, const struct module_kind *kind,
		const struct module_text *text, struct run_stop *stop, struct code *code,
		struct error *err) MUST_CHECK;
bool tier_get(struct engine *engine, const struct module_kind *kind, struct tier *tier,
		struct error *err) MUST_CHECK;
void tier_finish(struct tier *tier);
bool wasmtime_run(struct module *module, const struct run_request *request, struct run_stop *stop,
		struct run_result *result, struct error *err); /* wasmtime_run.c */
/* With a stop, large modules are compiled in a child if the engine may have any. */
struct module *wasmtime_compile(struct engine *engine, const struct module_kind *kind,
		const struct module_text *text, struct run_stop *stop,
		struct error *err) MUST_CHECK;
/* Sets a module error from the last and most telling part of wasmtime's chain. */
bool module_set_error(wasmtime_error_t *error, struct error *err, const char *what);

/* external.c */
bool external_check(const struct engine *engine, struct error *err) MUST_CHECK;
struct module *external_compile(
		struct engine *engine, struct bytes wasm, struct error *err) MUST_CHECK;
