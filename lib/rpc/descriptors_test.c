/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/descriptors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rpc/builtin.h"
#include "base/proto.h"

#define BYTES(text) ((struct bytes){ (const uint8_t *)(text), sizeof(text) - 1 })

/* Two files: b.proto (package p, message B, extension p.e of p.B with number 7) imports a.proto
 * (no package, message A), and each other. */
#define A_FILE                                                                                     \
	"\x0a\x07"                                                                                 \
	"a.proto"                                                                                  \
	"\x1a\x07"                                                                                 \
	"b.proto"                                                                                  \
	"\x22\x03\x0a\x01"                                                                         \
	"A"
#define B_FILE                                                                                     \
	"\x0a\x07"                                                                                 \
	"b.proto"                                                                                  \
	"\x12\x01"                                                                                 \
	"p"                                                                                        \
	"\x1a\x07"                                                                                 \
	"a.proto"                                                                                  \
	"\x22\x03\x0a\x01"                                                                         \
	"B"                                                                                        \
	"\x3a\x0b\x0a\x01"                                                                         \
	"e"                                                                                        \
	"\x12\x04"                                                                                 \
	".p.B"                                                                                     \
	"\x18\x07"

static void test_builtin(void **state) {
	static const struct {
		const char *symbol;
		bool there;
	} rows[] = { { "grpc.health.v1.Health", true }, { "grpc.health.v1.Health.Watch", true },
		{ "grpc.health.v1.HealthCheckRequest", true },
		{ "grpc.health.v1.HealthCheckRequest.service", true },
		{ "grpc.health.v1.HealthCheckResponse.ServingStatus", true },
		/* An enum's values stand beside it. */
		{ "grpc.health.v1.HealthCheckResponse.SERVING", true },
		{ "grpc.health.v1.HealthCheckResponse.ServingStatus.SERVING", false },
		{ "grpc.health.v1", false }, { "grpc.health.v1.Health.", false }, { "", false },
		{ ".grpc.health.v1.Health", false } };
	struct descriptors *all = descriptors_create();
	struct error err;
	(void)state;
	assert_true(descriptors_add(
			all, (struct bytes){ rpc_builtin_set, rpc_builtin_set_size }, &err));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(descriptors_symbol(all, rows[i].symbol) != NULL, rows[i].there);
	}
	assert_ptr_equal(descriptors_symbol(all, "grpc.health.v1.Health"),
			descriptors_file(all, "grpc/health/v1/health.proto"));
	assert_null(descriptors_file(all, "health.proto"));
	descriptors_destroy(all);
}

static void test_imports_and_extensions(void **state) {
	static const char a[] = A_FILE, b[] = B_FILE;
	struct descriptors *all = descriptors_create();
	struct buf set = BUF_INIT(1000), out = BUF_INIT(1000);
	struct error err;
	(void)state;
	assert_true(proto_put_bytes(&set, 1, BYTES(A_FILE), &err));
	assert_true(proto_put_bytes(&set, 1, BYTES(B_FILE), &err));
	assert_true(proto_put_bytes(&set, 1, BYTES(A_FILE), &err)); /* a second time: left out */
	assert_true(descriptors_add(all, (struct bytes){ set.data, set.size }, &err));
	assert_ptr_equal(descriptors_extension(all, "p.B", 7), descriptors_file(all, "b.proto"));
	assert_ptr_equal(descriptors_symbol(all, "p.e"), descriptors_file(all, "b.proto"));
	assert_null(descriptors_extension(all, "p.B", 8));
	assert_null(descriptors_extension(all, "p", 7));

	/* Each file once, though they import each other. */
	assert_true(descriptors_put_files(all, descriptors_symbol(all, "p.B"), &out, &err));
	assert_int_equal(out.size, sizeof(a) - 1 + 2 + sizeof(b) - 1 + 2);
	assert_memory_equal(out.data + 2, b, sizeof(b) - 1);
	buf_clear(&out);
	assert_true(descriptors_put_numbers(all, "p.B", 2, &out, &err));
	assert_int_equal(out.size, 2);
	assert_memory_equal(out.data, "\x10\x07", 2);
	buf_finish(&out);
	buf_finish(&set);
	descriptors_destroy(all);
}

static void test_no_set(void **state) {
	static const struct bytes rows[] = {
		{ (const uint8_t *)"\x0a", 1 },   /* cut off */
		{ (const uint8_t *)"\x0a\0", 2 }, /* a file without a name */
		{ (const uint8_t *)"\x12\0", 2 }, /* something else */
		{ (const uint8_t *)"\x08\1", 2 }, /* a number */
		{ (const uint8_t *)"\x0a\x07\x0a\1a\x22\2\x0a\0",
				9 },                               /* a message without a name */
		{ (const uint8_t *)"\x0a\x05\x0a\1a\x22\x01", 7 }, /* a message cut off */
		{ (const uint8_t *)"not descriptors", 15 },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct descriptors *all = descriptors_create();
		struct error err;
		assert_false(descriptors_add(all, rows[i], &err));
		assert_int_equal(err.code, ERROR_INVALID);
		descriptors_destroy(all);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_builtin),
		cmocka_unit_test(test_imports_and_extensions),
		cmocka_unit_test(test_no_set),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
