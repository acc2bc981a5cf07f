/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/evidence.h"

#include "base/str.h"

static const char *const tees[] = { [EVIDENCE_SAMPLE] = "sample", [EVIDENCE_SEV_SNP] = "sev-snp" };
static const char *const names[] = { [CERTIFICATE_VCEK] = "vcek",
	[CERTIFICATE_VLEK] = "vlek",
	[CERTIFICATE_ASK] = "ask",
	[CERTIFICATE_ARK] = "ark" };

const char *evidence_tee_name(enum evidence_tee tee) {
	return tees[tee];
}

bool evidence_tee_find(const char *name, enum evidence_tee *tee) {
	for (enum evidence_tee i = 0; i < EVIDENCE_TEES; i++) {
		if (str_equal(tees[i], name)) {
			*tee = i;
			return true;
		}
	}
	return false;
}

const char *certificate_name(enum certificate which) {
	return names[which];
}

void certificates_init(struct certificates *certificates) {
	for (int i = 0; i < CERTIFICATES; i++) {
		certificates->items[i] = BUF_INIT(EVIDENCE_CERTIFICATE_MAX);
	}
}

bool certificates_set(struct certificates *certificates, enum certificate which, struct bytes bytes,
		struct error *err) {
	struct buf *item = &certificates->items[which];
	buf_clear(item);
	return buf_append(item, bytes.data, bytes.size, err) ||
	       error_wrap(err, "the %s certificate", names[which]);
}

struct bytes certificates_get(const struct certificates *certificates, enum certificate which) {
	return (struct bytes){ certificates->items[which].data, certificates->items[which].size };
}

void certificates_finish(struct certificates *certificates) {
	for (int i = 0; i < CERTIFICATES; i++) {
		buf_finish(&certificates->items[i]);
	}
}

void evidence_init(struct evidence *evidence) {
	evidence->tee = EVIDENCE_SAMPLE;
	evidence->report = BUF_INIT(EVIDENCE_REPORT_MAX);
	certificates_init(&evidence->certificates);
}

struct bytes evidence_report(const struct evidence *evidence) {
	return (struct bytes){ evidence->report.data, evidence->report.size };
}

void evidence_finish(struct evidence *evidence) {
	buf_finish(&evidence->report);
	certificates_finish(&evidence->certificates);
}
