/* SPDX-License-Identifier: Apache-2.0 */
#include "http/pack.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>
#include <zlib.h>

#include "base/mem.h"

static bool suits(const char *type, size_t size, const char *header) {
	const struct http_response response = { .status = 200,
		.type = type,
		.body = { (const uint8_t *)"", size },
		.headers = { { "ETag", "\"1\"" }, { header, "x" } } };
	return pack_suits(&response);
}

static void what_is_packed(void **state) {
	(void)state;
	assert_true(suits("application/json", PACK_MIN, NULL));
	assert_true(suits("application/problem+json", PACK_MIN, NULL));
	assert_true(suits("application/yaml", PACK_MIN, "Link"));
	assert_true(suits("text/plain; version=0.0.4", PACK_MIN, NULL));
	assert_true(suits("application/openmetrics-text; version=1.0.0", PACK_MIN, NULL));
	assert_false(suits("application/json", PACK_MIN - 1, NULL));
	assert_false(suits("application/x-tar", PACK_MIN, NULL));
	assert_false(suits("image/png", PACK_MIN, NULL));
	assert_false(suits(NULL, PACK_MIN, NULL)); /* 304 */
	assert_false(suits("text/html", PACK_MIN, "content-encoding"));
	assert_false(suits("text/html", PACK_MIN, "Vary"));
	assert_false(suits("text/plain", PACK_MIN, "Content-Range"));
}

static void there_and_back(const uint8_t *data, size_t size) {
	struct buf packed;
	CLEANUP(mem_freep) uint8_t *back = mem_zero(1, size + 1);
	z_stream stream = { .next_out = back, .avail_out = (uInt)size + 1 };
	assert_true(pack_gzip((struct bytes){ data, size }, &packed));
	stream.next_in = packed.data;
	stream.avail_in = (uInt)packed.size;
	assert_int_equal(inflateInit2(&stream, 15 + 16), Z_OK);
	assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
	assert_int_equal(stream.total_out, size);
	assert_int_equal(stream.avail_in, 0);
	assert_memory_equal(back, data, size);
	assert_int_equal(inflateEnd(&stream), Z_OK);
	buf_finish(&packed);
}

static void what_is_packed_comes_back(void **state) {
	(void)state;
	enum { SIZE = 300000 };
	CLEANUP(mem_freep) uint8_t *data = mem_zero(1, SIZE);
	there_and_back(data, SIZE);
	uint32_t random = 1;
	for (size_t i = 0; i < SIZE; i++) { /* nothing to gain: it grows */
		random = random * 1664525 + 1013904223;
		data[i] = (uint8_t)(random >> 24);
	}
	there_and_back(data, SIZE);
	there_and_back(data, PACK_MIN);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_packed),
		cmocka_unit_test(what_is_packed_comes_back),
	};
	return cmocka_run_group_tests_name("http/pack", tests, NULL, NULL);
}
