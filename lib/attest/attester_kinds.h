/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The ways to evidence. attester.c has the table of them, and calls one at a time. */
#include "attest/attester.h"

struct attester_kind {
	const char *name; /* for messages: where it asks */
	enum evidence_tee tee;
	bool automatic; /* tried where nothing was chosen by name */
	/* What it keeps, for the other two; NULL with err where it is not there. */
	void *(*open)(const struct attester_settings *settings, struct error *err);
	/* Into an empty `out`. */
	bool (*report)(void *state, const uint8_t data[EVIDENCE_DATA_BYTES], struct evidence *out,
			struct error *err);
	void (*close)(void *state);
};

extern const struct attester_kind attester_tsm;    /* tsm.c: the kernel's configfs */
extern const struct attester_kind attester_device; /* guest_device.c: its older ioctl */

/* Appends what is to be seen of TEEs here, in words, for the message that there is no evidence. */
void attester_signs(const char *root, char *text, size_t size);
