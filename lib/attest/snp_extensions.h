/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* AMD's extensions of a VCEK or VLEK (AMD document 57230, below 1.3.6.1.4.1.3704.1). */
#include "attest/snp_chain.h"

/* Fills the chain's tcb and chip. CERTIFICATE: one is missing or malformed; PRODUCT. */
bool snp_extensions_read(struct snp_chain *chain, enum snp_signer signer, struct verdict *verdict);
