/* SPDX-License-Identifier: Apache-2.0 */
#include "bus/topics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"

static void names_are_those_of_the_spec(void **state) {
	(void)state;
	struct topics topics;
	struct error err;
	assert_true(topics_init(&topics, "d-1", "c-1", &err));
	assert_string_equal(topics.base, "m/d-1/c/c-1/");
	assert_string_equal(topics.create, "m/d-1/c/c-1/control/proplet/create");
	assert_string_equal(topics.alive, "m/d-1/c/c-1/control/proplet/alive");
	assert_string_equal(topics.results, "m/d-1/c/c-1/control/proplet/results");
	assert_string_equal(topics.state, "m/d-1/c/c-1/control/proplet/state");
	assert_string_equal(topics.metrics, "m/d-1/c/c-1/control/proplet/metrics");
	assert_string_equal(topics.task_metrics, "m/d-1/c/c-1/control/proplet/task_metrics");
	assert_string_equal(topics.start, "m/d-1/c/c-1/control/manager/start");
	assert_string_equal(topics.stop, "m/d-1/c/c-1/control/manager/stop");
	assert_string_equal(topics.online, "m/d-1/c/c-1/control/manager/online");
	assert_string_equal(topics.module_request, "m/d-1/c/c-1/registry/manager");
	assert_string_equal(topics.image_request, "m/d-1/c/c-1/registry/proplet");
	assert_string_equal(topics.image_chunk, "m/d-1/c/c-1/registry/server");
	CLEANUP(mem_freep) char *command = topics_command(&topics, "w 1");
	CLEANUP(mem_freep) char *chunk = topics_chunk(&topics, "w1");
	assert_string_equal(command, "m/d-1/c/c-1/control/manager/command/w 1");
	assert_string_equal(chunk, "m/d-1/c/c-1/registry/chunk/w1");
	CLEANUP(mem_freep) char *image = topics_image(&topics, "w1");
	assert_string_equal(image, "m/d-1/c/c-1/registry/image/w1");
	topics_finish(&topics);
}

/* Nobody names himself into somebody else's topics. */
static void parts_cannot_break_out(void **state) {
	(void)state;
	static const char *const bad[] = { "", "a/b", "+", "#", "a#", "a\nb", "a\x01" };
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct topics topics;
		struct error err;
		assert_false(topics_init(&topics, bad[i], "c", &err));
		assert_int_equal(err.code, ERROR_INVALID);
		assert_false(topics_init(&topics, "d", bad[i], &err));
	}
}

static void ids(void **state) {
	(void)state;
	char text[130];
	memset(text, 'x', sizeof(text));
	text[129] = 0;
	assert_false(topics_id_valid(text));
	text[128] = 0;
	assert_true(topics_id_valid(text));
	static const char *const bad[] = { "", " ", "a b", "a/b", "a+", "#", "a\tb", "a\x7f" };
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_false(topics_id_valid(bad[i]));
	}
	assert_true(topics_id_valid("0b0d9e2c-6d0f-4c9a-8d54-0f2f3f4d5e6f"));
	assert_true(topics_id_valid("w\xc3\xb6rker"));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_those_of_the_spec),
		cmocka_unit_test(parts_cannot_break_out),
		cmocka_unit_test(ids),
	};
	return cmocka_run_group_tests_name("bus/topics", tests, NULL, NULL);
}
