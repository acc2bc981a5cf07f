/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "attest/attestation.h"
#include "attest/attester.h"
#include "attest/receipt.h"
#include "attest/statement.h"

enum { BATCH = 5 };

static const struct statement_value inputs[] = { { STATEMENT_I32, 0xfffffffb },
	{ STATEMENT_I64, 1ull << 63 }, { STATEMENT_F32, 0x7fc00000 },
	{ STATEMENT_F64, 0x3ff8000000000000 } };
static const struct statement_value outputs[] = { { STATEMENT_I32, 8 } };

static struct statement example(void) {
	struct statement statement = {
		.nonce = { (const uint8_t *)"abc", 3 },
		.function = "add",
		.inputs = { inputs, 4 },
		.outputs = { outputs, 1 },
		.mode = STATEMENT_SINGLEPASS,
		.gas_limited = true,
		.gas_limit = 1000,
		.gas_used = 7,
		.engine = "wasmtime 48.0.8",
		.program = "propeller-executor 0.1.0",
	};
	memset(statement.wasm, 0x11, sizeof(statement.wasm));
	return statement;
}

static struct bytes bytes_in(const struct buf *buf) {
	return (struct bytes){ buf->data, buf->size };
}

static void test_a_statement_there_and_back(void **state) {
	struct error err;
	struct buf encoded = BUF_INIT(STATEMENT_BYTES_MAX), again = BUF_INIT(STATEMENT_BYTES_MAX);
	struct statement statement = example();
	(void)state;
	assert_true(statement_encode(&statement, &encoded, &err));
	struct statement *decoded = statement_decode(bytes_in(&encoded), &err);
	assert_non_null(decoded);
	assert_string_equal(decoded->function, "add");
	assert_int_equal(decoded->inputs.count, 4);
	assert_true(decoded->inputs.items[1].bits == 1ull << 63);
	assert_null(decoded->trap);
	assert_int_equal(decoded->outputs.items[0].bits, 8);
	assert_int_equal(decoded->gas_used, 7);
	assert_true(statement_encode(decoded, &again, &err));
	assert_int_equal(encoded.size, again.size);
	assert_memory_equal(encoded.data, again.data, again.size);
	free(decoded);
	buf_finish(&encoded);
	buf_finish(&again);
}

static void test_a_trap(void **state) {
	struct error err;
	struct buf encoded = BUF_INIT(STATEMENT_BYTES_MAX);
	struct statement statement = example();
	(void)state;
	statement.outputs.count = 0;
	statement.trap = "out of gas";
	assert_true(statement_encode(&statement, &encoded, &err));
	struct statement *decoded = statement_decode(bytes_in(&encoded), &err);
	assert_non_null(decoded);
	assert_string_equal(decoded->trap, "out of gas");
	free(decoded);
	buf_finish(&encoded);
}

static void refuse_statement(struct statement statement) {
	struct error err;
	struct buf encoded = BUF_INIT(STATEMENT_BYTES_MAX);
	assert_false(statement_encode(&statement, &encoded, &err));
	buf_finish(&encoded);
}

static void test_what_no_statement_can_say(void **state) {
	static char longer[STATEMENT_FUNCTION_MAX + 2];
	static const struct statement_value wide = { STATEMENT_I32, 1ull << 32 }, none = { 0, 0 };
	(void)state;
	memset(longer, 'a', sizeof(longer) - 1);
	struct statement bad[8];
	for (size_t i = 0; i < 8; i++) {
		bad[i] = example();
	}
	bad[0].function = longer;
	bad[1].function = "\xff";
	bad[2].nonce.size = STATEMENT_NONCE_MAX + 1;
	bad[3].trap = "out of gas"; /* and outputs */
	bad[4].inputs.count = STATEMENT_VALUES_MAX + 1;
	bad[5].inputs = (struct statement_values){ &wide, 1 };
	bad[6].inputs = (struct statement_values){ &none, 1 };
	bad[7].gas_limited = false; /* and a limit */
	for (size_t i = 0; i < 8; i++) {
		refuse_statement(bad[i]);
	}
}

/* What is decoded has one form only: whatever is cut or flipped is refused or says another thing.
 */
static void test_statements_are_canonical(void **state) {
	struct error err;
	struct buf encoded = BUF_INIT(STATEMENT_BYTES_MAX);
	struct statement statement = example();
	(void)state;
	assert_true(statement_encode(&statement, &encoded, &err));
	for (size_t size = 0; size < encoded.size; size++) {
		assert_null(statement_decode((struct bytes){ encoded.data, size }, &err));
		assert_int_equal(err.code, ERROR_INTEGRITY);
	}
	for (size_t bit = 0; bit < 8 * encoded.size; bit++) {
		encoded.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
		struct statement *decoded = statement_decode(bytes_in(&encoded), &err);
		if (decoded != NULL) {
			struct buf again = BUF_INIT(STATEMENT_BYTES_MAX);
			assert_true(statement_encode(decoded, &again, &err));
			assert_int_equal(again.size, encoded.size);
			assert_memory_equal(again.data, encoded.data, again.size);
			buf_finish(&again);
			free(decoded);
		}
		encoded.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	buf_finish(&encoded);
}

/* A sample attester's report over a batch, and the receipt of its third statement. */
static void attest(struct evidence *evidence, struct receipt *receipt, struct buf *statement) {
	struct error err;
	struct attester_settings settings = { .choice = "sample" };
	struct attester *attester = attester_open(&settings, &err);
	assert_non_null(attester);
	assert_int_equal(attester_tee(attester), EVIDENCE_SAMPLE);
	struct statement said = example();
	assert_true(statement_encode(&said, statement, &err));
	uint8_t leaves[BATCH][MERKLE_BYTES] = { { 0 } }, data[EVIDENCE_DATA_BYTES];
	merkle_leaf(bytes_in(statement), leaves[2]);
	struct merkle *tree = merkle_create(leaves, BATCH);
	*receipt = (struct receipt){ .statement = bytes_in(statement), .evidence = evidence };
	merkle_path(tree, 2, &receipt->path);
	memcpy(receipt->root, merkle_root(tree), MERKLE_BYTES);
	receipt_data(receipt->root, BATCH, data);
	assert_true(attester_report(attester, data, evidence, &err));
	merkle_destroy(tree);
	attester_close(attester);
}

static void assert_same(const struct receipt *a, const struct receipt *b) {
	assert_int_equal(a->statement.size, b->statement.size);
	assert_memory_equal(a->statement.data, b->statement.data, b->statement.size);
	assert_memory_equal(&a->path, &b->path, sizeof(a->path));
	assert_memory_equal(a->root, b->root, MERKLE_BYTES);
	assert_int_equal(a->evidence->tee, b->evidence->tee);
	struct bytes one = evidence_report(a->evidence), other = evidence_report(b->evidence);
	assert_int_equal(one.size, other.size);
	assert_memory_equal(one.data, other.data, one.size);
	for (enum certificate i = 0; i < CERTIFICATES; i++) {
		one = certificates_get(&a->evidence->certificates, i);
		other = certificates_get(&b->evidence->certificates, i);
		assert_int_equal(one.size, other.size);
		assert_true(one.size == 0 || memcmp(one.data, other.data, one.size) == 0);
	}
}

struct made {
	struct evidence evidence;
	struct buf statement;
	struct receipt receipt;
};

static struct made make(void) {
	struct made made = { .statement = BUF_INIT(STATEMENT_BYTES_MAX) };
	evidence_init(&made.evidence);
	attest(&made.evidence, &made.receipt, &made.statement);
	return made;
}

static void unmake(struct made *made) {
	evidence_finish(&made->evidence);
	buf_finish(&made->statement);
}

static void test_binary_there_and_back(void **state) {
	struct error err;
	struct buf encoded = BUF_INIT(RECEIPT_BYTES_MAX);
	struct made made = make();
	(void)state;
	made.receipt.evidence = &made.evidence;
	assert_true(certificates_set(&made.evidence.certificates, CERTIFICATE_ARK,
			(struct bytes){ (const uint8_t *)"x", 1 }, &err));
	assert_true(receipt_encode(&made.receipt, true, &encoded, &err));
	struct receipt *decoded = receipt_decode(bytes_in(&encoded), &err);
	assert_non_null(decoded);
	assert_same(decoded, &made.receipt);
	receipt_destroy(decoded);
	for (size_t size = 0; size < encoded.size; size++) {
		assert_null(receipt_decode((struct bytes){ encoded.data, size }, &err));
		assert_int_equal(err.code, ERROR_INTEGRITY);
	}
	assert_true(buf_append(&encoded, "", 1, &err));
	assert_null(receipt_decode(bytes_in(&encoded), &err));
	unmake(&made);
	buf_finish(&encoded);
}

static void test_json_there_and_back(void **state) {
	struct error err;
	struct buf json = BUF_INIT(RECEIPT_JSON_MAX), answer = BUF_INIT(RECEIPT_JSON_MAX);
	struct made made = make();
	(void)state;
	made.receipt.evidence = &made.evidence;
	assert_true(receipt_format(&made.receipt, &json, &err));
	assert_non_null(strstr(buf_text(&json), "\"sample\":true"));
	struct receipt *parsed = receipt_parse(bytes_in(&json), &err);
	assert_non_null(parsed);
	assert_same(parsed, &made.receipt);
	receipt_destroy(parsed);
	assert_true(buf_printf(
			&answer, &err, "{\"requestId\":\"r\",\"receipt\":%s}", buf_text(&json)));
	parsed = receipt_parse(bytes_in(&answer), &err);
	assert_non_null(parsed);
	receipt_destroy(parsed);
	unmake(&made);
	buf_finish(&json);
	buf_finish(&answer);
}

/* A member that is missing, of another kind, or that contradicts the statement. */
static void test_json_that_is_refused(void **state) {
	static const struct {
		const char *from, *to;
	} rows[] = { { "\"version\":2", "\"version\":3" }, { "\"leaf\":\"", "\"leaf\":\"0" },
		{ "\"index\":2", "\"index\":-1" }, { "\"index\":2", "\"index\":\"2\"" },
		{ "\"size\":5", "\"size\":4294967296" }, { "\"path\":[", "\"path\":[1," },
		{ "\"root\":\"", "\"ruth\":\"" }, { ",\"sample\":true", "" },
		{ "\"tee\":\"sample\"", "\"tee\":\"tdx\"" },
		{ "\"tee\":\"sample\"", "\"tee\":\"sev-snp\"" },
		{ "\"report\":\"", "\"report\":\"*" },
		{ "\"report\":", "\"certificates\":[],\"report\":" },
		{ "\"report\":", "\"certificates\":{\"ark\":1},\"report\":" },
		{ "\"statement\":\"", "\"statement\":\"AAAA" }, { "{", "[" },
		{ "\"index\":2", "\"index\":2,\"index\":2" } };
	struct error err;
	struct buf json = BUF_INIT(RECEIPT_JSON_MAX);
	struct made made = make();
	(void)state;
	made.receipt.evidence = &made.evidence;
	assert_true(receipt_format(&made.receipt, &json, &err));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct buf bad = BUF_INIT(RECEIPT_JSON_MAX);
		const char *at = strstr(buf_text(&json), rows[i].from);
		assert_non_null(at);
		assert_true(buf_append(&bad, json.data, (size_t)(at - buf_text(&json)), &err));
		assert_true(buf_printf(&bad, &err, "%s%s", rows[i].to, at + strlen(rows[i].from)));
		assert_null(receipt_parse(bytes_in(&bad), &err));
		assert_int_equal(err.code, ERROR_INTEGRITY);
		buf_finish(&bad);
	}
	assert_null(receipt_parse((struct bytes){ 0 }, &err));
	assert_string_equal(err.message, "the receipt is empty");
	unmake(&made);
	buf_finish(&json);
}

static void test_the_attestation_of_a_sample_says_so(void **state) {
	struct error err;
	struct buf json = BUF_INIT(RECEIPT_JSON_MAX);
	struct made made = make();
	(void)state;
	assert_true(attestation_json(&made.evidence, &json, &err));
	assert_non_null(strstr(buf_text(&json), "{\"sample\":true,"));
	assert_null(strstr(buf_text(&json), "signature"));
	assert_null(strstr(buf_text(&json), "certificateChain"));
	assert_int_not_equal(made.evidence.report.size, 1184);
	unmake(&made);
	buf_finish(&json);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_statement_there_and_back),
		cmocka_unit_test(test_a_trap),
		cmocka_unit_test(test_what_no_statement_can_say),
		cmocka_unit_test(test_statements_are_canonical),
		cmocka_unit_test(test_binary_there_and_back),
		cmocka_unit_test(test_json_there_and_back),
		cmocka_unit_test(test_json_that_is_refused),
		cmocka_unit_test(test_the_attestation_of_a_sample_says_so),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
