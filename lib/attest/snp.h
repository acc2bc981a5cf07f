/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Attestation reports of AMD SEV-SNP, versions 2, 3 and 5 (AMD document 56860, ATTESTATION_REPORT):
 * what is in one, and whether it is true. Pure functions; nothing is fetched.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "attest/evidence.h"
#include "attest/roots.h"
#include "attest/verdict.h"
#include "base/attr.h"
#include "base/bytes.h"
#include "base/error.h"

enum {
	SNP_REPORT_BYTES = 1184,
	SNP_SIGNED_BYTES = 0x2a0,
	SNP_SIGNATURE_BYTES = 512,
	SNP_DATA_AT = 0x50,
	SNP_MEASUREMENT_BYTES = 48,
	SNP_HOST_DATA_BYTES = 32,
	SNP_CHIP_BYTES = 64,
};

/* Who signed it (bits 2 to 4 of signer_info). */
enum snp_signer { SNP_SIGNER_VCEK = 0, SNP_SIGNER_VLEK = 1, SNP_SIGNER_NONE = 7 };

/* Security versions, each by its name, since products order their bytes differently. */
struct snp_tcb {
	uint8_t fmc; /* Turin only */
	uint8_t boot_loader, tee, snp, microcode;
};

/* A report's fields; `bytes` is the report, which was borrowed. */
struct snp_report {
	const uint8_t *bytes;
	uint32_t version, guest_svn, vmpl, algorithm, signer_info;
	uint64_t policy, platform_info;
	enum snp_signer signer;
	/* MILAN, GENOA or TURIN where the report says it (from version 3 on), else UNKNOWN. */
	enum snp_product product;
	uint8_t family, model, stepping; /* from version 3 on */
	uint64_t current_tcb, reported_tcb, committed_tcb, launch_tcb;
	const uint8_t *data, *measurement, *host_data, *chip_id;
};

enum snp_policy_bit {
	SNP_POLICY_SMT = 1 << 16,
	SNP_POLICY_ALWAYS = 1 << 17,
	SNP_POLICY_MIGRATE_MA = 1 << 18,
	SNP_POLICY_DEBUG = 1 << 19,
	SNP_POLICY_SINGLE_SOCKET = 1 << 20,
};

/* False with a reason: size, version, reserved parts, algorithm, signer. */
bool snp_parse(struct bytes report, struct snp_report *out, struct verdict *verdict);
struct snp_tcb snp_tcb(uint64_t packed, enum snp_product product);

/* What a verifier asks for. {0} is strict in what is always wrong and asks for nothing more. */
struct snp_policy {
	bool allow_debug, allow_migration;
	int64_t at_ns;       /* when the certificates have to be valid; 0: now */
	const uint8_t *data; /* EVIDENCE_DATA_BYTES; NULL: any */
	const uint8_t (*measurements)[SNP_MEASUREMENT_BYTES]; /* one of these; NULL: any */
	size_t measurement_count;
	const uint8_t *host_data;   /* SNP_HOST_DATA_BYTES; NULL: any */
	unsigned most_vmpl;         /* 0: only VMPL 0 */
	struct snp_tcb minimum_tcb; /* of each part of the reported TCB */
	const struct roots *roots;  /* NULL: those of AMD (spec/roots.def) */
	struct bytes crl;           /* AMD's revocation list, DER or PEM; empty: none is asked */
};

/*
 * Whether AMD's hardware vouches for the report under this policy, with the reason in the verdict
 * either way. The chain is ARK, ASK (or ASVK), VCEK (or VLEK), all from `certificates`; only the
 * ARK's key is trusted, if it is among the roots.
 */
bool snp_verify(struct bytes report, const struct certificates *certificates,
		const struct snp_policy *policy, struct verdict *verdict);
