/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/report_data.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/hex.h"

/* As protoc's Python packs them. */
static const struct {
	struct statement_value value;
	const char *dtvm, *wasm;
} rows[] = {
	{ { STATEMENT_I32, 8 }, "08011008", "3008" },
	{ { STATEMENT_I32, 0 }, "08011000", "3000" },
	{ { STATEMENT_I32, 0xffffffff }, "080110ffffffffffffffffff01", "30ffffffffffffffffff01" },
	{ { STATEMENT_I64, 300 }, "080218ac02", "40ac02" },
	{ { STATEMENT_I64, UINT64_MAX }, "080218ffffffffffffffffff01", "40ffffffffffffffffff01" },
	{ { STATEMENT_F32, 0x3dcccccd }, "080325cdcccc3d", "55cdcccc3d" },
	{ { STATEMENT_F32, 0 }, "08032500000000", "5500000000" },
	{ { STATEMENT_F64, 0x8000000000000000 }, "0804290000000000000080", "590000000000000080" },
};

static void values_are_messages(void **state) {
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (int layout = VALUE_LAYOUT_DTVM; layout <= VALUE_LAYOUT_WASM; layout++) {
			char text[128];
			struct error err;
			struct buf out = BUF_INIT(64);
			assert_true(report_data_value(
					(enum value_layout)layout, &rows[i].value, &out, &err));
			hex_encode(out.data, out.size, text);
			assert_string_equal(text,
					layout == VALUE_LAYOUT_DTVM ? rows[i].dtvm : rows[i].wasm);
			buf_finish(&out);
		}
	}
}

static void expect(const struct statement_value *values, size_t count, const char *wanted) {
	uint8_t hash[DIGEST_SIZE];
	char text[DIGEST_HEX_SIZE];
	struct error err;
	assert_true(report_data_outputs(VALUE_LAYOUT_DTVM,
			&(const struct statement_values){ values, count }, hash, &err));
	hex_encode(hash, sizeof(hash), text);
	assert_string_equal(text, wanted);
}

/* The first one is WASMVM-TEE's own: the second half of its published example. */
static void outputs_are_hashed_in_their_order(void **state) {
	(void)state;
	static const struct statement_value eight = { STATEMENT_I32, 8 };
	static const struct statement_value both[] = { { STATEMENT_I32, 8 }, { STATEMENT_I64, 1 } };
	expect(&eight, 1, "44575a3d0806339abf2ac69fc645606dc05638a6856942a9d8a0a3a0b90da447");
	expect(NULL, 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	expect(both, 2, "fc87496a5b0d64ebd6ae61e0c28cb238ba1b5a4c9128701cd9d2629c53c34392");
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_are_messages),
		cmocka_unit_test(outputs_are_hashed_in_their_order),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
