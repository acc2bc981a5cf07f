/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Verification of receipts, answers and reports for people: `verify`, and `execute --verify`.
 * Offline, and without asking anybody but the bytes and what the flags say.
 */
#include "attest/verify.h"
#include "cli/cli.h"

/* wanted.c: what the flags ask for, with memory for it. */
struct wanted {
	struct verify_policy policy;
	struct certificates certificates;
	struct roots roots;
	uint8_t measurements[32][SNP_MEASUREMENT_BYTES];
	uint8_t data[EVIDENCE_DATA_BYTES], host_data[SNP_HOST_DATA_BYTES];
	uint8_t nonce[64], wasm[DIGEST_SIZE];
	struct bytes nonce_bytes;
	struct buf crl;
};

bool wanted_read(struct wanted *wanted, const struct arguments *arguments,
		struct error *err) MUST_CHECK;
void wanted_finish(struct wanted *wanted); /* also after a failure */

/* verify_show.c: what a verification came to, as JSON; evidence and receipt may be NULL. */
json_t *verdict_json(const struct verdict *verdict, const struct evidence *evidence,
		const struct receipt *receipt);
/* The same of an answer of version 1 to what was asked for. */
json_t *verdict_answer_json(const struct verdict *verdict, const struct answer *answer,
		const struct execution *execution);
