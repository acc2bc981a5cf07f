/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/splitter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static bool collect(void *context, struct bytes text, struct error *err) {
	return buf_append(context, text.data, text.size, err);
}

/* Feeds in steps of `step` bytes, so that every cut is tried. */
static void split(const char *json, size_t step, const char *rest, const char *file) {
	struct buf around = BUF_INIT(1000), inside = BUF_INIT(1000);
	struct splitter splitter = { .rest = &around, .file = collect, .context = &inside };
	struct error err;
	for (size_t at = 0, size = strlen(json); at < size; at += step) {
		size_t piece = size - at < step ? size - at : step;
		assert_true(splitter_feed(&splitter,
				(struct bytes){ (const uint8_t *)json + at, piece }, &err));
	}
	assert_string_equal(buf_text(&around), rest);
	assert_string_equal(buf_text(&inside), file);
	buf_finish(&around);
	buf_finish(&inside);
}

static void only_the_top_level_file_is_taken_out(void **state) {
	(void)state;
	static const char *const rows[][3] = {
		{ "{\"name\":\"x\",\"file\":\"AB\\/C\",\"n\":1}",
				"{\"name\":\"x\",\"file\":\"\",\"n\":1}", "AB/C" },
		{ "{ \"file\" : \"AA==\" }", "{ \"file\" : \"\" }", "AA==" },
		{ "{\"metadata\":{\"file\":\"in\"},\"file\":\"out\"}",
				"{\"metadata\":{\"file\":\"in\"},\"file\":\"\"}", "out" },
		{ "{\"x\":\"file\",\"y\":[\"file\",\"a\"]}",
				"{\"x\":\"file\",\"y\":[\"file\",\"a\"]}", "" },
		{ "{\"x\":\"a\\\"b\",\"file\":\"Q\"}", "{\"x\":\"a\\\"b\",\"file\":\"\"}", "Q" },
		{ "{\"file\":7,\"files\":\"z\"}", "{\"file\":7,\"files\":\"z\"}", "" },
		{ "{\"file\":null,\"a\":\"b\"}", "{\"file\":null,\"a\":\"b\"}", "" },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (size_t step = 1; step < 50; step++) {
			split(rows[i][0], step, rows[i][1], rows[i][2]);
		}
	}
}

static void a_second_file_is_refused(void **state) {
	(void)state;
	const char *json = "{\"file\":\"AAAA\",\"x\":{\"file\":\"in\"},\"file\":\"BBBB\"}";
	for (size_t step = 1; step < 50; step++) {
		struct buf around = BUF_INIT(100), inside = BUF_INIT(100);
		struct splitter splitter = { .rest = &around, .file = collect, .context = &inside };
		struct error err;
		size_t size = strlen(json), at = 0;
		bool goes_on = true;
		for (; at < size && goes_on; at += step) {
			size_t piece = size - at < step ? size - at : step;
			goes_on = splitter_feed(&splitter,
					(struct bytes){ (const uint8_t *)json + at, piece }, &err);
		}
		assert_false(goes_on);
		assert_string_equal(err.message, "field \"file\" is there twice");
		assert_string_equal(buf_text(&inside), "AAAA");
		buf_finish(&around);
		buf_finish(&inside);
	}
}

static void what_stands_around_is_bounded(void **state) {
	(void)state;
	struct buf around = BUF_INIT(10), inside = BUF_INIT(100);
	struct splitter splitter = { .rest = &around, .file = collect, .context = &inside };
	struct error err;
	const char *json = "{\"name\":\"far too long\"}";
	assert_false(splitter_feed(
			&splitter, (struct bytes){ (const uint8_t *)json, strlen(json) }, &err));
	assert_int_equal(err.code, ERROR_TOO_LARGE);
	buf_finish(&around);
	buf_finish(&inside);
}

static void values_are_counted(void **state) {
	(void)state;
	for (size_t more = 0; more < 2; more++) {
		struct buf around = BUF_INIT(1 << 20), json = BUF_INIT(1 << 20);
		struct splitter splitter = { .rest = &around };
		struct error err;
		assert_true(buf_printf(&json, &err, "{\"a{,[\":[{}")); /* three of them */
		for (size_t i = 3; i < SPLITTER_VALUES_MAX + more; i++) {
			assert_true(buf_printf(&json, &err, ","));
		}
		bool fits = splitter_feed(&splitter, (struct bytes){ json.data, json.size }, &err);
		assert_int_equal(fits, more == 0);
		assert_true(fits || err.code == ERROR_TOO_LARGE);
		buf_finish(&around);
		buf_finish(&json);
	}
}

/* A zero byte is no end of the text. */
static void a_zero_byte_is_refused(void **state) {
	(void)state;
	static const char json[] = "{\"file\":\"AAAA\0}";
	for (size_t cut = 0; cut < sizeof(json) - 1; cut++) {
		struct buf around = BUF_INIT(100), inside = BUF_INIT(100);
		struct splitter splitter = { .rest = &around, .file = collect, .context = &inside };
		struct error err;
		const struct bytes first = { (const uint8_t *)json, cut },
				   second = { (const uint8_t *)json + cut, sizeof(json) - 1 - cut };
		assert_false(splitter_feed(&splitter, first, &err) &&
				splitter_feed(&splitter, second, &err));
		assert_int_equal(err.code, ERROR_INVALID);
		buf_finish(&around);
		buf_finish(&inside);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_the_top_level_file_is_taken_out),
		cmocka_unit_test(a_second_file_is_refused),
		cmocka_unit_test(what_stands_around_is_bounded),
		cmocka_unit_test(values_are_counted),
		cmocka_unit_test(a_zero_byte_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
