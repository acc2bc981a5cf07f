/* SPDX-License-Identifier: Apache-2.0 */
/* Evidence of real hardware, as others published it, and what happens if it is touched. */
#include "attest/fixture.h"

#include "attest/attestation.h"
#include "attest/verify.h"

struct public {
	struct buf report;
	struct certificates certificates;
	struct snp_policy policy; /* fits it */
};

static struct public load(void) {
	struct public given = { .policy = { .allow_debug = true,
						.at_ns = fixture_time(FIXTURE_NOW) } };
	fixture_public(&given.report, &given.certificates);
	return given;
}

static void unload(struct public *given) {
	buf_finish(&given->report);
	certificates_finish(&given->certificates);
}

static enum verdict_reason reason_of(const struct public *given) {
	struct verdict verdict;
	struct bytes report = { given->report.data, given->report.size };
	bool good = snp_verify(report, &given->certificates, &given->policy, &verdict);
	assert_int_equal(good, verdict.reason == VERDICT_VERIFIED);
	return verdict.reason;
}

static void test_a_real_report_is_true(void **state) {
	struct public given = load();
	struct snp_report report;
	struct verdict verdict;
	(void)state;
	assert_int_equal(reason_of(&given), VERDICT_VERIFIED);
	assert_true(snp_parse(
			(struct bytes){ given.report.data, given.report.size }, &report, &verdict));
	assert_int_equal(report.version, 2);
	assert_true(report.policy == 0xb0000);
	assert_int_equal(snp_tcb(report.reported_tcb, SNP_PRODUCT_MILAN).microcode, 0x44);
	unload(&given);
}

static void test_debugging_is_refused_unless_allowed(void **state) {
	struct public given = load();
	(void)state;
	given.policy.allow_debug = false;
	assert_int_equal(reason_of(&given), VERDICT_DEBUG);
	unload(&given);
}

/* Its VCEK was made in September 2022 and is good for seven years. */
static void test_the_time_counts(void **state) {
	struct public given = load();
	(void)state;
	given.policy.at_ns = fixture_time("2022-09-01T00:00:00Z");
	assert_int_equal(reason_of(&given), VERDICT_TIME);
	given.policy.at_ns = fixture_time("2029-09-25T00:00:00Z");
	assert_int_equal(reason_of(&given), VERDICT_TIME);
	given.policy.at_ns = fixture_time("2029-09-23T00:00:00Z");
	assert_int_equal(reason_of(&given), VERDICT_VERIFIED);
	unload(&given);
}

static void test_what_a_verifier_asks_for(void **state) {
	struct public given = load();
	uint8_t measurement[2][SNP_MEASUREMENT_BYTES] = { { 0 }, { 0 } };
	uint8_t data[EVIDENCE_DATA_BYTES] = { 1, 2, 3, 4, 5 }, host[SNP_HOST_DATA_BYTES] = { 0 };
	(void)state;
	memcpy(measurement[1], given.report.data + 0x90, SNP_MEASUREMENT_BYTES);
	given.policy.measurements = measurement;
	given.policy.measurement_count = 2;
	given.policy.data = data;
	given.policy.host_data = host;
	given.policy.minimum_tcb = (struct snp_tcb){ .snp = 5, .microcode = 0x44 };
	assert_int_equal(reason_of(&given), VERDICT_VERIFIED);
	given.policy.measurement_count = 1;
	assert_int_equal(reason_of(&given), VERDICT_MEASUREMENT);
	given.policy.measurement_count = 2;
	given.policy.minimum_tcb.microcode++;
	assert_int_equal(reason_of(&given), VERDICT_MINIMUM_TCB);
	given.policy.minimum_tcb.microcode--;
	data[63] = 1;
	assert_int_equal(reason_of(&given), VERDICT_REPORT_DATA);
	data[63] = 0;
	host[0] = 1;
	assert_int_equal(reason_of(&given), VERDICT_HOST_DATA);
	unload(&given);
}

/* The reason for a flip at a place: what is looked at before the signature says so itself. */
static enum verdict_reason expected(size_t byte, unsigned bit) {
	static const struct {
		size_t from, to;
		enum verdict_reason reason;
	} rows[] = {
		{ 0x000, 0x004, VERDICT_REPORT_VERSION },
		{ 0x00b, 0x010, VERDICT_RESERVED },
		{ 0x034, 0x038, VERDICT_ALGORITHM },
		{ 0x049, 0x050, VERDICT_RESERVED },
		{ 0x180, 0x188, VERDICT_TCB },
		{ 0x188, 0x1a0, VERDICT_RESERVED },
		{ 0x1a0, 0x1e0, VERDICT_CHIP },
		{ 0x1eb, 0x1ec, VERDICT_RESERVED },
		{ 0x1ef, 0x1f0, VERDICT_RESERVED },
		{ 0x1f8, 0x2a0, VERDICT_RESERVED },
		{ 0x330, 0x4a0, VERDICT_PADDING },
	};
	if (byte == 0x000 && bit == 0) {
		return VERDICT_PRODUCT; /* version 3, which says the product */
	}
	if (byte == 0x00a && bit == 1) {
		return VERDICT_RESERVED; /* bit 17 of the policy, always 1 */
	}
	if (byte == 0x00b && bit < 2) {
		return VERDICT_SIGNATURE; /* bits 24 and 25 of the policy */
	}
	if (byte == 0x048) {
		return bit >= 5   ? VERDICT_RESERVED
		       : bit == 2 ? VERDICT_CERTIFICATE_NONE
		       : bit > 2  ? VERDICT_SIGNER
				  : VERDICT_SIGNATURE;
	}
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (byte >= rows[i].from && byte < rows[i].to) {
			return rows[i].reason;
		}
	}
	return VERDICT_SIGNATURE;
}

static void test_every_bit_of_a_report_counts(void **state) {
	struct public given = load();
	(void)state;
	for (size_t byte = 0; byte < SNP_REPORT_BYTES; byte++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			enum verdict_reason reason = expected(byte, bit);
			given.report.data[byte] ^= (uint8_t)(1u << bit);
			enum verdict_reason got = reason_of(&given);
			if (got != reason) {
				fail_msg("byte 0x%zx, bit %u: %s instead of %s", byte, bit,
						verdict_slug(got), verdict_slug(reason));
			}
			given.report.data[byte] ^= (uint8_t)(1u << bit);
		}
	}
	assert_int_equal(reason_of(&given), VERDICT_VERIFIED);
	unload(&given);
}

static void test_every_other_length_is_refused(void **state) {
	struct public given = load();
	struct error err;
	(void)state;
	for (given.report.size = 0; given.report.size < SNP_REPORT_BYTES; given.report.size++) {
		assert_int_equal(reason_of(&given), VERDICT_REPORT_SIZE);
	}
	assert_true(buf_append(&given.report, "", 1, &err));
	assert_int_equal(reason_of(&given), VERDICT_REPORT_SIZE);
	unload(&given);
}

/* A bit of a certificate, one in each byte: never true, whatever it is that stops fitting. */
static void test_every_byte_of_the_vcek_counts(void **state) {
	struct public given = load();
	struct buf *vcek = &given.certificates.items[CERTIFICATE_VCEK];
	(void)state;
	for (size_t byte = 0; byte < vcek->size; byte++) {
		uint8_t bit = (uint8_t)(1u << byte % 8);
		vcek->data[byte] ^= bit;
		assert_int_not_equal(reason_of(&given), VERDICT_VERIFIED);
		vcek->data[byte] ^= bit;
	}
	vcek->size--;
	assert_int_equal(reason_of(&given), VERDICT_CERTIFICATE);
	unload(&given);
}

static void test_certificates_that_are_missing_or_others(void **state) {
	static const struct {
		enum certificate which;
		const char *file; /* NULL: missing */
		int number;
		enum verdict_reason reason;
	} rows[] = {
		{ CERTIFICATE_VCEK, NULL, 0, VERDICT_CERTIFICATE_NONE },
		{ CERTIFICATE_ASK, NULL, 0, VERDICT_CERTIFICATE_NONE },
		{ CERTIFICATE_ARK, NULL, 0, VERDICT_CERTIFICATE_NONE },
		{ CERTIFICATE_ASK, "trust/ask_ark_milan_vlek.pem", 0, VERDICT_CERTIFICATE },
		{ CERTIFICATE_ASK, "trust/ask_ark_genoa.pem", 0, VERDICT_CERTIFICATE },
		{ CERTIFICATE_ARK, "trust/ask_ark_genoa.pem", 1, VERDICT_CERTIFICATE },
		{ CERTIFICATE_ARK, "trust/ask_ark_milan.pem", 0, VERDICT_ROOT },
		{ CERTIFICATE_ARK, "trust/ask_ark_milan_vlek.pem", 1, VERDICT_VERIFIED },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct public given = load();
		struct buf file = BUF_INIT(EVIDENCE_REPORT_MAX);
		buf_clear(&given.certificates.items[rows[i].which]);
		if (rows[i].file != NULL) {
			fixture_read(FIXTURE_DATA, rows[i].file, &file);
			fixture_pick(&file, rows[i].number,
					&given.certificates.items[rows[i].which]);
		}
		assert_int_equal(reason_of(&given), rows[i].reason);
		buf_finish(&file);
		unload(&given);
	}
}

/* The pinned keys are those of the chains that AMD publishes, for all products and both kinds. */
static void test_the_roots_are_those_of_amd(void **state) {
	static const char *const files[] = { "trust/ask_ark_milan.pem",
		"trust/ask_ark_milan_vlek.pem", "trust/ask_ark_genoa.pem",
		"trust/ask_ark_genoa_vlek.pem", "trust/ask_ark_turin_vcek.pem",
		"trust/ask_ark_turin_vlek.pem" };
	(void)state;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		struct public given = load();
		struct buf file = BUF_INIT(EVIDENCE_REPORT_MAX);
		fixture_read(FIXTURE_DATA, files[i], &file);
		buf_clear(&given.certificates.items[CERTIFICATE_ARK]);
		fixture_pick(&file, 1, &given.certificates.items[CERTIFICATE_ARK]);
		assert_int_not_equal(reason_of(&given), VERDICT_ROOT);
		buf_finish(&file);
		unload(&given);
	}
}

/* As protojson of go-sev-guest would have it. */
static void test_its_json(void **state) {
	static const char *const pieces[] = { "{\"report\":{\"version\":2,\"policy\":\"720896\",",
		"\"signatureAlgo\":1,\"currentTcb\":\"4901323769462652930\",",
		"\"platformInfo\":\"1\",\"reportData\":\"AQIDBAUA", "\"chipId\":\"",
		"\"signature\":\"", "},\"certificateChain\":{\"vcekCert\":\"MIIF", "\"askCert\":\"",
		"\"arkCert\":\"" };
	struct public given = load();
	struct evidence evidence = {
		.tee = EVIDENCE_SEV_SNP, .report = given.report, .certificates = given.certificates
	};
	struct buf json = BUF_INIT(EVIDENCE_REPORT_MAX);
	struct error err;
	(void)state;
	assert_true(attestation_json(&evidence, &json, &err));
	const char *at = buf_text(&json);
	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		at = strstr(at, pieces[i]);
		assert_non_null(at);
	}
	assert_null(strstr(buf_text(&json), "guestSvn")); /* it is 0 */
	assert_null(strpbrk(buf_text(&json), " \n"));
	buf_finish(&json);
	unload(&given);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_real_report_is_true),
		cmocka_unit_test(test_debugging_is_refused_unless_allowed),
		cmocka_unit_test(test_the_time_counts),
		cmocka_unit_test(test_what_a_verifier_asks_for),
		cmocka_unit_test(test_every_bit_of_a_report_counts),
		cmocka_unit_test(test_every_other_length_is_refused),
		cmocka_unit_test(test_every_byte_of_the_vcek_counts),
		cmocka_unit_test(test_certificates_that_are_missing_or_others),
		cmocka_unit_test(test_the_roots_are_those_of_amd),
		cmocka_unit_test(test_its_json),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
