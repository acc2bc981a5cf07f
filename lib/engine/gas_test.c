/* SPDX-License-Identifier: Apache-2.0 */
/* Tasks with a gas limit: the same gas in every kind, imports of WASI, start functions, refusals.
 */
#include "engine/fixture.h"

static struct module *prepare(enum engine_kind kind, const char *text, struct error *err) {
	wasm_byte_vec_t wasm = wasm_of(text);
	struct bytes bytes = { (const uint8_t *)wasm.data, wasm.size };
	struct module *module = engine_prepare_gas(engine, kind, false, bytes, NULL, err);
	wasm_byte_vec_delete(&wasm);
	return module;
}

static struct trial run_with(enum engine_kind kind, const char *text, uint64_t gas) {
	struct error err;
	struct module *module = prepare(kind, text, &err);
	if (module == NULL) {
		fail_msg("%s", err.message);
	}
	struct trial trial = trial_new();
	trial.request.name = "run";
	trial.request.limits.gas = gas;
	trial_run(&trial, module);
	module_destroy(module);
	return trial;
}

static void gas_ends_a_run_alike(void **state) {
	(void)state;
	static const char sum[] =
			"(module (func (export \"run\") (result i32) (local i32 i32)"
			" i32.const 3 local.set 0 loop local.get 1 local.get 0 i32.add"
			" local.set 1 local.get 0 i32.const 1 i32.sub local.tee 0 br_if 0 end"
			" local.get 1))";
	for (int k = 0; k < KINDS; k++) {
		struct trial trial = run_with(kinds[k], sum, 1000);
		assert_true(trial.ok);
		assert_string_equal(trial.result.values, "6");
		assert_int_equal(trial.result.gas_used, 30);
		trial_finish(&trial);
		trial = run_with(kinds[k], sum, 30);
		assert_true(trial.ok);
		trial_finish(&trial);
		trial = run_with(kinds[k], sum, 29);
		assert_failed(&trial, ERROR_FAILED, "out of gas: all 29 units were used");
		assert_int_equal(trial.result.gas_used, 29);
		trial_finish(&trial);
		trial = run_with(kinds[k], sum, 0); /* counted, with no limit */
		assert_true(trial.ok && trial.result.gas_used == 30);
		trial_finish(&trial);
	}
}

static void a_loop_without_end_ends(void **state) {
	(void)state;
	for (int k = 0; k < KINDS; k++) {
		struct trial trial = run_with(
				kinds[k], "(module (func (export \"run\") (loop (br 0))))", 100000);
		assert_failed(&trial, ERROR_FAILED, "out of gas: all 100000 units were used");
		trial_finish(&trial);
	}
}

static void traps_and_exits_tell_their_gas(void **state) {
	(void)state;
	for (int k = 0; k < KINDS; k++) {
		struct trial trial = run_with(kinds[k],
				"(module (func (export \"run\") (drop (i32.div_s (i32.const 1) "
				"(i32.const 0)))))",
				100);
		assert_false(trial.ok);
		assert_says(&trial.err, ERROR_FAILED, "division by zero");
		assert_int_equal(trial.result.gas_used, 4);
		trial_finish(&trial);
		trial = run_with(kinds[k],
				"(module (import \"wasi_snapshot_preview1\" \"proc_exit\" (func $e "
				"(param i32))) (memory (export \"memory\") 1) (func (export "
				"\"_start\") "
				"(call $e (i32.const 3)) unreachable))",
				100);
		assert_true(trial.ok && trial.result.exit_code == 3);
		assert_int_equal(trial.result.gas_used, 3);
		trial_finish(&trial);
	}
}

static void start_functions_count(void **state) {
	(void)state;
	static const char text[] = "(module (global $g (mut i32) (i32.const 0))"
				   " (func $s (global.set $g (i32.const 7))) (start $s)"
				   " (func (export \"run\") (result i32) (global.get $g)))";
	for (int k = 0; k < KINDS; k++) {
		struct trial trial = run_with(kinds[k], text, 3);
		assert_true(trial.ok);
		assert_string_equal(trial.result.values, "7");
		trial_finish(&trial);
		trial = run_with(kinds[k], text, 1);
		assert_failed(&trial, ERROR_FAILED, "out of gas: all 1 units were used");
		trial_finish(&trial);
	}
}

static void a_deep_recursion_ends_at_the_stack(void **state) {
	(void)state;
	for (int k = 0; k < KINDS; k++) {
		struct trial trial = run_with(kinds[k],
				"(module (func $f (export \"run\") (call $f)))", 1000000000);
		assert_false(trial.ok);
		assert_says(&trial.err, ERROR_FAILED, "stack");
		assert_true(trial.result.gas_used > 1000);
		trial_finish(&trial);
	}
}

static void what_cannot_count_is_refused(void **state) {
	(void)state;
	struct error err;
	assert_null(prepare(ENGINE_MULTIPASS, "(module (func $f (return_call $f)))", &err));
	assert_says(&err, ERROR_MODULE, "the module uses tail calls");
	assert_null(prepare(ENGINE_MULTIPASS, "(component)", &err));
	assert_says(&err, ERROR_MODULE, "only core modules count gas");
	const struct bytes bad = { (const uint8_t *)"\0asm\1\0\0\0\1", 9 };
	assert_null(engine_prepare_gas(engine, ENGINE_MULTIPASS, false, bad, NULL, &err));
	assert_says(&err, ERROR_MODULE, "the module is not valid");
	assert_null(engine_prepare_gas(engine, ENGINE_EXTERNAL, false, bad, NULL, &err));
	assert_says(&err, ERROR_INVALID, "kind external cannot count gas");
	struct module *plain = compile(ENGINE_MULTIPASS, "(module (func (export \"run\")))");
	struct trial trial = trial_new();
	trial.request.name = "run";
	trial.request.limits.gas = 5;
	trial_run(&trial, plain);
	assert_failed(&trial, ERROR_INVALID,
			"a gas limit needs a module that was made to count gas");
	trial_finish(&trial);
	module_destroy(plain);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gas_ends_a_run_alike),
		cmocka_unit_test(a_loop_without_end_ends),
		cmocka_unit_test(traps_and_exits_tell_their_gas),
		cmocka_unit_test(start_functions_count),
		cmocka_unit_test(a_deep_recursion_ends_at_the_stack),
		cmocka_unit_test(what_cannot_count_is_refused),
	};
	return cmocka_run_group_tests(tests, engine_setup, engine_teardown);
}
