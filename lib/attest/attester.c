/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/attester.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attest/attester_kinds.h"
#include "attest/sample.h"
#include "attest/snp.h"
#include "base/mem.h"
#include "base/random.h"
#include "base/str.h"

enum { SIGNS_MAX = 400, TRIED_MAX = 400 };

struct attester {
	const struct attester_kind *kind;
	void *state;
	pthread_mutex_t lock; /* one report at a time */
};

/* --- the sample, which is nothing --------------------------------------------------------------
 */

static void *sample_open(const struct attester_settings *settings, struct error *err) {
	(void)settings, (void)err;
	return mem_zero(1, 1);
}

static bool sample_ask(void *state, const uint8_t data[EVIDENCE_DATA_BYTES], struct evidence *out,
		struct error *err) {
	(void)state;
	return sample_report(data, out, err);
}

static const struct attester_kind attester_sample = {
	.name = "sample",
	.tee = EVIDENCE_SAMPLE,
	.automatic = false,
	.open = sample_open,
	.report = sample_ask,
	.close = free,
};

/* --- choosing ----------------------------------------------------------------------------------
 */

/* In the order in which they are tried. */
static const struct attester_kind *const kinds[] = { &attester_tsm, &attester_device,
	&attester_sample };

static const uint8_t *data_of(const struct evidence *evidence) {
	struct bytes report = evidence_report(evidence);
	return evidence->tee == EVIDENCE_SAMPLE  ? sample_data(report)
	       : report.size == SNP_REPORT_BYTES ? report.data + SNP_DATA_AT
						 : NULL;
}

static void empty(struct evidence *evidence) {
	buf_clear(&evidence->report);
	for (int i = 0; i < CERTIFICATES; i++) {
		buf_clear(&evidence->certificates.items[i]);
	}
}

bool attester_report(struct attester *attester, const uint8_t data[EVIDENCE_DATA_BYTES],
		struct evidence *out, struct error *err) {
	empty(out);
	(void)pthread_mutex_lock(&attester->lock);
	bool done = attester->kind->report(attester->state, data, out, err);
	(void)pthread_mutex_unlock(&attester->lock);
	if (!done) {
		empty(out);
		return false;
	}
	const uint8_t *got = data_of(out);
	if (got == NULL || memcmp(got, data, EVIDENCE_DATA_BYTES) != 0) {
		empty(out);
		return error_set(err, ERROR_INTEGRITY,
				"%s answered with a report about something else",
				attester->kind->name);
	}
	return true;
}

/* That it is there proves a report about bytes that nobody could know. */
static bool prove(struct attester *attester, struct error *err) {
	struct evidence evidence;
	uint8_t data[EVIDENCE_DATA_BYTES];
	random_bytes(data, sizeof(data));
	evidence_init(&evidence);
	bool done = attester_report(attester, data, &evidence, err);
	evidence_finish(&evidence);
	return done;
}

static struct attester *try_kind(const struct attester_kind *kind,
		const struct attester_settings *settings, struct error *err) {
	void *state = kind->open(settings, err);
	if (state == NULL) {
		return NULL;
	}
	struct attester *attester = MEM_NEW(struct attester);
	attester->kind = kind;
	attester->state = state;
	(void)pthread_mutex_init(&attester->lock, NULL);
	if (!prove(attester, err)) {
		attester_close(attester);
		return NULL;
	}
	return attester;
}

static bool wanted(const struct attester_kind *kind, const char *choice) {
	return choice == NULL || str_equal(choice, "auto")
			       ? kind->automatic
			       : str_equal(choice, evidence_tee_name(kind->tee));
}

static void refuse(const struct attester_settings *settings, const char *tried, struct error *err) {
	char signs[SIGNS_MAX];
	attester_signs(settings->signs_root != NULL ? settings->signs_root : "", signs,
			sizeof(signs));
	error_set(err, ERROR_UNATTESTED,
			"no evidence can be had here (%s)%s%s; run it in an AMD SEV-SNP guest with "
			"configfs mounted, or for development with the sample attester, which "
			"proves nothing",
			tried, signs[0] != 0 ? "; " : "", signs);
}

struct attester *attester_open(const struct attester_settings *settings, struct error *err) {
	char tried[TRIED_MAX] = "";
	enum evidence_tee tee;
	if (settings->choice != NULL && !str_equal(settings->choice, "auto") &&
			!evidence_tee_find(settings->choice, &tee)) {
		error_set(err, ERROR_INVALID,
				"there is no attester \"%.40s\": auto, sev-snp and sample are "
				"known",
				settings->choice);
		return NULL;
	}
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct error inner;
		if (!wanted(kinds[i], settings->choice)) {
			continue;
		}
		struct attester *attester = try_kind(kinds[i], settings, &inner);
		if (attester != NULL) {
			return attester;
		}
		size_t used = strlen(tried);
		(void)snprintf(tried + used, sizeof(tried) - used, "%s%.180s",
				used == 0 ? "" : "; ", inner.message);
	}
	refuse(settings, tried, err);
	return NULL;
}

enum evidence_tee attester_tee(const struct attester *attester) {
	return attester->kind->tee;
}

void attester_close(struct attester *attester) {
	if (attester != NULL) {
		attester->kind->close(attester->state);
		(void)pthread_mutex_destroy(&attester->lock);
		free(attester);
	}
}
