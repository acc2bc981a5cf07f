/* SPDX-License-Identifier: Apache-2.0 */
/* third_party/wasmtime/src/lib.rs: what we add to wasmtime's C API. */
#include <airscrew_wasmtime.h>

#include "engine/fixture.h"

/* Each of these ends the process when it goes through wasm_engine_new_with_config(). */
static void no_stack(wasm_config_t *config) {
	wasmtime_config_max_wasm_stack_set(config, 0);
}

static void too_much_stack(wasm_config_t *config) {
	wasmtime_config_max_wasm_stack_set(config, (size_t)64 << 20);
}

static void winch_with_tail_calls(wasm_config_t *config) {
	wasmtime_config_strategy_set(config, WASMTIME_STRATEGY_WINCH);
	wasmtime_config_wasm_tail_call_set(config, true);
}

static void winch_for_pulley(wasm_config_t *config) {
	wasmtime_config_strategy_set(config, WASMTIME_STRATEGY_WINCH);
	wasmtime_error_t *error = wasmtime_config_target_set(config, "pulley64");
	if (error != NULL) {
		wasmtime_error_delete(error);
	}
}

static void winch_without_signals(wasm_config_t *config) {
	wasmtime_config_strategy_set(config, WASMTIME_STRATEGY_WINCH);
	wasmtime_config_signals_based_traps_set(config, false);
}

static void unknown_flag(wasm_config_t *config) {
	wasmtime_config_cranelift_flag_enable(config, "no_such_flag");
}

static void bad_configurations_are_errors(void **state) {
	(void)state;
	void (*const bad[])(wasm_config_t * config) = { no_stack, too_much_stack,
		winch_with_tail_calls, winch_for_pulley, winch_without_signals, unknown_flag };
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		wasm_config_t *config = wasm_config_new();
		wasm_engine_t *made = NULL;
		bad[i](config);
		wasmtime_error_t *error = airscrew_engine_new(config, &made);
		assert_non_null(error);
		assert_null(made);
		wasm_byte_vec_t message;
		wasmtime_error_message(error, &message);
		assert_true(message.size > 10);
		wasm_byte_vec_delete(&message);
		wasmtime_error_delete(error);
	}
}

static void good_configurations_are_engines(void **state) {
	(void)state;
	wasm_engine_t *made = NULL;
	assert_null(airscrew_engine_new(wasm_config_new(), &made));
	assert_non_null(made);
	wasm_engine_delete(made);
}

static void grow(
		wasmtime_context_t *context, wasmtime_memory_t *memory, uint64_t pages, bool fits) {
	uint64_t before;
	wasmtime_error_t *error = wasmtime_memory_grow(context, memory, pages, &before);
	assert_true((error == NULL) == fits);
	if (error != NULL) {
		wasmtime_error_delete(error);
	}
}

static bool make_memory(wasmtime_context_t *context, uint64_t min, uint64_t max,
		wasmtime_memory_t *memory) {
	wasm_memorytype_t *type;
	wasmtime_error_t *error = wasmtime_memorytype_new(min, true, max, false, false, 16, &type);
	assert_null(error);
	error = wasmtime_memory_new(context, type, memory);
	wasm_memorytype_delete(type);
	if (error != NULL) {
		wasmtime_error_delete(error);
	}
	return error == NULL;
}

static void memories_of_a_store_count_together(void **state) {
	(void)state;
	const uint64_t page = 65536;
	wasm_engine_t *wasm = wasm_engine_new();
	wasmtime_store_t *store = wasmtime_store_new(wasm, NULL, NULL);
	wasmtime_context_t *context = wasmtime_store_context(store);
	struct airscrew_limiter limiter = { .memory_limit = 10 * page, .memory_count_limit = 3 };
	airscrew_store_limit(store, &limiter);
	wasmtime_memory_t a, b, c;
	assert_true(make_memory(context, 4, 8, &a));
	assert_true(make_memory(context, 4, 8, &b));
	assert_int_equal(limiter.memory_bytes, 8 * page);
	assert_int_equal(limiter.memory_refused, 0);
	grow(context, &a, 3, false);
	assert_int_equal(limiter.memory_refused, 11 * page);
	assert_int_equal(limiter.memory_bytes, 8 * page);
	grow(context, &a, 1, true);
	grow(context, &b, 1, true);
	assert_int_equal(limiter.memory_bytes, 10 * page);
	/* What it declared itself is not a matter of the limit. */
	limiter.memory_refused = 0;
	limiter.memory_limit = 100 * page;
	grow(context, &a, 4, false);
	assert_int_equal(limiter.memory_refused, 0);
	assert_true(make_memory(context, 1, 1, &c));
	wasmtime_store_delete(store);
	wasm_engine_delete(wasm);
}

static void guest_sockets_are_off(void **state) {
	(void)state;
	struct module *module = compile(ENGINE_MULTIPASS,
			"(module (import \"wasi_snapshot_preview1\" \"sock_accept\""
			" (func $accept (param i32 i32 i32) (result i32))) (memory (export "
			"\"memory\") 1)"
			" (func (export \"run\") (result i32) (call $accept (i32.const 3) "
			"(i32.const 0)"
			" (i32.const 0))))");
	struct trial trial = trial_new();
	trial_run(&trial, module);
	assert_true(trial.ok);
	assert_string_equal(trial.result.values, "8"); /* EBADF */
	trial_finish(&trial);
	module_destroy(module);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bad_configurations_are_errors),
		cmocka_unit_test(good_configurations_are_engines),
		cmocka_unit_test(memories_of_a_store_count_together),
		cmocka_unit_test(guest_sockets_are_off),
	};
	return cmocka_run_group_tests(tests, engine_setup, engine_teardown);
}
