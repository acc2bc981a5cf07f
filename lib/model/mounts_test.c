/* SPDX-License-Identifier: Apache-2.0 */
#include "model/mounts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static bool read(struct mounts *mounts, const char *text, struct error *err) {
	json_t *object = json_loads(text, 0, NULL);
	assert_non_null(object);
	bool ok = mounts_read(mounts, object, err);
	json_decref(object);
	return ok;
}

static void what_is_asked_for(void **state) {
	(void)state;
	struct mounts mounts = { 0 }, copy;
	struct error err;
	assert_true(read(&mounts,
			"{\"dirs\":[{\"host\":\"/a\"},{\"host\":\"/b/..c\",\"guest\":\".\","
			"\"write\":true}]}",
			&err));
	assert_true(read(&mounts, "{\"dirs\":null}", &err));
	assert_true(read(&mounts, "{}", &err));
	mounts_copy(&copy, &mounts);
	mounts_finish(&mounts);
	json_t *list = mounts_list(&copy);
	char *text = json_dumps(list, JSON_COMPACT);
	assert_string_equal(text,
			"[{\"host\":\"/a\",\"guest\":\"/a\",\"write\":false},{\"host\":\"/b/"
			"..c\",\"guest\":\".\",\"write\":true}]");
	free(text);
	json_decref(list);
	assert_true(read(&copy, "{\"dirs\":[]}", &err));
	assert_int_equal(copy.count, 0);
	mounts_finish(&copy);
}

static void bad_ones_are_refused(void **state) {
	(void)state;
	static const char *const cases[] = { "{\"dirs\":{}}", "{\"dirs\":\"/a\"}", "{\"dirs\":[1]}",
		"{\"dirs\":[\"/a\"]}", "{\"dirs\":[{}]}", "{\"dirs\":[{\"host\":\"a\"}]}",
		"{\"dirs\":[{\"host\":\"\"}]}", "{\"dirs\":[{\"host\":\"/a/../b\"}]}",
		"{\"dirs\":[{\"host\":\"/..\"}]}", "{\"dirs\":[{\"host\":\"/a\",\"write\":1}]}",
		"{\"dirs\":[{\"host\":\"/a\",\"guest\":7}]}", "{\"dirs\":[{\"host\":\"/a\\n\"}]}",
		"{\"dirs\":[{\"host\":\"/a\"},{\"host\":\"/b\",\"guest\":\"/a\"}]}",
		"{\"dirs\":[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]}" };
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct mounts mounts = { 0 };
		struct error err;
		assert_false(read(&mounts, cases[i], &err));
		assert_true(err.code == ERROR_INVALID || err.code == ERROR_CLASH);
		assert_non_null(strstr(err.message, "dirs"));
		assert_int_equal(mounts.count, 0);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_asked_for),
		cmocka_unit_test(bad_ones_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
