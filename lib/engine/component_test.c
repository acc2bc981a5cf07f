/* SPDX-License-Identifier: Apache-2.0 */
/* Components as text; real ones are in tests/test_h_components.py. */
#include "engine/fixture.h"

#include "base/clock.h"
#include "engine/component_fixture.h"

/* Runs one function of a component once, in one kind. */
static struct trial call_kind(enum engine_kind kind, const char *text, const char *name,
		const struct strings *inputs) {
	struct trial trial = trial_new();
	struct module *module = compile(kind, text);
	trial.request.invoke = name;
	trial.request.inputs = inputs;
	trial_run(&trial, module);
	module_destroy(module);
	return trial;
}

static void gives(const char *name, const struct strings *inputs, const char *values) {
	for (int k = 0; k < KINDS; k++) {
		struct trial trial = call_kind(kinds[k], COMPONENT_LIBRARY, name, inputs);
		if (!trial.ok) {
			fail_msg("%s", trial.err.message);
		}
		assert_true(trial.result.has_values);
		assert_string_equal(trial.result.values, values);
		assert_int_equal(trial.result.exit_code, 0);
		trial_finish(&trial);
	}
}

static void fails(const char *text, const char *name, const struct strings *inputs,
		enum error_code code, const char *words) {
	for (int k = 0; k < KINDS; k++) {
		struct trial trial = call_kind(kinds[k], text, name, inputs);
		assert_false(trial.ok);
		assert_says(&trial.err, code, words);
		trial_finish(&trial);
	}
}

static void functions_take_and_give_wave(void **state) {
	(void)state;
	gives("add", TEXTS("4294967295", "2"), "1");
	gives("reach", TEXTS("[{x: 1, y: -2}, {y: 10, x: 0}]"), "9");
	gives("reach", TEXTS("[]"), "0");
	gives("points", TEXTS("[{x:1,y:2}]"), "[{x: 1, y: 2}]");
	gives("echo", TEXTS("\"a\\tb\\u{e9}\""), "\"a\\tb\xc3\xa9\"");
}

/* A string needs no quotes, and has none of WAVE's meaning then. */
static void plain_text_is_a_string(void **state) {
	(void)state;
	gives("echo", TEXTS("hello \\n \"you\""), "\"hello \\\\n \\\"you\\\"\"");
	gives("echo", TEXTS(""), "\"\"");
	fails(COMPONENT_LIBRARY, "echo", TEXTS("\"open"), ERROR_INVALID,
			"argument 1 (`text: string`): expected the closing quotes");
	fails(COMPONENT_LIBRARY, "echo", TEXTS("\xff"), ERROR_INVALID, "not UTF-8");
}

static void functions_in_interfaces_have_several_names(void **state) {
	(void)state;
	gives("demo:lib/math@1.2.0#add", TEXTS("1", "2"), "3");
	gives("demo:lib/math#add", TEXTS("1", "2"), "3");
	gives("demo:other/math#twice", TEXTS("x"), "\"x\"");
	gives("demo:lib/math.add", TEXTS("1", "2"), "3");
	fails(COMPONENT_LIBRARY, "math#twice", TEXTS("x"), ERROR_INVALID,
			"more than one exported function is called \"math#twice\"");
	fails(COMPONENT_LIBRARY, "twice", TEXTS("x"), ERROR_INVALID, "more than one");
	fails(COMPONENT_LIBRARY, "lib/math#add", TEXTS("1", "2"), ERROR_INVALID,
			"there is no exported function \"lib/math#add\"");
}

static void a_missing_export_lists_what_there_is(void **state) {
	(void)state;
	fails(COMPONENT_LIBRARY, "nope", NULL, ERROR_INVALID,
			"there is no exported function \"nope\"; the functions that the component "
			"exports: add, echo, points,");
	fails("(component)", NULL, NULL, ERROR_INVALID,
			"nothing to call: no wasi:cli/run, main, run or \"task\"; the functions "
			"that the component exports: none");
}

static void inputs_that_do_not_fit(void **state) {
	(void)state;
	fails(COMPONENT_LIBRARY, "add", TEXTS("1"), ERROR_INVALID,
			"\"add\" takes 2 inputs (a: u32, b: u32), 1 were given");
	fails(COMPONENT_LIBRARY, "add", TEXTS("1", "2", "3"), ERROR_INVALID, "3 were given");
	fails(COMPONENT_LIBRARY, "boom", TEXTS("1"), ERROR_INVALID,
			"\"boom\" takes 0 inputs (nothing), 1 were given");
	fails(COMPONENT_LIBRARY, "add", TEXTS("1", "-2"), ERROR_INVALID,
			"argument 2 (`b: u32`): -2 does not fit u32 (0 to 4294967295) at column 1");
	fails(COMPONENT_LIBRARY, "reach", TEXTS("[{x: 1}]"), ERROR_INVALID,
			"argument 1 (`all: list<record { x: s32, y: s32 }>`): field `y` is missing "
			"before column 8");
}

static void options_at_the_end_may_be_left_out(void **state) {
	(void)state;
	gives("given", TEXTS("1"), "0");
	gives("given", TEXTS("1", "2"), "1");
	gives("given", TEXTS("1", "none", "some(3)"), "1");
	gives("given", TEXTS("1", "2", "3"), "2");
	fails(COMPONENT_LIBRARY, "given", NULL, ERROR_INVALID,
			"\"given\" takes 3 inputs (a: u32, b: option<u32>, c: option<u32>), 0 were "
			"given");
	fails(COMPONENT_LIBRARY, "given", TEXTS("1", "2", "3", "4"), ERROR_INVALID, "4 were given");
}

static void traps_say_what_and_where(void **state) {
	(void)state;
	fails(COMPONENT_LIBRARY, "boom", NULL, ERROR_FAILED,
			"the guest trapped: unreachable code was reached; in ");
	fails(COMPONENT_LIBRARY, "down", NULL, ERROR_FAILED,
			"stack overflow: the calls are nested too deeply; in down");
	fails(COMPONENT_LIBRARY, "wild", NULL, ERROR_FAILED, "out of bounds memory access");
	fails(COMPONENT_LIBRARY, "greedy", NULL, ERROR_FAILED,
			"before that it was refused memory: it asked for 3932225536 bytes in all, "
			"its limit is 16777216");
	fails(COMPONENT_LIBRARY, "bad-text", NULL, ERROR_FAILED, "invalid utf-8");
}

static void limits_hold(void **state) {
	(void)state;
	struct error err;
	for (int k = 0; k < KINDS; k++) {
		struct module *module = compile_metered(kinds[k], true, COMPONENT_LIBRARY, &err);
		assert_non_null(module);
		struct trial trial = trial_new();
		trial.request.invoke = "spin";
		trial.request.limits.fuel = 5000;
		trial_run(&trial, module);
		assert_failed(&trial, ERROR_FAILED, "out of fuel: all 5000 units were used");
		assert_int_equal(trial.result.fuel_used, 5000);
		trial_finish(&trial);
		module_destroy(module);
	}
	struct trial trial = trial_new();
	struct module *module = compile(ENGINE_MULTIPASS, COMPONENT_LIBRARY);
	trial.request.invoke = "spin";
	trial.request.limits.wall_ms = 50;
	trial_run(&trial, module);
	assert_failed(&trial, ERROR_TIMEOUT,
			"the run took longer than its wall-clock limit of 50 ms");
	trial_finish(&trial);
	module_destroy(module);
}

/* Values are many times as large here as in the guest, whose memory limit does not count them. */
static void what_is_handed_over_is_bounded(void **state) {
	(void)state;
	fails(COMPONENT_LIBRARY, "flood", TEXTS("1000000"), ERROR_FAILED,
			"too much data at once: the values of a call");
	/* This many fit, and their text does too. */
	struct trial trial =
			call_kind(ENGINE_MULTIPASS, COMPONENT_LIBRARY, "flood", TEXTS("300000"));
	if (!trial.ok) {
		fail_msg("%s", trial.err.message);
	}
	assert_true(strlen(trial.result.values) > 900000);
	trial_finish(&trial);
	fails(COMPONENT_LIBRARY, "flood", TEXTS("380000"), ERROR_TOO_LARGE, "the result as text");
}

static void what_nobody_offers_is_named(void **state) {
	(void)state;
	fails("(component (import \"my:store/keys@1.0.0\" (instance (export \"get\" (func))))"
	      " (import \"lonely\" (func)))",
			NULL, NULL, ERROR_MODULE,
			"the component imports what this worker does not offer (2): "
			"my:store/keys@1.0.0, lonely");
	fails("(component (import \"wasi:cli/environment@0.2.0\" (instance"
	      " (export \"get-arguments\" (func (result (list string))))"
	      " (export \"get-secrets\" (func (result (list string)))))))",
			NULL, NULL, ERROR_MODULE,
			"does not offer (1): wasi:cli/environment@0.2.0#get-secrets");
	fails("(component (import \"wasi:cli/environment@0.3.0\" (instance)))", NULL, NULL,
			ERROR_MODULE, "wasi:cli/environment@0.3.0");
	fails("(component (import \"wasi:http/types@0.2.0\" (instance)))", NULL, NULL, ERROR_MODULE,
			"wasi:http/types@0.2.0");
}

/* A component says itself what the types of its imports are. */
static void imports_of_a_wrong_type_end_the_run(void **state) {
	(void)state;
	static const char lies[] = "(component (import \"wasi:cli/exit@0.2.0\" (instance $e"
				   " (export \"exit\" (func (param \"status\" u32)))))"
				   " (core func $exit (canon lower (func $e \"exit\")))"
				   " (core module $m (import \"h\" \"e\" (func $e (param i32)))"
				   "  (func (export \"run\") (call $e (i32.const 9))))"
				   " (core instance $i (instantiate $m (with \"h\" (instance"
				   "  (export \"e\" (func $exit))))))"
				   " (func (export \"run\") (canon lift (core func $i \"run\"))))";
	fails(lies, NULL, NULL, ERROR_FAILED,
			"the component imports wasi:cli/exit#exit with other types than it has");
	static const char result[] =
			"(component (import \"wasi:random/random@0.2.0\" (instance $r"
			" (export \"get-random-u64\" (func (result u32)))))"
			" (core func $get (canon lower (func $r \"get-random-u64\")))"
			" (core module $m (import \"h\" \"g\" (func $g (result i32)))"
			"  (func (export \"run\") (drop (call $g))))"
			" (core instance $i (instantiate $m (with \"h\" (instance"
			"  (export \"g\" (func $get))))))"
			" (func (export \"run\") (canon lift (core func $i \"run\"))))";
	fails(result, NULL, NULL, ERROR_FAILED, "expected u32, found u64");
}

static void types_without_text_are_refused(void **state) {
	(void)state;
	static const char text[] = "(component (type $r (resource (rep i32))) (export $thing "
				   "\"thing\" (type $r))"
				   " (core module $m (func (export \"f\") (param i32)))"
				   " (core instance $i (instantiate $m))"
				   " (func (export \"use\") (param \"t\" (own $thing))"
				   "  (canon lift (core func $i \"f\"))))";
	fails(text, "use", TEXTS("1"), ERROR_INVALID,
			"argument 1 (`t: resource`): values of this type have no text");
}

/* --- commands ----------------------------------------------------------------------------------
 */

static void command(enum engine_kind kind, const char *text, const char *in, const char *out,
		int exit_code) {
	struct trial trial = trial_new();
	struct module *module = compile(kind, text);
	trial.request.name = "_start";
	trial.request.input = (struct bytes){ (const uint8_t *)in, strlen(in) };
	trial.request.inputs = TEXTS("more", "arguments");
	trial_run(&trial, module);
	if (!trial.ok) {
		fail_msg("%s", trial.err.message);
	}
	assert_false(trial.result.has_values);
	assert_string_equal(buf_text(&trial.result.stdout_bytes), out);
	assert_true(trial.result.exited);
	assert_int_equal(trial.result.exit_code, exit_code);
	trial_finish(&trial);
	module_destroy(module);
}

#define READ "(call $read (local.get $in) (i64.const 100000) (i32.const 16))"
/* What was read, and again; at the end of the input an error. */
#define COPY                                                                                       \
	"(block (loop " READ " (br_if 1 (i32.load8_u (i32.const 16)))"                             \
	" (call $write (local.get $out) (i32.const 512) (i32.load (i32.const 24)) (i32.const 32))" \
	" (br 0)))"

static void commands_read_write_and_end(void **state) {
	(void)state;
	for (int k = 0; k < KINDS; k++) {
		command(kinds[k], COMPONENT_COMMAND(COPY "(i32.const 0)"), "some text", "some text",
				0);
		command(kinds[k], COMPONENT_COMMAND(COPY "(i32.const 0)"), "", "", 0);
		command(kinds[k], COMPONENT_COMMAND("(i32.const 1)"), "", "", 1);
		command(kinds[k], COMPONENT_COMMAND("(call $exit (i32.const 1)) unreachable"), "",
				"", 1);
		command(kinds[k], COMPONENT_COMMAND("(call $exit (i32.const 0)) unreachable"), "",
				"", 0);
		command(kinds[k], COMPONENT_COMMAND(COPY "(call $code (i32.const 77)) unreachable"),
				"x", "x", 77);
	}
}

static void output_is_cut_at_its_limit(void **state) {
	(void)state;
	struct trial trial = trial_new();
	struct module *module = compile(ENGINE_MULTIPASS,
			COMPONENT_COMMAND("(call $write (local.get $out) (i32.const 0) (i32.const "
					  "65536) (i32.const 32)) (i32.const 0)"));
	trial_run(&trial, module);
	assert_true(trial.ok && trial.result.truncated);
	assert_int_equal(trial.result.stdout_bytes.size, 4096);
	trial_finish(&trial);
	module_destroy(module);
}

/* More than a piece, so that it comes in several. */
static void long_input_comes_in_pieces(void **state) {
	(void)state;
	static char in[200001];
	memset(in, 'x', sizeof(in) - 1);
	struct trial trial = trial_new();
	struct module *module = compile(ENGINE_MULTIPASS, COMPONENT_COMMAND(COPY "(i32.const 0)"));
	trial.request.input = (struct bytes){ (const uint8_t *)in, sizeof(in) - 1 };
	trial.request.limits.output_bytes = sizeof(in);
	trial_run(&trial, module);
	if (!trial.ok) {
		fail_msg("%s", trial.err.message);
	}
	assert_int_equal(trial.result.stdout_bytes.size, sizeof(in) - 1);
	assert_memory_equal(trial.result.stdout_bytes.data, in, sizeof(in) - 1);
	trial_finish(&trial);
	module_destroy(module);
}

/* --- waiting ------------------------------------------------------------------------------------
 */

static void waits(const char *text) {
	for (int k = 0; k < KINDS; k++) {
		struct trial trial = trial_new();
		struct module *module = compile(kinds[k], text);
		trial.request.name = "run";
		uint64_t began = clock_ms();
		trial_run(&trial, module);
		if (!trial.ok) {
			fail_msg("%s", trial.err.message);
		}
		assert_true(clock_ms() - began >= 19);
		trial_finish(&trial);
		module_destroy(module);
	}
}

static void a_guest_waits_as_long_as_it_says(void **state) {
	(void)state;
	/* Block, look whether it is ready, and whether the clock says so too. */
	waits(COMPONENT_WAITS(
			"(if (call $ready (call $subscribe (i64.const 3600000000000)))"
			"  (then unreachable))"
			" (local.set $t (call $now))"
			" (local.set $a (call $subscribe (i64.const 20000000)))"
			" (call $block (local.get $a))"
			" (if (i32.eqz (call $ready (local.get $a))) (then unreachable))"
			" (if (i64.lt_u (i64.sub (call $now) (local.get $t)) (i64.const 20000000))"
			"  (then unreachable)) (call $drop (local.get $a))"));
	/* The second of two moments comes first: one index, which is 1. */
	waits(COMPONENT_WAITS(
			"(i32.store (i32.const 0) (call $subscribe (i64.const -1)))"
			" (i32.store (i32.const 4) (call $subscribe (i64.const 20000000)))"
			" (call $poll (i32.const 0) (i32.const 2) (i32.const 16))"
			" (if (i32.ne (i32.load (i32.const 20)) (i32.const 1)) (then unreachable))"
			" (if (i32.ne (i32.load (i32.load (i32.const 16))) (i32.const 1))"
			"  (then unreachable))"));
}

static void pollables_are_bounded(void **state) {
	(void)state;
	fails(COMPONENT_WAITS("(loop (drop (call $subscribe (i64.const 0))) (br 0))"), "run", NULL,
			ERROR_FAILED, "too many pollables at once: 4096 is all that there are");
	fails(COMPONENT_WAITS("(call $poll (i32.const 0) (i32.const 0) (i32.const 16))"), "run",
			NULL, ERROR_FAILED, "poll() of nothing would wait for ever");
	/* What was dropped can be had again. */
	struct trial trial = call_kind(ENGINE_MULTIPASS,
			COMPONENT_WAITS("(loop (call $drop (call $subscribe (i64.const 0)))"
					" (br_if 0 (i32.lt_u (local.tee $b (i32.add (local.get $b)"
					" (i32.const 1))) (i32.const 10000))))"),
			"run", NULL);
	assert_true(trial.ok);
	trial_finish(&trial);
}

/* --- compiling ----------------------------------------------------------------------------------
 */

static void broken_components_are_refused(void **state) {
	(void)state;
	wasm_byte_vec_t wasm = wasm_of(COMPONENT_LIBRARY);
	for (size_t cut = 8; cut < wasm.size; cut += 37) {
		struct error err;
		struct bytes bytes = { (const uint8_t *)wasm.data, cut };
		struct module *module =
				engine_compile(engine, ENGINE_MULTIPASS, false, bytes, &err);
		/* A cut between two sections leaves a component that may be whole. */
		assert_true(module != NULL || err.code == ERROR_MODULE);
		module_destroy(module);
	}
	struct error err;
	wasm.data[10] ^= 0x55;
	struct bytes bytes = { (const uint8_t *)wasm.data, wasm.size };
	assert_null(engine_compile(engine, ENGINE_SINGLEPASS, false, bytes, &err));
	assert_says(&err, ERROR_MODULE,
			"engine singlepass (engine multipass may take it): the "
			"component cannot be compiled: ");
	wasm_byte_vec_delete(&wasm);
}

/* Lists whose reading would take long, and a type that would. */
static void what_is_endless_to_read_is_refused(void **state) {
	(void)state;
	struct error err;
	struct buf text = BUF_INIT(1 << 20);
	assert_true(buf_printf(&text, &err,
			"(component (core module $m (func (export \"f\")))"
			" (core instance $i (instantiate $m))"
			" (func $f (canon lift (core func $i \"f\")))"));
	for (int i = 0; i < 3000; i++) {
		assert_true(buf_printf(&text, &err, " (export \"f%d\" (func $f))", i));
	}
	assert_true(buf_printf(&text, &err, ")"));
	assert_null(compile_metered(ENGINE_MULTIPASS, false, buf_text(&text), &err));
	assert_says(&err, ERROR_MODULE, "the component has too many imports and exports");
	buf_clear(&text);
	assert_true(buf_printf(&text, &err, "(component (type $t0 (tuple u8 u8))"));
	for (int i = 1; i < 18; i++) {
		assert_true(buf_printf(
				&text, &err, " (type $t%d (tuple $t%d $t%d))", i, i - 1, i - 1));
	}
	assert_true(buf_printf(&text, &err,
			" (core module $m (func (export \"f\") (param i32)) (memory (export \"m\") "
			"1)"
			" (func (export \"r\") (param i32 i32 i32 i32) (result i32) i32.const 0))"
			" (core instance $i (instantiate $m))"
			" (func (export \"f\") (param \"p\" $t17) (canon lift (core func $i \"f\")"
			" (memory (core memory $i \"m\")) (realloc (core func $i \"r\")))))"));
	uint64_t began = clock_ms();
	fails(buf_text(&text), "f", TEXTS("1"), ERROR_INVALID,
			"expected tuple<tuple<tuple<tuple<tuple<");
	assert_true(clock_ms() - began < 60000);
	buf_finish(&text);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(functions_take_and_give_wave),
		cmocka_unit_test(plain_text_is_a_string),
		cmocka_unit_test(functions_in_interfaces_have_several_names),
		cmocka_unit_test(a_missing_export_lists_what_there_is),
		cmocka_unit_test(inputs_that_do_not_fit),
		cmocka_unit_test(options_at_the_end_may_be_left_out),
		cmocka_unit_test(traps_say_what_and_where),
		cmocka_unit_test(limits_hold),
		cmocka_unit_test(what_is_handed_over_is_bounded),
		cmocka_unit_test(what_nobody_offers_is_named),
		cmocka_unit_test(imports_of_a_wrong_type_end_the_run),
		cmocka_unit_test(types_without_text_are_refused),
		cmocka_unit_test(commands_read_write_and_end),
		cmocka_unit_test(output_is_cut_at_its_limit),
		cmocka_unit_test(long_input_comes_in_pieces),
		cmocka_unit_test(a_guest_waits_as_long_as_it_says),
		cmocka_unit_test(pollables_are_bounded),
		cmocka_unit_test(broken_components_are_refused),
		cmocka_unit_test(what_is_endless_to_read_is_refused),
	};
	return cmocka_run_group_tests(tests, engine_setup, engine_teardown);
}
