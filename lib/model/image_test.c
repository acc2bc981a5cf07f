/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "model/message.h"

#define BOOT "0d4be0c7-3c5f-4c8c-8a4e-2f6b7f1f9a00"

static struct bytes text(const char *from) {
	return (struct bytes){ (const uint8_t *)from, strlen(from) };
}

static void orders_come_back(void **state) {
	(void)state;
	char id[] = "w", sealed[] = "Ag==";
	struct image_order order = { id, BOOT, 7, sealed }, again;
	struct error err;
	CLEANUP(mem_freep) char *json = image_order_encode(&order);
	assert_string_equal(json, "{\"proplet_id\":\"w\",\"boot\":\"" BOOT
				  "\",\"number\":7,\"sealed\":\"Ag==\"}");
	assert_true(image_order_decode(&again, text(json), &err));
	assert_string_equal(again.proplet_id, "w");
	assert_string_equal(again.boot, BOOT);
	assert_int_equal(again.number, 7);
	assert_string_equal(again.sealed, "Ag==");
	image_order_finish(&again);
}

static void orders_that_are_none(void **state) {
	(void)state;
	static const char *const bad[] = { "{", "[]", "{}",
		"{\"boot\":\"b\",\"number\":7,\"sealed\":\"x\"}",
		"{\"proplet_id\":\"\",\"boot\":\"b\",\"number\":7,\"sealed\":\"x\"}",
		"{\"proplet_id\":\"w\",\"number\":7,\"sealed\":\"x\"}",
		"{\"proplet_id\":\"w\",\"boot\":\"b\",\"sealed\":\"x\"}",
		"{\"proplet_id\":\"w\",\"boot\":\"b\",\"number\":0,\"sealed\":\"x\"}",
		"{\"proplet_id\":\"w\",\"boot\":\"b\",\"number\":-1,\"sealed\":\"x\"}",
		"{\"proplet_id\":\"w\",\"boot\":\"b\",\"number\":7}",
		"{\"proplet_id\":\"w\",\"boot\":\"b\",\"number\":7,\"sealed\":\"\"}",
		"{\"proplet_id\":\"w\",\"boot\":\"b\",\"number\":7,\"sealed\":[]}" };
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct image_order order;
		struct error err;
		assert_false(image_order_decode(&order, text(bad[i]), &err));
		assert_int_equal(err.code, ERROR_INVALID);
	}
}

static bool decodes(const struct image_part *part, size_t size, struct image_part *again) {
	struct error err;
	uint8_t payload[2000] = { 0 };
	image_part_header(part, payload);
	return image_part_decode(
			again, (struct bytes){ payload, IMAGE_PART_HEADER_BYTES + size }, &err);
}

static void parts_come_back(void **state) {
	(void)state;
	static const uint8_t header[] = { 'A', 'S', 'I', 1, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 1, 2, 0,
		0, 1, 3 };
	const struct image_part part = {
		.number = 0x0102030405060708, .index = 0x102, .count = 0x103
	};
	struct image_part again;
	uint8_t bytes[IMAGE_PART_HEADER_BYTES];
	image_part_header(&part, bytes);
	assert_memory_equal(bytes, header, sizeof(header));
	assert_true(decodes(&part, 82, &again));
	assert_true(again.number == part.number && again.index == part.index &&
			again.count == part.count && again.data.size == 82);
}

static void parts_that_are_none(void **state) {
	(void)state;
	const struct {
		struct image_part part;
		size_t size;
		bool ok;
	} cases[] = {
		{ { .index = 0, .count = 1 }, 82, true },
		{ { .index = 0, .count = 1 }, 81, false }, /* nothing of the image in it */
		{ { .index = 1, .count = 1 }, 82, false },
		{ { .index = 65535, .count = 65536 }, 82, true },
		{ { .index = 0, .count = 65537 }, 82, false },
		{ { .index = 0, .count = 0 }, 0, true }, /* it could not be opened */
		{ { .index = 0, .count = 0 }, 49, false },
		{ { .index = 0, .count = 0 }, 50, true },
		{ { .index = 0, .count = 0 }, 1074, false },
		{ { .index = 1, .count = 0 }, 50, false },
	};
	struct image_part again;
	struct error err;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(decodes(&cases[i].part, cases[i].size, &again), cases[i].ok);
	}
	assert_false(image_part_decode(&again, text(""), &err));
	assert_false(image_part_decode(&again, text("ASC\x01----------------"), &err));
	assert_false(image_part_decode(&again, text("ASI\x02----------------"), &err));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(orders_come_back),
		cmocka_unit_test(orders_that_are_none),
		cmocka_unit_test(parts_come_back),
		cmocka_unit_test(parts_that_are_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
