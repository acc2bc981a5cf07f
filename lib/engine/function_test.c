/* SPDX-License-Identifier: Apache-2.0 */
/* Values in and out of functions, bit for bit, in every mode, plain and metered. */
#include "engine/call_fixture.h"

#include "base/base64.h"

enum { SETUPS = 2 * KINDS };

static struct program *prepare_setup(int setup, const char *text) {
	return prepare(kinds[setup / 2], setup % 2 != 0, text);
}

static struct program *decode(int setup, const char *base64) {
	struct error err;
	struct buf wasm = BUF_INIT(4096);
	assert_true(base64_decode(base64, strlen(base64), &wasm, &err));
	struct program *program = program_create(engine, kinds[setup / 2], setup % 2 != 0,
			(struct bytes){ wasm.data, wasm.size }, NULL, &err);
	buf_finish(&wasm);
	assert_non_null(program);
	return program;
}

/* Samples that others publish with their results. */
static void published_modules_answer_as_published(void **state) {
	(void)state;
	static const char add[] = "AGFzbQEAAAABBwFgAn9/AX8DAgEABwcBA2FkZAAACgkBBwAgACABags=";
	static const char fib[] =
			"AGFzbQEAAAABCgJgAX8AYAF/AX8DAgEBBQMBAAEHBwEDZmliAAAKHgEcACAAQQJIBH9BAQUg"
			"AEEBaxAAIABBAmsQAGoLCwsHAQBBAAsBeA==";
	for (int setup = 0; setup < SETUPS; setup++) {
		struct program *program = decode(setup, add);
		gives(program, "add", INPUTS("5", "3", ), "8");
		program_destroy(program);
		program = decode(setup, fib);
		gives(program, "fib", INPUTS("0", ), "1");
		gives(program, "fib", INPUTS("1", ), "1");
		gives(program, "fib", INPUTS("5", ), "8");
		gives(program, "fib", INPUTS("10", ), "89");
		gives(program, "fib", INPUTS("20", ), "10946");
		gives(program, "fib", INPUTS("30", ), "1346269");
		program_destroy(program);
	}
}

static void every_type_comes_back(void **state) {
	(void)state;
	for (int setup = 0; setup < SETUPS; setup++) {
		struct program *program = prepare_setup(setup,
				"(module"
				" (func (export \"mul64\") (param i64 i64) (result i64)"
				"  local.get 0 local.get 1 i64.mul)"
				" (func (export \"divf\") (param f64 f64) (result f64)"
				"  local.get 0 local.get 1 f64.div)"
				" (func (export \"halff\") (param f32) (result f32)"
				"  local.get 0 f32.const 0.5 f32.mul)"
				" (func (export \"void\"))"
				" (func (export \"many\") (param i32 f64) (result f64 i32 i64 f32)"
				"  local.get 1 local.get 0 i64.const -5 f32.const 1.5))");
		gives(program, "mul64", INPUTS("-3", "7", ), "-21");
		gives(program, "divf", INPUTS("1", "3", ), "0.3333333333333333");
		gives(program, "halff", INPUTS("0.1", ), "0.05");
		gives(program, "void", INPUTS(), "");
		gives(program, "many", INPUTS("7", "0.1", ), "0.1 7 -5 1.5");
		program_destroy(program);
	}
}

static uint64_t bits_of(struct program *program, const char *name, const struct value *values,
		size_t count) {
	struct error err;
	const struct export_function *function = program_function(program, name, &err);
	assert_non_null(function);
	const struct call_request request = { .values = values,
		.count = count,
		.gas = CALL_GAS_MOST,
		.memory_bytes = 1 << 20,
		.wall_ms = 20000 };
	struct call_result result;
	struct run_stop *stop = run_stop_create(engine);
	assert_true(program_call(program, function, &request, stop, &result, &err));
	assert_int_equal(result.count, 1);
	uint64_t bits = result.values[0].of.bits64;
	call_result_finish(&result);
	run_stop_destroy(stop);
	return bits;
}

/* WebAssembly leaves open which NaN comes out; here it is always the same one. */
static void a_nan_is_canonical(void **state) {
	(void)state;
	static const struct {
		const char *name;
		uint64_t bits;
	} cases[] = {
		{ "zero-by-zero", 0x7fc00000 },
		{ "root", 0x7ff8000000000000 },
		{ "add-signalling", 0x7fc00000 },
		{ "add-payload", 0x7fc00000 },
		{ "min-payload", 0x7fc00000 },
		{ "demote-payload", 0x7fc00000 },
		{ "promote-payload", 0x7ff8000000000000 },
		/* These do not calculate, and leave bits as they are. */
		{ "negate", 0x7fc12345 },
		{ "pass", 0x7fa00001 },
	};
	for (int setup = 0; setup < SETUPS; setup++) {
		struct program *program = prepare_setup(setup,
				"(module"
				" (func (export \"zero-by-zero\") (result f32)"
				"  (f32.div (f32.const 0) (f32.const 0)))"
				" (func (export \"root\") (result f64) (f64.sqrt (f64.const -1)))"
				" (func (export \"add-signalling\") (result f32)"
				"  (f32.add (f32.reinterpret_i32 (i32.const 0x7fa00001)) "
				"(f32.const 1)))"
				" (func (export \"add-payload\") (result f32)"
				"  (f32.add (f32.reinterpret_i32 (i32.const 0xffc12345)) "
				"(f32.const 1)))"
				" (func (export \"min-payload\") (result f32)"
				"  (f32.min (f32.reinterpret_i32 (i32.const 0x7fc12345)) "
				"(f32.const 1)))"
				" (func (export \"demote-payload\") (result f32) (f32.demote_f64"
				"  (f64.reinterpret_i64 (i64.const 0xfff8123456789abc))))"
				" (func (export \"promote-payload\") (result f64) (f64.promote_f32"
				"  (f32.reinterpret_i32 (i32.const 0xffc12345))))"
				" (func (export \"negate\") (result f32)"
				"  (f32.neg (f32.reinterpret_i32 (i32.const 0xffc12345))))"
				" (func (export \"pass\") (result f32)"
				"  (f32.reinterpret_i32 (i32.const 0x7fa00001))))");
		for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
			assert_int_equal(bits_of(program, cases[i].name, NULL, 0), cases[i].bits);
		}
		program_destroy(program);
	}
}

/* In and out again, NaN with its payload included. */
static void bits_pass_through(void **state) {
	(void)state;
	static const uint64_t bits[] = { 0, 0x80000000, 0x3f800000, 0x7f800001, 0xffc12345,
		0x8000000000000000, 0x7ff0000000000001, 0xfff8123456789abc, UINT64_MAX, 1 };
	static const char *const names[] = { "", "i32", "i64", "f32", "f64" };
	for (int setup = 0; setup < SETUPS; setup++) {
		struct program *program = prepare_setup(setup,
				"(module"
				" (func (export \"i32\") (param i32) (result i32) local.get 0)"
				" (func (export \"i64\") (param i64) (result i64) local.get 0)"
				" (func (export \"f32\") (param f32) (result f32) local.get 0)"
				" (func (export \"f64\") (param f64) (result f64) local.get 0))");
		for (size_t i = 0; i < sizeof(bits) / sizeof(bits[0]); i++) {
			for (int type = VALUE_I32; type <= VALUE_F64; type++) {
				bool small = type == VALUE_I32 || type == VALUE_F32;
				uint64_t expected = small ? (uint32_t)bits[i] : bits[i];
				const struct value value = { (enum value_type)type,
					{ .bits64 = bits[i] } };
				assert_int_equal(
						bits_of(program, names[type], &value, 1), expected);
			}
		}
		program_destroy(program);
	}
}

/* More than fit on the caller's own stack, and more out than in. */
static void many_values(void **state) {
	(void)state;
	enum { IN = 40, OUT = 60 };
	struct error err;
	struct buf text = BUF_INIT(65536);
	assert_true(buf_printf(&text, &err, "(module (func (export \"f\") (param"));
	for (int i = 0; i < IN; i++) {
		assert_true(buf_printf(&text, &err, i % 2 == 0 ? " i64" : " f32"));
	}
	assert_true(buf_printf(&text, &err, ") (result"));
	for (int i = 0; i < OUT; i++) {
		assert_true(buf_printf(&text, &err, i % 2 == 0 ? " i64" : " f32"));
	}
	assert_true(buf_printf(&text, &err, ")"));
	for (int i = 0; i < OUT; i++) {
		assert_true(buf_printf(&text, &err, " local.get %d", i % IN));
	}
	assert_true(buf_printf(&text, &err, "))"));
	struct value values[IN];
	for (int i = 0; i < IN; i++) {
		values[i].type = i % 2 == 0 ? VALUE_I64 : VALUE_F32;
		values[i].of.bits64 = i % 2 == 0 ? (uint64_t)-i : 0;
		values[i].of.f32 = i % 2 == 0 ? values[i].of.f32 : (float)i / 3;
	}
	for (int setup = 0; setup < SETUPS; setup++) {
		struct program *program = prepare_setup(setup, buf_text(&text));
		const struct export_function *function = program_function(program, "f", &err);
		assert_int_equal(function_param_count(function), IN);
		assert_int_equal(function_result_count(function), OUT);
		assert_int_equal(function_param(function, 1), VALUE_F32);
		assert_int_equal(function_result(function, OUT - 2), VALUE_I64);
		struct called called = called_new();
		called.request.values = values;
		called.request.count = IN;
		assert_true(program_call(program, function, &called.request, called.stop,
				&called.result, &called.err));
		for (int i = 0; i < OUT; i++) {
			const struct value *value = &called.result.values[i];
			assert_int_equal(value->type, values[i % IN].type);
			assert_int_equal(value->of.bits64, values[i % IN].of.bits64);
		}
		called_finish(&called);
		program_destroy(program);
	}
	buf_finish(&text);
}

/* --- text --------------------------------------------------------------------------------------
 */

static void reads(const char *text, enum value_type type, uint64_t bits) {
	struct error err;
	struct value value;
	if (!value_read(text, type, 1, &value, &err)) {
		fail_msg("%s: %s", text, err.message);
	}
	assert_int_equal(value.type, type);
	assert_int_equal(value.of.bits64, bits);
}

static void text_is_read_exactly(void **state) {
	(void)state;
	reads("-1", VALUE_I32, 0xffffffff);
	reads("4294967295", VALUE_I32, 0xffffffff);
	reads("0x80000000", VALUE_I32, 0x80000000);
	reads("-0x1", VALUE_I64, UINT64_MAX);
	reads("18446744073709551615", VALUE_I64, UINT64_MAX);
	reads("1", VALUE_F32, 0x3f800000);
	reads("-0", VALUE_F32, 0x80000000);
	reads("0.1", VALUE_F32, 0x3dcccccd);
	reads("0x1.8p1", VALUE_F64, 0x4008000000000000);
	reads("inf", VALUE_F64, 0x7ff0000000000000);
	reads("-inf", VALUE_F32, 0xff800000);
	reads("nan", VALUE_F32, 0x7fc00000);
	reads("nan", VALUE_F64, 0x7ff8000000000000);
	reads("1e-46", VALUE_F32, 0);
	/* Between two floats: to the nearest one, not by way of a double. */
	reads("1.00000005960464477539", VALUE_F32, 0x3f800000);
	reads("1.000000059604644775390626", VALUE_F32, 0x3f800001);
}

static void other_text_is_refused(void **state) {
	(void)state;
	static const struct {
		const char *text;
		enum value_type type;
		const char *words;
	} cases[] = {
		{ "5abc", VALUE_I32, "argument 3, \"5abc\", is not an i32" },
		{ "99999999999", VALUE_I32, "out of range" },
		{ "4294967296", VALUE_I32, "out of range" },
		{ "-2147483649", VALUE_I32, "out of range" },
		{ "18446744073709551616", VALUE_I64, "out of range" },
		{ "", VALUE_I64, "only a decimal" },
		{ "1.5", VALUE_I64, "only a decimal" },
		{ "nan", VALUE_I32, "only a decimal" },
		{ " 1", VALUE_F64, "only a number" },
		{ "1 ", VALUE_F64, "only a number" },
		{ "1e400", VALUE_F64, "out of range" },
		{ "-1e39", VALUE_F32, "out of range" },
		{ "0x", VALUE_F64, "only a number" },
		{ "infinit", VALUE_F64, "only a number" },
		/* strtod() takes these, each library with bits of its own. */
		{ "nan(1)", VALUE_F64, "only a number" },
		{ "nan(0x12345)", VALUE_F32, "only a number" },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct error err;
		struct value value;
		if (value_read(cases[i].text, cases[i].type, 3, &value, &err)) {
			fail_msg("\"%s\" is read", cases[i].text);
		}
		assert_says(&err, ERROR_INVALID, cases[i].words);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(published_modules_answer_as_published),
		cmocka_unit_test(every_type_comes_back),
		cmocka_unit_test(a_nan_is_canonical),
		cmocka_unit_test(bits_pass_through),
		cmocka_unit_test(many_values),
		cmocka_unit_test(text_is_read_exactly),
		cmocka_unit_test(other_text_is_refused),
	};
	return call_tests_run("engine/function", tests, sizeof(tests) / sizeof(tests[0]));
}
