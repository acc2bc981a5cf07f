/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/call_fixture.h"

#include "base/base64.h"

static const char basics[] = "(module (memory (export \"m\") 1)"
			     " (func (export \"add\") (param i32 i32) (result i32)"
			     "  local.get 0 local.get 1 i32.add)"
			     " (func (export \"mul64\") (param i64 i64) (result i64)"
			     "  local.get 0 local.get 1 i64.mul)"
			     " (func (export \"divf\") (param f64 f64) (result f64)"
			     "  local.get 0 local.get 1 f64.div)"
			     " (func (export \"halff\") (param f32) (result f32)"
			     "  local.get 0 f32.const 0.5 f32.mul)"
			     " (func (export \"void\"))"
			     " (func (export \"div\") (param i32 i32) (result i32)"
			     "  local.get 0 local.get 1 i32.div_s)"
			     " (func (export \"trap\") unreachable)"
			     " (func (export \"many\") (param i32 f64) (result f64 i32 i64 f32)"
			     "  local.get 1 local.get 0 i64.const -5 f32.const 1.5))";

static void values_come_back(void **state) {
	(void)state;
	for (int i = 0; i < 2 * KINDS; i++) {
		struct program *program = prepare(kinds[i / 2], i % 2 != 0, basics);
		gives(program, "add", INPUTS("5", "3", ), "8");
		gives(program, "mul64", INPUTS("-3", "7", ), "-21");
		gives(program, "divf", INPUTS("1", "3", ), "0.3333333333333333");
		gives(program, "halff", INPUTS("0.1", ), "0.05");
		gives(program, "void", INPUTS(), "");
		gives(program, "div", INPUTS("1", "0", ), "integer divide by zero");
		gives(program, "trap", INPUTS(), "unreachable");
		gives(program, "many", INPUTS("7", "0.1", ), "0.1 7 -5 1.5");
		program_destroy(program);
	}
}

static void gas_is_the_same_in_every_mode(void **state) {
	(void)state;
	uint64_t used = 0;
	for (int i = 0; i < KINDS; i++) {
		struct program *program = prepare(kinds[i], true, basics);
		struct called called = called_new();
		called_go(&called, program, "add", INPUTS("5", "3", ));
		assert_true(called.ok);
		assert_true(called.result.gas_used > 0);
		used = i == 0 ? called.result.gas_used : used;
		assert_int_equal(called.result.gas_used, used);
		called_finish(&called);
		for (int less = 0; less < 2; less++) {
			called = called_new();
			called.request.gas = used - (uint64_t)less;
			called_go(&called, program, "add", INPUTS("5", "3", ));
			assert_int_equal(called.ok, less == 0);
			assert_int_equal(called.result.trap, less == 0 ? TRAP_NONE : TRAP_GAS);
			called_finish(&called);
		}
		program_destroy(program);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_come_back),
		cmocka_unit_test(gas_is_the_same_in_every_mode),
	};
	return call_tests_run("engine/function", tests, sizeof(tests) / sizeof(tests[0]));
}
