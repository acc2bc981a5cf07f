/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Components that run in this process: component.c compiles one and meets its imports,
 * component_run.c calls a function of it with values as text (wave.h), component_host.h is the
 * WASI 0.2 that it gets. Compiled once and run by many threads; a run belongs to its thread.
 */
#include "engine/guest.h"

/* An exported function. */
struct component_function {
	char *interface; /* "wasi:cli/run@0.2.0", NULL if exported by itself */
	char *name;      /* "run" */
	wasmtime_component_export_index_t *index;
	wasmtime_component_func_type_t *type;
};

struct component {
	struct wasm_module module; /* first; its code is NULL */
	wasmtime_component_t *code;
	wasmtime_component_linker_t *linker; /* with what its imports ask for */
	char *imports_error; /* names what nobody offers; NULL if nothing is missing */
	struct component_function *functions;
	size_t function_count;
	size_t work; /* spent on reading the lists of what it imports and exports */
};

/*
 * Takes the code; its kind and whether it is metered are for the caller to set. NULL for one with
 * thousands of imports or exports: ERROR_MODULE.
 */
struct wasm_module *component_make(struct engine *engine, const struct tier *tier,
		wasmtime_component_t *code, size_t wasm_size, struct error *err) MUST_CHECK;

/* component_run.c: see module_run(). */
bool component_run(struct module *module, const struct run_request *request, struct run_stop *stop,
		struct run_result *result, struct error *err);
/* The function that a request means; ERROR_INVALID lists what there is. */
const struct component_function *component_entry(const struct component *component,
		const struct run_request *request, struct error *err) MUST_CHECK;

/* component_host.c: WASI 0.2, of any version of it. */
bool host_offers(const char *interface, size_t size); /* "wasi:cli/exit@0.2.3" */
/* Offers one item of such an interface. False if it has none of that name. */
bool host_function(wasmtime_component_linker_instance_t *to, const char *interface,
		size_t interface_size, const char *name, size_t size);
bool host_resource(wasmtime_component_linker_instance_t *to, const char *name, size_t size);
