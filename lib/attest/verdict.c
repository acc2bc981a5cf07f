/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/verdict.h"

#include <stdarg.h>
#include <stdio.h>

static const struct {
	const char *slug, *title;
} rows[] = {
#define VERDICT(code, slug, title) { slug, title },
#include "spec/verdicts.def"
#undef VERDICT
};

const char *verdict_slug(enum verdict_reason reason) {
	return rows[reason].slug;
}

const char *verdict_title(enum verdict_reason reason) {
	return rows[reason].title;
}

const char *verdict_word(enum verdict_reason reason) {
	return reason == VERDICT_VERIFIED ? "verified"
	       : reason == VERDICT_SAMPLE ? "not attested"
					  : "refused";
}

bool verdict_set(struct verdict *verdict, enum verdict_reason reason, const char *format, ...) {
	va_list args;
	va_start(args, format);
	(void)vsnprintf(verdict->detail, sizeof(verdict->detail), format, args);
	va_end(args);
	verdict->reason = reason;
	return reason == VERDICT_VERIFIED;
}

bool verdict_error(const struct verdict *verdict, struct error *err) {
	bool sample = verdict->reason == VERDICT_SAMPLE;
	return error_set(err, sample ? ERROR_UNATTESTED : ERROR_INTEGRITY, "%s%s%s%s",
			sample ? "" : "it does not verify: ", verdict_title(verdict->reason),
			verdict->detail[0] != 0 ? ": " : "", verdict->detail);
}
