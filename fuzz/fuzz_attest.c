/* SPDX-License-Identifier: Apache-2.0 */
/* Reports, certificates, receipts in both forms: the first byte chooses. What was decoded has one
 * form, and nothing here verifies. */
#include <stdlib.h>
#include <string.h>

#include "attest/attestation.h"
#include "attest/chain_file.h"
#include "attest/ghcb.h"
#include "attest/statement.h"
#include "attest/verify.h"
#include "base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool done) {
	if (!done) {
		abort();
	}
}

static void statements(struct bytes given) {
	struct error err;
	struct statement *statement = statement_decode(given, &err);
	struct buf again = BUF_INIT(STATEMENT_BYTES_MAX);
	if (statement != NULL) {
		must(statement_encode(statement, &again, &err));
		must(again.size == given.size && memcmp(again.data, given.data, given.size) == 0);
	}
	free(statement);
	buf_finish(&again);
}

static void verify(const struct receipt *receipt) {
	static const struct verify_policy policy;
	struct verdict verdict;
	/* Only for samples is there no key that the fuzzer would have to know. */
	must(!receipt_verify(receipt, &policy, &verdict));
	must(verdict.reason < VERDICTS && strlen(verdict.detail) < VERDICT_DETAIL_MAX);
}

static void binaries(struct bytes given) {
	struct error err;
	struct receipt *receipt = receipt_decode(given, &err);
	struct buf again = BUF_INIT(RECEIPT_BYTES_MAX);
	if (receipt != NULL) {
		verify(receipt);
		must(receipt_encode(receipt, true, &again, &err));
		must(again.size == given.size && memcmp(again.data, given.data, given.size) == 0);
	}
	receipt_destroy(receipt);
	buf_finish(&again);
}

static void texts(struct bytes given) {
	struct error err;
	struct receipt *receipt = receipt_parse(given, &err);
	struct buf text = BUF_INIT(RECEIPT_JSON_MAX);
	if (receipt != NULL && receipt_format(receipt, &text, &err)) {
		verify(receipt);
		struct receipt *again = receipt_parse((struct bytes){ text.data, text.size }, &err);
		must(again != NULL);
		receipt_destroy(again);
	}
	receipt_destroy(receipt);
	buf_finish(&text);
}

/* The report first, as much of it as there is; behind it the certificates, in parts. */
static void reports(struct bytes given) {
	struct evidence evidence;
	struct error err;
	struct verdict verdict;
	static const struct verify_policy policy;
	struct buf json = BUF_INIT(RECEIPT_JSON_MAX);
	size_t first = given.size < SNP_REPORT_BYTES ? given.size : SNP_REPORT_BYTES;
	size_t part = (given.size - first) / CERTIFICATES;
	evidence_init(&evidence);
	evidence.tee = EVIDENCE_SEV_SNP;
	must(buf_append(&evidence.report, given.data, first, &err));
	for (enum certificate i = 0; i < CERTIFICATES; i++) {
		(void)!certificates_set(&evidence.certificates, i,
				(struct bytes){ given.data + first + i * part, part }, &err);
	}
	must(!evidence_verify(&evidence, &policy, &verdict));
	(void)!attestation_json(&evidence, &json, &err);
	buf_finish(&json);
	evidence_finish(&evidence);
}

static void tables(struct bytes given, bool files) {
	struct certificates certificates;
	struct error err;
	certificates_init(&certificates);
	(void)!(files ? chain_file_read(&certificates, given, &err)
		      : ghcb_parse(given, &certificates, &err));
	certificates_finish(&certificates);
}

static void attestations(struct bytes given) {
	struct evidence evidence, again;
	struct error err;
	struct buf json = BUF_INIT(RECEIPT_JSON_MAX);
	evidence_init(&evidence);
	evidence_init(&again);
	if (attestation_parse(given, &evidence, &err) && attestation_json(&evidence, &json, &err)) {
		must(attestation_parse((struct bytes){ json.data, json.size }, &again, &err));
		must(again.report.size == evidence.report.size &&
				memcmp(again.report.data, evidence.report.data,
						again.report.size) == 0);
	}
	buf_finish(&json);
	evidence_finish(&evidence);
	evidence_finish(&again);
}

static void roots(struct bytes given) {
	struct roots roots;
	struct error err;
	roots_builtin(&roots);
	must(!roots_parse(&roots, given, &err) || roots.count <= ROOTS_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	if (size == 0) {
		return 0;
	}
	struct bytes rest = { data + 1, size - 1 };
	switch (data[0] % 8) {
	case 0: statements(rest); break;
	case 1: binaries(rest); break;
	case 2: texts(rest); break;
	case 3: reports(rest); break;
	case 4: tables(rest, false); break;
	case 5: tables(rest, true); break;
	case 6: roots(rest); break;
	default: attestations(rest);
	}
	return 0;
}
