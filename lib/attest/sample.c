/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/sample.h"

#include <string.h>

static const char text[SAMPLE_TEXT_BYTES] =
		"AIRSCREW SAMPLE REPORT: made without hardware, proves nothing\n";

bool sample_report(
		const uint8_t data[EVIDENCE_DATA_BYTES], struct evidence *out, struct error *err) {
	out->tee = EVIDENCE_SAMPLE;
	return buf_append(&out->report, text, sizeof(text), err) &&
	       buf_append(&out->report, data, EVIDENCE_DATA_BYTES, err);
}

const uint8_t *sample_data(struct bytes report) {
	return report.size == SAMPLE_REPORT_BYTES && memcmp(report.data, text, sizeof(text)) == 0
			       ? report.data + sizeof(text)
			       : NULL;
}
