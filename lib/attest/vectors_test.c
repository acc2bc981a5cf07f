/* SPDX-License-Identifier: Apache-2.0 */
/* spec/receipt-vectors.json, which tests/receipts.py made from the page alone. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "attest/receipt.h"
#include "attest/statement.h"
#include "base/hex.h"
#include "base/mem.h"
#include "base/str.h"

enum { LEAVES_MAX = 16, VALUES_MAX = 8 };

static json_t *load(const char *name) {
	json_t *all = json_load_file(getenv("RECEIPT_VECTORS"), 0, NULL);
	assert_non_null(all);
	json_t *part = json_incref(json_object_get(all, name));
	assert_true(json_array_size(part) > 3);
	json_decref(all);
	return part;
}

/* Bytes in hex; freed by the caller. */
static uint8_t *bytes_of(const json_t *text, size_t *size) {
	const char *hex = json_string_value(text);
	assert_non_null(hex);
	*size = strlen(hex) / 2;
	uint8_t *bytes = mem_zero(*size + 1, 1);
	assert_true(hex_decode(hex, bytes, *size));
	return bytes;
}

static void assert_bytes(const json_t *text, const void *data, size_t size) {
	size_t expected;
	CLEANUP(mem_freep) uint8_t *bytes = bytes_of(text, &expected);
	assert_int_equal(size, expected);
	assert_memory_equal(data, bytes, size);
}

static struct statement_values values_of(const json_t *list, struct statement_value *out) {
	static const char *const types[] = { "", "i32", "i64", "f32", "f64" };
	size_t count = json_array_size(list);
	assert_true(count <= VALUES_MAX);
	for (size_t i = 0; i < count; i++) {
		const json_t *item = json_array_get(list, i);
		const json_t *bits = json_array_get(item, 1);
		for (int type = 1; type <= 4; type++) {
			if (str_equal(json_string_value(json_array_get(item, 0)), types[type])) {
				out[i].type = (enum statement_type)type;
			}
		}
		out[i].bits = strtoull(json_string_value(bits), NULL, 16);
	}
	return (struct statement_values){ out, count };
}

static struct statement statement_of(const json_t *said, struct statement_value *values) {
	size_t size;
	const json_t *limit = json_object_get(said, "gas_limit");
	struct statement out = {
		.function = json_string_value(json_object_get(said, "function")),
		.trap = json_string_value(json_object_get(said, "trap")),
		.engine = json_string_value(json_object_get(said, "engine")),
		.program = json_string_value(json_object_get(said, "program")),
		.inputs = values_of(json_object_get(said, "inputs"), values),
		.outputs = values_of(json_object_get(said, "outputs"), values + VALUES_MAX),
		.gas_limited = json_is_integer(limit),
		.gas_limit = (uint64_t)json_integer_value(limit),
		.gas_used = (uint64_t)json_integer_value(json_object_get(said, "gas_used")),
	};
	while (!str_equal(statement_mode_name(out.mode),
			json_string_value(json_object_get(said, "mode")))) {
		out.mode++;
	}
	uint8_t *wasm = bytes_of(json_object_get(said, "wasm"), &size);
	memcpy(out.wasm, wasm, DIGEST_SIZE);
	free(wasm);
	out.nonce.data = bytes_of(json_object_get(said, "nonce"), &out.nonce.size);
	return out;
}

static void test_statements(void **state) {
	json_t *list = load("statements"), *item;
	size_t i;
	(void)state;
	json_array_foreach(list, i, item) {
		struct statement_value values[2 * VALUES_MAX];
		struct buf encoded = BUF_INIT(STATEMENT_BYTES_MAX);
		struct error err;
		uint8_t leaf[MERKLE_BYTES];
		struct statement said = statement_of(json_object_get(item, "statement"), values);
		assert_true(statement_encode(&said, &encoded, &err));
		assert_bytes(json_object_get(item, "encoded"), encoded.data, encoded.size);
		merkle_leaf((struct bytes){ encoded.data, encoded.size }, leaf);
		assert_bytes(json_object_get(item, "leaf"), leaf, MERKLE_BYTES);
		buf_finish(&encoded);
		free((void *)(uintptr_t)said.nonce.data);
	}
	json_decref(list);
}

static void check_tree(const json_t *item) {
	uint8_t leaves[LEAVES_MAX][MERKLE_BYTES], data[EVIDENCE_DATA_BYTES];
	const json_t *list = json_object_get(item, "leaves");
	size_t count = json_array_size(list);
	assert_true(count >= 1 && count <= LEAVES_MAX);
	for (size_t i = 0; i < count; i++) {
		assert_true(hex_decode(json_string_value(json_array_get(list, i)), leaves[i],
				MERKLE_BYTES));
	}
	struct merkle *tree = merkle_create(leaves, count);
	assert_bytes(json_object_get(item, "root"), merkle_root(tree), MERKLE_BYTES);
	receipt_data(merkle_root(tree), (uint32_t)count, data);
	assert_bytes(json_object_get(item, "report_data"), data, sizeof(data));
	for (size_t i = 0; i < count; i++) {
		const json_t *hashes = json_array_get(json_object_get(item, "paths"), i);
		struct merkle_path path;
		merkle_path(tree, i, &path);
		assert_int_equal(path.count, json_array_size(hashes));
		for (size_t j = 0; j < path.count; j++) {
			assert_bytes(json_array_get(hashes, j), path.hashes[j], MERKLE_BYTES);
		}
	}
	merkle_destroy(tree);
}

static void test_trees(void **state) {
	json_t *list = load("trees"), *item;
	size_t i;
	(void)state;
	json_array_foreach(list, i, item) {
		check_tree(item);
	}
	json_decref(list);
}

/* Both forms say the same, and are written as the page says. */
static void check_receipt(const json_t *item) {
	struct error err;
	size_t size;
	CLEANUP(mem_freep) uint8_t *binary = bytes_of(json_object_get(item, "binary"), &size);
	const char *json = json_string_value(json_object_get(item, "json"));
	struct receipt *a = receipt_decode((struct bytes){ binary, size }, &err);
	struct receipt *b =
			receipt_parse((struct bytes){ (const uint8_t *)json, strlen(json) }, &err);
	CLEANUP(buf_finish) struct buf out = BUF_INIT(RECEIPT_JSON_MAX);
	assert_non_null(a);
	assert_non_null(b);
	assert_true(receipt_format(a, &out, &err));
	assert_string_equal(buf_text(&out), json);
	buf_clear(&out);
	assert_true(receipt_encode(b, true, &out, &err));
	assert_int_equal(out.size, size);
	assert_memory_equal(out.data, binary, size);
	receipt_destroy(a);
	receipt_destroy(b);
}

static void test_receipts(void **state) {
	json_t *list = load("receipts"), *item;
	size_t i;
	(void)state;
	json_array_foreach(list, i, item) {
		check_receipt(item);
	}
	json_decref(list);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_statements),
		cmocka_unit_test(test_trees),
		cmocka_unit_test(test_receipts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
