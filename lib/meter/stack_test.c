/* SPDX-License-Identifier: Apache-2.0 */
/*
 * No mode's own stack overflows before the default call depth is exhausted, on half of the stack
 * that METER_STACK_BYTES promises: functions that recurse for ever, each with much of one thing
 * that makes its frames large.
 */
#include "meter/fixture.h"

enum { TEXT_MAX = 4 << 20, DISTANCE = 16 };

/* So many times, where `@` is the number of the time and `#` an address of its own. */
static void repeat(struct buf *text, size_t count, const char *format) {
	struct error err;
	for (size_t i = 0; i < count; i++) {
		for (const char *at = format; *at != '\0'; at++) {
			if (*at == '#' || *at == '@') {
				assert_true(buf_printf(
						text, &err, "%zu", *at == '#' ? i * DISTANCE : i));
			} else {
				assert_true(buf_append(text, at, 1, &err));
			}
		}
	}
}

static void say(struct buf *text, const char *words) {
	repeat(text, 1, words);
}

/* What a module is put together from; all but `before` and `after` is there `count` times. */
struct shape {
	const char *name;
	size_t count;
	const char *before, *params, *results, *locals, *body[2], *after;
};

#define FUNCTION "(module (memory 16) (func $f (export \"f\")"
#define V128_LOAD " i32.const # v128.load"

static const struct shape shapes[] = {
	{ "nothing", 0, FUNCTION, "", "", "", { "", "" }, "))" },
	{ "one result", 0, FUNCTION " (result i32)", "", "", "", { "", "" },
			"i32.const 1 i32.add))" },
	{ "20 locals", 20, FUNCTION, "", "", "(local i64)",
			{ " i32.const # i64.load local.set @",
					" i32.const # local.get @ i64.store" },
			"))" },
	{ "1000 locals", 1000, FUNCTION, "", "", "(local i64)",
			{ " i32.const # i64.load local.set @",
					" i32.const # local.get @ i64.store" },
			"))" },
	{ "1000 vectors", 1000, FUNCTION, "", "", "(local v128)",
			{ " i32.const # v128.load local.set @",
					" i32.const # local.get @ v128.store" },
			"))" },
	{ "operands", 45, FUNCTION, "", "", "",
			{ " i32.const # i32.const # i64.load", " i64.store" }, "))" },
	{ "many operands", 1000, FUNCTION, "", "", "",
			{ " i32.const # i32.const # i64.load", " i64.store" }, "))" },
	{ "operands, vectors", 500, FUNCTION, "", "", "",
			{ " i32.const # i32.const # v128.load", " v128.store" }, "))" },
	{ "results", 900, FUNCTION, "", "(result v128)", "", { "", "" }, "))" },
	{ "values that a loop could keep", 1000, FUNCTION " (local $y v128) loop local.get $y", "",
			"", "", { " v128.const i64x2 # 1 v128.const i64x2 # 2 v128.bitselect", "" },
			" local.set $y i32.const 1 br_if 0 end))" },
	{ "values that are there twice", 1000,
			"(module (global $g (mut v128) (v128.const i64x2 0 0))"
			" (func $f (export \"f\") (local $p v128)",
			"", "", "",
			{ " local.get $p v128.const i64x2 # 1 i64x2.mul global.set $g",
					" local.get $p v128.const i64x2 # 1 i64x2.mul global.set "
					"$g" },
			"))" },
};

static struct buf text_of(const struct shape *shape) {
	struct buf text = BUF_INIT(TEXT_MAX);
	say(&text, shape->before);
	repeat(&text, shape->count, shape->params);
	repeat(&text, shape->count, shape->results);
	repeat(&text, shape->count, shape->locals);
	repeat(&text, shape->count, shape->body[0]);
	say(&text, " call $f ");
	repeat(&text, shape->count, shape->body[1]);
	say(&text, shape->after);
	return text;
}

static void exhaust(const char *name, const char *text, const char *export) {
	wasm_byte_vec_t wasm = wasm_of(text);
	struct buf out = metered_of((const uint8_t *)wasm.data, wasm.size);
	struct call call = { .name = export,
		.metered = true,
		.limit = INT64_MAX,
		.calls = METER_CALLS,
		.slots = METER_SLOTS };
	int64_t used = -1;
	for (int mode = 0; mode < MODES; mode++) {
		char message[300];
		wasmtime_module_t *module =
				mode_compile(mode, out.data, out.size, message, sizeof(message));
		if (module == NULL) {
			fail_msg("%s, %s: %s", name, mode_names[mode], message);
		}
		struct outcome outcome = call_module(mode, module, &call);
		if (outcome.end != END_DEPTH || (used >= 0 && outcome.used != used)) {
			fail_msg("%s, %s: %s, gas %lld (%s)", name, mode_names[mode],
					ending_names[outcome.end], (long long)outcome.used,
					outcome.message);
		}
		used = outcome.used;
		wasmtime_module_delete(module);
	}
	buf_finish(&out);
	wasm_byte_vec_delete(&wasm);
}

static void no_stack_ends_before_the_depth(void **state) {
	(void)state;
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		struct buf text = text_of(&shapes[i]);
		exhaust(shapes[i].name, buf_text(&text), "f");
		buf_finish(&text);
	}
}

/* Parameters are copied into the frame of the callee and out of that of the caller. */
static void parameters_and_results(void **state) {
	(void)state;
	struct buf text = BUF_INIT(TEXT_MAX);
	say(&text, "(module (memory 16) (func (export \"g\")");
	repeat(&text, 900, V128_LOAD);
	say(&text, " call $f");
	repeat(&text, 900, " drop");
	say(&text, ") (func $f");
	repeat(&text, 900, "(param v128)");
	repeat(&text, 900, "(result v128)");
	repeat(&text, 900, " local.get @");
	say(&text, " call $f))");
	exhaust("parameters and results", buf_text(&text), "g");
	buf_finish(&text);
}

static void calls_through_a_table(void **state) {
	(void)state;
	exhaust("calls through a table",
			"(module (type $t (func (param i32) (result i32)))"
			" (table funcref (elem $a $b))"
			" (func $a (type $t) (i32.add (call_indirect (type $t) (local.get 0)"
			"  (i32.const 1)) (local.get 0)))"
			" (func $b (type $t) (i32.add (call_indirect (type $t) (local.get 0)"
			"  (i32.const 0)) (local.get 0)))"
			" (func (export \"f\") (result i32) (call $a (i32.const 3))))",
			"f");
}

static int half_stacks(void **state) {
	return modes_make_with(METER_STACK_BYTES / 2, state);
}

static void *run(void *failed) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_stack_ends_before_the_depth),
		cmocka_unit_test(parameters_and_results),
		cmocka_unit_test(calls_through_a_table),
	};
	*(int *)failed = cmocka_run_group_tests(tests, half_stacks, modes_finish);
	return NULL;
}

int main(void) {
	int failed = 1;
	on_stack(run, &failed);
	return failed;
}
