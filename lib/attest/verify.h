/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Whether evidence, a receipt or an answer with it, is true: offline, pure functions. Each is true
 * exactly for VERDICT_VERIFIED; a sample that is intact is VERDICT_SAMPLE, so nobody takes it for
 * more.
 */
#include <stdbool.h>

#include "attest/answer.h"
#include "attest/evidence.h"
#include "attest/execution.h"
#include "attest/receipt.h"
#include "attest/snp.h"
#include "attest/verdict.h"

struct verify_policy {
	struct snp_policy snp;     /* its `data` counts for evidence; the others have their own */
	const struct bytes *nonce; /* what the receipt has to have; NULL: any */
	const uint8_t *wasm;       /* SHA-256 of the module; NULL: any */
	const struct certificates
			*certificates; /* for those that the evidence lacks; may be NULL */
};

bool evidence_verify(const struct evidence *evidence, const struct verify_policy *policy,
		struct verdict *verdict);
bool receipt_verify(const struct receipt *receipt, const struct verify_policy *policy,
		struct verdict *verdict);
/* An answer of version 1, to what was asked for. */
bool answer_verify(const struct answer *answer, const struct execution *execution,
		const struct verify_policy *policy, struct verdict *verdict);
