/* SPDX-License-Identifier: Apache-2.0 */
/* Reports of every version and product, by VCEK and VLEK, below a root that only this test trusts.
 */
#include "attest/fixture.h"

#include "attest/attestation.h"

struct made {
	uint8_t report[SNP_REPORT_BYTES];
	struct certificates certificates;
	struct roots roots;
	struct snp_policy policy;
};

static void make(struct made *made, const struct fixture_chain *chain, uint32_t version) {
	*made = (struct made){ .policy = { .at_ns = fixture_time(FIXTURE_NOW) } };
	fixture_certify(chain, &made->certificates, &made->roots);
	fixture_report(chain, version, made->report);
	made->policy.roots = &made->roots;
}

static struct verdict verdict_of(const struct made *made) {
	struct verdict verdict;
	bool good = snp_verify((struct bytes){ made->report, SNP_REPORT_BYTES },
			&made->certificates, &made->policy, &verdict);
	assert_int_equal(good, verdict.reason == VERDICT_VERIFIED);
	return verdict;
}

static void expect(const struct made *made, enum verdict_reason reason) {
	struct verdict verdict = verdict_of(made);
	if (verdict.reason != reason) {
		fail_msg("%s (%s) instead of %s", verdict_slug(verdict.reason), verdict.detail,
				verdict_slug(reason));
	}
}

static void test_every_version_product_and_signer(void **state) {
	static const uint32_t versions[] = { 2, 3, 5 };
	(void)state;
	for (enum snp_product product = SNP_PRODUCT_MILAN; product < SNP_PRODUCTS; product++) {
		for (int signer = SNP_SIGNER_VCEK; signer <= SNP_SIGNER_VLEK; signer++) {
			for (size_t i = 0; i < 3; i++) {
				struct made made;
				make(&made,
						&(struct fixture_chain){ .product = product,
								.signer = (enum snp_signer)signer },
						versions[i]);
				expect(&made, VERDICT_VERIFIED);
				certificates_finish(&made.certificates);
			}
		}
	}
}

/* AMD's roots do not know the root of this test, and a key counts for its product only. */
static void test_only_a_trusted_root_counts(void **state) {
	struct fixture_chain chain = { .product = SNP_PRODUCT_MILAN };
	struct made made;
	(void)state;
	make(&made, &chain, 3);
	made.policy.roots = NULL;
	expect(&made, VERDICT_ROOT);
	made.policy.roots = &made.roots;
	made.roots.items[0].product = SNP_PRODUCT_GENOA;
	expect(&made, VERDICT_ROOT);
	certificates_finish(&made.certificates);
}

static void test_chains_that_are_refused(void **state) {
	static const struct {
		struct fixture_chain chain;
		enum verdict_reason reason;
	} rows[] = {
		{ { .ark_name = "ARK-Rome" }, VERDICT_ROOT },
		{ { .ark_name = "ARK" }, VERDICT_ROOT },
		{ { .ask_name = "SEV-VLEK-Milan" }, VERDICT_CERTIFICATE },
		{ { .ask_name = "SEV-Genoa" }, VERDICT_CERTIFICATE },
		{ { .leaf_name = "SEV-VLEK" }, VERDICT_CERTIFICATE },
		{ { .leaf_name = "SEV-VCEK2" }, VERDICT_CERTIFICATE },
		{ { .no_authority = true }, VERDICT_CERTIFICATE },
		{ { .rsa_leaf = true }, VERDICT_CERTIFICATE },
		{ { .sha256 = true }, VERDICT_CERTIFICATE },
		{ { .pkcs1 = true }, VERDICT_CERTIFICATE },
		{ { .by_root = true }, VERDICT_CHAIN },
		{ { .own_ask = true }, VERDICT_CHAIN },
		{ { .not_after = "20261120115959Z" }, VERDICT_TIME },
		{ { .product_name = "Genoa-B1" }, VERDICT_PRODUCT },
		{ { .product_name = "Milano" }, VERDICT_PRODUCT },
		{ { .product_name = "Milan-B1" }, VERDICT_VERIFIED },
		{ { .without = "2" }, VERDICT_CERTIFICATE },
		{ { .twice = "2" }, VERDICT_CERTIFICATE },
		{ { .without = "3.1" }, VERDICT_CERTIFICATE },
		{ { .twice = "3.8" }, VERDICT_CERTIFICATE },
		{ { .level_as_text = true }, VERDICT_CERTIFICATE },
		{ { .without = "4" }, VERDICT_CERTIFICATE },
		{ { .short_chip = true }, VERDICT_CERTIFICATE },
		{ { .tcb = UINT64_C(0xd117000000000204) }, VERDICT_TCB },
		{ { .tcb = UINT64_C(0xd017000000000203) }, VERDICT_TCB },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct fixture_chain chain = rows[i].chain;
		struct made made;
		chain.product = SNP_PRODUCT_MILAN;
		make(&made, &chain, 3);
		expect(&made, rows[i].reason);
		certificates_finish(&made.certificates);
	}
}

/* What the report says, well signed: the reason is that field's own. */
static void test_signed_reports_that_are_refused(void **state) {
	static const struct {
		size_t at;
		uint8_t flip;
		uint32_t version;
		enum verdict_reason reason;
	} rows[] = {
		{ 0x000, 0x06, 2, VERDICT_REPORT_VERSION }, /* 4 */
		{ 0x00a, 0x08, 3, VERDICT_DEBUG },
		{ 0x00a, 0x04, 3, VERDICT_MIGRATION },
		{ 0x00a, 0x02, 3, VERDICT_RESERVED },
		{ 0x00c, 0x01, 3, VERDICT_RESERVED },
		{ 0x030, 0x01, 3, VERDICT_VMPL },
		{ 0x033, 0xff, 3, VERDICT_VMPL }, /* asked for by the host */
		{ 0x034, 0x03, 3, VERDICT_ALGORITHM },
		{ 0x048, 0x1c, 3, VERDICT_SIGNER },
		{ 0x048, 0x04, 3, VERDICT_CERTIFICATE_NONE },
		{ 0x180, 0x01, 3, VERDICT_TCB },
		{ 0x183, 0x01, 3, VERDICT_TCB },
		{ 0x189, 0x10, 3, VERDICT_PRODUCT }, /* a Genoa's */
		{ 0x188, 0x10, 2, VERDICT_RESERVED },
		{ 0x18b, 0x01, 3, VERDICT_RESERVED },
		{ 0x1a0, 0x01, 3, VERDICT_CHIP },
		{ 0x1f8, 0x01, 3, VERDICT_RESERVED },
		{ 0x1f8, 0x04, 5, VERDICT_VERIFIED },
		{ 0x208, 0x01, 5, VERDICT_RESERVED },
		{ 0x140, 0x01, 5, VERDICT_VERIFIED },
	};
	struct fixture_chain chain = { .product = SNP_PRODUCT_MILAN };
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct made made;
		make(&made, &chain, rows[i].version);
		made.report[rows[i].at] ^= rows[i].flip;
		fixture_report_sign(SNP_SIGNER_VCEK, made.report);
		expect(&made, rows[i].reason);
		certificates_finish(&made.certificates);
	}
}

/* A VLEK belongs to no chip, and its report may hide it. */
static void test_a_vlek_belongs_to_no_chip(void **state) {
	struct fixture_chain chain = { .product = SNP_PRODUCT_GENOA, .signer = SNP_SIGNER_VLEK };
	struct made made;
	(void)state;
	make(&made, &chain, 3);
	memset(made.report + 0x1a0, 0, SNP_CHIP_BYTES);
	fixture_report_sign(SNP_SIGNER_VLEK, made.report);
	expect(&made, VERDICT_VERIFIED);
	fixture_report_sign(
			SNP_SIGNER_VCEK, made.report); /* by the chip's key, though it says VLEK */
	expect(&made, VERDICT_SIGNATURE);
	certificates_finish(&made.certificates);
}

static void test_what_may_be_allowed(void **state) {
	struct fixture_chain chain = { .product = SNP_PRODUCT_TURIN };
	struct made made;
	(void)state;
	make(&made, &chain, 5);
	made.report[0x00a] |= 0x0c;
	made.report[0x030] = 2;
	fixture_report_sign(SNP_SIGNER_VCEK, made.report);
	expect(&made, VERDICT_DEBUG);
	made.policy.allow_debug = true;
	expect(&made, VERDICT_MIGRATION);
	made.policy.allow_migration = true;
	expect(&made, VERDICT_VMPL);
	made.policy.most_vmpl = 2;
	expect(&made, VERDICT_VERIFIED);
	made.policy.minimum_tcb = (struct snp_tcb){ 1, 3, 2, 0x17, 0xd1 };
	expect(&made, VERDICT_VERIFIED);
	made.policy.minimum_tcb.fmc = 2;
	expect(&made, VERDICT_MINIMUM_TCB);
	certificates_finish(&made.certificates);
}

static void test_revocation(void **state) {
	static const struct {
		enum snp_product product;
		long serial;
		const char *until;
		bool forged;
		enum verdict_reason reason;
	} rows[] = {
		{ SNP_PRODUCT_MILAN, 2, "20270101000000Z", false, VERDICT_VERIFIED },
		{ SNP_PRODUCT_MILAN, 1, "20270101000000Z", false, VERDICT_REVOKED },
		{ SNP_PRODUCT_MILAN, 2, "20270101000000Z", true, VERDICT_CRL },
		{ SNP_PRODUCT_MILAN, 2, "20260101000000Z", false, VERDICT_CRL },
		{ SNP_PRODUCT_GENOA, 2, "20270101000000Z", false, VERDICT_CRL },
	};
	struct fixture_chain chain = { .product = SNP_PRODUCT_MILAN };
	struct made made;
	(void)state;
	make(&made, &chain, 3);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct buf list = BUF_INIT(EVIDENCE_REPORT_MAX);
		fixture_revoke(rows[i].product, rows[i].serial, rows[i].until, rows[i].forged,
				&list);
		made.policy.crl = (struct bytes){ list.data, list.size };
		expect(&made, rows[i].reason);
		made.policy.crl.size--;
		expect(&made, VERDICT_CRL);
		buf_finish(&list);
	}
	certificates_finish(&made.certificates);
}

/* r and s: nothing, more than the curve's order, and r of another report. */
static void test_signatures_that_are_none(void **state) {
	struct fixture_chain chain = { .product = SNP_PRODUCT_MILAN };
	struct made made, other;
	(void)state;
	make(&made, &chain, 3);
	make(&other, &chain, 5);
	memcpy(made.report + SNP_SIGNED_BYTES, other.report + SNP_SIGNED_BYTES, 72);
	expect(&made, VERDICT_SIGNATURE);
	memset(made.report + SNP_SIGNED_BYTES, 0, 144);
	expect(&made, VERDICT_SIGNATURE);
	memset(made.report + SNP_SIGNED_BYTES, 0xff, 144);
	expect(&made, VERDICT_SIGNATURE);
	certificates_finish(&made.certificates);
	certificates_finish(&other.certificates);
}

static void test_the_json_of_later_versions(void **state) {
	struct made made;
	struct error err;
	struct evidence evidence;
	struct buf json = BUF_INIT(EVIDENCE_REPORT_MAX);
	(void)state;
	make(&made, &(struct fixture_chain){ .product = SNP_PRODUCT_TURIN }, 5);
	evidence_init(&evidence);
	evidence.tee = EVIDENCE_SEV_SNP;
	assert_true(buf_append(&evidence.report, made.report, SNP_REPORT_BYTES, &err));
	assert_true(attestation_json(&evidence, &json, &err));
	assert_non_null(strstr(buf_text(&json),
			"\",\"cpuid1eaxFms\":11538209,\"launchMitVector\":\"3\"},"
			"\"certificateChain\":{},\"product\":{\"name\":\"SEV_PRODUCT_TURIN\","
			"\"machineStepping\":1}}"));
	evidence.report.size--;
	assert_false(attestation_json(&evidence, &json, &err));
	assert_int_equal(err.code, ERROR_INTEGRITY);
	evidence_finish(&evidence);
	certificates_finish(&made.certificates);
	buf_finish(&json);
}

/* Its bytes come back from JSON, so that the signature still fits, with zeros written out and
 * spaces. */
static void test_a_report_comes_back_from_json(void **state) {
	static const uint32_t versions[] = { 2, 3, 5 };
	(void)state;
	for (size_t i = 0; i < 6; i++) {
		struct made made;
		struct error err;
		struct evidence evidence, again;
		struct buf json = BUF_INIT(ATTESTATION_JSON_MAX);
		make(&made,
				&(struct fixture_chain){ .product = SNP_PRODUCT_GENOA,
						.signer = i < 3 ? SNP_SIGNER_VCEK
								: SNP_SIGNER_VLEK },
				versions[i % 3]);
		evidence_init(&evidence);
		evidence_init(&again);
		evidence.tee = EVIDENCE_SEV_SNP;
		certificates_finish(&evidence.certificates);
		evidence.certificates = made.certificates;
		assert_true(buf_append(&evidence.report, made.report, SNP_REPORT_BYTES, &err));
		assert_true(attestation_json(&evidence, &json, &err));
		assert_true(attestation_parse(
				(struct bytes){ json.data, json.size }, &again, &err));
		assert_int_equal(again.report.size, SNP_REPORT_BYTES);
		assert_memory_equal(again.report.data, made.report, SNP_REPORT_BYTES);
		for (enum certificate j = 0; j < CERTIFICATES; j++) {
			assert_int_equal(certificates_get(&again.certificates, j).size,
					certificates_get(&made.certificates, j).size);
		}
		evidence_finish(&evidence);
		evidence_finish(&again);
		buf_finish(&json);
	}
}

static bool parse_json(const char *text, struct evidence *out, struct error *err) {
	evidence_init(out);
	return attestation_parse((struct bytes){ (const uint8_t *)text, strlen(text) }, out, err);
}

static void test_json_that_is_no_attestation(void **state) {
	static const char *const bad[] = { "", "[]", "{}", "{\"report\":1}",
		"{\"report\":{\"version\":-1}}", "{\"report\":{\"version\":4294967296}}",
		"{\"report\":{\"version\":\"2x\"}}", "{\"report\":{\"currentBuild\":256}}",
		"{\"report\":{\"reportData\":\"AA==\"}}", "{\"report\":{\"reportData\":\"*\"}}",
		"{\"report\":{},\"certificateChain\":{\"arkCert\":1}}", "{\"attestation\":1}",
		"{\"result\":{\"attestation\":\"{\"}}", "{\"sample\":true}" };
	struct evidence evidence;
	struct error err;
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_false(parse_json(bad[i], &evidence, &err));
		assert_int_equal(err.code, ERROR_INTEGRITY);
		evidence_finish(&evidence);
	}
	assert_true(parse_json(" { \"report\" : { \"version\" : 2, \"policy\": \"196608\", "
			       "\"guestSvn\" : 0 } , \"product\":{} }",
			&evidence, &err));
	assert_int_equal(evidence.report.data[0], 2);
	assert_int_equal(evidence.report.data[0x0a], 3);
	evidence_finish(&evidence);
}

/* --- roots -------------------------------------------------------------------------------------
 */

#define KEY_A "0000000000000000000000000000000000000000000000000000000000000001"
#define KEY_B "0000000000000000000000000000000000000000000000000000000000000002"

static bool parse(struct roots *roots, const char *text, struct error *err) {
	roots_builtin(roots);
	return roots_parse(roots, (struct bytes){ (const uint8_t *)text, strlen(text) }, err);
}

static void test_a_file_of_roots(void **state) {
	struct roots roots, amd;
	struct error err;
	uint8_t a[DIGEST_SIZE] = { [31] = 1 }, b[DIGEST_SIZE] = { [31] = 2 };
	(void)state;
	roots_builtin(&amd);
	assert_int_equal(amd.count, 3);
	assert_true(parse(&roots, "# ours\n\nMilan " KEY_A "  # first\r\nmilan\t" KEY_B, &err));
	assert_int_equal(roots.count, 4);
	assert_true(roots_have(&roots, SNP_PRODUCT_MILAN, a));
	assert_true(roots_have(&roots, SNP_PRODUCT_MILAN, b));
	assert_false(roots_have(&roots, SNP_PRODUCT_GENOA, a));
	assert_false(roots_have(&roots, SNP_PRODUCT_MILAN, amd.items[0].key));
	assert_true(roots_have(&roots, SNP_PRODUCT_GENOA, amd.items[1].key));
	static const char *const bad[] = { "Milan", "Rome " KEY_A, "Milan " KEY_A "0",
		"Milan " KEY_A " x" };
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_false(parse(&roots, bad[i], &err));
		assert_int_equal(err.code, ERROR_INVALID);
		assert_int_equal(strncmp(err.message, "line ", 5), 0);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_version_product_and_signer),
		cmocka_unit_test(test_only_a_trusted_root_counts),
		cmocka_unit_test(test_chains_that_are_refused),
		cmocka_unit_test(test_signed_reports_that_are_refused),
		cmocka_unit_test(test_a_vlek_belongs_to_no_chip),
		cmocka_unit_test(test_what_may_be_allowed),
		cmocka_unit_test(test_revocation),
		cmocka_unit_test(test_signatures_that_are_none),
		cmocka_unit_test(test_the_json_of_later_versions),
		cmocka_unit_test(test_a_report_comes_back_from_json),
		cmocka_unit_test(test_json_that_is_no_attestation),
		cmocka_unit_test(test_a_file_of_roots),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
