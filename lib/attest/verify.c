/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/verify.h"

#include <stdlib.h>
#include <string.h>

#include "attest/sample.h"
#include "attest/statement.h"
#include "base/base64.h"
#include "base/mem.h"
#include "base/str.h"

enum { MODULE_MAX = 256 << 20 };

/* --- evidence ----------------------------------------------------------------------------------
 */

/* A view only: the buffers belong to the evidence and to the policy. */
static struct certificates all_of(
		const struct evidence *evidence, const struct verify_policy *policy) {
	struct certificates all = evidence->certificates;
	for (int i = 0; i < CERTIFICATES && policy->certificates != NULL; i++) {
		if (all.items[i].size == 0) {
			all.items[i] = policy->certificates->items[i];
		}
	}
	return all;
}

static bool verify_snp(const struct evidence *evidence, const struct verify_policy *policy,
		struct verdict *verdict) {
	struct certificates all = all_of(evidence, policy);
	return snp_verify(evidence_report(evidence), &all, &policy->snp, verdict);
}

static bool verify_sample(const struct evidence *evidence, const struct verify_policy *policy,
		struct verdict *verdict) {
	const uint8_t *data = sample_data(evidence_report(evidence));
	if (data == NULL) {
		return verdict_set(verdict, VERDICT_REPORT_SIZE, "this is no sample report");
	}
	if (policy->snp.data != NULL && memcmp(policy->snp.data, data, EVIDENCE_DATA_BYTES) != 0) {
		return verdict_set(verdict, VERDICT_REPORT_DATA, "%s", "");
	}
	return verdict_set(verdict, VERDICT_SAMPLE, "%s", "");
}

bool evidence_verify(const struct evidence *evidence, const struct verify_policy *policy,
		struct verdict *verdict) {
	static bool (*const verifiers[])(
			const struct evidence *, const struct verify_policy *, struct verdict *) = {
		[EVIDENCE_SAMPLE] = verify_sample, [EVIDENCE_SEV_SNP] = verify_snp
	};
	return verifiers[evidence->tee](evidence, policy, verdict);
}

/* --- receipts ----------------------------------------------------------------------------------
 */

static bool same_bytes(struct bytes a, struct bytes b) {
	return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

static bool check_statement(const struct receipt *receipt, const struct verify_policy *policy,
		struct verdict *verdict) {
	struct error err;
	struct statement *statement = statement_decode(receipt->statement, &err);
	if (statement == NULL) {
		return verdict_set(verdict, VERDICT_STATEMENT, "%s", "");
	}
	bool fresh = policy->nonce == NULL || same_bytes(*policy->nonce, statement->nonce);
	bool same = policy->wasm == NULL || memcmp(policy->wasm, statement->wasm, DIGEST_SIZE) == 0;
	free(statement);
	if (!fresh) {
		return verdict_set(verdict, VERDICT_NONCE, "%s", "");
	}
	return same || verdict_set(verdict, VERDICT_WASM, "%s", "");
}

static bool check_path(const struct receipt *receipt, struct verdict *verdict) {
	uint8_t leaf[MERKLE_BYTES], root[MERKLE_BYTES];
	merkle_leaf(receipt->statement, leaf);
	return (merkle_climb(leaf, &receipt->path, root) &&
			       memcmp(root, receipt->root, MERKLE_BYTES) == 0) ||
	       verdict_set(verdict, VERDICT_PATH, "%s", "");
}

bool receipt_verify(const struct receipt *receipt, const struct verify_policy *policy,
		struct verdict *verdict) {
	uint8_t data[EVIDENCE_DATA_BYTES];
	struct verify_policy bound = *policy;
	receipt_data(receipt->root, receipt->path.size, data);
	bound.snp.data = data;
	return check_statement(receipt, policy, verdict) && check_path(receipt, verdict) &&
	       evidence_verify(receipt->evidence, &bound, verdict);
}

/* --- answers of version 1 ----------------------------------------------------------------------
 */

static bool check_module(const struct execution *execution, const struct verify_policy *policy,
		struct verdict *verdict) {
	CLEANUP(buf_finish) struct buf module = BUF_INIT(MODULE_MAX);
	uint8_t digest[DIGEST_SIZE];
	struct error err;
	if (policy->wasm == NULL) {
		return true;
	}
	if (!base64_decode(execution->bytecode, strlen(execution->bytecode), &module, &err)) {
		return verdict_set(verdict, VERDICT_WASM, "the request's bytecode: %.200s",
				err.message);
	}
	digest_of(module.data, module.size, digest);
	return memcmp(digest, policy->wasm, DIGEST_SIZE) == 0 ||
	       verdict_set(verdict, VERDICT_WASM, "%s", "");
}

/* Evidence does not cover what an answer repeats: it covers what was asked for. */
static bool check_repeated(const struct answer *answer, const struct execution *execution,
		struct verdict *verdict) {
	bool same = answer->input_count == execution->input_count;
	for (size_t i = 0; same && i < answer->input_count; i++) {
		same = str_equal(answer->inputs[i], execution->inputs[i]);
	}
	if (!same) {
		return verdict_set(verdict, VERDICT_EXECUTION, "the answer is about other inputs");
	}
	return str_equal(answer->request_id, execution->request_id) ||
	       verdict_set(verdict, VERDICT_EXECUTION,
			       "the answer is to request \"%.64s\", not \"%.64s\"",
			       answer->request_id, execution->request_id);
}

/* What the evidence has to be about; each half has its own reason. */
static bool check_halves(const struct answer *answer, const struct execution *execution,
		uint8_t data[REPORT_DATA_SIZE], struct verdict *verdict) {
	struct error err;
	if (!execution_hash(execution, data, &err) ||
			!report_data_outputs(VALUE_LAYOUT_DTVM, &answer->outputs,
					data + DIGEST_SIZE, &err)) {
		return verdict_set(verdict, VERDICT_ANSWER, "%.200s", err.message);
	}
	if (memcmp(answer->report_data, data, DIGEST_SIZE) != 0) {
		return verdict_set(verdict, VERDICT_EXECUTION,
				"not this module, function \"%.64s\", these inputs, version, id "
				"and "
				"timestamp",
				execution->function);
	}
	return memcmp(answer->report_data + DIGEST_SIZE, data + DIGEST_SIZE, DIGEST_SIZE) == 0 ||
	       verdict_set(verdict, VERDICT_OUTPUTS, "%s", "");
}

bool answer_verify(const struct answer *answer, const struct execution *execution,
		const struct verify_policy *policy, struct verdict *verdict) {
	uint8_t data[REPORT_DATA_SIZE];
	struct verify_policy bound = *policy;
	bound.snp.data = data;
	if (policy->nonce != NULL) {
		return verdict_set(verdict, VERDICT_NONCE, "an answer of version 1 has none");
	}
	return check_module(execution, policy, verdict) &&
	       check_repeated(answer, execution, verdict) &&
	       check_halves(answer, execution, data, verdict) &&
	       evidence_verify(&answer->evidence, &bound, verdict);
}
