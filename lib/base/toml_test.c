/* SPDX-License-Identifier: Apache-2.0 */
/* What the public cases (tests/toml) do not say: places, words, bounds, and values as C has them.
 */
#include "base/toml.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

static struct toml_document *parse(const char *text, struct error *err) {
	*err = (struct error){ 0 };
	return toml_parse("a.toml", text, strlen(text), err);
}

static struct toml_document *parsed(const char *text) {
	struct error err;
	struct toml_document *document = parse(text, &err);
	if (document == NULL) {
		fail_msg("%s", err.message);
	}
	return document;
}

static void check_refused(const char *text, const char *place, const char *says) {
	struct error err;
	assert_null(parse(text, &err));
	assert_int_equal(err.code, ERROR_INVALID);
	CLEANUP(mem_freep) char *start = str_format("a.toml:%s: ", place);
	if (!str_starts(err.message, start) || strstr(err.message, says) == NULL) {
		fail_msg("\"%s\" is not \"%s…%s\"", err.message, start, says);
	}
}

static void test_values(void **state) {
	(void)state;
	CLEANUP(toml_destroyp)
	struct toml_document *document = parsed("text = \"a\\u00E9\\tb\"\r\n"
						"whole = -1_000\n"
						"hex = 0xFF\n"
						"real = 6.5e-1\n"
						"yes = true\n"
						"nothing = nan\n"
						"list = [1, [\"two\"],\n # three\n]\n"
						"inline = { a.b = 1 }\n");
	const struct toml *root = toml_root(document);
	assert_string_equal(toml_get(root, "text")->text.bytes, "a\xC3\xA9\tb");
	assert_int_equal(toml_get(root, "text")->text.size, 5);
	assert_int_equal(toml_get(root, "whole")->integer, -1000);
	assert_int_equal(toml_get(root, "hex")->integer, 255);
	assert_true(toml_get(root, "real")->number == 0.65);
	assert_true(toml_get(root, "yes")->truth);
	assert_true(isnan(toml_get(root, "nothing")->number));
	const struct toml *list = toml_get(root, "list");
	assert_int_equal(list->kind, TOML_ARRAY);
	assert_int_equal(list->count, 2);
	assert_string_equal(list->items[1]->items[0]->text.bytes, "two");
	const struct toml *inner = toml_get(toml_get(root, "inline"), "a");
	assert_int_equal(toml_get(inner, "b")->integer, 1);
	assert_null(toml_get(root, "tex"));
	assert_null(toml_get(root, "texts"));
}

static void test_tables(void **state) {
	(void)state;
	CLEANUP(toml_destroyp)
	struct toml_document *document = parsed("[a.b]\nx = 1\n[a]\ny = 2\n[[c]]\n[[c]]\nz = 3\n");
	const struct toml *root = toml_root(document);
	const struct toml *a = toml_get(root, "a"), *c = toml_get(root, "c");
	assert_int_equal(root->count, 2);
	assert_int_equal(toml_get(toml_get(a, "b"), "x")->integer, 1);
	assert_int_equal(toml_get(a, "y")->integer, 2);
	assert_int_equal(c->kind, TOML_ARRAY);
	assert_int_equal(c->count, 2);
	assert_int_equal(toml_get(c->items[1], "z")->integer, 3);
}

static void test_times(void **state) {
	(void)state;
	CLEANUP(toml_destroyp)
	struct toml_document *document = parsed("at = 2024-02-29 07:32:01.25-01:30\n"
						"day = 1979-05-27\nhour = 23:59:60\n"
						"both = 1979-05-27T00:32:00.9999999999\n");
	const struct toml *at = toml_get(toml_root(document), "at");
	assert_int_equal(at->kind, TOML_DATETIME);
	assert_int_equal(at->time.day, 29);
	assert_int_equal(at->time.nanosecond, 250000000);
	assert_int_equal(at->time.offset_minutes, -90);
	const struct toml *day = toml_get(toml_root(document), "day");
	assert_int_equal(day->kind, TOML_LOCAL_DATE);
	assert_int_equal(day->time.year, 1979);
	const struct toml *hour = toml_get(toml_root(document), "hour");
	assert_int_equal(hour->kind, TOML_LOCAL_TIME);
	assert_int_equal(hour->time.second, 60);
	const struct toml *both = toml_get(toml_root(document), "both");
	assert_int_equal(both->kind, TOML_LOCAL_DATETIME);
	assert_int_equal(both->time.nanosecond, 999999999);
}

static void test_places(void **state) {
	(void)state;
	CLEANUP(toml_destroyp)
	struct toml_document *document = parsed("# \xC3\xA9\n[t]\n \"\xC3\xA9\" = [ 1,\n  22 ]\n");
	const struct toml *list = toml_get(toml_get(toml_root(document), "t"), "\xC3\xA9");
	struct toml_place key = toml_place(document, list->key_offset);
	struct toml_place value = toml_place(document, list->offset);
	struct toml_place item = toml_place(document, list->items[1]->offset);
	assert_int_equal(key.line, 3);
	assert_int_equal(key.column, 2);
	assert_int_equal(value.column, 8); /* characters, not bytes */
	assert_int_equal(item.line, 4);
	assert_int_equal(item.column, 3);
}

static void test_refusals_have_places(void **state) {
	(void)state;
	check_refused("a = 1\na = 2\n", "2:1", "second time");
	check_refused("[t]\n[x]\n[t]\n", "3:2", "first in line 1");
	check_refused("a = \n", "1:5", "a value is needed");
	check_refused("a = word\n", "1:5", "text in quotes");
	check_refused("a = fine\n", "1:5", "text has quotes");
	check_refused("a = \"open\n", "1:5", "no end in this line");
	check_refused("a = '''open\n", "1:5", "no end");
	check_refused("a = \"\\q\"", "1:6", "backslash");
	check_refused("a = \"\\uD800\"", "1:8", "no character");
	check_refused("a = 1 2", "1:7", "the line should end");
	check_refused("a 1", "1:3", "followed by =");
	check_refused("= 1", "1:1", "a key is needed");
	check_refused("a = 01", "1:5", "no zero in front");
	check_refused("a = 9223372036854775808", "1:5", "too large");
	check_refused("a = 1e999", "1:5", "too large");
	check_refused("a = 2023-02-29", "1:13", "1 to 28");
	check_refused("[t\n", "1:3", "ends with ]");
	check_refused("[[t]\n", "1:4", "ends with ]]");
	check_refused("a = 1\n[a.b]", "2:2", "has a value already");
	check_refused("[a.b]\n[a]\nb.c = 1", "3:1", "cannot add");
	check_refused("a = {\nb = 1}", "1:6", "a key is needed");
	check_refused("a = {b = 1,}", "1:12", "a key is needed");
	check_refused("a = [1 2]", "1:8", "comma");
	check_refused("# \x01", "1:3", "control");
	check_refused("a = \"\xFF\"", "1:6", "UTF-8");
}

static void test_zero_bytes(void **state) {
	(void)state;
	static const char *const texts[] = { "\0", "a\0 = 1", "a = \"\0\"", "a = 1\0", "# \0",
		"a = \"\"\"\\\n\0\"\"\"", "a = \0", "a = [\0]", "a = t\0", "a = 0x1\0" };
	static const size_t sizes[] = { 1, 6, 7, 6, 3, 13, 5, 7, 6, 8 };
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct error err;
		assert_null(toml_parse("a.toml", texts[i], sizes[i], &err));
	}
}

/* A file with a mistake beside a secret: the secret is not in the message. */
static void test_messages_quote_no_value(void **state) {
	(void)state;
	static const char *const texts[] = { "key = hush", "key = \"hush",
		"key = \"hush\" \"hush\"", "key = 'hush'hush", "key = \"\\hush\"",
		"key = \"\"\"hush", "key = 12hush", "key = [hush]",
		"key = \"hush\"\nkey = \"hush\"" };
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct error err;
		assert_null(parse(texts[i], &err));
		assert_null(strstr(err.message, "hush"));
	}
}

static char *repeated(const char *head, const char *part, size_t count) {
	size_t size = strlen(head), step = strlen(part);
	char *text = mem_zero(size + step * count + 1, 1);
	memcpy(text, head, size);
	for (size_t i = 0; i < count; i++) {
		memcpy(text + size + i * step, part, step);
	}
	return text;
}

static void test_bounds(void **state) {
	(void)state;
	struct error err;
	CLEANUP(mem_freep) char *deep = repeated("a = ", "[", TOML_DEPTH_MAX + 1);
	check_refused(deep, "1:69", "nested more than 64");
	CLEANUP(mem_freep) char *parts = repeated("a", ".a", TOML_DEPTH_MAX);
	check_refused(parts, "1:129", "at most 64 parts");
	CLEANUP(mem_freep) char *many = repeated("a = [", "1,", TOML_VALUES_MAX);
	check_refused(many, "1:32772", "more than 16384 values");
	CLEANUP(mem_freep) char *large = repeated("", "#", TOML_BYTES_MAX + 1);
	assert_null(parse(large, &err));
	assert_int_equal(err.code, ERROR_TOO_LARGE);
	large[TOML_BYTES_MAX] = '\0';
	CLEANUP(toml_destroyp) struct toml_document *document = parsed(large);
	assert_int_equal(toml_root(document)->count, 0);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_tables),
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_places),
		cmocka_unit_test(test_refusals_have_places),
		cmocka_unit_test(test_zero_bytes),
		cmocka_unit_test(test_messages_quote_no_value),
		cmocka_unit_test(test_bounds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
