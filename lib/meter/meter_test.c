/* SPDX-License-Identifier: Apache-2.0 */
/* What is refused and why, bounds, and what stays as it was. */
#include "meter/meter.h"

#include "meter/fixture.h"

enum { LARGE = 32 << 20 };

#define HEADER "\0asm\1\0\0\0"
/* type () -> (), a function of it; a code section with one body of so many bytes follows */
#define ONE_FUNCTION                                                                               \
	HEADER "\1\4\1\x60\0\0"                                                                    \
	       "\3\2\1\0"

struct refusal {
	const char *what;
	const char *bytes;
	size_t size;
	const char *message;
};

#define REFUSAL(what, bytes, message)                                                              \
	{ what, bytes, sizeof(bytes) - 1, message }

static const struct refusal refusals[] = {
	REFUSAL("nothing", "", "this is not one"),
	REFUSAL("a header alone, cut", "\0asm\1\0\0", "this is not one"),
	REFUSAL("a component", "\0asm\x0d\0\1\0", "only core modules are metered"),
	REFUSAL("a section without a size", HEADER "\1", "ends too early (byte 9)"),
	REFUSAL("a section that is cut", HEADER "\1\4\1\x60", "ends too early"),
	REFUSAL("a size that is too long", HEADER "\1\x80\x80\x80\x80\x80\1",
			"a number is too long"),
	REFUSAL("a size over 32 bits", HEADER "\1\xff\xff\xff\xff\x1f", "a number is too long"),
	REFUSAL("no such section", HEADER "\x2a\0", "no such section"),
	REFUSAL("a section twice", HEADER "\1\1\0\1\1\0", "there twice"),
	REFUSAL("a section that goes on", HEADER "\1\2\0\0", "longer than what is in it"),
	REFUSAL("a huge count of types", HEADER "\1\5\xff\xff\xff\xff\x0f",
			"counts more than it has"),
	REFUSAL("a huge count of parameters", HEADER "\1\6\1\x60\xff\xff\xff\x07", "counts more"),
	REFUSAL("a huge count of functions", HEADER "\3\5\xff\xff\xff\xff\x0f", "counts more"),
	REFUSAL("a function of no type", HEADER "\3\2\1\0", "no such type"),
	REFUSAL("an import of nothing", HEADER "\2\5\1\0\0\x09\0", "no such import"),
	REFUSAL("limits of no kind", HEADER "\5\3\1\x10\0", "no such limits"),
	REFUSAL("a start of nothing", HEADER "\x08\1\0", "no such function"),
	REFUSAL("a body too few", ONE_FUNCTION, "not as many bodies as functions"),
	REFUSAL("a body too many", ONE_FUNCTION "\x0a\7\2\2\0\x0b\2\0\x0b", "not as many bodies"),
	REFUSAL("a body that is cut", ONE_FUNCTION "\x0a\4\1\7\0\x0b", "ends too early"),
	REFUSAL("a body without an end", ONE_FUNCTION "\x0a\4\1\2\0\1", "ends too early"),
	REFUSAL("a body behind its end", ONE_FUNCTION "\x0a\5\1\3\0\x0b\1", "behind its end"),
	REFUSAL("a huge count of locals",
			ONE_FUNCTION "\x0a\x0a\1\x08\1\xff\xff\xff\xff\x0f\x7f\x0b",
			"too many locals"),
	REFUSAL("a huge count of groups of locals", ONE_FUNCTION "\x0a\7\1\5\xff\xff\xff\x0f\x0b",
			"counts more"),
	REFUSAL("operands of nobody", ONE_FUNCTION "\x0a\5\1\3\0\x6a\x0b", "has no operands"),
	REFUSAL("operands of another block", ONE_FUNCTION "\x0a\x09\1\7\0\x41\0\2\x40\x1a\x0b",
			"has no operands"),
	REFUSAL("an else without if", ONE_FUNCTION "\x0a\5\1\3\0\5\x0b", "else has no if"),
	REFUSAL("a label of nothing", ONE_FUNCTION "\x0a\6\1\4\0\x0c\1\x0b", "no such label"),
	REFUSAL("a call of nothing", ONE_FUNCTION "\x0a\6\1\4\0\x10\5\x0b", "no such function"),
	REFUSAL("a block of no type", ONE_FUNCTION "\x0a\7\1\5\0\2\5\x0b\x0b", "no such type"),
	REFUSAL("a block of a bad type", ONE_FUNCTION "\x0a\7\1\5\0\2\x50\x0b\x0b", "no such type"),
	REFUSAL("no such operator", ONE_FUNCTION "\x0a\5\1\3\0\x27\x0b", "no such operator"),
	REFUSAL("no such operator of a prefix", ONE_FUNCTION "\x0a\7\1\5\0\xfc\x7f\x0b\x0b",
			"no such operator"),
	REFUSAL("a table of labels that is cut",
			ONE_FUNCTION "\x0a\x0b\1\x09\0\x41\0\x0e\xff\xff\xff\7\x0b", "counts more"),
};

static bool rewrite(const void *bytes, size_t size, const struct meter_options *options,
		struct buf *out, struct error *err) {
	struct meter_module module;
	return meter_rewrite((struct bytes){ bytes, size }, options, out, &module, err);
}

static void assert_refused(const char *what, const void *bytes, size_t size, enum error_code code,
		const char *message) {
	struct buf out = BUF_INIT(LARGE);
	struct error err = { 0 };
	/* A copy of just this size: a sanitizer sees a read behind it. */
	CLEANUP(mem_freep) uint8_t *copy = malloc(size + (size == 0));
	memcpy(copy, bytes, size);
	if (rewrite(copy, size, NULL, &out, &err)) {
		fail_msg("%s was taken", what);
	}
	if (strstr(err.message, message) == NULL || err.code != code) {
		fail_msg("%s: \"%s\" does not say \"%s\"", what, err.message, message);
	}
	buf_finish(&out);
}

static void bad_bytes_are_refused(void **state) {
	(void)state;
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		assert_refused(refusals[i].what, refusals[i].bytes, refusals[i].size, ERROR_MODULE,
				refusals[i].message);
	}
}

static void features_are_refused_by_name(void **state) {
	(void)state;
	static const struct {
		const char *text, *feature;
	} cases[] = {
		{ "(module (func $f (return_call $f)))", "tail calls" },
		{ "(module (table funcref (elem)) (func (return_call_indirect (i32.const 0))))",
				"tail calls" },
		{ "(module (tag))", "exceptions" },
		{ "(module (import \"a\" \"b\" (tag)))", "exceptions" },
		{ "(module (func (try_table)))", "exceptions" },
		{ "(module (func throw_ref))", "exceptions" },
		{ "(module (func (param exnref)))", "exceptions" },
		{ "(module (type (struct)))", "garbage collection types" },
		{ "(module (rec (type (func)) (type (func))))", "garbage collection types" },
		{ "(module (func (local anyref)))", "garbage collection types" },
		{ "(module (func (drop (ref.i31 (i32.const 1)))))", "garbage collection types" },
		{ "(module (type $t (func)) (func (param (ref $t))))", "typed references" },
		{ "(module (type $t (func)) (func (param (ref null $t)) local.get 0 call_ref $t))",
				"typed references" },
		{ "(module (func (drop (ref.as_non_null (ref.null func)))))",
				"typed function references" },
		{ "(module (table 1 funcref (ref.null func)))", "typed function references" },
		{ "(module (func (param externref)))", "references of the host (externref)" },
		{ "(module (func (drop (ref.null extern))))", "references of the host" },
		{ "(module (table 1 externref))", "references of the host" },
		{ "(module (global externref (ref.null extern)))", "references of the host" },
		{ "(module (elem externref (ref.null extern)))", "references of the host" },
		{ "(module (func (param v128) (drop (i8x16.relaxed_swizzle (local.get 0) "
		  "(local.get "
		  "0)))))",
				"relaxed SIMD" },
		{ "(module (memory 1 1 shared))", "threads" },
		{ "(module (import \"a\" \"b\" (memory 1 1 shared)))", "threads" },
		{ "(module (func (atomic.fence)))", "threads" },
		{ "(module (memory 1 (pagesize 1)))", "pages of another size" },
		{ "(module (func (param i64 i64 i64 i64) (local.get 0) (local.get 1) (local.get 2) "
		  "(local.get 3) (i64.add128) drop drop))",
				"128-bit arithmetic" },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		wasm_byte_vec_t wasm = wasm_of(cases[i].text);
		char message[100];
		(void)snprintf(message, sizeof(message), "the module uses %s", cases[i].feature);
		assert_refused(cases[i].text, wasm.data, wasm.size, ERROR_MODULE, message);
		wasm_byte_vec_delete(&wasm);
	}
}

static void our_names_are_ours(void **state) {
	(void)state;
	static const char *const texts[] = {
		"(module (func (export \"airscrew:start\")))",
		"(module (memory (export \"airscrew:gas\") 1))",
		"(module (global (export \"airscrew:depth\") i32 (i32.const 1)))",
	};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		wasm_byte_vec_t wasm = wasm_of(texts[i]);
		assert_refused(texts[i], wasm.data, wasm.size, ERROR_MODULE,
				"it exports a name that metering needs");
		wasm_byte_vec_delete(&wasm);
	}
}

static void put(struct buf *out, const void *bytes, size_t size) {
	struct error err;
	assert_true(buf_append(out, bytes, size, &err));
}

static void put_size(struct buf *out, size_t size) {
	uint8_t leb[5];
	for (int i = 0; i < 5; i++) {
		leb[i] = (uint8_t)((size >> (7 * i) & 0x7f) | (i < 4 ? 0x80 : 0));
	}
	put(out, leb, sizeof(leb));
}

/* A module with one function of these operators (without the end). */
static struct buf module_with(const struct buf *operators) {
	struct buf out = BUF_INIT(LARGE);
	put(&out, ONE_FUNCTION "\x0a", sizeof(ONE_FUNCTION "\x0a") - 1);
	put_size(&out, operators->size + 1 + 5 + 2);
	put(&out, "\1", 1);
	put_size(&out, operators->size + 2);
	put(&out, "\0", 1);
	put(&out, operators->data, operators->size);
	put(&out, "\x0b", 1);
	return out;
}

static void repeat(struct buf *out, size_t count, const char *bytes, size_t size) {
	for (size_t i = 0; i < count; i++) {
		put(out, bytes, size);
	}
}

/* Valid, and so is what comes out; within the bound that is promised. */
static void assert_metered(const struct buf *operators) {
	struct buf wasm = module_with(operators), out = BUF_INIT((size_t)LARGE * 4);
	struct error err;
	if (!rewrite(wasm.data, wasm.size, NULL, &out, &err)) {
		fail_msg("%s", err.message);
	}
	assert_null(wasmtime_module_validate(modes[0], wasm.data, wasm.size));
	assert_null(wasmtime_module_validate(modes[0], out.data, out.size));
	assert_true(out.size <= 16 * wasm.size + 65536);
	buf_finish(&wasm);
	buf_finish(&out);
}

static void deep_blocks(void **state) {
	(void)state;
	enum { DEPTH = 100000 };
	struct buf operators = BUF_INIT(LARGE);
	repeat(&operators, DEPTH, "\2\x40", 2);
	repeat(&operators, DEPTH, "\x0b", 1);
	assert_metered(&operators);
	buf_clear(&operators);
	repeat(&operators, DEPTH, "\3\x40\x41\0\x0d\0", 6);
	repeat(&operators, DEPTH, "\x0b", 1);
	assert_metered(&operators);
	buf_clear(&operators);
	repeat(&operators, DEPTH, "\2\x40", 2); /* none of them is closed */
	struct buf wasm = module_with(&operators);
	assert_refused("open blocks", wasm.data, wasm.size, ERROR_MODULE, "ends too early");
	buf_finish(&wasm);
	buf_finish(&operators);
}

static void a_million_targets(void **state) {
	(void)state;
	enum { TARGETS = 1000000 };
	struct buf operators = BUF_INIT(LARGE);
	put(&operators, "\x41\0\x0e", 3);
	put_size(&operators, TARGETS);
	repeat(&operators, TARGETS + 1, "\0", 1);
	assert_metered(&operators);
	buf_finish(&operators);
}

/* The worst that can be done: a piece for each two bytes. */
static void what_comes_out_is_bounded(void **state) {
	(void)state;
	enum { MANY = 20000 };
	struct buf operators = BUF_INIT(LARGE);
	put(&operators, "\3\x40\x0b", 3);
	repeat(&operators, MANY, "\x41\0", 2);
	repeat(&operators, MANY, "\x0d\0", 2);
	assert_metered(&operators);
	struct buf wasm = module_with(&operators), out = BUF_INIT(LARGE);
	struct error err;
	const struct meter_options tight = { .size_limit = wasm.size + 1000 };
	assert_false(rewrite(wasm.data, wasm.size, &tight, &out, &err));
	assert_int_equal(err.code, ERROR_TOO_LARGE);
	assert_true(out.size <= wasm.size + 1000);
	buf_finish(&out);
	out = BUF_INIT(1000);
	assert_false(rewrite(wasm.data, wasm.size, NULL, &out, &err));
	assert_int_equal(err.code, ERROR_TOO_LARGE);
	buf_finish(&out);
	buf_finish(&wasm);
	buf_finish(&operators);
}

static bool contains(const struct buf *out, const char *text) {
	return memmem(out->data, out->size, text, strlen(text)) != NULL;
}

static void names_stay_and_places_do_not(void **state) {
	(void)state;
	wasm_byte_vec_t wasm = wasm_of("(module $named (func $fine (export \"f\"))"
				       " (@custom \".debug_line\" \"places\")"
				       " (@custom \"sourceMappingURL\" \"a map\"))");
	struct buf out = metered_of((const uint8_t *)wasm.data, wasm.size);
	assert_true(contains(&out, "name") && contains(&out, "fine") && contains(&out, "named"));
	assert_false(contains(&out, "places") || contains(&out, "a map"));
	buf_finish(&out);
	wasm_byte_vec_delete(&wasm);
}

static void what_is_told_of_a_module(void **state) {
	(void)state;
	static const struct {
		const char *text;
		bool start, own_units;
	} cases[] = {
		{ "(module)", false, false },
		{ "(module (func $f) (start $f))", true, false },
		{ "(module (func (export \"__instrumented_use_gas\") (param i64)))", false, true },
		{ "(module (func (export \"__instrumented_use_gas\") (param i64) (result i64) "
		  "local.get "
		  "0))",
				false, false },
		{ "(module (func (export \"__instrumented_use_gas\") (param i64 i64)))", false,
				false },
		{ "(module (func (import \"a\" \"b\") (param i64)) (export "
		  "\"__instrumented_use_gas\" (func 0)))",
				false, false },
		{ "(module (memory (export \"__instrumented_use_gas\") 1))", false, false },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		wasm_byte_vec_t wasm = wasm_of(cases[i].text);
		struct buf out = BUF_INIT(LARGE);
		struct meter_module module;
		struct error err;
		assert_true(meter_rewrite((struct bytes){ (const uint8_t *)wasm.data, wasm.size },
				NULL, &out, &module, &err));
		assert_int_equal(module.start, cases[i].start);
		assert_int_equal(module.own_units, cases[i].own_units);
		assert_null(wasmtime_module_validate(modes[0], out.data, out.size));
		buf_finish(&out);
		wasm_byte_vec_delete(&wasm);
	}
}

static void readings(void **state) {
	(void)state;
	const struct meter_reading returned = meter_read(100, 60, meter_depth(5, 6));
	assert_int_equal(returned.end, METER_OWN);
	assert_int_equal(returned.gas_used, 40);
	const struct meter_reading out = meter_read(100, -7, -1);
	assert_int_equal(out.end, METER_OUT_OF_GAS);
	assert_int_equal(out.gas_used, 100);
	const struct meter_reading deep = meter_read(100, 0, -1);
	assert_int_equal(deep.end, METER_DEPTH_EXHAUSTED);
	assert_int_equal(deep.gas_used, 100);
	assert_true(meter_depth(METER_DEPTH_MAX, METER_DEPTH_MAX) > 0);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bad_bytes_are_refused),
		cmocka_unit_test(features_are_refused_by_name),
		cmocka_unit_test(our_names_are_ours),
		cmocka_unit_test(deep_blocks),
		cmocka_unit_test(a_million_targets),
		cmocka_unit_test(what_comes_out_is_bounded),
		cmocka_unit_test(names_stay_and_places_do_not),
		cmocka_unit_test(what_is_told_of_a_module),
		cmocka_unit_test(readings),
	};
	return cmocka_run_group_tests(tests, modes_make, modes_finish);
}
