/* SPDX-License-Identifier: Apache-2.0 */
/* An executor's answer of version 1 and, behind a zero byte, the request that it answers. */
#include <stdlib.h>
#include <string.h>

#include "attest/verify.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool done) {
	if (!done) {
		abort();
	}
}

/* No key that the fuzzer knows signs reports, and a sample never verifies. */
static void verify(const struct answer *answer, const struct execution *execution) {
	static const struct verify_policy policy;
	struct verdict verdict;
	must(!answer_verify(answer, execution, &policy, &verdict));
	must(verdict.reason < VERDICTS && strlen(verdict.detail) < VERDICT_DETAIL_MAX);
}

/* The outputs hash the same at every time, and so does what was asked for. */
static void hash(const struct answer *answer, const struct execution *execution) {
	uint8_t one[DIGEST_SIZE], two[DIGEST_SIZE];
	struct error err;
	must(report_data_outputs(VALUE_LAYOUT_DTVM, &answer->outputs, one, &err));
	must(report_data_outputs(VALUE_LAYOUT_DTVM, &answer->outputs, two, &err));
	must(memcmp(one, two, sizeof(one)) == 0);
	must(execution_hash(execution, one, &err));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	const uint8_t *end = size != 0 ? memchr(data, 0, size) : NULL;
	size_t first = end != NULL ? (size_t)(end - data) : size;
	struct error err;
	struct answer *answer = answer_parse((struct bytes){ data, first }, &err);
	struct execution_request *request =
			end != NULL ? execution_request_read(
						      (struct bytes){ end + 1, size - first - 1 },
						      &err)
				    : NULL;
	if (answer != NULL && request != NULL) {
		hash(answer, &request->execution);
		verify(answer, &request->execution);
	}
	answer_destroy(answer);
	execution_request_destroy(request);
	return 0;
}
