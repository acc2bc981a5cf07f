/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* AMD's revocation lists, which the ARK signs: they name the serial numbers of ASKs and ASVKs. */
#include "attest/snp_chain.h"

/* An empty list is not looked at. CRL, REVOKED. */
bool snp_revoked_check(const struct snp_chain *chain, struct bytes list, int64_t at_ns,
		struct verdict *verdict);
