/* SPDX-License-Identifier: Apache-2.0 */
/* Whole receipts: a batch under one report, below a root that only this test trusts. */
#include "attest/fixture.h"

#include <stdlib.h>

#include "attest/sample.h"
#include "attest/statement.h"
#include "attest/verify.h"

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

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_receipt_is_true),
		cmocka_unit_test(test_every_bit_counts),
		cmocka_unit_test(test_certificates_from_the_policy),
		cmocka_unit_test(test_a_sample_proves_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
