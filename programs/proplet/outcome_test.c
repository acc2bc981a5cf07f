/* SPDX-License-Identifier: Apache-2.0 */
#include "proplet/outcome.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"

static void result_init(struct run_result *result, const char *out, const char *errors) {
	struct error err;
	*result = (struct run_result){ .stdout_bytes = BUF_INIT(4096),
		.stderr_bytes = BUF_INIT(4096) };
	assert_true(buf_append(&result->stdout_bytes, out, strlen(out), &err));
	assert_true(buf_append(&result->stderr_bytes, errors, strlen(errors), &err));
}

static void values_are_the_results_and_output_is_kept(void **state) {
	(void)state;
	struct outcome outcome = { 0 };
	struct run_result result;
	result_init(&result, "noise", "");
	result.has_values = true;
	result.values = str_copy("30");
	outcome_ended(&outcome, &result);
	assert_string_equal(json_string_value(outcome.results), "30");
	assert_int_equal(outcome.out.size, 5);
	assert_memory_equal(outcome.out.bytes, "noise", 5);
	assert_null(outcome.error);
	outcome_finish(&outcome);
	run_result_finish(&result);
}

static void without_values_the_output_is_the_result(void **state) {
	(void)state;
	struct outcome outcome = { 0 };
	struct run_result result;
	result_init(&result, "hello\n", "");
	result.exited = true;
	outcome_ended(&outcome, &result);
	assert_string_equal(json_string_value(outcome.results), "hello\n");
	assert_true(outcome.exited && outcome.exit_code == 0);
	assert_null(outcome.error);
	outcome_finish(&outcome);
	run_result_finish(&result);
}

static void a_bad_exit_tells_its_code_and_last_words(void **state) {
	(void)state;
	struct outcome outcome = { 0 };
	struct run_result result;
	result_init(&result, "", "no such file\n");
	result.exited = true;
	result.exit_code = 3;
	outcome_ended(&outcome, &result);
	assert_int_equal(outcome.exit_code, 3);
	assert_string_equal(outcome.error, "exited with code 3: no such file");
	assert_false(outcome.interrupted);
	outcome_finish(&outcome);
	run_result_finish(&result);
}

static void only_a_stop_is_an_interruption(void **state) {
	(void)state;
	static const enum error_code codes[] = { ERROR_INTERRUPTED, ERROR_TIMEOUT, ERROR_FAILED };
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		struct outcome outcome = { 0 };
		struct run_result result;
		struct error err;
		(void)error_set(&err, codes[i], "the reason");
		result_init(&result, "so far", "");
		outcome_failed(&outcome, &result, &err);
		assert_true(outcome.interrupted == (codes[i] == ERROR_INTERRUPTED));
		assert_string_equal(outcome.error, "the reason");
		assert_int_equal(outcome.out.size, 6);
		outcome_finish(&outcome);
		run_result_finish(&result);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_are_the_results_and_output_is_kept),
		cmocka_unit_test(without_values_the_output_is_the_result),
		cmocka_unit_test(a_bad_exit_tells_its_code_and_last_words),
		cmocka_unit_test(only_a_stop_is_an_interruption),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
