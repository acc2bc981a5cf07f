/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/verify.h"

#include <string.h>

#include "attest/attestation.h"
#include "base/file.h"
#include "base/mem.h"
#include "cli/output.h"

static const struct column of_verdict[] = {
	{ "verdict", "verdict", FORM_TEXT, 0, false },
	{ "because", "because", FORM_TEXT, 0, false },
	{ "reason", "reason", FORM_TEXT, 0, true },
	{ "detail", "detail", FORM_TEXT, 0, false },
	{ "module", "receipt.wasm", FORM_TEXT, 0, false },
	{ "function", "receipt.function", FORM_TEXT, 0, false },
	{ "inputs", "receipt.inputs", FORM_TEXT, 0, false },
	{ "outputs", "receipt.outputs", FORM_TEXT, 0, false },
	{ "trap", "receipt.trap", FORM_TEXT, 0, false },
	{ "mode", "receipt.mode", FORM_TEXT, 0, false },
	{ "gas used", "receipt.gas_used", FORM_NUMBER, 0, false },
	{ "gas limit", "receipt.gas_limit", FORM_NUMBER, 0, false },
	{ "nonce", "receipt.nonce", FORM_TEXT, 0, false },
	{ "engine", "receipt.engine", FORM_TEXT, 0, false },
	{ "program", "receipt.program", FORM_TEXT, 0, false },
	{ "shares its report with", "receipt.batch", FORM_NUMBER, 0, true },
	{ "root", "receipt.root", FORM_TEXT, 0, true },
	{ "TEE", "report.tee", FORM_TEXT, 0, false },
	{ "product", "report.product", FORM_TEXT, 0, false },
	{ "signed by", "report.signer", FORM_TEXT, 0, false },
	{ "measurement", "report.measurement", FORM_TEXT, 0, false },
	{ "debug", "report.debug", FORM_YES, 0, false },
	{ "VMPL", "report.vmpl", FORM_NUMBER, 0, false },
	{ "firmware", "report.reported_tcb", FORM_TEXT, 0, false },
	{ "policy", "report.policy", FORM_TEXT, 0, true },
	{ "guest SVN", "report.guest_svn", FORM_NUMBER, 0, true },
	{ "host data", "report.host_data", FORM_TEXT, 0, true },
	{ "report data", "report.report_data", FORM_TEXT, 0, true },
	{ "chip", "report.chip_id", FORM_TEXT, 0, true },
	{ "report version", "report.version", FORM_NUMBER, 0, true },
	{ NULL, NULL, FORM_TEXT, 0, false },
};

static const struct view view_verdict = { .columns = of_verdict };

/* Shows it; the exit code, or -1 with err for what was refused. */
static int conclude(const struct arguments *arguments, const struct verdict *verdict, json_t *shown,
		struct error *err) {
	show(look_of(arguments), &view_verdict, shown);
	json_decref(shown);
	if (verdict->reason == VERDICT_VERIFIED) {
		if (arguments->flags[FLAG_MEASUREMENT] == NULL) {
			(void)fputs("note: which software it was has not been asked: any guest on "
				    "such hardware could say so; name its --measurement\n",
					stderr);
		}
		return 0;
	}
	if (verdict->reason == VERDICT_SAMPLE && arguments->flags[FLAG_ALLOW_SAMPLE] != NULL) {
		(void)fprintf(stderr, "warning: %s\n", verdict_title(VERDICT_SAMPLE));
		return 0;
	}
	(void)verdict_error(verdict, err);
	return -1;
}

static bool is_answer(struct bytes file) {
	struct error ignored;
	struct answer *answer = answer_parse(file, &ignored);
	answer_destroy(answer);
	return answer != NULL;
}

static int verify_receipt(const struct arguments *arguments, const struct wanted *wanted,
		struct bytes file, struct error *err) {
	bool binary = file.size >= 3 && memcmp(file.data, "ASR", 3) == 0;
	struct receipt *receipt = binary ? receipt_decode(file, err) : receipt_parse(file, err);
	struct verdict verdict;
	if (receipt == NULL && is_answer(file)) {
		(void)error_set(err, ERROR_INVALID,
				"this is an answer of version 1: it has no receipt, and says "
				"neither module nor function; name the request that it answers "
				"(--request FILE)");
		return -1;
	}
	if (receipt == NULL) {
		(void)verdict_set(&verdict, VERDICT_RECEIPT, "%s", err->message);
		return err->code != ERROR_INTEGRITY
				       ? -1
				       : conclude(arguments, &verdict,
							 verdict_json(&verdict, NULL, NULL), err);
	}
	(void)receipt_verify(receipt, &wanted->policy, &verdict);
	json_t *shown = verdict_json(&verdict, receipt->evidence, receipt);
	receipt_destroy(receipt);
	return conclude(arguments, &verdict, shown, err);
}

/* What was asked for, which an answer of version 1 does not say. */
static struct execution_request *read_request(const char *path, struct error *err) {
	CLEANUP(buf_finish) struct buf file = BUF_INIT(ANSWER_JSON_MAX);
	struct execution_request *request =
			file_read(path, &file, err)
					? execution_request_read(
							  (struct bytes){ file.data, file.size },
							  err)
					: NULL;
	if (request != NULL && !request->execution.given) {
		execution_request_destroy(request);
		request = NULL;
		(void)error_set(err, ERROR_INVALID, "%s: it has no execution", path);
	}
	if (request == NULL) {
		(void)error_wrap(err, "flag --request");
	}
	return request;
}

static int verify_answer(const struct arguments *arguments, const struct wanted *wanted,
		struct bytes file, struct error *err) {
	struct execution_request *request = read_request(arguments->flags[FLAG_REQUEST], err);
	if (request == NULL) {
		return -1;
	}
	struct answer *answer = answer_parse(file, err);
	struct verdict verdict;
	json_t *shown;
	if (answer == NULL) {
		(void)verdict_set(&verdict, VERDICT_ANSWER, "%s", err->message);
		shown = verdict_json(&verdict, NULL, NULL);
	} else {
		(void)answer_verify(answer, &request->execution, &wanted->policy, &verdict);
		shown = verdict_answer_json(&verdict, answer, &request->execution);
	}
	answer_destroy(answer);
	execution_request_destroy(request);
	return conclude(arguments, &verdict, shown, err);
}

/* The bytes of a report, or the JSON that an executor's answer has of it. */
static bool read_evidence(struct bytes file, struct evidence *out, struct error *err) {
	if (file.size != 0 && file.data[0] == '{') {
		return attestation_parse(file, out, err);
	}
	out->tee = EVIDENCE_SEV_SNP;
	return buf_append(&out->report, file.data, file.size, err);
}

static int verify_report(const struct arguments *arguments, const struct wanted *wanted,
		struct bytes file, struct error *err) {
	struct verdict verdict;
	struct evidence evidence;
	int code = -1;
	evidence_init(&evidence);
	if (read_evidence(file, &evidence, err)) {
		(void)evidence_verify(&evidence, &wanted->policy, &verdict);
		code = conclude(arguments, &verdict, verdict_json(&verdict, &evidence, NULL), err);
	}
	evidence_finish(&evidence);
	return code;
}

static bool check(const struct arguments *arguments, struct error *err) {
	bool report = arguments->flags[FLAG_REPORT] != NULL;
	if (report == (arguments->count == 1)) {
		return error_set(err, ERROR_INVALID,
				"a receipt is wanted (verify receipt.json), an answer (verify "
				"answer.json --request FILE), or a report (verify --report FILE "
				"--vcek FILE --chain FILE)");
	}
	if (report && arguments->flags[FLAG_REQUEST] != NULL) {
		return error_set(err, ERROR_INVALID,
				"flag --request: it is about a whole answer (verify answer.json "
				"--request FILE)");
	}
	if (report && (arguments->flags[FLAG_NONCE] != NULL ||
				      arguments->flags[FLAG_WASM] != NULL)) {
		return error_set(err, ERROR_INVALID,
				"flags --nonce and --wasm are about receipts; of a report there is "
				"--report-data");
	}
	if (!report && arguments->flags[FLAG_REPORT_DATA] != NULL) {
		return error_set(err, ERROR_INVALID,
				"flag --report-data: it is about --report; a receipt has its own");
	}
	return look_check(arguments, &view_verdict, err);
}

int verify(const struct arguments *arguments, struct error *err) {
	const char *report = arguments->flags[FLAG_REPORT];
	const char *path = report != NULL ? report : arguments->items[0];
	CLEANUP(buf_finish) struct buf file = BUF_INIT(ANSWER_JSON_MAX);
	CLEANUP(mem_freep) struct wanted *wanted = MEM_NEW(struct wanted);
	if (!check(arguments, err)) {
		return -1;
	}
	int code = -1;
	if (wanted_read(wanted, arguments, err) && file_read(path, &file, err)) {
		struct bytes bytes = { file.data, file.size };
		code = report != NULL ? verify_report(arguments, wanted, bytes, err)
		       : arguments->flags[FLAG_REQUEST] != NULL
				       ? verify_answer(arguments, wanted, bytes, err)
				       : verify_receipt(arguments, wanted, bytes, err);
	}
	wanted_finish(wanted);
	return code;
}
