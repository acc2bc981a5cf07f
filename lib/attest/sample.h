/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Sample reports: for development where there is no TEE. One is a text that says so and the 64
 * bytes; it has no signature and no chain, and its size is that of no other report.
 */
#include <stdbool.h>

#include "attest/evidence.h"

enum { SAMPLE_TEXT_BYTES = 64, SAMPLE_REPORT_BYTES = SAMPLE_TEXT_BYTES + EVIDENCE_DATA_BYTES };

bool sample_report(const uint8_t data[EVIDENCE_DATA_BYTES], struct evidence *out,
		struct error *err) MUST_CHECK;
/* The bytes that it is about; NULL if it is no sample report. */
const uint8_t *sample_data(struct bytes report);
