/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one run costs inside the worker: an instance, a call, its end.
 *
 *   calls MODULE EXPORT COUNT INPUT...    prints microseconds per run, a line for every BATCH
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/file.h"
#include "engine/engine.h"

enum { MODULE_MAX = 64 * 1024 * 1024, OUTPUT_MAX = 64 * 1024, BATCH = 20 };

static NORETURN void fail(const struct error *err) {
	(void)fprintf(stderr, "calls: %s\n", err->message);
	exit(1);
}

static void once(struct engine *engine, struct module *module, const struct run_request *request) {
	struct error err;
	struct run_result result = { 0 };
	struct run_stop *stop = run_stop_create(engine);
	if (!module_run(module, request, stop, &result, &err)) {
		fail(&err);
	}
	run_result_finish(&result);
	run_stop_destroy(stop);
}

/* Microseconds for each of BATCH runs. */
static double batch(
		struct engine *engine, struct module *module, const struct run_request *request) {
	uint64_t begin = clock_us();
	for (int i = 0; i < BATCH; i++) {
		once(engine, module, request);
	}
	return (double)(clock_us() - begin) / BATCH;
}

int main(int argc, char **argv) {
	struct error err;
	struct buf wasm = BUF_INIT(MODULE_MAX);
	struct strings inputs = { 0 };
	if (argc < 4) {
		(void)fprintf(stderr, "usage: calls MODULE EXPORT COUNT INPUT...\n");
		return 2;
	}
	for (int i = 4; i < argc; i++) {
		strings_add(&inputs, argv[i]);
	}
	struct engine *engine = engine_create(NULL, &err);
	if (engine == NULL || !file_read(argv[1], &wasm, &err)) {
		fail(&err);
	}
	struct module *module = engine_compile(engine, ENGINE_MULTIPASS, false,
			(struct bytes){ wasm.data, wasm.size }, &err);
	if (module == NULL) {
		fail(&err);
	}
	const struct run_request request = { .name = argv[2],
		.invoke = argv[2],
		.inputs = &inputs,
		.limits = { .memory_bytes = 256 << 20,
				.wall_ms = 60000,
				.output_bytes = OUTPUT_MAX } };
	for (long left = strtol(argv[3], NULL, 10); left > 0; left -= BATCH) {
		(void)printf("%.2f\n", batch(engine, module, &request));
	}
	module_destroy(module);
	engine_destroy(engine);
	strings_finish(&inputs);
	buf_finish(&wasm);
	return 0;
}
