/* SPDX-License-Identifier: Apache-2.0 */
#include "model/workload.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"

static bool read(struct workload *work, const char *text, struct error *err) {
	json_t *object = json_loads(text, JSON_ALLOW_NUL, NULL);
	assert_non_null(object);
	bool ok = workload_read(work, object, err);
	json_decref(object);
	return ok;
}

static void defaults(void **state) {
	(void)state;
	struct workload work;
	struct error err;
	workload_init(&work);
	assert_true(read(&work, "{\"name\":\"x\",\"unknown\":{}}", &err));
	assert_int_equal(work.limits.memory_bytes, 256 * 1024 * 1024);
	assert_int_equal(work.limits.wall_ms, 3600 * 1000);
	assert_int_equal(work.limits.fuel, 0);
	assert_int_equal(work.limits.output_bytes, 1024 * 1024);
	assert_true(read(&work, "{\"daemon\":true}", &err));
	assert_int_equal(work.limits.wall_ms, 0); /* a daemon has no end of its own */
	assert_true(read(&work, "{\"daemon\":false}", &err));
	assert_int_equal(work.limits.wall_ms, 3600 * 1000);
	workload_finish(&work);
}

static void everything_there_and_back(void **state) {
	(void)state;
	static const char text[] = "{\"name\":\"x\",\"invoke\":\"add\",\"engine\":\"interp\",\"cli_"
				   "args\":[\"a\",\"\"],"
				   "\"inputs\":[1,\"two\",3.5,-4],\"env\":{\"A\":\"1\",\"B\":\"x="
				   "y\"},\"stdin\":\"in\\u0001\","
				   "\"daemon\":true,\"image_url\":\"http://h/"
				   "m.wasm\",\"limits\":{\"memory_bytes\":65536,"
				   "\"wall_seconds\":1.5,\"fuel\":7,\"output_bytes\":0}}";
	struct workload first, second, copy;
	struct error err;
	workload_init(&first);
	workload_init(&second);
	assert_true(read(&first, text, &err));
	workload_copy(&copy, &first);
	json_t *once = json_object(), *twice = json_object();
	workload_write(&copy, once);
	assert_true(workload_read(&second, once, &err));
	workload_write(&second, twice);
	assert_true(json_equal(once, twice));
	assert_string_equal(second.inputs.items[0], "1");
	assert_string_equal(second.inputs.items[2], "3.5");
	assert_string_equal(second.inputs.items[3], "-4");
	assert_int_equal(second.limits.wall_ms, 1500);
	assert_string_equal(second.image_url, "http://h/m.wasm");
	json_decref(once);
	json_decref(twice);
	workload_finish(&first);
	workload_finish(&second);
	workload_finish(&copy);
}

static void null_changes_nothing(void **state) {
	(void)state;
	struct workload work;
	struct error err;
	workload_init(&work);
	assert_true(read(&work,
			"{\"name\":\"x\",\"inputs\":[\"1\"],\"daemon\":true,\"engine\":\"interp\"}",
			&err));
	assert_true(read(&work,
			"{\"name\":null,\"inputs\":null,\"daemon\":null,\"engine\":null,\"limits\":"
			"null,"
			"\"env\":null,\"cli_args\":null,\"stdin\":null,\"invoke\":null,\"image_"
			"url\":null}",
			&err));
	assert_string_equal(work.name, "x");
	assert_int_equal(work.inputs.count, 1);
	assert_true(work.daemon);
	assert_string_equal(work.engine, "interp");
	workload_finish(&work);
}

static void what_is_refused_names_its_place(void **state) {
	(void)state;
	static const char *const rows[][2] = {
		{ "{\"name\":\"\"}", "/name" },
		{ "{\"name\":\"a\\nb\"}", "/name" },
		{ "{\"name\":[]}", "/name" },
		{ "{\"invoke\":1}", "/invoke" },
		{ "{\"engine\":\"v8\"}", "/engine" },
		{ "{\"cli_args\":\"a\"}", "/cli_args" },
		{ "{\"cli_args\":[1]}", "/cli_args/0" },
		{ "{\"inputs\":[1,\"2\",null]}", "/inputs/2" },
		{ "{\"inputs\":[true]}", "/inputs/0" },
		{ "{\"env\":[]}", "/env" },
		{ "{\"env\":{\"A\":\"\",\"B/C\":1}}", "/env/B~1C" },
		{ "{\"env\":{\"A=B\":\"\"}}", "/env/A=B" },
		{ "{\"dirs\":{}}", "/dirs" },
		{ "{\"dirs\":[{\"host\":\"/a\"},1]}", "/dirs/1" },
		{ "{\"dirs\":[{\"host\":\"/a\"},{\"host\":\"a\"}]}", "/dirs/1/host" },
		{ "{\"dirs\":[{\"host\":\"/a\",\"write\":1}]}", "/dirs/0/write" },
		{ "{\"stdin\":7}", "/stdin" },
		{ "{\"daemon\":1}", "/daemon" },
		{ "{\"limits\":[]}", "/limits" },
		{ "{\"limits\":{\"memory_bytes\":65535}}", "/limits/memory_bytes" },
		{ "{\"limits\":{\"wall_seconds\":-1}}", "/limits/wall_seconds" },
		{ "{\"limits\":{\"output_bytes\":16777217}}", "/limits/output_bytes" },
		{ "{\"monitoring_profile\":7}", "/monitoring_profile" },
		{ "{\"monitoring_profile\":{\"interval\":\"soon\"}}",
				"/monitoring_profile/interval" },
		{ "{\"monitoring_profile\":{\"collect_cpu\":1}}",
				"/monitoring_profile/collect_cpu" },
		{ "{\"image_url\":{}}", "/image_url" },
		{ "{\"digest\":\"abc\"}", "/digest" },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct workload work;
		struct error err;
		workload_init(&work);
		assert_false(read(&work, rows[i][0], &err));
		assert_int_equal(err.code, ERROR_INVALID);
		assert_string_equal(err.place, rows[i][1]);
		workload_finish(&work);
	}
}

static void lists_have_a_length(void **state) {
	(void)state;
	struct workload work;
	struct error err;
	json_t *list = json_array(), *object = json_pack("{s:o}", "inputs", list);
	workload_init(&work);
	for (int i = 0; i < WORKLOAD_LIST_MAX; i++) {
		json_array_append_new(list, json_integer(i));
	}
	assert_true(workload_read(&work, object, &err));
	json_array_append_new(list, json_integer(0));
	assert_false(workload_read(&work, object, &err));
	json_decref(object);
	workload_finish(&work);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults),
		cmocka_unit_test(everything_there_and_back),
		cmocka_unit_test(null_changes_nothing),
		cmocka_unit_test(what_is_refused_names_its_place),
		cmocka_unit_test(lists_have_a_length),
	};
	return cmocka_run_group_tests_name("model/workload", tests, NULL, NULL);
}
