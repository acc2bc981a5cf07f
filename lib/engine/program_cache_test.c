/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/program_cache.h"

#include <stdatomic.h>

#include "engine/call_fixture.h"

enum { COMPILE_MS = 60000, THREADS = 8, ROUNDS = 200 };

static const char sum[] = "(module (memory 1)"
			  " (func (export \"add\") (param i32 i32) (result i32)"
			  "  local.get 0 local.get 1 i32.add))";

static struct program *acquire(struct module_cache *cache, wasm_byte_vec_t wasm,
		enum engine_kind kind, bool metered, struct error *err) {
	struct run_stop *stop = run_stop_create(engine);
	const struct program_wish wish = {
		.wasm = { (const uint8_t *)wasm.data, wasm.size }, .kind = kind, .metered = metered
	};
	struct program *program = program_acquire(cache, &wish, stop, err);
	run_stop_destroy(stop);
	return program;
}

static void the_same_bytes_are_the_same_program(void **state) {
	(void)state;
	struct error err;
	struct module_cache *cache = module_cache_create(engine, 1 << 20, COMPILE_MS);
	wasm_byte_vec_t wasm = wasm_of(sum);
	struct program *one = acquire(cache, wasm, ENGINE_MULTIPASS, false, &err);
	struct program *two = acquire(cache, wasm, ENGINE_MULTIPASS, false, &err);
	struct program *other = acquire(cache, wasm, ENGINE_INTERP, false, &err);
	assert_non_null(one);
	assert_ptr_equal(one, two);
	assert_non_null(other);
	assert_ptr_not_equal(one, other);
	gives(one, "add", INPUTS("5", "3", ), "8");
	gives(other, "add", INPUTS("5", "3", ), "8");
	program_release(cache, one);
	program_release(cache, two);
	program_release(cache, other);
	wasm_byte_vec_delete(&wasm);
	module_cache_destroy(cache);
}

/* The same bytes as a task's module are another thing. */
static void a_module_is_not_a_program(void **state) {
	(void)state;
	struct error err;
	struct module_cache *cache = module_cache_create(engine, 1 << 20, COMPILE_MS);
	wasm_byte_vec_t wasm = wasm_of(sum);
	struct program *program = acquire(cache, wasm, ENGINE_MULTIPASS, false, &err);
	assert_non_null(program);
	struct module_key key = { .kind = ENGINE_MULTIPASS };
	digest_hex(wasm.data, wasm.size, key.digest);
	assert_false(module_cache_holds(cache, &key));
	assert_null(module_cache_get(cache, &key));
	key.program = true;
	assert_true(module_cache_holds(cache, &key));
	program_release(cache, program);
	wasm_byte_vec_delete(&wasm);
	module_cache_destroy(cache);
}

static void a_refusal_is_told_and_not_kept(void **state) {
	(void)state;
	struct error err;
	struct module_cache *cache = module_cache_create(engine, 1 << 20, COMPILE_MS);
	wasm_byte_vec_t wasm = wasm_of("(module (import \"env\" \"abort\" (func)))");
	for (int i = 0; i < 2; i++) {
		assert_null(acquire(cache, wasm, ENGINE_MULTIPASS, false, &err));
		assert_says(&err, ERROR_MODULE, "\"env\" \"abort\"");
	}
	assert_int_equal(module_cache_bytes(cache), 0);
	wasm_byte_vec_delete(&wasm);
	module_cache_destroy(cache);
}

/* --- many at once ------------------------------------------------------------------------------
 */

struct crowd {
	struct module_cache *cache;
	wasm_byte_vec_t wasm[2]; /* two modules, and room in the cache for hardly one */
	atomic_int wrong;
};

struct member {
	struct crowd *crowd;
	int number;
};

static bool one_call(struct crowd *crowd, int number, int round) {
	struct error err;
	enum engine_kind kind = kinds[round % KINDS];
	struct program *program = acquire(
			crowd->cache, crowd->wasm[(number + round / 8) % 2], kind, false, &err);
	if (program == NULL) {
		return false;
	}
	const struct value values[] = { { VALUE_I32, { .i32 = number } },
		{ VALUE_I32, { .i32 = round } } };
	const struct call_request request = { .values = values,
		.count = 2,
		.gas = CALL_GAS_MOST,
		.memory_bytes = 1 << 20,
		.wall_ms = 60000 };
	struct call_result result;
	struct run_stop *stop = run_stop_create(engine);
	const struct export_function *add = program_function(program, "add", &err);
	bool ok = add != NULL && program_call(program, add, &request, stop, &result, &err) &&
		  result.count == 1 && result.values[0].of.i32 == number + round;
	call_result_finish(&result);
	run_stop_destroy(stop);
	program_release(crowd->cache, program);
	return ok;
}

static void *member(void *context) {
	const struct member *self = context;
	for (int round = 0; round < ROUNDS; round++) {
		if (!one_call(self->crowd, self->number, round)) {
			atomic_fetch_add(&self->crowd->wrong, 1);
		}
	}
	return NULL;
}

static void many_threads_call_what_comes_and_goes(void **state) {
	(void)state;
	struct crowd crowd = { .cache = module_cache_create(engine, 40000, COMPILE_MS) };
	crowd.wasm[0] = wasm_of(sum);
	crowd.wasm[1] = wasm_of("(module (func (export \"add\") (param i32 i32) (result i32)"
				" local.get 1 local.get 0 i32.add))");
	struct member members[THREADS];
	pthread_t threads[THREADS];
	trap_signals();
	for (int i = 0; i < THREADS; i++) {
		members[i] = (struct member){ &crowd, i };
		assert_int_equal(call_thread_start(&threads[i], member, &members[i]), 0);
	}
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
	}
	assert_int_equal(crowd.wrong, 0);
	wasm_byte_vec_delete(&crowd.wasm[0]);
	wasm_byte_vec_delete(&crowd.wasm[1]);
	module_cache_destroy(crowd.cache);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_same_bytes_are_the_same_program),
		cmocka_unit_test(a_module_is_not_a_program),
		cmocka_unit_test(a_refusal_is_told_and_not_kept),
		cmocka_unit_test(many_threads_call_what_comes_and_goes),
	};
	return call_tests_run("engine/program_cache", tests, sizeof(tests) / sizeof(tests[0]));
}
