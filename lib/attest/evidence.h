/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Evidence: a report that a trusted execution environment signed, and the certificates that came
 * with it. It owns its bytes. Nothing here says that it is true: attest/verify.h does.
 *
 * Another TEE is a row more in each table of this folder: its name here, how it is asked for in
 * attester.c, how it is verified in verify.c, its JSON in attestation.c.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/bytes.h"
#include "base/error.h"

/* Numbers of the binary receipt (spec/receipt.md): they never change. */
enum evidence_tee {
	EVIDENCE_SAMPLE = 0, /* no TEE: for development, proves nothing */
	EVIDENCE_SEV_SNP = 1,
	EVIDENCE_TEES,
};

/* Of AMD's chain; numbers of the binary receipt as well. */
enum certificate {
	CERTIFICATE_VCEK = 0,
	CERTIFICATE_VLEK = 1,
	CERTIFICATE_ASK = 2, /* or ASVK, the one above a VLEK */
	CERTIFICATE_ARK = 3,
	CERTIFICATES,
};

enum {
	EVIDENCE_REPORT_MAX = 32 << 10, /* what the kernel gives at most */
	EVIDENCE_CERTIFICATE_MAX = 8 << 10,
	EVIDENCE_DATA_BYTES = 64, /* report_data */
};

struct certificates {
	struct buf items[CERTIFICATES]; /* DER or PEM as they came; empty: not there */
};

struct evidence {
	enum evidence_tee tee;
	struct buf report;
	struct certificates certificates;
};

const char *evidence_tee_name(enum evidence_tee tee); /* "sev-snp" */
/* False if no TEE has this name. */
bool evidence_tee_find(const char *name, enum evidence_tee *tee) MUST_CHECK;
const char *certificate_name(enum certificate which); /* "vcek" */

void certificates_init(struct certificates *certificates);
/* Replaces one. ERROR_TOO_LARGE. */
bool certificates_set(struct certificates *certificates, enum certificate which, struct bytes bytes,
		struct error *err) MUST_CHECK;
struct bytes certificates_get(const struct certificates *certificates, enum certificate which);
void certificates_finish(struct certificates *certificates);

void evidence_init(struct evidence *evidence); /* empty, with its limits */
struct bytes evidence_report(const struct evidence *evidence);
void evidence_finish(struct evidence *evidence);
