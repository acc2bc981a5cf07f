/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gas MODULE KERNEL N ROUNDS: what a kernel costs natively, and plain and metered in every mode.
 * MODULE is kernels.c as WebAssembly. A line each round, in milliseconds of the thread's processor:
 * native, then plain and metered of multipass, singlepass and interp. Then the gas of a call.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "base/str.h"
#include "engine/function.h"

int32_t fib(int32_t n), shift(int32_t n), sieve(int32_t n), sort(int32_t n), fill(int32_t n);

static const struct {
	const char *name;
	int32_t (*run)(int32_t n);
} kernels[] = { { "fib", fib }, { "shift", shift }, { "sieve", sieve }, { "sort", sort },
	{ "fill", fill } };

enum { KERNELS = sizeof(kernels) / sizeof(kernels[0]), MODES = 3, MODULE_MAX = 1 << 20 };

static const enum engine_kind modes[MODES] = { ENGINE_MULTIPASS, ENGINE_SINGLEPASS, ENGINE_INTERP };

struct bench {
	struct bytes wasm;
	size_t kernel;
	int32_t n;
	long rounds;
	struct engine *engine;
	struct run_stop *stop;
	struct program *programs[MODES][2];
};

static NORETURN void fail(const char *why) {
	(void)fprintf(stderr, "gas: %s\n", why);
	exit(1);
}

static double cpu_ms(void) {
	struct timespec now;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* The gas it used. */
static uint64_t call(const struct bench *bench, struct program *program, int32_t wanted) {
	struct error err;
	struct call_result result;
	const struct value n = { VALUE_I32, .of.i32 = bench->n };
	const struct call_request request = {
		.values = &n, .count = 1, .gas = CALL_GAS_MOST, .memory_bytes = 64 << 20
	};
	const struct export_function *function =
			program_function(program, kernels[bench->kernel].name, &err);
	if (function == NULL ||
			!program_call(program, function, &request, bench->stop, &result, &err)) {
		fail(err.message);
	}
	if (result.count != 1 || result.values[0].of.i32 != wanted) {
		fail("a kernel gives another result than natively");
	}
	uint64_t used = result.gas_used;
	call_result_finish(&result);
	return used;
}

static uint64_t round_of(const struct bench *bench) {
	double began = cpu_ms();
	int32_t wanted = kernels[bench->kernel].run(bench->n);
	printf("%.3f", cpu_ms() - began);
	uint64_t used = 0;
	for (int mode = 0; mode < MODES; mode++) {
		for (int metered = 0; metered < 2; metered++) {
			began = cpu_ms();
			used = call(bench, bench->programs[mode][metered], wanted);
			printf(" %.3f", cpu_ms() - began);
		}
	}
	printf("\n");
	return used;
}

static void *measure(void *context) {
	struct bench *bench = context;
	struct error err;
	for (int i = 0; i < MODES * 2; i++) {
		struct program **program = &bench->programs[i / 2][i % 2];
		*program = program_create(
				bench->engine, modes[i / 2], i % 2 == 1, bench->wasm, NULL, &err);
		if (*program == NULL) {
			fail(err.message);
		}
	}
	uint64_t used = 0;
	for (long i = 0; i < bench->rounds; i++) {
		used = round_of(bench);
	}
	printf("%llu\n", (unsigned long long)used);
	for (int i = 0; i < MODES * 2; i++) {
		program_destroy(bench->programs[i / 2][i % 2]);
	}
	return NULL;
}

static void run(struct bench *bench) {
	pthread_t thread;
	pthread_attr_t attributes;
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, PROGRAM_STACK_BYTES);
	if (pthread_create(&thread, &attributes, measure, bench) != 0) {
		fail("no thread");
	}
	pthread_join(thread, NULL);
	pthread_attr_destroy(&attributes);
}

static size_t kernel_of(const char *name) {
	for (size_t i = 0; i < KERNELS; i++) {
		if (str_equal(kernels[i].name, name)) {
			return i;
		}
	}
	fail("there is no such kernel");
}

int main(int argc, char **argv) {
	struct error err;
	struct buf wasm = BUF_INIT(MODULE_MAX);
	if (argc != 5 || !file_read(argv[1], &wasm, &err)) {
		fail("usage: gas MODULE KERNEL N ROUNDS");
	}
	struct bench bench = { .wasm = { wasm.data, wasm.size },
		.kernel = kernel_of(argv[2]),
		.n = (int32_t)strtol(argv[3], NULL, 10),
		.rounds = strtol(argv[4], NULL, 10),
		.engine = engine_create(&(struct engine_options){ 0 }, &err) };
	if (bench.engine == NULL) {
		fail(err.message);
	}
	bench.stop = run_stop_create(bench.engine);
	run(&bench);
	run_stop_destroy(bench.stop);
	engine_destroy(bench.engine);
	buf_finish(&wasm);
	return 0;
}
