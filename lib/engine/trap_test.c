/* SPDX-License-Identifier: Apache-2.0 */
/* How runs fail: traps, limits, and that no guest takes the host with it. */
#include <pthread.h>

#include "engine/fixture.h"

static struct trial run_text(enum engine_kind kind, const char *text) {
	struct module *module = compile(kind, text);
	struct trial trial = trial_new();
	trial_run(&trial, module);
	module_destroy(module);
	return trial;
}

static void traps_are_told_in_words(void **state) {
	(void)state;
	static const struct {
		const char *body, *words;
	} cases[] = {
		{ "unreachable", "unreachable code was reached" },
		{ "(drop (i32.div_s (i32.const 1) (i32.const 0)))", "integer division by zero" },
		{ "(drop (i32.div_s (i32.const 0x80000000) (i32.const -1)))", "integer overflow" },
		{ "(drop (i32.trunc_f32_s (f32.const nan)))", "invalid conversion to integer" },
		{ "(drop (i32.load (i32.const 65536)))", "out of bounds memory access" },
		{ "(call_indirect (i32.const 0))", "indirect call of an empty table element" },
		{ "(call_indirect (param i32) (i32.const 1) (i32.const 1))",
				"indirect call of a function of another type" },
		{ "(call_indirect (i32.const 99))", "out of bounds table access" },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (int k = 0; k < KINDS; k++) {
			char text[512], begin[128];
			(void)snprintf(text, sizeof(text),
					"(module (memory 1) (table 2 funcref) (elem (i32.const 1) "
					"$inner)"
					" (func $inner %s) (func $outer (call $inner)) (export "
					"\"run\" (func $outer)))",
					cases[i].body);
			(void)snprintf(begin, sizeof(begin),
					"the guest trapped: %s; in inner at 0x", cases[i].words);
			struct trial trial = run_text(kinds[k], text);
			assert_false(trial.ok);
			assert_says(&trial.err, ERROR_FAILED, begin);
			assert_says(&trial.err, ERROR_FAILED, ", called by outer at 0x");
			trial_finish(&trial);
		}
	}
}

static void an_exception_that_nobody_catches_is_told(void **state) {
	(void)state;
	const char text[] = "(module (tag $t (param i32)) (func (export \"run\") (throw $t "
			    "(i32.const 1))))";
	const enum engine_kind with[] = { ENGINE_MULTIPASS, ENGINE_INTERP };
	for (int i = 0; i < 2; i++) {
		struct trial trial = run_text(with[i], text);
		assert_false(trial.ok);
		assert_says(&trial.err, ERROR_FAILED,
				"the guest trapped: an exception that nobody caught");
		trial_finish(&trial);
	}
}

/* A trap in the start function, which runs while the module is instantiated. */
static void a_start_function_may_trap(void **state) {
	(void)state;
	for (int k = 0; k < KINDS; k++) {
		struct trial trial = run_text(kinds[k], "(module (func $begin unreachable) (start "
							"$begin) (func (export \"run\")))");
		assert_false(trial.ok);
		assert_says(&trial.err, ERROR_FAILED,
				"unreachable code was reached; in begin at 0x");
		trial_finish(&trial);
	}
}

static const char deep[] =
		"(module (import \"wasi_snapshot_preview1\" \"fd_write\""
		"  (func $write (param i32 i32 i32 i32) (result i32))) (memory (export \"memory\") "
		"1)"
		" (data (i32.const 0) \"\\08\\00\\00\\00\\01\\00\\00\\00x\")"
		" (func $down (export \"run\") (result i64) (local i64 i64 i64 i64 i64 i64 i64 i64)"
		"  (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16)))"
		"  (i64.add (call $down) (i64.const 1))))";

/* Calls nested until the stack is full, with a host function at each step. */
static void recurse(void) {
	for (int k = 0; k < KINDS; k++) {
		struct trial trial = run_text(kinds[k], deep);
		assert_false(trial.ok);
		assert_says(&trial.err, ERROR_FAILED,
				"the guest trapped: stack overflow: the calls are nested too "
				"deeply; in down");
		assert_true(trial.result.stdout_bytes.size > 100);
		trial_finish(&trial);
	}
}

static void *recurse_thread(void *unused) {
	(void)unused;
	recurse();
	return NULL;
}

/* In a thread with exactly the stack that the header asks for. */
static void deep_recursion_is_a_trap(void **state) {
	(void)state;
	pthread_t thread;
	pthread_attr_t attributes;
	pthread_attr_init(&attributes);
	assert_int_equal(pthread_attr_setstacksize(&attributes, ENGINE_STACK_BYTES), 0);
	assert_int_equal(pthread_create(&thread, &attributes, recurse_thread, NULL), 0);
	pthread_attr_destroy(&attributes);
	pthread_join(thread, NULL);
	recurse();
}

/* One frame as large as it gets: 20,000 locals, with no call in between that could look. */
static void large_frames_are_a_trap(void **state) {
	(void)state;
	CLEANUP(buf_finish) struct buf text = BUF_INIT(1 << 20);
	struct error err;
	assert_true(buf_printf(
			&text, &err, "(module (func $f (export \"run\") (result i64) (local"));
	for (int i = 0; i < 20000; i++) {
		assert_true(buf_append(&text, " i64", 4, &err));
	}
	assert_true(buf_printf(&text, &err, ") (i64.add (local.get 19999) (call $f))))"));
	for (int k = 0; k < KINDS; k++) {
		struct module *module = compile_metered(kinds[k], false, buf_text(&text), &err);
		if (module == NULL) {
			assert_int_equal(err.code, ERROR_MODULE);
			continue;
		}
		struct trial trial = trial_new();
		trial_run(&trial, module);
		assert_false(trial.ok);
		assert_says(&trial.err, ERROR_FAILED, "stack overflow");
		trial_finish(&trial);
		module_destroy(module);
	}
}

static void growth_over_the_limit_is_told_when_it_kills(void **state) {
	(void)state;
	for (int k = 0; k < KINDS; k++) {
		struct trial trial =
				run_text(kinds[k], "(module (memory 1) (func (export \"run\")"
						   " (if (i32.eq (memory.grow (i32.const 256)) "
						   "(i32.const -1)) (then unreachable))))");
		assert_false(trial.ok);
		assert_says(&trial.err, ERROR_FAILED,
				"; before that it was refused memory: it asked for 16842752 bytes "
				"in all, its limit "
				"is 16777216");
		trial_finish(&trial);
	}
}

static void growth_up_to_the_limit_is_fine(void **state) {
	(void)state;
	for (int k = 0; k < KINDS; k++) {
		struct trial trial = run_text(kinds[k],
				"(module (memory 1) (memory 1) (func (export \"run\") (result i32 "
				"i32 i32)"
				" (memory.grow 0 (i32.const 200)) (memory.grow 1 (i32.const 54))"
				" (memory.grow 0 (i32.const 1))))");
		assert_true(trial.ok);
		assert_string_equal(trial.result.values, "1,1,-1");
		assert_int_equal(trial.result.memory_bytes, 16 << 20);
		trial_finish(&trial);
	}
}

static void a_bomb_of_memory_ends(void **state) {
	(void)state;
	for (int k = 0; k < KINDS; k++) {
		struct trial trial =
				run_text(kinds[k], "(module (memory 1) (func (export \"run\")"
						   " (loop $more (br_if $more (i32.ne (memory.grow "
						   "(i32.const 1)) (i32.const -1))))"
						   " unreachable))");
		assert_says(&trial.err, ERROR_FAILED, "refused memory");
		assert_int_equal(trial.result.memory_bytes, 16 << 20);
		trial_finish(&trial);
	}
}

static void modules_that_begin_too_large_are_told(void **state) {
	(void)state;
	for (int k = 0; k < KINDS; k++) {
		struct trial trial = run_text(
				kinds[k], "(module (memory 65536) (func (export \"run\")))");
		assert_failed(&trial, ERROR_FAILED,
				"the module begins with 4294967296 bytes of memory, the limit is "
				"16777216");
		trial_finish(&trial);
		trial = run_text(kinds[k],
				"(module (memory i64 0x1000000000000) (func (export \"run\")))");
		assert_false(trial.ok);
		assert_says(&trial.err, ERROR_FAILED, "the module begins with ");
		trial_finish(&trial);
		trial = run_text(kinds[k],
				"(module (table 4000000000 funcref) (func (export \"run\")))");
		assert_failed(&trial, ERROR_FAILED,
				"the module begins with 4000000000 table elements, the limit is "
				"1048576");
		trial_finish(&trial);
	}
}

static void many_memories_count_together(void **state) {
	(void)state;
	for (int k = 0; k < KINDS; k++) {
		struct trial trial = run_text(kinds[k], "(module (memory 100) (memory 100) (memory "
							"100) (func (export \"run\")))");
		assert_failed(&trial, ERROR_FAILED,
				"the module begins with 19660800 bytes of memory, the limit is "
				"16777216");
		trial_finish(&trial);
	}
}

static void a_bomb_of_tables_ends(void **state) {
	(void)state;
	for (int k = 0; k < KINDS; k++) {
		struct trial trial = run_text(kinds[k], "(module (table 1 funcref) (func (export "
							"\"run\") (loop $more (br_if $more (i32.ne"
							" (table.grow (ref.null func) (i32.const "
							"100000)) (i32.const -1)))) unreachable))");
		assert_false(trial.ok);
		assert_says(&trial.err, ERROR_FAILED,
				"refused table space: it asked for 1100001 elements in all, the "
				"limit is 1048576");
		trial_finish(&trial);
	}
}

/* Objects of the garbage collector live in a memory that is counted too. */
static void a_bomb_of_objects_ends(void **state) {
	(void)state;
	const char text[] =
			"(module (type $n (struct (field (ref null $n)) (field i64)))"
			" (global $g (mut (ref null $n)) (ref.null $n)) (func (export \"run\") "
			"(loop"
			" (global.set $g (struct.new $n (global.get $g) (i64.const 1))) (br 0))))";
	const enum engine_kind with[] = { ENGINE_MULTIPASS, ENGINE_INTERP };
	for (int i = 0; i < 2; i++) {
		struct trial trial = run_text(with[i], text);
		assert_false(trial.ok);
		assert_says(&trial.err, ERROR_FAILED, "refused memory");
		assert_true(trial.result.memory_bytes <= 16 << 20);
		trial_finish(&trial);
		trial = run_text(with[i],
				"(module (type $a (array i64)) (func (export \"run\")"
				" (drop (array.new $a (i64.const 1) (i32.const 0x10000000)))))");
		assert_false(trial.ok);
		assert_int_equal(trial.err.code, ERROR_FAILED);
		trial_finish(&trial);
	}
}

static void shared_memories_are_refused(void **state) {
	(void)state;
	const char text[] = "(module (memory 1 1 shared) (func (export \"run\") (drop "
			    "(memory.atomic.wait32"
			    " (i32.const 0) (i32.const 0) (i64.const -1)))))";
	for (int k = 0; k < KINDS; k++) {
		struct error err = { 0 };
		struct module *module = compile_metered(kinds[k], false, text, &err);
		if (module == NULL) {
			assert_says(&err, ERROR_MODULE, "shared memories");
			continue;
		}
		struct trial trial = trial_new();
		trial_run(&trial, module);
		assert_failed(&trial, ERROR_MODULE,
				"the module has a shared memory, which guests do not get: build it "
				"without threads");
		trial_finish(&trial);
		module_destroy(module);
	}
}

static struct trial run_metered(enum engine_kind kind, const char *text, uint64_t fuel) {
	struct error err;
	struct module *module = compile_metered(kind, true, text, &err);
	assert_non_null(module);
	struct trial trial = trial_new();
	trial.request.limits.fuel = fuel;
	trial_run(&trial, module);
	module_destroy(module);
	return trial;
}

static void fuel_ends_a_loop(void **state) {
	(void)state;
	const char loop[] = "(module (func (export \"run\") (loop (br 0))))";
	for (int k = 0; k < KINDS; k++) {
		struct trial trial = run_metered(kinds[k], loop, 10000);
		assert_failed(&trial, ERROR_FAILED, "out of fuel: all 10000 units were used");
		assert_true(trial.result.fuel_used >= 9990);
		trial_finish(&trial);
	}
	struct trial trial = trial_new();
	struct module *module = compile(ENGINE_MULTIPASS, loop);
	trial.request.limits.fuel = 10;
	trial_run(&trial, module);
	assert_failed(&trial, ERROR_INVALID,
			"a fuel limit needs a module that was compiled with metering");
	trial_finish(&trial);
	module_destroy(module);
}

static void fuel_is_counted_alike(void **state) {
	(void)state;
	const char fib[] = "(module (func $fib (param i32) (result i32) (if (result i32)"
			   " (i32.lt_s (local.get 0) (i32.const 2)) (then (local.get 0)) (else "
			   "(i32.add"
			   " (call $fib (i32.sub (local.get 0) (i32.const 1)))"
			   " (call $fib (i32.sub (local.get 0) (i32.const 2)))))))"
			   " (func (export \"run\") (result i32) (call $fib (i32.const 15))))";
	uint64_t used[KINDS];
	for (int k = 0; k < KINDS; k++) {
		struct trial trial = run_metered(kinds[k], fib, 0);
		assert_true(trial.ok);
		assert_string_equal(trial.result.values, "610");
		used[k] = trial.result.fuel_used;
		assert_true(used[k] > 10000 && used[k] < 100000);
		assert_int_equal(used[k], used[0]);
		trial_finish(&trial);
	}
}

/* Not-a-numbers are the same bits in each kind: outputs do not depend on where a task runs. */
static void nan_is_canonical(void **state) {
	(void)state;
	const char text[] = "(module (func $z (result f32) (f32.const 0)) (func $z64 (result f64) "
			    "(f64.const 0))"
			    " (func (export \"run\") (result i32 i64 i32 i32 i64)"
			    " (i32.reinterpret_f32 (f32.div (call $z) (call $z)))"
			    " (i64.reinterpret_f64 (f64.div (call $z64) (call $z64)))"
			    " (i32.reinterpret_f32 (f32.add (f32.const nan:0x200001) (call $z)))"
			    " (i32x4.extract_lane 2 (f32x4.div (f32x4.splat (call $z)) "
			    "(f32x4.splat (call $z))))"
			    " (i64.reinterpret_f64 (f64.promote_f32 (f32.sqrt (f32.const -1))))))";
	for (int k = 0; k < KINDS; k++) {
		struct trial trial = run_text(kinds[k], text);
		assert_true(trial.ok);
		assert_string_equal(trial.result.values,
				"2143289344,9221120237041090560,2143289344,"
				"2143289344,9221120237041090560");
		trial_finish(&trial);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(traps_are_told_in_words),
		cmocka_unit_test(an_exception_that_nobody_catches_is_told),
		cmocka_unit_test(a_start_function_may_trap),
		cmocka_unit_test(deep_recursion_is_a_trap),
		cmocka_unit_test(large_frames_are_a_trap),
		cmocka_unit_test(growth_over_the_limit_is_told_when_it_kills),
		cmocka_unit_test(growth_up_to_the_limit_is_fine),
		cmocka_unit_test(a_bomb_of_memory_ends),
		cmocka_unit_test(modules_that_begin_too_large_are_told),
		cmocka_unit_test(many_memories_count_together),
		cmocka_unit_test(a_bomb_of_tables_ends),
		cmocka_unit_test(a_bomb_of_objects_ends),
		cmocka_unit_test(shared_memories_are_refused),
		cmocka_unit_test(fuel_ends_a_loop),
		cmocka_unit_test(fuel_is_counted_alike),
		cmocka_unit_test(nan_is_canonical),
	};
	return cmocka_run_group_tests(tests, engine_setup, engine_teardown);
}
