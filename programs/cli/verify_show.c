/* SPDX-License-Identifier: Apache-2.0 */
/* What a verification came to, in JSON: the verdict, what the receipt says, what the report says.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attest/statement.h"
#include "base/base64.h"
#include "base/hex.h"
#include "base/mem.h"
#include "cli/verify.h"

static json_t *hex_of(const uint8_t *bytes, size_t size) {
	CLEANUP(mem_freep) char *text = mem_zero(2 * size + 1, 1);
	hex_encode(bytes, size, text);
	return json_string(text);
}

static json_t *text_of(const char *text) {
	json_t *value = json_string(text);
	return value != NULL ? value : json_string("?");
}

/* Gas can be more than a JSON integer of most readers; a limit of 64 bits without a sign is text.
 */
static json_t *count_of(uint64_t value) {
	char text[24];
	(void)snprintf(text, sizeof(text), "%" PRIu64, value);
	return value <= INT64_MAX ? json_integer((json_int_t)value) : json_string(text);
}

/* --- receipts ----------------------------------------------------------------------------------
 */

static void print_float(char text[48], double value, int digits, uint64_t bits) {
	if (isnan(value)) {
		(void)snprintf(text, 48, "nan:0x%" PRIx64, bits);
	} else {
		(void)snprintf(text, 48, "%.*g", digits, value);
	}
}

/* "5", "0.05", "nan:0x7fc00000": decimal, so that it reads back as the same bits. */
static json_t *value_json(const struct statement_value *value) {
	char number[48], text[56];
	uint32_t half = (uint32_t)value->bits;
	float single;
	double twice;
	memcpy(&single, &half, sizeof(single));
	memcpy(&twice, &value->bits, sizeof(twice));
	switch (value->type) {
	case STATEMENT_I32:
		(void)snprintf(number, sizeof(number), "%" PRId32, (int32_t)half);
		break;
	case STATEMENT_I64:
		(void)snprintf(number, sizeof(number), "%" PRId64, (int64_t)value->bits);
		break;
	case STATEMENT_F32: print_float(number, (double)single, 9, value->bits); break;
	default: print_float(number, twice, 17, value->bits);
	}
	(void)snprintf(text, sizeof(text), "%s:%s", statement_type_name(value->type), number);
	return json_string(text);
}

static json_t *values_json(const struct statement_values *values) {
	json_t *list = json_array();
	for (size_t i = 0; i < values->count; i++) {
		(void)json_array_append_new(list, value_json(&values->items[i]));
	}
	return list;
}

static void put_outcome(json_t *out, const struct statement *statement) {
	if (statement->trap != NULL) {
		(void)json_object_set_new(out, "trap", text_of(statement->trap));
	} else {
		(void)json_object_set_new(out, "outputs", values_json(&statement->outputs));
	}
	(void)json_object_set_new(out, "mode", json_string(statement_mode_name(statement->mode)));
	(void)json_object_set_new(out, "gas_used", count_of(statement->gas_used));
	if (statement->gas_limited) {
		(void)json_object_set_new(out, "gas_limit", count_of(statement->gas_limit));
	}
}

static json_t *receipt_json(const struct receipt *receipt) {
	struct error err;
	struct statement *statement = statement_decode(receipt->statement, &err);
	if (statement == NULL) {
		return NULL;
	}
	json_t *out = json_object();
	(void)json_object_set_new(out, "wasm", hex_of(statement->wasm, DIGEST_SIZE));
	(void)json_object_set_new(out, "function", text_of(statement->function));
	(void)json_object_set_new(out, "inputs", values_json(&statement->inputs));
	put_outcome(out, statement);
	(void)json_object_set_new(
			out, "nonce", hex_of(statement->nonce.data, statement->nonce.size));
	(void)json_object_set_new(out, "engine", text_of(statement->engine));
	(void)json_object_set_new(out, "program", text_of(statement->program));
	(void)json_object_set_new(out, "batch", json_integer(receipt->path.size));
	(void)json_object_set_new(out, "root", hex_of(receipt->root, MERKLE_BYTES));
	free(statement);
	return out;
}

/* Inputs are the texts that were sent: what they mean is up to the function. */
static json_t *texts_json(const char *const *texts, size_t count) {
	json_t *list = json_array();
	for (size_t i = 0; i < count; i++) {
		(void)json_array_append_new(list, text_of(texts[i]));
	}
	return list;
}

static void put_module(json_t *out, const struct execution *execution) {
	CLEANUP(buf_finish) struct buf module = BUF_INIT(ANSWER_JSON_MAX);
	uint8_t digest[DIGEST_SIZE];
	struct error ignored;
	if (base64_decode(execution->bytecode, strlen(execution->bytecode), &module, &ignored)) {
		digest_of(module.data, module.size, digest);
		(void)json_object_set_new(out, "wasm", hex_of(digest, sizeof(digest)));
	}
}

static json_t *answer_json(const struct answer *answer, const struct execution *execution) {
	json_t *out = json_object();
	put_module(out, execution);
	(void)json_object_set_new(out, "function", text_of(execution->function));
	(void)json_object_set_new(
			out, "inputs", texts_json(execution->inputs, execution->input_count));
	(void)json_object_set_new(out, "outputs", values_json(&answer->outputs));
	(void)json_object_set_new(out, "request_id", text_of(execution->request_id));
	(void)json_object_set_new(out, "timestamp", json_integer(execution->timestamp));
	return out;
}

/* --- reports -----------------------------------------------------------------------------------
 */

static json_t *tcb_json(uint64_t packed, enum snp_product product) {
	struct snp_tcb tcb = snp_tcb(packed, product);
	json_t *out = product == SNP_PRODUCT_TURIN ? json_pack("{s:i}", "fmc", (int)tcb.fmc)
						   : json_object();
	(void)json_object_set_new(out, "boot_loader", json_integer(tcb.boot_loader));
	(void)json_object_set_new(out, "tee", json_integer(tcb.tee));
	(void)json_object_set_new(out, "snp", json_integer(tcb.snp));
	(void)json_object_set_new(out, "microcode", json_integer(tcb.microcode));
	return out;
}

static void put_bytes(json_t *out, const struct snp_report *report) {
	static const struct {
		const char *name;
		size_t at, size;
	} rows[] = { { "measurement", 0x090, 48 }, { "report_data", 0x050, 64 },
		{ "host_data", 0x0c0, 32 }, { "id_key_digest", 0x0e0, 48 },
		{ "author_key_digest", 0x110, 48 }, { "report_id", 0x140, 32 },
		{ "chip_id", 0x1a0, 64 } };
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		(void)json_object_set_new(out, rows[i].name,
				hex_of(report->bytes + rows[i].at, rows[i].size));
	}
}

static void put_snp(json_t *out, struct bytes bytes) {
	struct snp_report report;
	struct verdict verdict;
	char policy[24];
	if (!snp_parse(bytes, &report, &verdict)) {
		return;
	}
	(void)snprintf(policy, sizeof(policy), "0x%" PRIx64, report.policy);
	if (report.product != SNP_PRODUCT_UNKNOWN) {
		(void)json_object_set_new(
				out, "product", json_string(snp_product_name(report.product)));
	}
	(void)json_object_set_new(out, "version", json_integer(report.version));
	(void)json_object_set_new(out, "signer",
			json_string(report.signer == SNP_SIGNER_VLEK ? "VLEK" : "VCEK"));
	(void)json_object_set_new(out, "policy", json_string(policy));
	(void)json_object_set_new(
			out, "debug", json_boolean((report.policy & SNP_POLICY_DEBUG) != 0));
	(void)json_object_set_new(out, "vmpl", json_integer(report.vmpl));
	(void)json_object_set_new(out, "guest_svn", json_integer(report.guest_svn));
	(void)json_object_set_new(
			out, "reported_tcb", tcb_json(report.reported_tcb, report.product));
	put_bytes(out, &report);
}

static json_t *report_json(const struct evidence *evidence) {
	json_t *out = json_pack("{s:s}", "tee", evidence_tee_name(evidence->tee));
	if (evidence->tee == EVIDENCE_SEV_SNP) {
		put_snp(out, evidence_report(evidence));
	}
	return out;
}

json_t *verdict_json(const struct verdict *verdict, const struct evidence *evidence,
		const struct receipt *receipt) {
	bool verified = verdict->reason == VERDICT_VERIFIED;
	json_t *out = json_pack("{s:b, s:s, s:s, s:s}", "verified", verified, "verdict",
			verdict_word(verdict->reason), "because", verdict_title(verdict->reason),
			"reason", verdict_slug(verdict->reason));
	if (verdict->detail[0] != 0) {
		(void)json_object_set_new(out, "detail", text_of(verdict->detail));
	}
	if (receipt != NULL) {
		(void)json_object_set_new(out, "receipt", receipt_json(receipt));
	}
	if (evidence != NULL) {
		(void)json_object_set_new(out, "report", report_json(evidence));
	}
	return out;
}

json_t *verdict_answer_json(const struct verdict *verdict, const struct answer *answer,
		const struct execution *execution) {
	json_t *out = verdict_json(verdict, &answer->evidence, NULL);
	(void)json_object_set_new(out, "receipt", answer_json(answer, execution));
	return out;
}
