/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/header.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"

static struct bytes text_of(const char *text) {
	return (struct bytes){ (const uint8_t *)text, strlen(text) };
}

static void test_timeout(void **state) {
	static const struct {
		const char *text;
		bool valid;
		uint64_t ns;
	} rows[] = {
		{ "1H", true, 3600000000000 },
		{ "2M", true, 120000000000 },
		{ "3S", true, 3000000000 },
		{ "4m", true, 4000000 },
		{ "5u", true, 5000 },
		{ "6n", true, 6 },
		{ "0n", true, 0 },
		{ "00000001S", true, 1000000000 },
		{ "99999999n", true, 99999999 },
		{ "99999999M", true, 5999999940000000000 },
		{ "99999999H", true, UINT64_MAX },
		{ "", false, 0 },
		{ "S", false, 0 },
		{ "1", false, 0 },
		{ "1s", false, 0 },
		{ "1h", false, 0 },
		{ "-1S", false, 0 },
		{ "+1S", false, 0 },
		{ " 1S", false, 0 },
		{ "1S ", false, 0 },
		{ "1.5S", false, 0 },
		{ "0x1S", false, 0 },
		{ "100000000S", false, 0 },
		{ "1SS", false, 0 },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t ns = 0;
		assert_int_equal(header_timeout(text_of(rows[i].text), &ns), rows[i].valid);
		assert_true(ns == rows[i].ns);
	}
}

static void test_content_type(void **state) {
	static const struct {
		const char *text;
		bool valid;
	} rows[] = { { "application/grpc", true }, { "application/grpc+proto", true },
		{ "application/grpc;charset=utf-8", true }, { "Application/GRPC", true },
		{ "application/grpc+proto; x=y", true }, { "application/grpc+json", false },
		{ "application/grpc+protox", false }, { "application/grpc-web", false },
		{ "application/grpc-web+proto", false }, { "application/grp", false },
		{ "application/json", false }, { "", false } };
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(header_content_type(text_of(rows[i].text)), rows[i].valid);
	}
	assert_false(header_content_type((struct bytes){ 0 }));
}

static void test_percent(void **state) {
	static const struct {
		const char *text;
		size_t max;
		const char *encoded;
	} rows[] = {
		{ "", 10, "" },
		{ "all right ~!", 100, "all right ~!" },
		{ "100%", 100, "100%25" },
		{ "a\tb\nc", 100, "a%09b%0Ac" },
		{ "\x7f", 100, "%7F" },
		{ "\xc3\xbc", 100, "%C3%BC" },
		{ "\xe2\x82\xac!", 100, "%E2%82%AC!" },
		{ "a\xff"
		  "b",
				100, "a%EF%BF%BDb" }, /* malformed: U+FFFD */
		{ "abcdef", 3, "abc" },
		{ "ab%", 4, "ab" },      /* not half of an escape */
		{ "a\xc3\xbc", 6, "a" }, /* nor half of a character */
		{ "a\xc3\xbc", 7, "a%C3%BC" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		CLEANUP(mem_freep)
		char *encoded = header_percent_encode(rows[i].text, rows[i].max);
		assert_string_equal(encoded, rows[i].encoded);
	}
}

static void test_binary(void **state) {
	static const struct {
		const char *text;
		bool valid;
		const char *bytes;
		size_t size;
	} rows[] = {
		{ "", true, "", 0 },
		{ "AQID", true, "\1\2\3", 3 },
		{ "AQI=", true, "\1\2", 2 },
		{ "AQI", true, "\1\2", 2 },
		{ "AQ==", true, "\1", 1 },
		{ "AQ", true, "\1", 1 },
		{ "AQ,BA", true, "\1", 1 },
		{ ",BA", true, "", 0 },
		{ "A", false, "", 0 },
		{ "AQIDA", false, "", 0 },
		{ "AQ=", false, "", 0 },
		{ "A_-B", false, "", 0 },
		{ "A B=", false, "", 0 },
		{ "AQI===", false, "", 0 },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct buf out = BUF_INIT(100);
		assert_int_equal(header_bin_decode(text_of(rows[i].text), &out), rows[i].valid);
		if (rows[i].valid) {
			assert_int_equal(out.size, rows[i].size);
			assert_memory_equal(buf_text(&out), rows[i].bytes, rows[i].size);
		}
		buf_finish(&out);
	}
	CLEANUP(mem_freep)
	char *encoded = header_bin_encode((struct bytes){ (const uint8_t *)"\1\2\3\4", 4 });
	assert_string_equal(encoded, "AQIDBA");
}

static void test_names(void **state) {
	(void)state;
	assert_true(header_name_valid("airscrew-gas_used.1-bin"));
	assert_false(header_name_valid(""));
	assert_false(header_name_valid("Upper"));
	assert_false(header_name_valid("grpc-status"));
	assert_false(header_name_valid(":status"));
	assert_false(header_name_valid("a b"));
	assert_true(header_name_binary(text_of("x-bin")));
	assert_false(header_name_binary(text_of("-bin")));
	assert_false(header_name_binary(text_of("bin")));
	assert_false(header_name_binary(text_of("x-bin2")));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_timeout),
		cmocka_unit_test(test_content_type),
		cmocka_unit_test(test_percent),
		cmocka_unit_test(test_binary),
		cmocka_unit_test(test_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
