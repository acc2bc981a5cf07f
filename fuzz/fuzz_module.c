/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes that claim to be a module: the look at their exports, and every engine's compiler. */
#include <stdlib.h>

#include "engine/engine.h"
#include "engine/sections.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct engine *the_engine(void) {
	static struct engine *engine;
	struct error err;
	if (engine == NULL) {
		engine = engine_create(&(struct engine_options){ 0 }, &err);
	}
	return engine;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct error err;
	struct bytes wasm = { data, size };
	struct strings names = { 0 };
	(void)!sections_exports(wasm, &names);
	strings_finish(&names);
	for (int kind = 0; kind < ENGINE_EXTERNAL; kind++) {
		struct module *module = engine_compile(
				the_engine(), (enum engine_kind)kind, false, wasm, &err);
		module_destroy(module);
	}
	return 0;
}
