/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/verify.h"

#include <stdlib.h>
#include <string.h>

#include "attest/attestation.h"
#include "attest/chain_file.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/hex.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/output.h"

enum { MODULE_MAX = 256 << 20, LIST_MAX = 1 << 20, MEASUREMENTS = 32 };

/* --- flags -------------------------------------------------------------------------------------
 */

static bool read_file(const char *path, struct buf *out, struct error *err) {
	return file_read(path, out, err);
}

static bool wrong(const char *flag, const char *what, struct error *err) {
	return error_set(err, ERROR_INVALID, "flag --%s: %s", flag, what);
}

static bool read_hex(
		const char *flag, const char *text, uint8_t *out, size_t size, struct error *err) {
	if (text == NULL) {
		return true;
	}
	return (strlen(text) == 2 * size && hex_decode(text, out, size)) ||
	       error_set(err, ERROR_INVALID, "flag --%s: %zu hex digits are wanted", flag,
			       2 * size);
}

static bool read_nonce(struct wanted *wanted, const char *text, struct error *err) {
	size_t size = text != NULL ? strlen(text) / 2 : 0;
	if (text == NULL) {
		return true;
	}
	if (size > sizeof(wanted->nonce) || strlen(text) != 2 * size ||
			!hex_decode(text, wanted->nonce, size)) {
		return wrong("nonce", "up to 64 bytes as hex digits are wanted", err);
	}
	wanted->nonce_bytes = (struct bytes){ wanted->nonce, size };
	wanted->policy.nonce = &wanted->nonce_bytes;
	return true;
}

static bool read_measurements(struct wanted *wanted, const char *text, struct error *err) {
	struct strings list = { 0 };
	strings_split(&list, text != NULL ? text : "", ',');
	bool done = text == NULL || (list.count != 0 && list.count <= MEASUREMENTS) ||
		    wrong("measurement", "1 to 32 are wanted", err);
	for (size_t i = 0; done && i < list.count; i++) {
		done = read_hex("measurement", list.items[i], wanted->measurements[i],
				SNP_MEASUREMENT_BYTES, err);
	}
	wanted->policy.snp.measurements = text != NULL ? wanted->measurements : NULL;
	wanted->policy.snp.measurement_count = list.count;
	strings_finish(&list);
	return done;
}

static bool read_time(struct wanted *wanted, const char *text, struct error *err) {
	return text == NULL || clock_parse(text, &wanted->policy.snp.at_ns) ||
	       wrong("at", "a time like 2026-11-20T12:00:00Z is wanted", err);
}

static bool read_vmpl(struct wanted *wanted, const char *text, struct error *err) {
	uint64_t value = 0;
	if (text != NULL && (!str_to_u64(text, &value, err) || value > 3)) {
		return wrong("vmpl", "0 to 3 are wanted", err);
	}
	wanted->policy.snp.most_vmpl = (unsigned)value;
	return true;
}

/* "snp=23,microcode=209" */
static bool read_level(struct snp_tcb *tcb, char *item, struct error *err) {
	const struct {
		const char *name;
		uint8_t *place;
	} rows[] = { { "fmc", &tcb->fmc }, { "boot-loader", &tcb->boot_loader },
		{ "tee", &tcb->tee }, { "snp", &tcb->snp }, { "microcode", &tcb->microcode } };
	char *equals = strchr(item, '=');
	uint64_t value = 0;
	if (equals != NULL) {
		*equals = 0;
	}
	for (size_t i = 0; equals != NULL && i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (str_equal(rows[i].name, item) && str_to_u64(equals + 1, &value, err) &&
				value <= UINT8_MAX) {
			*rows[i].place = (uint8_t)value;
			return true;
		}
	}
	return wrong("min-tcb", "fmc, boot-loader, tee, snp, microcode, each with =0 to =255", err);
}

static bool read_minimum(struct wanted *wanted, const char *text, struct error *err) {
	struct strings list = { 0 };
	strings_split(&list, text != NULL ? text : "", ',');
	bool done = true;
	for (size_t i = 0; done && i < list.count; i++) {
		done = read_level(&wanted->policy.snp.minimum_tcb, list.items[i], err);
	}
	strings_finish(&list);
	return done;
}

static bool read_certificates(struct wanted *wanted, const char *path, struct error *err) {
	CLEANUP(buf_finish) struct buf file = BUF_INIT(CHAIN_FILE_MAX);
	wanted->policy.certificates = &wanted->certificates;
	return path == NULL ||
	       (read_file(path, &file, err) &&
			       (chain_file_read(&wanted->certificates,
						(struct bytes){ file.data, file.size }, err) ||
					       error_wrap(err, "%s", path)));
}

static bool read_roots(struct wanted *wanted, const char *path, struct error *err) {
	CLEANUP(buf_finish) struct buf file = BUF_INIT(ROOTS_FILE_MAX);
	roots_builtin(&wanted->roots);
	wanted->policy.snp.roots = &wanted->roots;
	return path == NULL ||
	       (read_file(path, &file, err) &&
			       (roots_parse(&wanted->roots, (struct bytes){ file.data, file.size },
						err) ||
					       error_wrap(err, "%s", path)));
}

static bool read_list(struct wanted *wanted, const char *path, struct error *err) {
	if (path != NULL && !read_file(path, &wanted->crl, err)) {
		return false;
	}
	wanted->policy.snp.crl = (struct bytes){ wanted->crl.data, wanted->crl.size };
	return path == NULL || wanted->crl.size != 0 || wrong("crl", "the file is empty", err);
}

static bool read_module(struct wanted *wanted, const char *path, struct error *err) {
	CLEANUP(buf_finish) struct buf file = BUF_INIT(MODULE_MAX);
	if (path == NULL) {
		return true;
	}
	if (!read_file(path, &file, err)) {
		return false;
	}
	digest_of(file.data, file.size, wanted->wasm);
	wanted->policy.wasm = wanted->wasm;
	return true;
}

static bool read_data(struct wanted *wanted, const char *const *flags, struct error *err) {
	struct snp_policy *snp = &wanted->policy.snp;
	snp->data = flags[FLAG_REPORT_DATA] != NULL ? wanted->data : NULL;
	snp->host_data = flags[FLAG_HOST_DATA] != NULL ? wanted->host_data : NULL;
	snp->allow_debug = flags[FLAG_ALLOW_DEBUG] != NULL;
	snp->allow_migration = flags[FLAG_ALLOW_MIGRATION] != NULL;
	return read_hex("report-data", flags[FLAG_REPORT_DATA], wanted->data, EVIDENCE_DATA_BYTES,
			       err) &&
	       read_hex("host-data", flags[FLAG_HOST_DATA], wanted->host_data, SNP_HOST_DATA_BYTES,
			       err);
}

bool wanted_read(struct wanted *wanted, const struct arguments *arguments, struct error *err) {
	const char *const *flags = arguments->flags;
	*wanted = (struct wanted){ .crl = BUF_INIT(LIST_MAX) };
	certificates_init(&wanted->certificates);
	return read_data(wanted, flags, err) &&
	       read_measurements(wanted, flags[FLAG_MEASUREMENT], err) &&
	       read_nonce(wanted, flags[FLAG_NONCE], err) &&
	       read_time(wanted, flags[FLAG_AT], err) && read_vmpl(wanted, flags[FLAG_VMPL], err) &&
	       read_minimum(wanted, flags[FLAG_MIN_TCB], err) &&
	       read_certificates(wanted, flags[FLAG_CHAIN], err) &&
	       read_certificates(wanted, flags[FLAG_VCEK], err) &&
	       read_roots(wanted, flags[FLAG_ROOTS], err) &&
	       read_list(wanted, flags[FLAG_CRL], err) &&
	       read_module(wanted, flags[FLAG_WASM], err);
}

void wanted_finish(struct wanted *wanted) {
	certificates_finish(&wanted->certificates);
	buf_finish(&wanted->crl);
}

/* --- the verb ----------------------------------------------------------------------------------
 */

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

static int verify_receipt(const struct arguments *arguments, const struct wanted *wanted,
		struct bytes file, struct error *err) {
	bool binary = file.size >= 3 && memcmp(file.data, "ASR", 3) == 0;
	struct receipt *receipt = binary ? receipt_decode(file, err) : receipt_parse(file, err);
	struct verdict verdict;
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
				"a receipt is wanted (verify receipt.json), or a report (verify "
				"--report FILE --vcek FILE --chain FILE)");
	}
	if (report && (arguments->flags[FLAG_NONCE] != NULL ||
				      arguments->flags[FLAG_WASM] != NULL)) {
		return error_set(err, ERROR_INVALID,
				"flags --nonce and --wasm are about receipts; of a report there is "
				"--report-data");
	}
	if (!report && arguments->flags[FLAG_REPORT_DATA] != NULL) {
		return wrong("report-data", "it is about --report; a receipt has its own", err);
	}
	return look_check(arguments, &view_verdict, err);
}

int verify(const struct arguments *arguments, struct error *err) {
	const char *report = arguments->flags[FLAG_REPORT];
	const char *path = report != NULL ? report : arguments->items[0];
	CLEANUP(buf_finish) struct buf file = BUF_INIT(RECEIPT_JSON_MAX);
	CLEANUP(mem_freep) struct wanted *wanted = MEM_NEW(struct wanted);
	if (!check(arguments, err)) {
		return -1;
	}
	int code = -1;
	if (wanted_read(wanted, arguments, err) && read_file(path, &file, err)) {
		struct bytes bytes = { file.data, file.size };
		code = report != NULL ? verify_report(arguments, wanted, bytes, err)
				      : verify_receipt(arguments, wanted, bytes, err);
	}
	wanted_finish(wanted);
	return code;
}
