/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log_line.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"

/* The line without what all have in common. */
static const char *json(struct log_line *line, const char *format, ...) PRINTF(2, 3);
static const char *json(struct log_line *line, const char *format, ...) {
	static const char start[] = "{\"time\":\"T\",\"level\":\"info\",\"msg\":";
	va_list args;
	va_start(args, format);
	log_json(line, "T", "info", format, args);
	va_end(args);
	assert_true(line->size < sizeof(line->text));
	line->text[line->size] = '\0';
	assert_memory_equal(line->text, start, sizeof(start) - 1);
	return line->text + sizeof(start) - 1;
}

static void test_fields(void **state) {
	(void)state;
	struct log_line line;
	assert_string_equal(json(&line, "ended"), "\"ended\"}\n");
	assert_string_equal(json(&line, "task moved id=%s attempt=%d cause=\"%s\"", "a-b", 7,
					    "it \"ended\" id=9"),
			"\"task moved\",\"id\":\"a-b\",\"attempt\":7,\"cause\":\"it "
			"\\\"ended\\\" id=9\"}\n");
	assert_string_equal(json(&line, "listening address=%s://%s:%u", "http", "::1", 7070U),
			"\"listening\",\"address\":\"http://::1:7070\"}\n");
}

/* What stands between quotes is text; so is what no JSON number may look like. */
static void test_numbers(void **state) {
	(void)state;
	static const struct {
		const char *value, *json;
	} pairs[] = { { "0", "0" }, { "10", "10" }, { "007", "\"007\"" }, { "-1", "\"-1\"" },
		{ "1.5", "\"1.5\"" }, { "", "\"\"" }, { "999999999999999", "999999999999999" },
		{ "9999999999999999", "\"9999999999999999\"" } };
	struct log_line line;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		CLEANUP(mem_freep) char *want = str_format("\"m\",\"n\":%s}\n", pairs[i].json);
		assert_string_equal(json(&line, "m n=%s", pairs[i].value), want);
	}
	assert_string_equal(json(&line, "m n=\"%s\"", "10"), "\"m\",\"n\":\"10\"}\n");
}

static void test_hostile_values(void **state) {
	(void)state;
	struct log_line line;
	assert_string_equal(json(&line, "m v=\"%s\"", "x\" level=\"error"),
			"\"m\",\"v\":\"x\\\" level=\\\"error\"}\n");
	assert_string_equal(json(&line, "m v=\"%s\"", "a\n\x1b[2J\x7f\xc2\x9b\xff\xc3\xbc"),
			"\"m\",\"v\":\"a\\u000a\\u001b[2J\\u007f\\u009b\xef\xbf\xbd\xc3\xbc\"}\n");
	/* The mark itself: nothing is split any more, and nothing is lost. */
	assert_string_equal(json(&line, "m v=\"%s\" w=1",
					    "a\x1f"
					    "level=error"),
			"\"m\\u001fv=\\\"a\\u001flevel=error\\\"\\u001fw=1\"}\n");
}

static void test_cut(void **state) {
	(void)state;
	struct log_line line;
	char large[6000];
	memset(large, 'x', sizeof(large) - 1);
	large[sizeof(large) - 1] = '\0';
	large[4050] = '\0';
	assert_string_equal(json(&line, "m a=1 v=%s b=2", large),
			"\"m\",\"a\":1,\"b\":2,\"cut\":true}\n");
	large[4050] = 'x';
	const char *text = json(&line, "m v=%s", large);
	assert_non_null(strstr(text, "\",\"cut\":true}\n"));
	memset(large, '\x01', sizeof(large) - 1);
	text = json(&line, "%s", large + 4000);
	assert_non_null(strstr(text, "\",\"cut\":true}\n"));
}

static void test_words(void **state) {
	(void)state;
	struct error err;
	enum log_form form;
	assert_true(log_form_parse("JSON", &form, &err) && form == LOG_JSON);
	assert_true(log_form_parse("text", &form, &err) && form == LOG_TEXT);
	assert_false(log_form_parse("xml", &form, &err));
	assert_false(log_configure("T", "info", "xml", &err));
	assert_non_null(strstr(err.message, "T_LOG_FORMAT"));
	assert_false(log_configure("T", "loud", "json", &err));
	assert_non_null(strstr(err.message, "T_LOG_LEVEL"));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_hostile_values),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_words),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
