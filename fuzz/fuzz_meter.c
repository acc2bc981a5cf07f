/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a module that is made to count gas: it is refused with a reason, or grows within
 * its bound; and what was valid is valid afterwards, and cannot be metered twice.
 */
#include <airscrew_wasmtime.h>
#include <stdlib.h>

#include "meter/meter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FACTOR = 16, BASE = 64 * 1024, OUTPUT_MAX = 64 << 20 };

static wasm_engine_t *the_engine(void) {
	static wasm_engine_t *engine;
	if (engine == NULL) {
		engine = wasm_engine_new();
	}
	return engine;
}

static bool is_valid(const uint8_t *data, size_t size) {
	wasmtime_error_t *error = wasmtime_module_validate(the_engine(), data, size);
	if (error != NULL) {
		wasmtime_error_delete(error);
	}
	return error == NULL;
}

static void demand(bool held) {
	if (!held) {
		abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct error err = { 0 };
	struct buf once = BUF_INIT(OUTPUT_MAX), twice = BUF_INIT(OUTPUT_MAX);
	struct meter_module module;
	if (!meter_rewrite((struct bytes){ data, size }, NULL, &once, &module, &err)) {
		demand(err.message[0] != '\0');
	} else {
		demand(once.size <= size * FACTOR + BASE);
		demand(!is_valid(data, size) || is_valid(once.data, once.size));
		demand(!meter_rewrite((struct bytes){ once.data, once.size }, NULL, &twice, &module,
				&err));
	}
	buf_finish(&once);
	buf_finish(&twice);
	return 0;
}
