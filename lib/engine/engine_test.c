/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/engine.h"

#include "engine/fixture.h"

static const char add[] = "(module (func (export \"add\") (param i32 i32) (result i32)"
			  "  (i32.add (local.get 0) (local.get 1)))"
			  " (func (export \"all\") (param i32 i64 f32 f64) (result i32 i64 f32 f64)"
			  "  (local.get 0) (local.get 1) (local.get 2) (local.get 3))"
			  " (func (export \"nothing\")))";

static void kinds_have_names(void **state) {
	(void)state;
	enum engine_kind kind;
	for (int i = 0; i < ENGINE_KINDS; i++) {
		assert_true(engine_kind_parse(engine_kind_name((enum engine_kind)i), &kind));
		assert_int_equal(kind, i);
	}
	assert_false(engine_kind_parse("Multipass", &kind));
	assert_false(engine_kind_parse("", &kind));
	assert_false(engine_kind_parse(NULL, &kind));
	for (int i = 0; i < KINDS; i++) {
		assert_true(engine_offers(engine, kinds[i]));
	}
	assert_false(engine_offers(engine, ENGINE_EXTERNAL));
}

static void values_go_in_and_out(void **state) {
	(void)state;
	for (int i = 0; i < KINDS; i++) {
		struct module *module = compile(kinds[i], add);
		assert_true(module_size(module) > 0);
		struct trial trial = trial_new();
		trial.request.name = "add";
		trial.request.inputs = TEXTS("2147483647", "4294967295");
		trial_run(&trial, module);
		assert_true(trial.ok);
		assert_true(trial.result.has_values && trial.result.exited);
		assert_string_equal(trial.result.values, "2147483646");
		assert_int_equal(trial.result.exit_code, 0);
		run_result_finish(&trial.result);
		trial.request.invoke = "all";
		trial.request.inputs = TEXTS("-1", "0x10", "0.1", "-inf");
		trial_run(&trial, module);
		assert_true(trial.ok);
		assert_string_equal(trial.result.values, "-1,16,0.1,-inf");
		run_result_finish(&trial.result);
		trial.request.invoke = "nothing";
		trial.request.inputs = NULL;
		trial_run(&trial, module);
		assert_true(trial.ok && !trial.result.has_values);
		assert_string_equal(trial.result.values, "");
		trial_finish(&trial);
		module_destroy(module);
	}
}

static void expect_refused(
		struct module *module, const struct run_request *request, const char *message) {
	struct trial trial = trial_new();
	const struct run_limits limits = trial.request.limits;
	trial.request = *request;
	trial.request.limits = limits;
	trial_run(&trial, module);
	assert_failed(&trial, ERROR_INVALID, message);
	trial_finish(&trial);
}

static void wrong_inputs_are_named(void **state) {
	(void)state;
	struct module *module = compile(ENGINE_MULTIPASS, add);
	expect_refused(module, &(struct run_request){ .name = "add", .inputs = TEXTS("1", "5abc") },
			"argument 2, \"5abc\", is not an i32: only a decimal or 0x hexadecimal "
			"number is");
	expect_refused(module, &(struct run_request){ .name = "add", .inputs = TEXTS("1") },
			"\"add\" takes 2 inputs (i32, i32), 1 were given");
	expect_refused(module, &(struct run_request){ .name = "add" },
			"\"add\" takes 2 inputs (i32, i32), 0 were given");
	expect_refused(module, &(struct run_request){ .invoke = "nothing", .inputs = TEXTS("1") },
			"\"nothing\" takes 0 inputs (nothing), 1 were given");
	expect_refused(module, &(struct run_request){ .name = "add", .invoke = "sub" },
			"there is no exported function \"sub\"; the functions that the module "
			"exports: add, all, "
			"nothing");
	expect_refused(module, &(struct run_request){ .name = "task" },
			"nothing to call: the module exports none of \"task\", main, run and "
			"_start; the "
			"functions that the module exports: add, all, nothing");
	module_destroy(module);
	module = compile(ENGINE_MULTIPASS, "(module (memory (export \"main\") 1))");
	expect_refused(module, &(struct run_request){ .name = "main" },
			"nothing to call: the module exports none of \"main\", main, run and "
			"_start; the "
			"functions that the module exports: none");
	module_destroy(module);
}

static void what_has_no_text_is_refused(void **state) {
	(void)state;
	struct module *module = compile(ENGINE_MULTIPASS,
			"(module (func (export \"v\") (param v128)) (func (export \"r\") (param "
			"externref anyref))"
			" (func (export \"out\") (result i32 v128) unreachable)"
			" (func (export \"ref\") (result (ref func)) unreachable))");
	expect_refused(module, &(struct run_request){ .name = "v", .inputs = TEXTS("1") },
			"\"v\" takes v128: only i32, i64, f32 and f64 can be given as inputs");
	expect_refused(module, &(struct run_request){ .name = "r", .inputs = TEXTS("1", "2") },
			"\"r\" takes reference, reference: only i32, i64, f32 and f64 can be given "
			"as inputs");
	expect_refused(module, &(struct run_request){ .name = "out" },
			"\"out\" returns i32, v128: only i32, i64, f32 and f64 can be told as "
			"results");
	expect_refused(module, &(struct run_request){ .name = "ref" },
			"\"ref\" returns reference: only i32, i64, f32 and f64 can be told as "
			"results");
	module_destroy(module);
}

/* A list of exports is cut, and the message says how many are left out. */
static void many_exports_are_cut(void **state) {
	(void)state;
	CLEANUP(buf_finish) struct buf text = BUF_INIT(1 << 20);
	struct error err;
	assert_true(buf_printf(&text, &err, "(module "));
	for (int i = 0; i < 1000; i++) {
		assert_true(buf_printf(&text, &err, "(func (export \"f%03d\"))", i));
	}
	assert_true(buf_printf(&text, &err, ")"));
	struct module *module = compile(ENGINE_MULTIPASS, buf_text(&text));
	struct trial trial = trial_new();
	trial_run(&trial, module);
	assert_says(&trial.err, ERROR_INVALID, "exports: f000, f001, f002");
	assert_says(&trial.err, ERROR_INVALID, " more");
	trial_finish(&trial);
	module_destroy(module);
}

static void the_entry_is_chosen_in_turn(void **state) {
	(void)state;
	static const struct {
		const char *text, *name, *values;
	} cases[] = {
		{ "(module (func (export \"task\") (result i32) (i32.const 1))"
		  " (func (export \"main\") (result i32) (i32.const 2)))",
				"task", "1" },
		{ "(module (func (export \"run\") (result i32) (i32.const 3))"
		  " (func (export \"main\") (result i32) (i32.const 2)))",
				"task", "2" },
		{ "(module (func (export \"run\") (result i32) (i32.const 3))"
		  " (func (export \"_start\")))",
				NULL, "3" },
		{ "(module (global $g (mut i32) (i32.const 0)) (func (export \"_start\"))"
		  " (func (export \"_initialize\") (global.set $g (i32.const 7)))"
		  " (func (export \"task\") (result i32) (global.get $g)))",
				"task", "7" },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct module *module = compile(ENGINE_MULTIPASS, cases[i].text);
		struct trial trial = trial_new();
		trial.request.name = cases[i].name;
		trial_run(&trial, module);
		assert_true(trial.ok);
		assert_string_equal(trial.result.values, cases[i].values);
		trial_finish(&trial);
		module_destroy(module);
	}
}

static void refused_module(const void *bytes, size_t size, const char *words) {
	for (int i = 0; i < KINDS; i++) {
		struct error err = { 0 };
		struct bytes wasm = { bytes, size };
		assert_null(engine_compile(engine, kinds[i], false, wasm, &err));
		assert_says(&err, ERROR_MODULE, words);
	}
}

static void what_is_no_module_is_refused(void **state) {
	(void)state;
	wasm_byte_vec_t wasm = wasm_of(add);
	refused_module("", 0, "the module is empty");
	refused_module("hello, world", 12, "this is not a WebAssembly module");
	refused_module("(module)", 8, "text format is not accepted");
	refused_module(wasm.data, 7, "this is not a WebAssembly module");
	refused_module(wasm.data, wasm.size - 1, "the module cannot be compiled");
	refused_module(wasm.data, 20, "the module cannot be compiled: ");
	refused_module("\0asm\x02\0\0\0", 8, "unknown binary version");
	wasm.data[8] ^= 0x55; /* the first section's id */
	refused_module(wasm.data, wasm.size, "the module cannot be compiled");
	wasm_byte_vec_delete(&wasm);
}

static void singlepass_says_what_it_lacks(void **state) {
	(void)state;
	static const struct {
		const char *text, *feature;
	} cases[] = {
		{ "(module (tag $t) (func (export \"run\") (throw $t)))", "exceptions" },
		{ "(module (tag $t) (func (export \"run\") (block (try_table (catch_all 0)))))",
				"exceptions" },
		{ "(module (func $f (export \"run\") (return_call $f)))", "tail calls" },
		{ "(module (type $s (struct)) (func (export \"run\") (drop (struct.new $s))))",
				"garbage collection types" },
		{ "(module (func (export \"run\") (param anyref)))", "garbage collection types" },
		{ "(module (func (export \"run\") (param i32) (drop (ref.i31 (local.get 0)))))",
				"garbage collection types" },
		{ "(module (func (export \"run\") (param v128) (result v128)"
		  " (i8x16.relaxed_swizzle (local.get 0) (local.get 0))))",
				"relaxed SIMD" },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct error err = { 0 };
		char begin[128];
		(void)snprintf(begin, sizeof(begin),
				"engine singlepass does not have %s, which this module uses: use "
				"engine multipass",
				cases[i].feature);
		assert_null(compile_metered(ENGINE_SINGLEPASS, false, cases[i].text, &err));
		assert_says(&err, ERROR_MODULE, begin);
		module_destroy(compile(ENGINE_MULTIPASS, cases[i].text));
		module_destroy(compile(ENGINE_INTERP, cases[i].text));
	}
}

static void unknown_imports_are_all_listed(void **state) {
	(void)state;
	const char text[] =
			"(module (import \"env\" \"foo\" (func (param i32 f64) (result i64)))"
			" (import \"env\" \"mem\" (memory 1))"
			" (import \"wasi_snapshot_preview1\" \"fd_write\""
			"  (func (param i32 i32 i32 i32) (result i32)))"
			" (import \"wasi_snapshot_preview1\" \"path_fly\" (func))"
			" (import \"a\" \"v\" (func (param v128 f32))) (func (export \"run\")))";
	for (int i = 0; i < KINDS; i++) {
		struct module *module = compile(kinds[i], text);
		struct trial trial = trial_new();
		trial_run(&trial, module);
		assert_failed(&trial, ERROR_MODULE,
				"nobody offers what the module imports: env.foo (function of i32, "
				"f64 giving i64), "
				"env.mem (memory), wasi_snapshot_preview1.path_fly (function of "
				"nothing giving "
				"nothing), a.v (function of v128, f32 giving nothing); guests get "
				"wasi_snapshot_preview1 only");
		trial_finish(&trial);
		module_destroy(module);
	}
}

static void many_imports_are_cut(void **state) {
	(void)state;
	CLEANUP(buf_finish) struct buf text = BUF_INIT(1 << 20);
	struct error err;
	assert_true(buf_printf(&text, &err, "(module "));
	for (int i = 0; i < 500; i++) {
		assert_true(buf_printf(&text, &err, "(import \"env\" \"f%d\" (func))", i));
	}
	assert_true(buf_printf(&text, &err, "(func (export \"run\")))"));
	struct module *module = compile(ENGINE_MULTIPASS, buf_text(&text));
	struct trial trial = trial_new();
	trial_run(&trial, module);
	assert_false(trial.ok);
	assert_says(&trial.err, ERROR_MODULE,
			"env.f0 (function of nothing giving nothing), env.f1");
	assert_says(&trial.err, ERROR_MODULE, " more; guests get wasi_snapshot_preview1 only");
	trial_finish(&trial);
	module_destroy(module);
}

static void an_import_of_the_wrong_type_is_told(void **state) {
	(void)state;
	struct module *module =
			compile(ENGINE_INTERP, "(module (import \"wasi_snapshot_preview1\" "
					       "\"fd_write\" (func)) (func (export \"run\")))");
	struct trial trial = trial_new();
	trial_run(&trial, module);
	assert_false(trial.ok);
	assert_says(&trial.err, ERROR_MODULE, "an import has the wrong type: ");
	trial_finish(&trial);
	module_destroy(module);
}

static void an_external_runtime_has_to_be_there(void **state) {
	(void)state;
	struct error err = { 0 };
	assert_null(compile_metered(ENGINE_EXTERNAL, false, add, &err));
	assert_says(&err, ERROR_UNAVAILABLE, "there is no external runtime here");
	struct engine_options options = { .external = "no-such-runtime-anywhere",
		.folder = "/tmp" };
	assert_null(engine_create(&options, &err));
	assert_says(&err, ERROR_NOT_FOUND,
			"the external runtime \"no-such-runtime-anywhere\" is not");
	options = (struct engine_options){ .external = "/bin/true" };
	assert_null(engine_create(&options, &err));
	assert_says(&err, ERROR_INVALID, "needs a folder");
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kinds_have_names),
		cmocka_unit_test(values_go_in_and_out),
		cmocka_unit_test(wrong_inputs_are_named),
		cmocka_unit_test(what_has_no_text_is_refused),
		cmocka_unit_test(many_exports_are_cut),
		cmocka_unit_test(the_entry_is_chosen_in_turn),
		cmocka_unit_test(what_is_no_module_is_refused),
		cmocka_unit_test(singlepass_says_what_it_lacks),
		cmocka_unit_test(unknown_imports_are_all_listed),
		cmocka_unit_test(many_imports_are_cut),
		cmocka_unit_test(an_import_of_the_wrong_type_is_told),
		cmocka_unit_test(an_external_runtime_has_to_be_there),
	};
	return cmocka_run_group_tests(tests, engine_setup, engine_teardown);
}
