/* SPDX-License-Identifier: Apache-2.0 */
/* How calls end other than by returning, in every mode; and what one leaves for the next. */
#include <stdatomic.h>

#include "engine/call_fixture.h"

#include "base/clock.h"
#include "engine/program.h"

enum { SETUPS = 2 * KINDS, THREADS = 8, CALLS = 300 };

static struct program *prepare_setup(int setup, const char *text) {
	return prepare(kinds[setup / 2], setup % 2 != 0, text);
}

/* --- traps -------------------------------------------------------------------------------------
 */

static const char trapping[] =
		"(module (memory 1) (table 10 funcref) (elem (i32.const 0) $i)"
		" (type $i (func (result i32))) (type $l (func (result i64)))"
		" (func $i (type $i) i32.const 1) (data $d \"x\") (elem $e func $i)"
		" (func (export \"unreachable\") unreachable)"
		" (func (export \"div\") (param i32) (result i32) (i32.div_s (i32.const 1) "
		"(local.get 0)))"
		" (func (export \"rem\") (param i64) (result i64) (i64.rem_u (i64.const 1) "
		"(local.get 0)))"
		" (func (export \"over\") (param i32) (result i32)"
		"  (i32.div_s (i32.const 0x80000000) (local.get 0)))"
		" (func (export \"trunc\") (param f64) (result i32) (i32.trunc_f64_s (local.get "
		"0)))"
		" (func (export \"load\") (param i32) (result i32) (i32.load (local.get 0)))"
		" (func (export \"store\") (param i32) (i64.store offset=4 (local.get 0) "
		"(i64.const 1)))"
		" (func (export \"fill\") (param i32)"
		"  (memory.fill (local.get 0) (i32.const 1) (i32.const 65536)))"
		" (func (export \"init\") (param i32)"
		"  (memory.init $d (i32.const 0) (i32.const 0) (local.get 0)))"
		" (func (export \"indirect\") (param i32) (result i32)"
		"  (call_indirect (type $i) (local.get 0)))"
		" (func (export \"mismatch\") (param i32) (result i64)"
		"  (call_indirect (type $l) (local.get 0)))"
		" (func (export \"table\") (param i32) (result i32)"
		"  (ref.is_null (table.get (local.get 0))))"
		" (func (export \"elements\") (param i32)"
		"  (table.init $e (i32.const 0) (i32.const 0) (local.get 0)))"
		" (func $down (export \"down\") (param i32) (result i32)"
		"  (i32.add (call $down (local.get 0)) (i32.const 1))))";

static void traps_have_the_same_name_in_every_mode(void **state) {
	(void)state;
	static const struct {
		const char *name, *input, *expected;
	} cases[] = {
		{ "unreachable", "", "unreachable" },
		{ "div", "0", "integer divide by zero" },
		{ "rem", "0", "integer divide by zero" },
		{ "over", "-1", "integer overflow" },
		{ "trunc", "nan", "invalid conversion to integer" },
		{ "trunc", "1e10", "integer overflow" },
		{ "trunc", "-2147483649", "integer overflow" },
		{ "trunc", "-2147483648.9", "-2147483648" },
		{ "load", "65533", "out of bounds memory access" },
		{ "load", "-1", "out of bounds memory access" },
		{ "load", "65532", "0" },
		{ "store", "65532", "out of bounds memory access" },
		{ "fill", "1", "out of bounds memory access" },
		{ "init", "2", "out of bounds memory access" },
		{ "indirect", "0", "1" },
		{ "indirect", "1", "uninitialized element" },
		{ "indirect", "10", "undefined element" },
		{ "indirect", "-1", "undefined element" },
		{ "mismatch", "0", "indirect call type mismatch" },
		{ "table", "10", "undefined element" },
		{ "elements", "2", "undefined element" },
		{ "down", "0", "call stack exhausted" },
	};
	for (int setup = 0; setup < SETUPS; setup++) {
		struct program *program = prepare_setup(setup, trapping);
		for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
			gives(program, cases[i].name, INPUTS(cases[i].input, ), cases[i].expected);
		}
		program_destroy(program);
	}
}

static void every_trap_has_a_name_and_a_status(void **state) {
	(void)state;
	assert_string_equal(trap_name(TRAP_NONE), "");
	for (int kind = TRAP_NONE + 1; kind < TRAP_KINDS; kind++) {
		assert_true(trap_name((enum trap_kind)kind)[0] != '\0');
		int status = trap_grpc_status((enum trap_kind)kind);
		assert_true(status == 8 || status == 10);
	}
	assert_string_equal(trap_name(TRAP_GAS), "out of gas");
	assert_int_equal(trap_grpc_status(TRAP_GAS), 8);
	assert_int_equal(trap_grpc_status(TRAP_UNREACHABLE), 10);
}

/* --- gas and depth -----------------------------------------------------------------------------
 */

/* What one call with this gas comes to, in every metered mode the same. */
static void costs(const char *text, const char *name, uint64_t gas, uint64_t used,
		const char *expected) {
	for (int i = 0; i < KINDS; i++) {
		char told[512];
		struct program *program = prepare(kinds[i], true, text);
		struct called called = called_new();
		called.request.gas = gas;
		called_go(&called, program, name, INPUTS("3", ));
		outcome(&called, told, sizeof(told));
		assert_string_equal(told, expected);
		assert_int_equal(called.result.gas_used, used);
		called_finish(&called);
		program_destroy(program);
	}
}

/* The first example of spec/gas.md. */
static const char sum[] = "(module (func (export \"sum\") (param i32) (result i32) (local i32)"
			  " loop local.get 1 local.get 0 i32.add local.set 1"
			  " local.get 0 i32.const 1 i32.sub local.tee 0 br_if 0 end local.get 1))";

static void gas_is_exact(void **state) {
	(void)state;
	costs(sum, "sum", CALL_GAS_MOST, 28, "6");
	costs(sum, "sum", 28, 28, "6");
	costs(sum, "sum", 27, 27, "out of gas");
	costs(sum, "sum", 1, 1, "out of gas");
	costs(sum, "sum", 0, 0, "out of gas");
	costs("(module (func (export \"forever\") (loop (br 0))))", "forever", 100000, 100000,
			"out of gas");
}

static void a_trap_has_its_gas(void **state) {
	(void)state;
	costs("(module (memory 1) (func (export \"half\") (param i32) (result i32)"
	      " (i32.store8 (i32.const 0) (i32.const 7))"
	      " (i32.div_u (i32.const 1) (i32.const 0))))",
			"half", CALL_GAS_MOST, 6, "integer divide by zero");
}

/* The start function takes its part of the limits, and may be the one that ends the call. */
static void the_start_function_counts(void **state) {
	(void)state;
	static const char good[] = "(module (global $g (mut i32) (i32.const 0))"
				   " (func $s (global.set $g (i32.const 42))) (start $s)"
				   " (func (export \"f\") (param i32) (result i32) global.get $g))";
	costs(good, "f", CALL_GAS_MOST, 3, "42");
	costs(good, "f", 3, 3, "42");
	costs(good, "f", 2, 2, "out of gas");
	costs(good, "f", 1, 1, "out of gas");
	costs("(module (func $s unreachable) (start $s) (func (export \"f\") (param i32)))", "f",
			CALL_GAS_MOST, 1, "unreachable");
	costs("(module (func $s (loop (br 0))) (start $s) (func (export \"f\") (param i32)))", "f",
			5000, 5000, "out of gas");
	costs("(module (memory 1) (data (i32.const 65536) \"x\") (func (export \"f\") (param "
	      "i32)))",
			"f", CALL_GAS_MOST, 0, "out of bounds memory access");
	for (int i = 0; i < KINDS; i++) {
		struct program *program = prepare(kinds[i], false, good);
		gives(program, "f", INPUTS("0", ), "42");
		program_destroy(program);
		program = prepare(kinds[i], false,
				"(module (func $s unreachable) (start $s) (func (export \"f\")))");
		gives(program, "f", INPUTS(), "unreachable");
		program_destroy(program);
	}
}

static void the_modules_own_units_hold(void **state) {
	(void)state;
	static const char own[] =
			"(module (func $use (export \"__instrumented_use_gas\") (param i64))"
			" (func (export \"f\") (param i32) (result i32)"
			"  (call $use (i64.const 123)) (local.get 0)))";
	costs(own, "f", CALL_GAS_MOST, 123, "3");
	costs(own, "f", 123, 123, "3");
	costs(own, "f", 122, 122, "out of gas");
}

/* down(n) calls itself n times. */
static const char deep[] = "(module (func $down (export \"down\") (param i32) (result i32)"
			   " (if (result i32) (i32.eqz (local.get 0)) (then (i32.const 0))"
			   " (else (i32.add (i32.const 1)"
			   "  (call $down (i32.sub (local.get 0) (i32.const 1))))))))";

static void depth_is_exact(void **state) {
	(void)state;
	for (int i = 0; i < KINDS; i++) {
		struct program *program = prepare(kinds[i], true, deep);
		gives(program, "down", INPUTS("9999", ), "9999");
		gives(program, "down", INPUTS("10000", ), "call stack exhausted");
		struct called called = called_new();
		called.request.calls = 5;
		called_go(&called, program, "down", INPUTS("5", ));
		assert_int_equal(called.result.trap, TRAP_CALL_STACK);
		called_finish(&called);
		called = called_new();
		called.request.slots = 16; /* each call takes 4 */
		called_go(&called, program, "down", INPUTS("3", ));
		assert_true(called.ok);
		called_finish(&called);
		called = called_new();
		called.request.slots = 15;
		called_go(&called, program, "down", INPUTS("3", ));
		assert_int_equal(called.result.trap, TRAP_CALL_STACK);
		called_finish(&called);
		program_destroy(program);
	}
}

/* Deeper than the interpreter's usual stack, and then deeper than any. */
static void a_deep_call_is_made_anew_on_a_larger_stack(void **state) {
	(void)state;
	static const char *const inputs[] = { "800000", "100000000" };
	uint64_t used = 0;
	for (int i = 0; i < KINDS; i++) {
		struct program *program = prepare(kinds[i], true, deep);
		for (int round = 0; round < 2; round++) {
			struct called called = called_new();
			called.request.calls = called.request.slots = 1 << 30;
			called_go(&called, program, "down", inputs);
			if (!called.ok) {
				fail_msg("%s", called.err.message);
			}
			assert_int_equal(called.result.values[0].of.i32, 800000);
			used = used == 0 ? called.result.gas_used : used;
			assert_int_equal(called.result.gas_used, used);
			called_finish(&called);
		}
		assert_int_equal(program->deep.linked != NULL, kinds[i] == ENGINE_INTERP);
		struct called called = called_new();
		called.request.calls = called.request.slots = 1 << 30;
		called_go(&called, program, "down", inputs + 1);
		assert_false(called.ok);
		assert_says(&called.err, ERROR_INTERNAL, "none of the module's");
		assert_int_equal(called.result.trap, TRAP_NONE);
		called_finish(&called);
		program_destroy(program);
	}
}

/* Many locals in each of the calls: the slots end first, and no mode's stack before them. */
static void wide_frames_end_by_their_slots(void **state) {
	(void)state;
	struct error err;
	struct buf text = BUF_INIT(1 << 20);
	assert_true(buf_printf(&text, &err,
			"(module (func $down (export \"down\") (param i32) (result i32) (local"));
	for (int i = 0; i < 1000; i++) {
		assert_true(buf_printf(&text, &err, " i64"));
	}
	assert_true(buf_printf(
			&text, &err, ") (i32.add (call $down (local.get 0)) (i32.const 1))))"));
	uint64_t used = 0;
	for (int i = 0; i < KINDS; i++) {
		struct program *program = prepare(kinds[i], true, buf_text(&text));
		struct called called = called_new();
		called_go(&called, program, "down", INPUTS("0", ));
		assert_int_equal(called.result.trap, TRAP_CALL_STACK);
		used = i == 0 ? called.result.gas_used : used;
		assert_int_equal(called.result.gas_used, used);
		called_finish(&called);
		program_destroy(program);
	}
	buf_finish(&text);
}

static void limits_that_are_none_are_refused(void **state) {
	(void)state;
	struct program *program = prepare(ENGINE_MULTIPASS, true, sum);
	struct called called = called_new();
	called.request.gas = CALL_GAS_MOST + 1;
	called_go(&called, program, "sum", INPUTS("3", ));
	assert_false(called.ok);
	assert_says(&called.err, ERROR_INVALID, "gas limit");
	called_finish(&called);
	called = called_new();
	called.request.calls = UINT32_MAX;
	called_go(&called, program, "sum", INPUTS("3", ));
	assert_false(called.ok);
	assert_says(&called.err, ERROR_INVALID, "depth");
	called_finish(&called);
	program_destroy(program);
}

/* --- values that do not fit --------------------------------------------------------------------
 */

static void values_are_checked(void **state) {
	(void)state;
	struct program *program = prepare(ENGINE_MULTIPASS, true, sum);
	const struct export_function *function;
	struct called called = called_new();
	function = program_function(program, "sum", &called.err);
	const struct value values[] = { { VALUE_I64, { .i64 = 3 } }, { VALUE_I32, { .i32 = 3 } } };
	static const char *const words[] = { "takes 1 inputs (i32), 0 were given",
		"input 1 of \"sum\" is an i32", "takes 1 inputs (i32), 2 were given" };
	called.request.values = values;
	for (size_t count = 0; count < 3; count++) {
		called.request.count = count;
		assert_false(program_call(program, function, &called.request, called.stop,
				&called.result, &called.err));
		assert_says(&called.err, ERROR_INVALID, words[count]);
		assert_int_equal(called.result.trap, TRAP_NONE);
		call_result_finish(&called.result);
	}
	called_finish(&called);
	program_destroy(program);
}

/* --- memory ------------------------------------------------------------------------------------
 */

static void memory_is_limited(void **state) {
	(void)state;
	for (int setup = 0; setup < SETUPS; setup++) {
		struct program *program = prepare_setup(setup,
				"(module (memory 16)"
				" (func (export \"grow\") (param i32) (result i32)"
				"  (memory.grow (local.get 0)))"
				" (func (export \"bomb\") (result i32)"
				"  (loop (br_if 0 (i32.ne (memory.grow (i32.const 1)) (i32.const "
				"-1))))"
				"  memory.size))");
		gives(program, "grow", INPUTS("1", ), "16");
		gives(program, "grow", INPUTS("240", ), "16"); /* 16 MiB in all */
		gives(program, "grow", INPUTS("241", ), "-1");
		gives(program, "grow", INPUTS("65536", ), "-1");
		gives(program, "bomb", INPUTS(), "256");
		struct called called = called_new();
		called.request.memory_bytes = (16 << 16) - 1;
		called_go(&called, program, "bomb", INPUTS());
		assert_false(called.ok);
		assert_says(&called.err, ERROR_TOO_LARGE,
				"begins with 1048576 bytes of memory, the limit is 1048575");
		assert_int_equal(called.result.trap, TRAP_NONE);
		called_finish(&called);
		program_destroy(program);
	}
}

/* Where a place in the pool ends, memories without one end as well. */
static void no_memory_is_larger_than_a_place_in_the_pool(void **state) {
	(void)state;
	for (int setup = 0; setup < SETUPS; setup++) {
		for (int odd = 0; odd < 2; odd++) {
			char text[256];
			(void)snprintf(text, sizeof(text),
					"(module (memory i64 1) %s (func (export \"grow\")"
					" (param i64) (result i64) (memory.grow (local.get 0))))",
					odd ? "(memory 0)" : "");
			struct program *program = prepare_setup(setup, text);
			static const char *const inputs[] = { "65535", "65536" };
			for (int over = 0; over < 2; over++) {
				struct called called = called_new();
				called.request.memory_bytes = UINT64_MAX;
				called_go(&called, program, "grow", &inputs[over]);
				assert_true(called.ok);
				assert_int_equal(
						called.result.values[0].of.i64, over == 0 ? 1 : -1);
				called_finish(&called);
			}
			program_destroy(program);
		}
	}
}

static void tables_are_limited(void **state) {
	(void)state;
	for (int setup = 0; setup < SETUPS; setup++) {
		struct program *program = prepare_setup(setup,
				"(module (table 10 funcref) (func (export \"grow\") (param i32) "
				"(result i32)"
				" (table.grow (ref.null func) (local.get 0))))");
		gives(program, "grow", INPUTS("1048566", ), "10");
		gives(program, "grow", INPUTS("1048567", ), "-1");
		program_destroy(program);
	}
}

/* Nothing of a call is there in the next one: not globals, memory, tables, dropped segments. */
static void nothing_is_left_of_a_call(void **state) {
	(void)state;
	for (int setup = 0; setup < SETUPS; setup++) {
		struct program *program = prepare_setup(setup,
				"(module (memory 1) (global $g (mut i32) (i32.const 7)) (table 4 "
				"funcref)"
				" (data (i32.const 8) \"\\05\") (data $d \"x\") (elem $e func $f)"
				" (func $f (export \"f\") (result i32 i32 i32 i32)"
				"  global.get $g (i32.load8_u (i32.const 8))"
				"  (i32.load (i32.const 70000)) memory.size"
				"  (global.set $g (i32.const 1)))"
				" (func (export \"spoil\") (result i32)"
				"  (global.set $g (i32.const 99))"
				"  (memory.fill (i32.const 0) (i32.const 255) (i32.const 65536))"
				"  (drop (memory.grow (i32.const 9)))"
				"  (memory.fill (i32.const 65536) (i32.const 255) (i32.const "
				"589824))"
				"  (data.drop $d) (elem.drop $e)"
				"  (table.set (i32.const 2) (ref.func $f)) memory.size)"
				" (func (export \"look\") (result i32 i32 i32 i32 i32)"
				"  global.get $g (i32.load8_u (i32.const 8))"
				"  (i32.load (i32.const 65532)) memory.size"
				"  (memory.init $d (i32.const 0) (i32.const 0) (i32.const 1))"
				"  (table.init $e (i32.const 0) (i32.const 0) (i32.const 1))"
				"  (ref.is_null (table.get (i32.const 2))))"
				" (func (export \"grown\") (result i32)"
				"  (drop (memory.grow (i32.const 9)))"
				"  (i32.or (i32.load (i32.const 65536)) (i32.load (i32.const "
				"655356)))))");
		for (int i = 0; i < 3; i++) {
			gives(program, "look", INPUTS(), "7 5 0 1 1");
			gives(program, "spoil", INPUTS(), "10");
			gives(program, "grown", INPUTS(), "0");
		}
		program_destroy(program);
	}
}

/* --- the clock and the stop --------------------------------------------------------------------
 */

static const char endless[] = "(module (func (export \"loop\") (loop (br 0)))"
			      " (func $s (loop (br 0)))"
			      " (func $r (export \"calls\") (loop (call $e) (br 0))) (func $e))";
static const char endless_start[] = "(module (func $s (loop (br 0))) (start $s)"
				    " (func (export \"loop\")))";

/* A guest that has not begun yet on a slow machine gets more time. */
static void expect_late(struct program *program, const char *name, bool counts) {
	bool begun = false;
	for (uint64_t wall_ms = 30; !begun; wall_ms *= 2) {
		struct called called = called_new();
		CLEANUP(mem_freep)
		char *says = str_format("wall-clock limit of %llu ms", (unsigned long long)wall_ms);
		assert_true(wall_ms < 100000);
		called.request.wall_ms = wall_ms;
		uint64_t begin = clock_ms();
		called_go(&called, program, name, INPUTS());
		assert_false(called.ok);
		assert_says(&called.err, ERROR_TIMEOUT, says);
		assert_int_equal(called.result.trap, TRAP_NONE);
		assert_true(clock_ms() - begin >= wall_ms);
		begun = !counts || called.result.gas_used > 0;
		called_finish(&called);
	}
}

static void the_wall_clock_ends_a_call(void **state) {
	(void)state;
	const char *const names[] = { "loop", "calls" };
	for (int setup = 0; setup < SETUPS; setup++) {
		struct program *programs[] = { prepare_setup(setup, endless),
			prepare_setup(setup, endless_start) };
		for (int i = 0; i < 3; i++) {
			expect_late(programs[i / 2], names[i % 2], setup % 2 != 0);
		}
		program_destroy(programs[0]);
		program_destroy(programs[1]);
	}
}

/* A call in a thread of its own that somebody else ends. */
struct victim {
	struct program *program;
	struct called called;
	atomic_bool begun;
};

static void *victim(void *context) {
	struct victim *victim = context;
	atomic_store(&victim->begun, true);
	called_go(&victim->called, victim->program, "loop", INPUTS());
	return NULL;
}

static void a_stop_ends_a_call(void **state) {
	(void)state;
	for (int setup = 0; setup < SETUPS; setup++) {
		struct victim one = { .program = prepare_setup(setup, endless),
			.called = called_new() };
		pthread_t thread;
		one.called.request.wall_ms = 0;
		assert_int_equal(call_thread_start(&thread, victim, &one), 0);
		while (!atomic_load(&one.begun)) {
			sched_yield();
		}
		/* Anywhere between before it begins and deep inside. */
		uint64_t until = clock_us() + (uint64_t)setup * 2000;
		while (clock_us() < until) {
			sched_yield();
		}
		run_stop_request(one.called.stop);
		pthread_join(thread, NULL);
		assert_false(one.called.ok);
		assert_int_equal(one.called.err.code, ERROR_INTERRUPTED);
		assert_int_equal(one.called.result.trap, TRAP_NONE);
		called_finish(&one.called);
		program_destroy(one.program);
	}
}

static void a_stop_before_the_call_keeps_it_from_beginning(void **state) {
	(void)state;
	struct program *program = prepare(ENGINE_MULTIPASS, true, endless);
	struct called called = called_new();
	run_stop_request(called.stop);
	called_go(&called, program, "loop", INPUTS());
	assert_false(called.ok);
	assert_says(&called.err, ERROR_INTERRUPTED, "before it began");
	assert_int_equal(called.result.gas_used, 0);
	called_finish(&called);
	program_destroy(program);
}

/* --- threads -----------------------------------------------------------------------------------
 */

static void *short_thread(void *context) {
	struct victim *victim = context;
	called_go(&victim->called, victim->program, "sum", INPUTS("3", ));
	return NULL;
}

/* Refused, since it would crash as soon as a guest goes deep. */
static void a_thread_with_a_small_stack_may_not_call(void **state) {
	(void)state;
	struct victim one = { .program = prepare(ENGINE_MULTIPASS, true, sum),
		.called = called_new() };
	pthread_t thread;
	assert_int_equal(pthread_create(&thread, NULL, short_thread, &one), 0);
	pthread_join(thread, NULL);
	assert_false(one.called.ok);
	assert_says(&one.called.err, ERROR_INTERNAL, "bytes of stack left calls a program");
	called_finish(&one.called);
	program_destroy(one.program);
}

static void too_many_calls_at_once_are_refused(void **state) {
	(void)state;
	struct program *program = prepare(ENGINE_MULTIPASS, true, sum);
	struct called called = called_new();
	atomic_store(&engine->calls[ENGINE_MULTIPASS], PROGRAM_CALLS_MAX);
	called_go(&called, program, "sum", INPUTS("3", ));
	atomic_store(&engine->calls[ENGINE_MULTIPASS], 0);
	assert_false(called.ok);
	assert_says(&called.err, ERROR_BUSY, "128 calls take place");
	called_finish(&called);
	gives(program, "sum", INPUTS("3", ), "6");
	program_destroy(program);
}

struct crowd {
	struct program *programs[KINDS];
	atomic_int wrong;
};

/* Sums, traps, deep calls, out of gas in turn, each with its own right answer. */
static bool crowd_call(struct program *program, int i) {
	static const struct {
		const char *name, *input, *expected;
		uint64_t gas;
	} cases[] = {
		{ "sum", "100", "5050", CALL_GAS_MOST },
		{ "trap", "1", "unreachable", CALL_GAS_MOST },
		{ "sum", "100", "out of gas", 900 },
		{ "down", "10000", "call stack exhausted", CALL_GAS_MOST },
		{ "sum", "4", "10", CALL_GAS_MOST },
		{ "load", "99999", "out of bounds memory access", CALL_GAS_MOST },
	};
	char told[512];
	const size_t which = (size_t)i % (sizeof(cases) / sizeof(cases[0]));
	struct called called = called_new();
	called.request.gas = cases[which].gas;
	called_go(&called, program, cases[which].name, INPUTS(cases[which].input, ));
	outcome(&called, told, sizeof(told));
	called_finish(&called);
	return strcmp(told, cases[which].expected) == 0;
}

static void *crowd_member(void *context) {
	struct crowd *crowd = context;
	for (int i = 0; i < CALLS; i++) {
		if (!crowd_call(crowd->programs[i % KINDS], i / KINDS)) {
			atomic_fetch_add(&crowd->wrong, 1);
		}
	}
	return NULL;
}

static void many_threads_call_one_program(void **state) {
	(void)state;
	struct crowd crowd = { .wrong = 0 };
	pthread_t threads[THREADS];
	for (int i = 0; i < KINDS; i++) {
		crowd.programs[i] = prepare(kinds[i], true,
				"(module (memory 1)"
				" (func (export \"sum\") (param i32) (result i32) (local i32)"
				"  loop local.get 1 local.get 0 i32.add local.set 1"
				"  local.get 0 i32.const 1 i32.sub local.tee 0 br_if 0 end "
				"local.get 1)"
				" (func (export \"trap\") (param i32) unreachable)"
				" (func (export \"load\") (param i32) (result i32)"
				"  (i32.load (local.get 0)))"
				" (func $down (export \"down\") (param i32) (result i32)"
				"  (i32.add (call $down (local.get 0)) (i32.const 1))))");
	}
	for (int i = 0; i < THREADS; i++) {
		assert_int_equal(call_thread_start(&threads[i], crowd_member, &crowd), 0);
	}
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
	}
	assert_int_equal(crowd.wrong, 0);
	for (int i = 0; i < KINDS; i++) {
		assert_int_equal(engine->calls[kinds[i]], 0);
		program_destroy(crowd.programs[i]);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(traps_have_the_same_name_in_every_mode),
		cmocka_unit_test(every_trap_has_a_name_and_a_status),
		cmocka_unit_test(gas_is_exact),
		cmocka_unit_test(a_trap_has_its_gas),
		cmocka_unit_test(the_start_function_counts),
		cmocka_unit_test(the_modules_own_units_hold),
		cmocka_unit_test(depth_is_exact),
		cmocka_unit_test(a_deep_call_is_made_anew_on_a_larger_stack),
		cmocka_unit_test(wide_frames_end_by_their_slots),
		cmocka_unit_test(limits_that_are_none_are_refused),
		cmocka_unit_test(values_are_checked),
		cmocka_unit_test(memory_is_limited),
		cmocka_unit_test(no_memory_is_larger_than_a_place_in_the_pool),
		cmocka_unit_test(tables_are_limited),
		cmocka_unit_test(nothing_is_left_of_a_call),
		cmocka_unit_test(the_wall_clock_ends_a_call),
		cmocka_unit_test(a_stop_ends_a_call),
		cmocka_unit_test(a_stop_before_the_call_keeps_it_from_beginning),
		cmocka_unit_test(a_thread_with_a_small_stack_may_not_call),
		cmocka_unit_test(too_many_calls_at_once_are_refused),
		cmocka_unit_test(many_threads_call_one_program),
	};
	return call_tests_run("engine/call", tests, sizeof(tests) / sizeof(tests[0]));
}
