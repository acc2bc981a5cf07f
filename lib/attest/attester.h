/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * An attester asks the platform for evidence about 64 bytes.
 *
 * Which TEE this is, is decided by what evidence can be had: opening one asks for a report. Signs
 * (devices, CPU flags) only help to say why there is none; a host that could run TEEs is not one.
 *
 * Any thread may call attester_report(); calls wait for each other, since firmware answers one
 * at a time and slowly (milliseconds to seconds). Who has many results to attest puts them under
 * one report (attest/merkle.h).
 */
#include <stdbool.h>
#include <stdint.h>

#include "attest/evidence.h"
#include "base/attr.h"
#include "base/error.h"

struct attester;

struct attester_settings {
	/* NULL or "auto": what can produce evidence, never the sample attester. "sample": reports
	 * that are marked and prove nothing, for development. "sev-snp": that, or an error. */
	const char *choice;
	/* Where to look, NULL for the system's places; tests point them at fakes. */
	const char *tsm_folder;   /* /sys/kernel/config/tsm/report */
	const char *guest_device; /* /dev/sev-guest */
	const char *signs_root;   /* "", before /dev and /proc */
	/* Asked for with every report: the VMPL that it shall name, 0 to 3. */
	unsigned vmpl;
};

/*
 * NULL with err: ERROR_UNATTESTED where no evidence can be had (the message tells what to do),
 * ERROR_INVALID for a choice that is none.
 */
struct attester *attester_open(const struct attester_settings *settings, struct error *err);
enum evidence_tee attester_tee(const struct attester *attester);
/*
 * Evidence about these bytes, into `out` (which was initialised; what it has is replaced).
 * ERROR_UNAVAILABLE: the platform did not answer, try again. ERROR_INTEGRITY: it answered with
 * something else.
 */
bool attester_report(struct attester *attester, const uint8_t data[EVIDENCE_DATA_BYTES],
		struct evidence *out, struct error *err) MUST_CHECK;
void attester_close(struct attester *attester); /* takes NULL; no call may be under way */
