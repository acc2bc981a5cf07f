/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What a verification came to: one of spec/verdicts.def, and what was seen in words. A function
 * that verifies is true exactly for VERDICT_VERIFIED.
 */
#include <stdbool.h>

#include "base/attr.h"
#include "base/error.h"

enum verdict_reason {
#define VERDICT(code, slug, title) VERDICT_##code,
#include "spec/verdicts.def"
#undef VERDICT
	VERDICTS,
};

enum { VERDICT_DETAIL_MAX = 256 };

struct verdict {
	enum verdict_reason reason;
	char detail[VERDICT_DETAIL_MAX]; /* what was found and what was expected; may be "" */
};

const char *verdict_slug(enum verdict_reason reason);  /* "tcb-mismatch" */
const char *verdict_title(enum verdict_reason reason); /* one fixed sentence */
/* "verified", "not attested" or "refused". */
const char *verdict_word(enum verdict_reason reason);

/* Fills it; returns whether it is VERDICT_VERIFIED, so that `return verdict_set(...)` reads well.
 */
bool verdict_set(struct verdict *verdict, enum verdict_reason reason, const char *format, ...)
		PRINTF(3, 4);
/* The same as an error: INTEGRITY, with title and detail; UNATTESTED for SAMPLE. False. */
bool verdict_error(const struct verdict *verdict, struct error *err);
