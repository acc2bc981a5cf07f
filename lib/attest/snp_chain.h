/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The certificates over a report: read, held against each other, and what the lowest one says. */
#include <openssl/x509.h>

#include "attest/snp.h"

struct snp_chain {
	X509 *ark, *ask, *leaf; /* the leaf is the VCEK or the VLEK */
	enum snp_product product;
	/* Of the leaf. */
	uint64_t tcb; /* packed as the product's reports have it */
	uint8_t chip[SNP_CHIP_BYTES];
	size_t chip_size; /* 64, or 8 (Turin); 0 for a VLEK */
};

/* All of it is true at this time, or a reason; finished by the caller in both cases. */
bool snp_chain_open(struct snp_chain *chain, const struct certificates *certificates,
		const struct snp_report *report, const struct snp_policy *policy,
		struct verdict *verdict);
void snp_chain_finish(struct snp_chain *chain);
