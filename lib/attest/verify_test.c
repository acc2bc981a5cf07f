/* SPDX-License-Identifier: Apache-2.0 */
/* Whole receipts: a batch under one report, below a root that only this test trusts. */
#include "attest/fixture.h"

#include <stdlib.h>

#include "attest/sample.h"
#include "attest/statement.h"
#include "attest/verify.h"
#include "base/hex.h"

enum { BATCH = 7, PLACE = 4 };

static const uint8_t nonce[] = { 1, 2, 3 };

struct made {
	struct buf statement;
	struct evidence evidence;
	struct roots roots;
	struct receipt receipt;
	struct verify_policy policy;
};

static void encode(struct buf *out) {
	struct error err;
	const struct statement_value value = { STATEMENT_I64, 42 };
	const struct statement statement = { .nonce = { nonce, sizeof(nonce) },
		.function = "answer",
		.outputs = { &value, 1 },
		.wasm = { 9 },
		.engine = "e 1",
		.program = "p 1" };
	*out = BUF_INIT(STATEMENT_BYTES_MAX);
	assert_true(statement_encode(&statement, out, &err));
}

static void attest(struct made *made) {
	struct fixture_chain chain = { .product = SNP_PRODUCT_GENOA };
	struct error err;
	uint8_t report[SNP_REPORT_BYTES];
	fixture_certify(&chain, &made->evidence.certificates, &made->roots);
	fixture_report(&chain, 3, report);
	receipt_data(made->receipt.root, BATCH, report + SNP_DATA_AT);
	fixture_report_sign(SNP_SIGNER_VCEK, report);
	made->evidence.tee = EVIDENCE_SEV_SNP;
	assert_true(buf_append(&made->evidence.report, report, sizeof(report), &err));
}

static void make(struct made *made) {
	uint8_t leaves[BATCH][MERKLE_BYTES] = { { 0 } };
	*made = (struct made){ .policy.snp = { .at_ns = fixture_time(FIXTURE_NOW),
					       .roots = &made->roots } };
	encode(&made->statement);
	made->receipt.statement = (struct bytes){ made->statement.data, made->statement.size };
	made->receipt.evidence = &made->evidence;
	merkle_leaf(made->receipt.statement, leaves[PLACE]);
	struct merkle *tree = merkle_create((const uint8_t(*)[MERKLE_BYTES])leaves, BATCH);
	merkle_path(tree, PLACE, &made->receipt.path);
	memcpy(made->receipt.root, merkle_root(tree), MERKLE_BYTES);
	merkle_destroy(tree);
	evidence_init(&made->evidence);
	attest(made);
}

static void unmake(struct made *made) {
	buf_finish(&made->statement);
	evidence_finish(&made->evidence);
}

static enum verdict_reason reason_of(const struct made *made) {
	struct verdict verdict;
	struct error err;
	bool good = receipt_verify(&made->receipt, &made->policy, &verdict);
	assert_int_equal(good, verdict.reason == VERDICT_VERIFIED);
	assert_true(good || !verdict_error(&verdict, &err));
	return verdict.reason;
}

static void test_a_receipt_is_true(void **state) {
	struct made made;
	struct bytes fresh = { nonce, sizeof(nonce) }, none = { NULL, 0 };
	uint8_t wasm[DIGEST_SIZE] = { 9 };
	(void)state;
	make(&made);
	assert_int_equal(reason_of(&made), VERDICT_VERIFIED);
	made.policy.nonce = &fresh;
	made.policy.wasm = wasm;
	assert_int_equal(reason_of(&made), VERDICT_VERIFIED);
	made.policy.nonce = &none;
	assert_int_equal(reason_of(&made), VERDICT_NONCE);
	made.policy.nonce = NULL;
	wasm[31] = 1;
	assert_int_equal(reason_of(&made), VERDICT_WASM);
	unmake(&made);
}

/* Whatever is flipped in statement, path, root or report, it is not true any more. */
static void test_every_bit_counts(void **state) {
	struct made made;
	(void)state;
	make(&made);
	const struct {
		uint8_t *bytes;
		size_t size;
	} parts[] = { { made.statement.data, made.statement.size },
		{ made.receipt.path.hashes[0], (size_t)made.receipt.path.count * MERKLE_BYTES },
		{ made.receipt.root, MERKLE_BYTES } };
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		for (size_t bit = 0; bit < 8 * parts[i].size; bit++) {
			parts[i].bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
			enum verdict_reason reason = reason_of(&made);
			assert_true(reason == VERDICT_PATH || reason == VERDICT_STATEMENT);
			parts[i].bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
		}
	}
	made.receipt.path.index++;
	assert_int_equal(reason_of(&made), VERDICT_PATH);
	made.receipt.path.index--;
	made.receipt.path.size++; /* leads to the same root: the report knows better */
	assert_int_equal(reason_of(&made), VERDICT_REPORT_DATA);
	made.receipt.path.size--;
	made.evidence.report.data[SNP_DATA_AT] ^= 1;
	assert_int_equal(reason_of(&made), VERDICT_SIGNATURE);
	unmake(&made);
}

static void test_certificates_from_the_policy(void **state) {
	struct made made;
	(void)state;
	make(&made);
	struct certificates moved = made.evidence.certificates;
	certificates_init(&made.evidence.certificates);
	assert_int_equal(reason_of(&made), VERDICT_CERTIFICATE_NONE);
	made.policy.certificates = &moved;
	assert_int_equal(reason_of(&made), VERDICT_VERIFIED);
	certificates_finish(&moved);
	unmake(&made);
}

/* Never verified, whatever is allowed; and only a sample report makes a sample. */
static void test_a_sample_proves_nothing(void **state) {
	struct made made;
	struct error err;
	uint8_t data[EVIDENCE_DATA_BYTES];
	(void)state;
	make(&made);
	made.evidence.tee = EVIDENCE_SAMPLE;
	assert_int_equal(reason_of(&made), VERDICT_REPORT_SIZE);
	buf_clear(&made.evidence.report);
	receipt_data(made.receipt.root, BATCH, data);
	assert_true(sample_report(data, &made.evidence, &err));
	made.policy.snp.allow_debug = made.policy.snp.allow_migration = true;
	assert_int_equal(reason_of(&made), VERDICT_SAMPLE);
	made.evidence.tee = EVIDENCE_SEV_SNP;
	assert_int_equal(reason_of(&made), VERDICT_REPORT_SIZE);
	made.evidence.tee = EVIDENCE_SAMPLE;
	made.evidence.report.data[SAMPLE_TEXT_BYTES] ^= 1;
	assert_int_equal(reason_of(&made), VERDICT_REPORT_DATA);
	unmake(&made);
}

/* WASMVM-TEE's own example, under a report about its published data. */
struct told {
	const char *inputs[2];
	struct statement_value output;
	struct answer answer;
	struct execution execution;
	struct roots roots;
	struct verify_policy policy;
};

static void tell(struct told *told, const char *data) {
	struct fixture_chain chain = { .product = SNP_PRODUCT_GENOA };
	struct error err;
	uint8_t report[SNP_REPORT_BYTES];
	*told = (struct told){ .inputs = { "5", "3" },
		.output = { STATEMENT_I32, 8 },
		.answer = { .request_id = "r1",
				.inputs = told->inputs,
				.input_count = 2,
				.outputs = { &told->output, 1 } },
		.execution = { true, "1.0", "r1", "AGFzbQ==", "add", told->inputs, 2, 0 },
		.policy.snp = { .at_ns = fixture_time(FIXTURE_NOW), .roots = &told->roots } };
	assert_true(hex_decode(data, told->answer.report_data, REPORT_DATA_SIZE));
	evidence_init(&told->answer.evidence);
	fixture_certify(&chain, &told->answer.evidence.certificates, &told->roots);
	fixture_report(&chain, 3, report);
	memcpy(report + SNP_DATA_AT, told->answer.report_data, REPORT_DATA_SIZE);
	fixture_report_sign(SNP_SIGNER_VCEK, report);
	told->answer.evidence.tee = EVIDENCE_SEV_SNP;
	assert_true(buf_append(&told->answer.evidence.report, report, sizeof(report), &err));
}

static enum verdict_reason reason_of_answer(const struct told *told) {
	struct verdict verdict;
	bool good = answer_verify(&told->answer, &told->execution, &told->policy, &verdict);
	assert_int_equal(good, verdict.reason == VERDICT_VERIFIED);
	return verdict.reason;
}

static const char published[] = "79ef6f5869fd9e1ce72a0763aae886d4d4771b566fcb99ad0f6702a463d939d5"
				"44575a3d0806339abf2ac69fc645606dc05638a6856942a9d8a0a3a0b90da447";

static void test_an_answer_of_version_1(void **state) {
	struct told told;
	uint8_t wasm[DIGEST_SIZE];
	(void)state;
	tell(&told, published);
	assert_int_equal(reason_of_answer(&told), VERDICT_VERIFIED);
	digest_of("\0asm", 4, wasm);
	told.policy.wasm = wasm;
	assert_int_equal(reason_of_answer(&told), VERDICT_VERIFIED);
	wasm[0] ^= 1;
	assert_int_equal(reason_of_answer(&told), VERDICT_WASM);
	told.execution.bytecode = "*";
	assert_int_equal(reason_of_answer(&told), VERDICT_WASM);
	told.policy.wasm = NULL;
	assert_int_equal(reason_of_answer(&told), VERDICT_EXECUTION);
	told.execution.bytecode = "AGFzbQ==";
	told.policy.nonce = &(struct bytes){ nonce, sizeof(nonce) };
	assert_int_equal(reason_of_answer(&told), VERDICT_NONCE);
	evidence_finish(&told.answer.evidence);
}

static void test_what_was_changed_in_it(void **state) {
	struct told told;
	(void)state;
	tell(&told, published);
	const struct execution asked = told.execution;
	told.output.bits = 9;
	assert_int_equal(reason_of_answer(&told), VERDICT_OUTPUTS);
	told.output = (struct statement_value){ STATEMENT_I64, 8 };
	assert_int_equal(reason_of_answer(&told), VERDICT_OUTPUTS);
	told.answer.outputs.count = 0;
	assert_int_equal(reason_of_answer(&told), VERDICT_OUTPUTS);
	told.answer.outputs.count = 1;
	told.output = (struct statement_value){ STATEMENT_I32, 8 };
	told.execution.function = "sub";
	assert_int_equal(reason_of_answer(&told), VERDICT_EXECUTION);
	told.execution = asked;
	told.execution.timestamp = 1;
	assert_int_equal(reason_of_answer(&told), VERDICT_EXECUTION);
	told.execution = asked;
	told.inputs[1] = "4"; /* of both */
	assert_int_equal(reason_of_answer(&told), VERDICT_EXECUTION);
	told.inputs[1] = "3";
	told.answer.input_count = 1; /* of the answer alone */
	assert_int_equal(reason_of_answer(&told), VERDICT_EXECUTION);
	told.answer.input_count = 2;
	told.answer.request_id = "r2";
	assert_int_equal(reason_of_answer(&told), VERDICT_EXECUTION);
	told.answer.request_id = "r1";
	assert_int_equal(reason_of_answer(&told), VERDICT_VERIFIED);
	evidence_finish(&told.answer.evidence);
	tell(&told, published);
	told.answer.evidence.report.data[SNP_DATA_AT] ^= 1;
	assert_int_equal(reason_of_answer(&told), VERDICT_SIGNATURE);
	evidence_finish(&told.answer.evidence);
}

/* The answer says what it should, the report says something else. */
static void test_a_report_about_another_answer(void **state) {
	struct told told;
	char other[sizeof(published)];
	(void)state;
	memcpy(other, published, sizeof(other));
	other[127] = '8';
	tell(&told, other);
	assert_true(hex_decode(published, told.answer.report_data, REPORT_DATA_SIZE));
	assert_int_equal(reason_of_answer(&told), VERDICT_REPORT_DATA);
	evidence_finish(&told.answer.evidence);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_answer_of_version_1),
		cmocka_unit_test(test_what_was_changed_in_it),
		cmocka_unit_test(test_a_report_about_another_answer),
		cmocka_unit_test(test_a_receipt_is_true),
		cmocka_unit_test(test_every_bit_counts),
		cmocka_unit_test(test_certificates_from_the_policy),
		cmocka_unit_test(test_a_sample_proves_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
