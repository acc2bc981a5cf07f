/* SPDX-License-Identifier: Apache-2.0 */
/* Which modules are accepted for calls, and which functions there are then. */
#include "engine/call_fixture.h"

#include "engine/child.h"
#include "engine/program.h"

enum { SETUPS = 2 * KINDS };

/* Refused in every mode, plain and metered, with these words. */
static void refused_bytes(struct bytes wasm, enum error_code code, const char *words) {
	for (int setup = 0; setup < SETUPS; setup++) {
		struct error err;
		struct program *program = program_create(
				engine, kinds[setup / 2], setup % 2 != 0, wasm, NULL, &err);
		if (program != NULL) {
			fail_msg("accepted: %s", words);
		}
		assert_says(&err, code, words);
	}
}

static void refused(const char *text, enum error_code code, const char *words) {
	wasm_byte_vec_t wasm = wasm_of(text);
	refused_bytes((struct bytes){ (const uint8_t *)wasm.data, wasm.size }, code, words);
	wasm_byte_vec_delete(&wasm);
}

static void what_is_no_module_is_refused(void **state) {
	(void)state;
	static const uint8_t cut[] = { 0, 'a', 's', 'm', 1, 0, 0, 0, 1, 200 };
	refused_bytes((struct bytes){ (const uint8_t *)"", 0 }, ERROR_MODULE, "empty");
	refused_bytes((struct bytes){ (const uint8_t *)"(module)", 8 }, ERROR_MODULE,
			"not a WebAssembly module");
	refused_bytes((struct bytes){ cut, sizeof(cut) }, ERROR_MODULE, "not accepted");
	refused("(component)", ERROR_MODULE, "this is a component");
}

static void a_module_over_the_size_is_refused(void **state) {
	(void)state;
	size_t size = (size_t)PROGRAM_MODULE_MAX + 1;
	uint8_t *large = mem_zero(size, 1);
	refused_bytes((struct bytes){ large, size }, ERROR_TOO_LARGE, "67108864 are accepted");
	free(large);
}

static void imports_are_refused_by_name(void **state) {
	(void)state;
	refused("(module (import \"env\" \"abort\" (func (param i32))))", ERROR_MODULE,
			"imports \"env\" \"abort\", and");
	refused("(module (import \"wasi_snapshot_preview1\" \"fd_write\""
		"  (func (param i32 i32 i32 i32) (result i32)))"
		" (import \"env\" \"memory\" (memory 1)))",
			ERROR_MODULE, "\"wasi_snapshot_preview1\" \"fd_write\" and 1 more");
	refused("(module (import \"\" \"\" (global i32)))", ERROR_MODULE, "imports \"\" \"\"");
}

/* What not every mode compiles is accepted in none. */
static void features_are_refused_by_name(void **state) {
	(void)state;
	refused("(module (func $f (export \"f\") return_call $f))", ERROR_MODULE, "tail calls");
	refused("(module (tag $t) (func (export \"f\") throw $t))", ERROR_MODULE, "exceptions");
	refused("(module (type $s (struct (field i32))))", ERROR_MODULE, "garbage collection");
	refused("(module (func (export \"f\") (param externref)))", ERROR_MODULE, "externref");
	refused("(module (table 1 externref))", ERROR_MODULE, "externref");
	refused("(module (type $t (func)) (func (export \"f\") (param (ref $t))))", ERROR_MODULE,
			"typed function references");
	refused("(module (func (export \"f\") (param v128 v128) (result v128)"
		" local.get 0 local.get 1 i8x16.relaxed_swizzle))",
			ERROR_MODULE, "relaxed SIMD");
	refused("(module (memory 1 1 shared))", ERROR_MODULE, "threads");
	refused("(module (memory 1) (func (export \"f\") (result i32)"
		" i32.const 0 i32.atomic.load))",
			ERROR_MODULE, "threads");
}

/* Everything else that a compiler is likely to use. */
static void other_features_are_accepted(void **state) {
	(void)state;
	static const char *const modules[] = {
		"(module (memory i64 1) (func (export \"f\") (result i64) memory.size))",
		"(module (memory 1) (memory 1)"
		" (func (export \"f\") (result i64) (i64.extend_i32_u (memory.size 1))))",
		"(module (func $g (result i32)"
		"  (i32x4.extract_lane 3 (i32x4.splat (i32.const 1))))"
		" (func (export \"f\") (result i64) call $g i64.extend_i32_u))",
		"(module (table 2 funcref) (table 3 funcref) (func $one (result i64) i64.const 1)"
		" (elem (table 1) (i32.const 0) func $one)"
		" (func (export \"f\") (result i64) (call_indirect 1 (result i64) (i32.const 0))))",
		"(module (memory 1) (data (i32.const 7) \"\\01\") (func (export \"f\") (result i64)"
		"  (memory.copy (i32.const 0) (i32.const 7) (i32.const 1))"
		"  (i64.load8_u (i32.const 0))))",
		"(module (global i32 (i32.const 1)) (global i32 (i32.add (i32.const 0) (i32.const "
		"1)))"
		" (func (export \"f\") (result i64) (i64.extend_i32_u (global.get 1))))",
	};
	for (size_t i = 0; i < sizeof(modules) / sizeof(modules[0]); i++) {
		for (int setup = 0; setup < SETUPS; setup++) {
			struct program *program =
					prepare(kinds[setup / 2], setup % 2 != 0, modules[i]);
			gives(program, "f", INPUTS(), "1");
			program_destroy(program);
		}
	}
}

/* A table that has no place in the pool, and more memories than that gives one module. */
static void odd_modules_work_without_the_pool(void **state) {
	(void)state;
	struct program *usual = prepare(ENGINE_MULTIPASS, true, "(module (memory 1))");
	struct program *odd = prepare(ENGINE_MULTIPASS, true, "(module (memory 1) (memory 1))");
	assert_ptr_equal(usual->wasm.tier.wasm, engine->tiers[ENGINE_MULTIPASS][TIER_CALL].wasm);
	assert_ptr_equal(odd->wasm.tier.wasm, engine->tiers[ENGINE_MULTIPASS][TIER_CALL_ODD].wasm);
	program_destroy(usual);
	program_destroy(odd);
}

/* --- functions ---------------------------------------------------------------------------------
 */

static const char several[] = "(module (func $s) (start $s) (memory (export \"memory\") 1)"
			      " (func (export \"beta\")) (func (export \"alpha\") (param i32))"
			      " (func (export \"vector\") (param v128))"
			      " (func (export \"reference\") (result funcref) ref.null func))";

static void a_missing_function_lists_those_that_are_there(void **state) {
	(void)state;
	struct error err;
	for (int setup = 0; setup < SETUPS; setup++) {
		struct program *program = prepare(kinds[setup / 2], setup % 2 != 0, several);
		assert_null(program_function(program, "gamma", &err));
		assert_says(&err, ERROR_NOT_FOUND, "no exported function \"gamma\"");
		assert_says(&err, ERROR_NOT_FOUND, ": alpha, beta, reference, vector");
		assert_null(strstr(err.message, "airscrew"));
		assert_null(program_function(program, "memory", &err));
		assert_null(program_function(program, "", &err));
		assert_null(program_function(program, NULL, &err));
		/* What the meter has put in is not for callers. */
		assert_null(program_function(program, "airscrew:start", &err));
		assert_null(program_function(program, "airscrew:gas", &err));
		program_destroy(program);
	}
}

static void functions_of_other_types_are_refused(void **state) {
	(void)state;
	struct error err;
	struct program *program = prepare(ENGINE_MULTIPASS, true, several);
	assert_null(program_function(program, "vector", &err));
	assert_says(&err, ERROR_MODULE, "takes v128 and gives nothing");
	assert_null(program_function(program, "reference", &err));
	assert_says(&err, ERROR_MODULE, "gives reference");
	program_destroy(program);
}

static void names_of_the_meter_are_refused(void **state) {
	(void)state;
	struct error err;
	wasm_byte_vec_t wasm = wasm_of("(module (func (export \"airscrew:start\")))");
	assert_null(program_create(engine, ENGINE_MULTIPASS, true,
			(struct bytes){ (const uint8_t *)wasm.data, wasm.size }, NULL, &err));
	assert_says(&err, ERROR_MODULE, "airscrew:start");
	wasm_byte_vec_delete(&wasm);
}

static void the_external_engine_has_no_calls(void **state) {
	(void)state;
	struct error err;
	wasm_byte_vec_t wasm = wasm_of("(module)");
	assert_null(program_create(engine, ENGINE_EXTERNAL, true,
			(struct bytes){ (const uint8_t *)wasm.data, wasm.size }, NULL, &err));
	assert_says(&err, ERROR_UNSUPPORTED, "external");
	wasm_byte_vec_delete(&wasm);
}

/* --- in a child --------------------------------------------------------------------------------
 */

/* More than ENGINE_CHILD_BYTES of code. */
static wasm_byte_vec_t large_module(const char *memories) {
	struct error err;
	struct buf text = BUF_INIT(64 << 20);
	assert_true(buf_printf(&text, &err,
			"(module %s (func (export \"two\") (result i32) i32.const 2)", memories));
	for (int i = 0; i < 300; i++) {
		assert_true(buf_printf(&text, &err, "(func (param i32) (result i32) local.get 0"));
		for (int j = 0; j < 300; j++) {
			assert_true(buf_printf(&text, &err, " i32.const %d i32.mul", 1000 + i + j));
		}
		assert_true(buf_printf(&text, &err, ")"));
	}
	assert_true(buf_printf(&text, &err, ")"));
	wasm_byte_vec_t wasm = wasm_of(buf_text(&text));
	buf_finish(&text);
	assert_true(wasm.size > ENGINE_CHILD_BYTES);
	return wasm;
}

/* This test program is its own child. The child has no addresses for a pool; its code is for a tier
 * that has one all the same. */
static void compile_in_child(const char *memories, enum tier_use use) {
	const struct engine_options options = { .self = "/proc/self/exe",
		.compile_memory_bytes = (uint64_t)2 << 30 };
	struct engine *mine = engine_make(&options);
	wasm_byte_vec_t wasm = large_module(memories);
	const struct bytes bytes = { (const uint8_t *)wasm.data, wasm.size };
	for (int setup = 0; setup < SETUPS; setup++) {
		enum engine_kind kind = kinds[setup / 2];
		struct error err;
		struct run_stop *stop = run_stop_create(mine);
		struct program *program =
				program_create(mine, kind, setup % 2 != 0, bytes, stop, &err);
		if (program == NULL) {
			fail_msg("%s", err.message);
		}
		assert_ptr_equal(program->wasm.tier.wasm, mine->tiers[kind][use].wasm);
		gives(program, "two", INPUTS(), "2");
		program_destroy(program);
		run_stop_request(stop);
		assert_null(program_create(mine, kind, setup % 2 != 0, bytes, stop, &err));
		assert_int_equal(err.code, ERROR_INTERRUPTED);
		run_stop_destroy(stop);
	}
	wasm_byte_vec_delete(&wasm);
	engine_destroy(mine);
}

static void a_large_module_is_compiled_in_a_child(void **state) {
	(void)state;
	compile_in_child("", TIER_CALL);
}

static void a_large_odd_module_too(void **state) {
	(void)state;
	compile_in_child("(memory 1) (memory 1)", TIER_CALL_ODD);
}

int main(int argc, char **argv) {
	if (child_wanted(argc, argv)) {
		return child_main(argc, argv);
	}
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_no_module_is_refused),
		cmocka_unit_test(a_module_over_the_size_is_refused),
		cmocka_unit_test(imports_are_refused_by_name),
		cmocka_unit_test(features_are_refused_by_name),
		cmocka_unit_test(other_features_are_accepted),
		cmocka_unit_test(odd_modules_work_without_the_pool),
		cmocka_unit_test(a_missing_function_lists_those_that_are_there),
		cmocka_unit_test(functions_of_other_types_are_refused),
		cmocka_unit_test(names_of_the_meter_are_refused),
		cmocka_unit_test(the_external_engine_has_no_calls),
		cmocka_unit_test(a_large_module_is_compiled_in_a_child),
		cmocka_unit_test(a_large_odd_module_too),
	};
	return call_tests_run("engine/program", tests, sizeof(tests) / sizeof(tests[0]));
}
