/* SPDX-License-Identifier: Apache-2.0 */
#include "model/outcome.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"

static bool read(struct outcome *outcome, const char *text, struct error *err) {
	json_t *object = json_loads(text, JSON_ALLOW_NUL, NULL);
	assert_non_null(object);
	bool ok = outcome_read(outcome, object, err);
	json_decref(object);
	return ok;
}

/* There and back through JSON: nothing is lost, whatever the bytes. */
static void round_trip(void **state) {
	(void)state;
	static const struct {
		const char *bytes;
		size_t size;
	} texts[] = { { "", 0 }, { "plain\n", 6 }, { "a\0b", 3 }, { "\xff\xfe\x00\x80", 4 },
		{ "\xe2\x82\xac", 3 }, { "\xe2\x82", 2 } };
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct outcome before = { .results = json_string("7"),
			.exited = true,
			.exit_code = -3,
			.truncated = true,
			.error = str_copy("it broke"),
			.started_at = 1700000000123456789,
			.finished_at = 1700000001123456789,
			.fuel_used = 42,
			.gas_used = 43 },
			       after;
		struct error err;
		before.out = (struct outcome_text){ mem_copy(texts[i].bytes, texts[i].size),
			texts[i].size };
		before.error_out = (struct outcome_text){ str_copy("err"), 3 };
		json_t *object = json_object();
		outcome_write(&before, object);
		assert_true(outcome_read(&after, object, &err));
		json_decref(object);
		assert_int_equal(after.out.size, texts[i].size);
		if (texts[i].size != 0) {
			assert_memory_equal(after.out.bytes, texts[i].bytes, texts[i].size);
		}
		assert_int_equal(after.error_out.size, 3);
		assert_string_equal(json_string_value(after.results), "7");
		assert_true(after.exited && after.truncated && !after.interrupted);
		assert_int_equal(after.exit_code, -3);
		assert_string_equal(after.error, "it broke");
		assert_true(after.started_at == before.started_at);
		assert_true(after.finished_at == before.finished_at);
		assert_int_equal(after.fuel_used, 42);
		assert_int_equal(after.gas_used, 43);
		outcome_finish(&before);
		outcome_finish(&after);
	}
}

static void what_old_workers_say(void **state) {
	(void)state;
	struct outcome outcome;
	struct error err;
	assert_true(read(&outcome, "{\"results\":\"30\",\"error\":null}", &err));
	assert_null(outcome.error);
	assert_false(outcome.exited);
	outcome_finish(&outcome);
	assert_true(read(&outcome, "{\"results\":{\"round_id\":\"r\"},\"error\":\"\"}", &err));
	assert_null(outcome.error); /* an empty text is no error */
	assert_true(json_is_object(outcome.results));
	outcome_finish(&outcome);
	assert_true(read(&outcome, "{}", &err));
	assert_null(outcome.results);
	outcome_finish(&outcome);
}

static void what_is_refused(void **state) {
	(void)state;
	static const char *const rows[][2] = {
		{ "{\"stdout\":1}", "stdout" },
		{ "{\"stdout_base64\":\"***\"}", "stdout_base64" },
		{ "{\"stderr\":[]}", "stderr" },
		{ "{\"exit_code\":\"1\"}", "exit_code" },
		{ "{\"exit_code\":1e3}", "exit_code" },
		{ "{\"exit_code\":99999999999}", "exit_code" },
		{ "{\"error\":5}", "error" },
		{ "{\"truncated\":\"yes\"}", "truncated" },
		{ "{\"interrupted\":1}", "interrupted" },
		{ "{\"started_at\":\"yesterday\"}", "started_at" },
		{ "{\"fuel_used\":-1}", "fuel_used" },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct outcome outcome;
		struct error err;
		assert_false(read(&outcome, rows[i][0], &err));
		assert_int_equal(err.code, ERROR_INVALID);
		if (strstr(err.message, rows[i][1]) == NULL) {
			fail_msg("%s: %s", rows[i][0], err.message);
		}
	}
}

static void a_long_error_is_cut(void **state) {
	(void)state;
	struct outcome outcome;
	struct error err;
	CLEANUP(mem_freep) char *text = mem_zero(100 * 1024, 1);
	memset(text, 'e', 100 * 1024 - 1);
	json_t *object = json_pack("{s:s}", "error", text);
	assert_true(outcome_read(&outcome, object, &err));
	assert_true(strlen(outcome.error) < 100 * 1024 - 1 && strlen(outcome.error) > 1000);
	outcome_finish(&outcome);
	json_decref(object);
}

static void moving_leaves_nothing(void **state) {
	(void)state;
	struct outcome from = { .results = json_string("x"), .error = str_copy("e") }, to = { 0 };
	from.out = (struct outcome_text){ str_copy("out"), 3 };
	outcome_move(&to, &from);
	assert_null(from.results);
	assert_null(from.error);
	assert_null(from.out.bytes);
	assert_string_equal(to.error, "e");
	outcome_finish(&from);
	outcome_finish(&to);
	assert_null(to.error);
}

static void lists_of_bytes_are_older_results(void **state) {
	(void)state;
	struct outcome outcome;
	struct error err;
	assert_true(read(&outcome, "{\"result\":[52,50,195,188],\"error\":\"\"}", &err));
	assert_string_equal(json_string_value(outcome.results), "42\xc3\xbc");
	assert_null(outcome.error);
	outcome_finish(&outcome);
	assert_true(read(&outcome, "{\"result\":[256,-1,\"x\",null],\"results\":\"7\"}", &err));
	assert_string_equal(json_string_value(outcome.results), "7");
	outcome_finish(&outcome);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip),
		cmocka_unit_test(what_old_workers_say),
		cmocka_unit_test(what_is_refused),
		cmocka_unit_test(a_long_error_is_cut),
		cmocka_unit_test(moving_leaves_nothing),
		cmocka_unit_test(lists_of_bytes_are_older_results),
	};
	return cmocka_run_group_tests_name("model/outcome", tests, NULL, NULL);
}
