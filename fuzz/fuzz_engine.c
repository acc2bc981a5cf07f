/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a module: compiling them, and running what compiles under small limits, ends in a
 * result or an error. The first byte chooses the kind, so that a corpus can hold all of them.
 */
#include <stdlib.h>

#include "engine/engine.h"
#include "engine/sections.h"

enum { MODULE_MAX = 64 * 1024 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void run(struct engine *engine, struct module *module) {
	struct run_request request = {
		.name = "run",
		.limits = { .memory_bytes = 1 << 20, .wall_ms = 20, .output_bytes = 1024 },
	};
	struct error err;
	struct run_result result;
	struct run_stop *stop = run_stop_create(engine);
	if (!module_run(module, &request, stop, &result, &err) && err.message[0] == '\0') {
		abort(); /* a failure that says nothing */
	}
	run_result_finish(&result);
	run_stop_destroy(stop);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	static struct engine
			*engine; /* one for the process; wasmtime's signal handlers stay anyway */
	struct error err = { 0 };
	if (engine == NULL && (engine = engine_create(NULL, &err)) == NULL) {
		abort();
	}
	if (size < 1 || size > MODULE_MAX) {
		return 0;
	}
	struct bytes wasm = { data + 1, size - 1 };
	struct strings names = { 0 };
	(void)!sections_exports(wasm, &names);
	strings_finish(&names);
	enum engine_kind kind = (enum engine_kind)(data[0] % ENGINE_EXTERNAL);
	struct module *module = engine_compile(engine, kind, false, wasm, &err);
	if (module == NULL && err.message[0] == '\0') {
		abort();
	}
	if (module != NULL) {
		run(engine, module);
	}
	module_destroy(module);
	return 0;
}
