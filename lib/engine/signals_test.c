/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order of signal handlers: a program's crash handler that was there before the engine still
 * gets the program's own crashes, and never the traps of guests. No fixture here, and no cmocka
 * around it either, since both have handlers of their own.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include <wasmtime.h>

#include "base/mem.h"
#include "engine/engine.h"

static sigjmp_buf crashed;
static volatile sig_atomic_t crashes;

static void on_crash(int signal) {
	(void)signal;
	crashes++;
	siglongjmp(crashed, 1);
}

/* True if the handler got it. */
static bool crash(volatile const char *forbidden) {
	if (sigsetjmp(crashed, 1) == 0) {
		(void)*forbidden;
		return false;
	}
	return true;
}

static bool trap(struct engine *engine, enum engine_kind kind) {
	const char text[] = "(module (memory 1) (func (export \"run\") (drop (i32.load (i32.const "
			    "-4)))))";
	struct error err;
	wasm_byte_vec_t wasm;
	if (wasmtime_wat2wasm(text, strlen(text), &wasm) != NULL) {
		return false;
	}
	struct bytes bytes = { (const uint8_t *)wasm.data, wasm.size };
	struct module *module = engine_compile(engine, kind, false, bytes, &err);
	wasm_byte_vec_delete(&wasm);
	struct run_request request = { .limits = { .memory_bytes = 1 << 20 } };
	struct run_stop *stop = run_stop_create(engine);
	struct run_result result;
	bool trapped = module != NULL && !module_run(module, &request, stop, &result, &err) &&
		       strstr(err.message, "out of bounds memory access") != NULL;
	run_result_finish(&result);
	run_stop_destroy(stop);
	module_destroy(module);
	return trapped;
}

int main(void) {
	struct sigaction action = { .sa_handler = on_crash };
	sigaction(SIGSEGV, &action, NULL);
	char *forbidden = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct error err;
	struct engine *engine = engine_create(NULL, &err);
	bool ok = engine != NULL && crash(forbidden) && crashes == 1;
	for (int kind = 0; ok && kind <= ENGINE_INTERP; kind++) {
		ok = trap(engine, (enum engine_kind)kind) && crashes == kind + 1 &&
		     crash(forbidden);
	}
	engine_destroy(engine);
	if (!ok) {
		(void)fprintf(stderr, "signals_test: failed after %d crashes\n", (int)crashes);
	}
	return ok ? 0 : 1;
}
