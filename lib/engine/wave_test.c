/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/wave.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "engine/wave_fixture.h"

static struct wave_types all;

static int load(void **state) {
	(void)state;
	wave_types_load(&all);
	return 0;
}

static int drop(void **state) {
	(void)state;
	wave_types_drop(&all);
	return 0;
}

static const wasmtime_component_valtype_t *type_of(const char *name) {
	const wasmtime_component_valtype_t *type = wave_types_find(&all, name);
	if (type == NULL) {
		fail_msg("no type %s", name);
	}
	return type;
}

struct same {
	const char *type, *in, *out; /* out NULL: as it came in */
};

/* Reads each text and writes it again. */
static void all_same(const struct same *table, size_t count) {
	for (size_t i = 0; i < count; i++) {
		struct error err;
		wasmtime_component_val_t value;
		struct buf out = BUF_INIT(1 << 20);
		const char *want = table[i].out != NULL ? table[i].out : table[i].in;
		if (!wave_parse(table[i].in, type_of(table[i].type), &value, &err)) {
			fail_msg("%s: %s: %s", table[i].type, table[i].in, err.message);
		}
		assert_true(wave_format(&value, &out, &err));
		if (strcmp(buf_text(&out), want) != 0) {
			fail_msg("%s: %s became %s, not %s", table[i].type, table[i].in,
					buf_text(&out), want);
		}
		wasmtime_component_val_delete(&value);
		buf_finish(&out);
	}
}

struct refused {
	const char *type, *in, *message;
};

static void all_refused(const struct refused *table, size_t count) {
	for (size_t i = 0; i < count; i++) {
		struct error err = { 0 };
		wasmtime_component_val_t value;
		if (wave_parse(table[i].in, type_of(table[i].type), &value, &err)) {
			fail_msg("%s takes %s", table[i].type, table[i].in);
		}
		assert_int_equal(err.code, ERROR_INVALID);
		if (strcmp(err.message, table[i].message) != 0) {
			fail_msg("%s: %s: \"%s\" is not \"%s\"", table[i].type, table[i].in,
					err.message, table[i].message);
		}
	}
}

#define SAME(...)                                                                                  \
	do {                                                                                       \
		static const struct same table[] = { __VA_ARGS__ };                                \
		all_same(table, sizeof(table) / sizeof(table[0]));                                 \
	} while (0)
#define REFUSED(...)                                                                               \
	do {                                                                                       \
		static const struct refused table[] = { __VA_ARGS__ };                             \
		all_refused(table, sizeof(table) / sizeof(table[0]));                              \
	} while (0)

static void numbers(void **state) {
	(void)state;
	SAME({ "bool", "true", NULL }, { "bool", "false", NULL },
			{ "bool", " true // yes", "true" }, { "s8", "-128", NULL },
			{ "s8", "127", NULL }, { "u8", "0", NULL }, { "u8", "255", NULL },
			{ "u8", "-0", "0" }, { "s16", "-32768", NULL }, { "s16", "32767", NULL },
			{ "u16", "65535", NULL }, { "s32", "-2147483648", NULL },
			{ "s32", "2147483647", NULL }, { "u32", "4294967295", NULL },
			{ "s64", "-9223372036854775808", NULL },
			{ "s64", "9223372036854775807", NULL },
			{ "u64", "18446744073709551615", NULL }, { "u64", "\n\t 7 \r\n", "7" });
	REFUSED({ "s8", "-129", "-129 does not fit s8 (-128 to 127) at column 1" },
			{ "s8", "128", "128 does not fit s8 (-128 to 127) at column 1" },
			{ "u8", "256", "256 does not fit u8 (0 to 255) at column 1" },
			{ "u8", " -1", "-1 does not fit u8 (0 to 255) at column 2" },
			{ "u16", "65536", "65536 does not fit u16 (0 to 65535) at column 1" },
			{ "s64", "9223372036854775808",
					"9223372036854775808 does not fit s64 "
					"(-9223372036854775808 to 9223372036854775807) at column "
					"1" },
			{ "s64", "-9223372036854775809",
					"-9223372036854775809 does not fit s64 "
					"(-9223372036854775808 to 9223372036854775807) at column "
					"1" },
			{ "u64", "18446744073709551616",
					"18446744073709551616 does not fit u64 (0 to "
					"18446744073709551615) at column 1" },
			{ "u32", "", "expected u32, found the end of the text at column 1" },
			{ "u32", "x", "expected u32, found `x` at column 1" },
			{ "u32", "01", "expected u32, found `01` at column 1" },
			{ "u32", "+1", "expected u32, found `+1` at column 1" },
			{ "u32", "0x10", "expected u32, found `0x10` at column 1" },
			{ "u32", "1.0", "expected u32, found `1.0` at column 1" },
			{ "u32", "\"1\"", "expected u32, found `\"1\"` at column 1" },
			{ "u32", "1 2", "expected the end of the text, found `2` at column 3" },
			{ "bool", "True", "expected bool, found `True` at column 1" },
			{ "bool", "%true", "expected bool, found `%true` at column 1" });
}

static void floats(void **state) {
	(void)state;
	SAME({ "f64", "0", NULL }, { "f64", "-0", NULL }, { "f64", "0.1", NULL },
			{ "f64", "3", "3" }, { "f64", "1e21", "1e+21" },
			{ "f64", "-1.5E-3", "-0.0015" }, { "f64", "nan", NULL },
			{ "f64", "inf", NULL }, { "f64", "-inf", NULL }, { "f64", "1e-400", "0" },
			{ "f32", "0.1", NULL }, { "f32", "16777217", "16777216" },
			{ "f32", "nan", NULL }, { "f32", "-inf", NULL });
	/* As elsewhere: too large is infinite. */
	SAME({ "f64", "1e400", "inf" }, { "f32", "-1e39", "-inf" });
	REFUSED({ "f64", ".5", "expected f64, found `.5` at column 1" },
			{ "f64", "5.", "expected f64, found `5.` at column 1" },
			{ "f64", "1e", "expected f64, found `1e` at column 1" },
			{ "f64", "-nan", "expected f64, found `-nan` at column 1" },
			{ "f64", "0x1p3", "expected f64, found `0x1p3` at column 1" },
			{ "f64", "infinity", "expected f64, found `infinity` at column 1" });
}

static void texts(void **state) {
	(void)state;
	SAME({ "char", "'a'", NULL }, { "char", "'\\''", NULL }, { "char", "'\"'", NULL },
			{ "char", "'\xc3\xa9'", NULL },
			{ "char", "'\\u{1F680}'", "'\xf0\x9f\x9a\x80'" },
			{ "char", "'\\u{0}'", NULL }, { "char", "'\\n'", NULL },
			{ "string", "\"\"", NULL }, { "string", "\"a'b\"", NULL },
			{ "string", "\"\\\"\\\\\\t\\n\\r\"", NULL },
			{ "string", "\"\\'\"", "\"'\"" },
			{ "string", "\"h\xc3\xa9 \\u{e9} \\u{7f}\"",
					"\"h\xc3\xa9 \xc3\xa9 \\u{7f}\"" },
			{ "string", "\"// no comment\"", NULL });
	REFUSED({ "char", "''", "expected one character, found `'` at column 2" },
			{ "char", "'ab'", "expected `'`, found `b'` at column 3" },
			{ "char", "'",
					"expected one character, found the end of the text at "
					"column 2" },
			{ "char", "a", "expected char, found `a` at column 1" },
			{ "string", "hello", "expected string, found `hello` at column 1" },
			{ "string", "\"ab",
					"expected the closing quotes of the string, found the "
					"end of the text at column 4" },
			{ "string", "\"\\x\"",
					"expected an escape (\\\" \\' \\\\ \\t \\n \\r "
					"\\u{...}), found `x\"` at column 3" },
			{ "string", "\"\\u{d800}\"",
					"expected a Unicode scalar value like "
					"\\u{1f680}, found `{` at column 4" },
			{ "string", "\"\\u{110000}\"",
					"expected a Unicode scalar value like "
					"\\u{1f680}, found `{` at column 4" },
			{ "string", "\"\\u",
					"expected a Unicode scalar value like \\u{1f680}, "
					"found the end of the text at column 4" },
			{ "string", "\"\\",
					"expected an escape (\\\" \\' \\\\ \\t \\n \\r "
					"\\u{...}), found the end of the text at column 3" },
			{ "char", "'\n'", "expected one character, found `\n` at column 2" },
			{ "string", "\"\xff\"", "the text is not UTF-8" });
}

static void lines_of_text(void **state) {
	(void)state;
	SAME({ "string", "\"\"\"\n\"\"\"", "\"\"" },
			{ "string", "\"\"\"\n  a\n    b\n\n  c\n  \"\"\"", "\"a\\n  b\\n\\nc\"" },
			{ "string", "\"\"\"\r\n a\\r\r\n b\r\n \"\"\"", "\"a\\r\\nb\"" },
			{ "string", "\"\"\"\n\n  a\n\n\"\"\"", "\"\\n  a\\n\"" },
			{ "string", "\"\"\"\n  one\\ntwo \"\"\\\"\"\n  \"\"\"",
					"\"one\\ntwo \\\"\\\"\\\"\\\"\"" },
			{ "string", "\"\"\"\n  say \"\\u{41}\"\n  \"\"\"", "\"say \\\"A\\\"\"" });
	REFUSED({ "string", "\"\"\"x\"\"\"",
				"expected a line end behind the opening \"\"\", found "
				"`x\"\"\"` at column 4" },
			{ "string", "\"\"\"\n x\"\"\"",
					"expected only spaces before the closing \"\"\", found "
					"`x\"\"\"` at column 6" },
			{ "string", "\"\"\"\n a\n  b\n  \"\"\"",
					"expected each line of the string as far in as its end, "
					"found `a` at column 6" },
			{ "string", "\"\"\"\n\\\n\"\"\"",
					"expected an escape (\\\" \\' \\\\ \\t \\n \\r "
					"\\u{...}), found `\n` at column 6" },
			{ "string", "\"\"\"\na\n\"\"\"\"",
					"expected the end of the text, found `\"` at column 10" },
			{ "string", "\"\"\"\nab\n\"\"",
					"expected the closing quotes of the string, found the end "
					"of the text at column 10" });
}

static void sequences(void **state) {
	(void)state;
	SAME({ "list", "[]", NULL }, { "list", "[1]", NULL }, { "list", "[1,2 , 3,]", "[1, 2, 3]" },
			{ "list", "[ // one\n1, // two\n2]", "[1, 2]" },
			{ "strings", "[\"a\", \"]\"]", NULL },
			{ "lists", "[[], [1], [2, 3]]", NULL }, { "tuple", "(7, \"x\")", NULL },
			{ "tuple", "(7,\"x\",)", "(7, \"x\")" }, { "single", "(true)", NULL });
	REFUSED({ "list", "[1, x]", "expected u32, found `x` at column 5" },
			{ "list", "[1 2]", "expected `,` or `]`, found `2` at column 4" },
			{ "list", "[1",
					"expected `,` or `]`, found the end of the text at "
					"column 3" },
			{ "list", "[,]", "expected u32, found `,` at column 2" },
			{ "list", "1", "expected list<u32>, found `1` at column 1" },
			{ "lists", "[[1], [256]]", "256 does not fit u8 (0 to 255) at column 8" },
			{ "strings", "[\"a\", b]", "expected string, found `b` at column 7" },
			{ "tuple", "(7)", "expected u8, found `)` at column 3" },
			{ "tuple", "(7, \"x\", 8)", "expected `)`, found `8` at column 10" },
			{ "tuple", "7", "expected tuple<u8, string>, found `7` at column 1" });
}

static void records(void **state) {
	(void)state;
	SAME({ "point", "{x: 1, y: some(\"a\")}", NULL }, { "point", "{x: 1}", "{x: 1, y: none}" },
			{ "point", "{y: \"b\", x: -2,}", "{x: -2, y: some(\"b\")}" },
			{ "point", "{%x: 1, y: none}", "{x: 1, y: none}" },
			{ "points", "[{x: 1}, {x: 2, y: \"c\"}]",
					"[{x: 1, y: none}, {x: 2, y: some(\"c\")}]" },
			{ "maybe", "{:}", "{a: none, %true: none}" },
			{ "maybe", "{%true: 1}", "{a: none, %true: some(1)}" });
	REFUSED({ "point", "{}", "expected the name of a field, found `}` at column 2" },
			{ "point", "{y: none}", "field `x` is missing before column 10" },
			{ "point", "{z: 1}",
					"`z` is no field of record { x: s32, y: "
					"option<string> } at column 2" },
			{ "point", "{x: 1, x: 2}", "field `x` is given twice at column 8" },
			{ "point", "{x 1}", "expected `:`, found `1` at column 4" },
			{ "point", "{x: 1 y: none}", "expected `,` or `}`, found `y` at column 7" },
			{ "point", "{x: \"a\"}", "expected s32, found `\"a\"` at column 5" },
			{ "point", "(1, none)",
					"expected record { x: s32, y: option<string> }, "
					"found `(` at column 1" });
}

static void choices(void **state) {
	(void)state;
	SAME({ "shape", "empty", NULL }, { "shape", "circle(1.5)", NULL },
			{ "shape", "at({x: 3, y: none})", NULL }, { "shape", "%some(3)", NULL },
			{ "shape", "%nan", NULL }, { "shape", "nan", "%nan" },
			{ "color", "red", NULL }, { "color", "dark-green", NULL },
			{ "color", "%none", NULL }, { "perms", "{}", NULL },
			{ "perms", "{read}", NULL },
			{ "perms", "{%err, write,}", "{write, %err}" });
	REFUSED({ "shape", "square",
				"expected variant { empty, circle(f64), at(record { x: s32, "
				"y: option<string> }), some(u8), nan }, found `square` at "
				"column 1" },
			{ "shape", "circle",
					"expected `(`, found the end of the text at column 7" },
			{ "shape", "empty(1)",
					"expected the end of the text, found `(` at column "
					"6" },
			{ "shape", "circle(1",
					"expected `)`, found the end of the text at column "
					"9" },
			{ "color", "blue",
					"expected enum { red, dark-green, none }, found `blue` at "
					"column 1" },
			{ "color", "dark",
					"expected enum { red, dark-green, none }, found `dark` at "
					"column 1" },
			{ "perms", "{read, read}",
					"expected flags { read, write, err }, found "
					"`read` at column 8" },
			{ "perms", "{exec}",
					"expected flags { read, write, err }, found `exec` at "
					"column 2" },
			{ "perms", "read",
					"expected flags { read, write, err }, found `read` at "
					"column 1" });
}

static void options_and_results(void **state) {
	(void)state;
	SAME({ "option", "none", NULL }, { "option", "some(5)", NULL },
			{ "option", "5", "some(5)" }, { "options", "some(none)", NULL },
			{ "options", "some(some(1))", NULL }, { "options", "none", NULL },
			{ "option-enum", "none", NULL }, { "option-enum", "%none", "some(%none)" },
			{ "option-enum", "red", "some(red)" }, { "result", "ok(1)", NULL },
			{ "result", "err(\"no\")", NULL }, { "result", "1", "ok(1)" },
			{ "result-ok", "err", NULL }, { "result-ok", "ok(2)", NULL },
			{ "result-err", "ok", NULL }, { "result-err", "err(3)", NULL },
			{ "result-none", "ok", NULL }, { "result-none", "err", NULL });
	REFUSED({ "options", "5", "expected some(...) or none, found `5` at column 1" },
			{ "option", "some", "expected `(`, found the end of the text at column 5" },
			{ "option", "some()", "expected u32, found `)` at column 6" },
			{ "option", "null", "expected u32, found `null` at column 1" },
			{ "result", "err", "expected `(`, found the end of the text at column 4" },
			{ "result", "ok(\"a\")", "expected u32, found `\"a\"` at column 4" },
			{ "result-err", "3", "expected result<_, u32>, found `3` at column 1" },
			{ "result-none", "ok(1)",
					"expected the end of the text, found `(` at "
					"column 3" });
}

static void types_have_a_text(void **state) {
	(void)state;
	static const struct {
		const char *name, *text;
	} table[] = {
		{ "lists", "list<list<u8>>" },
		{ "perms", "flags { read, write, err }" },
		{ "result", "result<u32, string>" },
		{ "result-ok", "result<u32>" },
		{ "result-err", "result<_, u32>" },
		{ "result-none", "result" },
		{ "options", "option<option<u32>>" },
	};
	char text[200], small[12];
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		wave_type_text(type_of(table[i].name), text, sizeof(text));
		assert_string_equal(text, table[i].text);
		assert_true(wave_type_plain(type_of(table[i].name)));
	}
	wave_type_text(type_of("shape"), small, sizeof(small));
	assert_string_equal(small, "variant { e");
}

/* Text of `count` times `piece` between two others. */
static char *repeat(const char *before, const char *piece, size_t count, const char *behind) {
	struct buf text = BUF_INIT(16 << 20);
	struct error err;
	size_t size;
	assert_true(buf_printf(&text, &err, "%s", before));
	for (size_t i = 0; i < count; i++) {
		assert_true(buf_append(&text, piece, strlen(piece), &err));
	}
	assert_true(buf_printf(&text, &err, "%s", behind));
	return (char *)buf_take(&text, &size);
}

static void refuses(const char *type, const char *text, const char *words) {
	struct error err;
	wasmtime_component_val_t value;
	assert_false(wave_parse(text, type_of(type), &value, &err));
	if (strstr(err.message, words) == NULL) {
		fail_msg("\"%s\" does not say \"%s\"", err.message, words);
	}
}

static void what_is_too_much(void **state) {
	(void)state;
	struct error err;
	wasmtime_component_val_t value;
	CLEANUP(mem_freep) char *large = repeat("\"", "a", WAVE_TEXT_MAX, "\"");
	refuses("string", large, "the text has 4194306 bytes, at most 4194304 are taken");
	CLEANUP(mem_freep) char *many = repeat("[", "1,", WAVE_NODES_MAX, "]");
	refuses("list", many, "more than 1048576 parts");
	/* Each of these is three values and its fields. */
	CLEANUP(mem_freep) char *records = repeat("[", "{x:1},", WAVE_NODES_MAX / 4, "]");
	refuses("points", records, "more than 1048576 parts");
	CLEANUP(mem_freep) char *fits = repeat("[", "\"\",", 1000000, "]");
	assert_true(wave_parse(fits, type_of("strings"), &value, &err));
	assert_int_equal(value.of.list.size, 1000000);
	wasmtime_component_val_delete(&value);
}

static void a_text_that_is_too_long_for_its_buffer(void **state) {
	(void)state;
	struct error err;
	wasmtime_component_val_t value;
	struct buf out = BUF_INIT(8);
	assert_true(wave_parse("[1, 2, 3, 4]", type_of("list"), &value, &err));
	assert_false(wave_format(&value, &out, &err));
	assert_int_equal(err.code, ERROR_TOO_LARGE);
	wasmtime_component_val_delete(&value);
	buf_finish(&out);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers),
		cmocka_unit_test(floats),
		cmocka_unit_test(texts),
		cmocka_unit_test(lines_of_text),
		cmocka_unit_test(sequences),
		cmocka_unit_test(records),
		cmocka_unit_test(choices),
		cmocka_unit_test(options_and_results),
		cmocka_unit_test(types_have_a_text),
		cmocka_unit_test(what_is_too_much),
		cmocka_unit_test(a_text_that_is_too_long_for_its_buffer),
	};
	return cmocka_run_group_tests(tests, load, drop);
}
