/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a call of a function costs beside the same loop on the engine's bare C interface, with the
 * same switches and the same bytes, and beside this machine's own compiler.
 *
 *   functions fib MODE plain|metered ROUNDS   milliseconds of fib(35): ours, bare, native; a line
 * each round functions add MODE plain|metered ROUNDS   microseconds of add(2, 3): ours (looked up,
 * instance, call, end), bare (instance, call, end); a line each round
 *
 * Times are of the calling thread's processor. Ours and the others take turns.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "engine/program.h"
#include "engine/program_cache.h"
#include "engine/strict.h"
#include "meter/meter.h"

enum { FIB = 35, CALLS_A_ROUND = 2000, CACHE_BYTES = 1 << 20, COMPILE_MS = 60000 };

static const char text[] =
		"(module (memory 1)"
		" (func (export \"add\") (param i32 i32) (result i32)"
		"  local.get 0 local.get 1 i32.add)"
		" (func $fib (export \"fib\") (param i32) (result i32)"
		"  (if (result i32) (i32.lt_s (local.get 0) (i32.const 2)) (then (i32.const 1))"
		"   (else (i32.add (call $fib (i32.sub (local.get 0) (i32.const 1)))"
		"    (call $fib (i32.sub (local.get 0) (i32.const 2))))))))";

struct bench {
	struct engine *engine;
	enum engine_kind kind;
	bool metered;
	long rounds;
	struct bytes wasm;
	char digest[DIGEST_HEX_SIZE];
	struct module_cache *cache;
	struct run_stop *stop;
	struct tier tier; /* of the bare loop */
	wasmtime_module_t *code;
	wasmtime_instance_pre_t *linked;
	bool fib;
};

static NORETURN void fail(const char *why) {
	(void)fprintf(stderr, "functions: %s\n", why);
	exit(1);
}

static double cpu_us(void) {
	struct timespec now;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

/* --- ours --------------------------------------------------------------------------------------
 */

static int32_t ours(
		struct bench *bench, const char *name, const struct value *values, size_t count) {
	struct error err;
	const struct program_wish wish = { .wasm = bench->wasm,
		.digest = bench->digest,
		.kind = bench->kind,
		.metered = bench->metered };
	const struct call_request request = { .values = values,
		.count = count,
		.gas = CALL_GAS_MOST,
		.memory_bytes = 64 << 20,
		.wall_ms = 60000 };
	struct call_result result;
	struct program *program = program_acquire(bench->cache, &wish, bench->stop, &err);
	const struct export_function *function =
			program != NULL ? program_function(program, name, &err) : NULL;
	if (function == NULL ||
			!program_call(program, function, &request, bench->stop, &result, &err)) {
		fail(err.message);
	}
	int32_t answer = result.values[0].of.i32;
	call_result_finish(&result);
	program_release(bench->cache, program);
	return answer;
}

/* --- bare --------------------------------------------------------------------------------------
 */

static wasmtime_error_t *look(wasmtime_context_t *context, void *data, uint64_t *delta,
		wasmtime_update_deadline_kind_t *kind) {
	(void)context, (void)data;
	*delta = 1;
	*kind = WASMTIME_UPDATE_DEADLINE_CONTINUE;
	return NULL;
}

static void prepare_bare(struct bench *bench) {
	struct error err;
	struct buf out = BUF_INIT(1 << 20);
	struct bytes wasm = bench->wasm;
	const struct module_kind kind = { bench->kind, TIER_CALL };
	const struct meter_options options = { 0 };
	struct meter_module what;
	if (bench->metered) {
		if (!meter_rewrite(wasm, &options, &out, &what, &err)) {
			fail(err.message);
		}
		wasm = (struct bytes){ out.data, out.size };
	}
	if (!tier_get(bench->engine, &kind, &bench->tier, &err) ||
			wasmtime_module_new(bench->tier.wasm, wasm.data, wasm.size, &bench->code) !=
					NULL ||
			wasmtime_linker_instantiate_pre(
					bench->tier.linker, bench->code, &bench->linked) != NULL) {
		fail("the bare loop cannot be prepared");
	}
	buf_finish(&out);
}

static void set(wasmtime_context_t *context, const wasmtime_instance_t *instance, const char *name,
		int64_t number) {
	wasmtime_extern_t item;
	const wasmtime_val_t value = { .kind = WASMTIME_I64, .of.i64 = number };
	if (!wasmtime_instance_export_get(context, instance, name, strlen(name), &item) ||
			wasmtime_global_set(context, &item.of.global, &value) != NULL) {
		fail("the counters are not there");
	}
}

static int32_t bare(
		struct bench *bench, const char *name, const struct value *values, size_t count) {
	wasmtime_store_t *store = wasmtime_store_new(bench->tier.wasm, NULL, NULL);
	wasmtime_context_t *context = wasmtime_store_context(store);
	wasmtime_instance_t instance;
	wasmtime_extern_t item;
	wasm_trap_t *trap = NULL;
	wasmtime_val_raw_t raw[2];
	wasmtime_context_set_epoch_deadline(context, 1);
	wasmtime_store_epoch_deadline_callback(store, look, NULL, NULL);
	for (size_t i = 0; i < count; i++) {
		raw[i].i32 = values[i].of.i32;
	}
	if (wasmtime_instance_pre_instantiate(bench->linked, context, &instance, &trap) != NULL ||
			trap != NULL) {
		fail("the bare loop has no instance");
	}
	if (bench->metered) {
		set(context, &instance, METER_GAS, INT64_MAX);
		set(context, &instance, METER_DEPTH, meter_depth(METER_CALLS, METER_SLOTS));
	}
	if (!wasmtime_instance_export_get(context, &instance, name, strlen(name), &item) ||
			wasmtime_func_call_unchecked(context, &item.of.func, raw, 2, &trap) !=
					NULL ||
			trap != NULL) {
		fail("the bare loop failed");
	}
	wasmtime_store_delete(store);
	return raw[0].i32;
}

/* --- native ------------------------------------------------------------------------------------
 */

int native_fib(int n);

static double timed_native(void) {
	volatile int n = FIB, answer;
	double begin = cpu_us();
	answer = native_fib(n);
	(void)answer;
	return cpu_us() - begin;
}

/* --- rounds ------------------------------------------------------------------------------------
 */

typedef int32_t (*way)(
		struct bench *bench, const char *name, const struct value *values, size_t count);

static double timed(struct bench *bench, way call) {
	const struct value sum[] = { { VALUE_I32, { .i32 = 2 } }, { VALUE_I32, { .i32 = 3 } } };
	const struct value n = { VALUE_I32, { .i32 = FIB } };
	double begin = cpu_us();
	if (bench->fib) {
		if (call(bench, "fib", &n, 1) != 14930352) {
			fail("fib(35) is wrong");
		}
		return cpu_us() - begin;
	}
	for (int i = 0; i < CALLS_A_ROUND; i++) {
		if (call(bench, "add", sum, 2) != 5) {
			fail("2 + 3 is wrong");
		}
	}
	return (cpu_us() - begin) / CALLS_A_ROUND;
}

static void *run(void *context) {
	struct bench *bench = context;
	struct error err;
	wasm_byte_vec_t wasm;
	if (wasmtime_wat2wasm(text, strlen(text), &wasm) != NULL ||
			(bench->engine = engine_create(NULL, &err)) == NULL) {
		fail("the engine does not work");
	}
	bench->wasm = (struct bytes){ (const uint8_t *)wasm.data, wasm.size };
	digest_hex(wasm.data, wasm.size, bench->digest);
	bench->cache = module_cache_create(bench->engine, CACHE_BYTES, COMPILE_MS);
	bench->stop = run_stop_create(bench->engine);
	prepare_bare(bench);
	for (long i = 0; i < bench->rounds; i++) {
		double mine = timed(bench, ours), other = timed(bench, bare);
		if (bench->fib) {
			(void)printf("%.3f %.3f %.3f\n", mine / 1e3, other / 1e3,
					timed_native() / 1e3);
		} else {
			(void)printf("%.3f %.3f\n", mine, other);
		}
	}
	wasmtime_instance_pre_delete(bench->linked);
	wasmtime_module_delete(bench->code);
	run_stop_destroy(bench->stop);
	module_cache_destroy(bench->cache);
	engine_destroy(bench->engine);
	wasm_byte_vec_delete(&wasm);
	return bench;
}

int main(int argc, char **argv) {
	struct bench bench = { 0 };
	if (argc != 5 || !engine_kind_parse(argv[2], &bench.kind)) {
		(void)fprintf(stderr, "usage: functions fib|add MODE plain|metered ROUNDS\n");
		return 2;
	}
	bench.fib = str_equal(argv[1], "fib");
	bench.metered = str_equal(argv[3], "metered");
	bench.rounds = strtol(argv[4], NULL, 10);
	pthread_t thread;
	pthread_attr_t attributes;
	void *done = NULL;
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, PROGRAM_STACK_BYTES);
	if (pthread_create(&thread, &attributes, run, &bench) == 0) {
		pthread_join(thread, &done);
	}
	pthread_attr_destroy(&attributes);
	return done == NULL;
}
