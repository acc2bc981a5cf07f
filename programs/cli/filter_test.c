/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/filter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const char row_text[] =
		"{\"id\":\"t1\",\"name\":\"Web-1\",\"state\":2,\"alive\":true,\"attempt\":12,"
		"\"none\":null,\"tags\":[\"gpu\",\"arm\"],\"empty\":[],"
		"\"metadata\":{\"env\":\"prod\",\"inner\":{\"a\":\"b\"}}}";

static void terms(void **state) {
	(void)state;
	static const struct {
		const char *text;
		bool lets;
	} rows[] = {
		{ "id=t1", true }, { "id=t2", false }, { "name=web-*", true },
		{ "name=web-?", true }, { "name=web", false }, { "name!=web-1", false },
		{ "name!=other", true }, { "state=running", true }, { "state=2", true },
		{ "state=Failed", false }, { "state=*ed", false }, { "state=", false },
		{ "state!=Failed", true }, { "alive=true", true }, { "alive=false", false },
		{ "attempt=12", true }, { "attempt=1", false }, { "tags=gpu", true },
		{ "tags!=gpu", false }, { "tags=x86", false }, { "empty=", true },
		{ "none=", true }, { "missing=", true }, { "missing!=", false },
		{ "missing=x", false }, { "metadata.env=prod", true },
		{ "metadata.inner.a=b", true }, { "metadata.env.x=prod", false },
		{ "id=t1,state=running", true }, { "id=t1,state=failed", false },
		{ "id=t1=", false }, /* the value is "t1=" */
	};
	json_t *row = json_loads(row_text, 0, NULL);
	struct error err;
	assert_non_null(row);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct filter filter;
		assert_true(filter_parse(&filter, rows[i].text, &err));
		if (filter_lets(&filter, row) != rows[i].lets) {
			fail_msg("%s", rows[i].text);
		}
		filter_finish(&filter);
	}
	json_decref(row);
}

static void keys_that_no_row_has(void **state) {
	(void)state;
	static const struct {
		const char *text, *unknown;
	} rows[] = {
		{ "nmae=x", "nmae" },
		{ "id=t2,nmae!=x", "nmae" },
		{ "id=t2,metadata.inner.b=", "metadata.inner.b" },
		{ "id=t2,none=,metadata.env=x", NULL },
	};
	json_t *row = json_loads(row_text, 0, NULL);
	struct error err;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct filter filter;
		assert_true(filter_parse(&filter, rows[i].text, &err));
		(void)filter_lets(&filter, row);
		const char *unknown = filter_unknown(&filter);
		if (rows[i].unknown == NULL) {
			assert_null(unknown);
		} else {
			assert_non_null(unknown);
			assert_string_equal(unknown, rows[i].unknown);
		}
		filter_finish(&filter);
	}
	json_decref(row);
}

static void everything(void **state) {
	(void)state;
	struct filter filter;
	struct error err;
	assert_true(filter_parse(&filter, NULL, &err));
	assert_true(filter_lets(&filter, NULL));
	filter_finish(&filter);
}

static void what_is_no_filter(void **state) {
	(void)state;
	static const char *const texts[] = { "state", "=x", "!=x", "a=b,c", "a=b,=", "state=runing",
		"state!=7", "id=t1,state=Done" };
	char many[256] = "a=b";
	struct filter filter;
	struct error err;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_false(filter_parse(&filter, texts[i], &err));
		assert_int_equal(err.code, ERROR_INVALID);
		assert_non_null(strstr(err.message, "--filter"));
	}
	for (int i = 0; i < TERMS_MAX; i++) {
		(void)memcpy(many + strlen(many), ",a=b", 5);
	}
	assert_false(filter_parse(&filter, many, &err));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(terms),
		cmocka_unit_test(keys_that_no_row_has),
		cmocka_unit_test(everything),
		cmocka_unit_test(what_is_no_filter),
	};
	return cmocka_run_group_tests_name("cli/filter", tests, NULL, NULL);
}
