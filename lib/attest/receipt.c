/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/receipt.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "attest/reader.h"
#include "attest/receipt_parts.h"
#include "attest/statement.h"
#include "base/mem.h"

#define MAGIC "ASR\x02"
#define DOMAIN "airscrew-report-v2"

enum { MAGIC_BYTES = 4 };

void receipt_data(
		const uint8_t root[MERKLE_BYTES], uint32_t size, uint8_t out[EVIDENCE_DATA_BYTES]) {
	uint8_t text[sizeof(DOMAIN) + 4 + MERKLE_BYTES] = DOMAIN;
	for (int i = 0; i < 4; i++) {
		text[sizeof(DOMAIN) + (size_t)i] = (uint8_t)(size >> (24 - 8 * i));
	}
	memcpy(text + sizeof(DOMAIN) + 4, root, MERKLE_BYTES);
	if (EVP_Digest(text, sizeof(text), out, NULL, EVP_sha512(), NULL) != 1) {
		abort(); /* only without memory */
	}
}

/* --- encoding ----------------------------------------------------------------------------------
 */

static bool write_path(const struct merkle_path *path, struct buf *out, struct error *err) {
	return write_number(out, path->index, 4, err) && write_number(out, path->size, 4, err) &&
	       write_number(out, path->count, 1, err) &&
	       buf_append(out, path->hashes, (size_t)path->count * MERKLE_BYTES, err);
}

static bool write_certificates(const struct certificates *certificates, bool with, struct buf *out,
		struct error *err) {
	unsigned count = 0;
	for (enum certificate i = 0; with && i < CERTIFICATES; i++) {
		count += certificates_get(certificates, i).size != 0;
	}
	bool done = write_number(out, count, 1, err);
	for (enum certificate i = 0; with && done && i < CERTIFICATES; i++) {
		struct bytes bytes = certificates_get(certificates, i);
		done = bytes.size == 0 ||
		       (write_number(out, i, 1, err) && write_bytes(out, bytes, err));
	}
	return done;
}

bool receipt_encode(const struct receipt *receipt, bool with_certificates, struct buf *out,
		struct error *err) {
	const struct evidence *evidence = receipt->evidence;
	return buf_append(out, MAGIC, MAGIC_BYTES, err) &&
	       write_bytes(out, receipt->statement, err) && write_path(&receipt->path, out, err) &&
	       buf_append(out, receipt->root, MERKLE_BYTES, err) &&
	       write_number(out, evidence->tee, 1, err) &&
	       write_bytes(out, evidence_report(evidence), err) &&
	       write_certificates(&evidence->certificates, with_certificates, out, err);
}

/* --- decoding ----------------------------------------------------------------------------------
 */

struct receipt_held *receipt_hold(void) {
	struct receipt_held *held = MEM_NEW(struct receipt_held);
	evidence_init(&held->evidence);
	held->statement = BUF_INIT(STATEMENT_BYTES_MAX);
	held->receipt.evidence = &held->evidence;
	return held;
}

void receipt_destroy(struct receipt *receipt) {
	struct receipt_held *held = (struct receipt_held *)receipt;
	if (held != NULL) {
		evidence_finish(&held->evidence);
		buf_finish(&held->statement);
		free(held);
	}
}

static void read_path(struct reader *reader, struct merkle_path *path) {
	path->index = (uint32_t)reader_number(reader, 4);
	path->size = (uint32_t)reader_number(reader, 4);
	path->count = (uint32_t)reader_number(reader, 1);
	if (path->count > MERKLE_PATH_MAX) {
		reader->bad = true;
		path->count = 0;
	}
	reader_copy(reader, path->hashes[0], (size_t)path->count * MERKLE_BYTES);
}

/* Each at most once, in the order of their numbers: one receipt has one form. */
static bool read_certificates(
		struct reader *reader, struct certificates *certificates, struct error *err) {
	uint64_t count = reader_number(reader, 1), next = 0;
	bool done = true;
	for (uint64_t i = 0; done && !reader->bad && i < count; i++) {
		uint64_t which = reader_number(reader, 1);
		struct bytes bytes = reader_bytes(reader, EVIDENCE_CERTIFICATE_MAX);
		if (which < next || which >= CERTIFICATES || bytes.size == 0) {
			reader->bad = true;
			break;
		}
		next = which + 1;
		done = certificates_set(certificates, (enum certificate)which, bytes, err);
	}
	return done;
}

static bool read_evidence(struct reader *reader, struct evidence *evidence, struct error *err) {
	uint64_t tee = reader_number(reader, 1);
	struct bytes report = reader_bytes(reader, EVIDENCE_REPORT_MAX);
	if (tee >= EVIDENCE_TEES) {
		reader->bad = true;
		return true;
	}
	evidence->tee = (enum evidence_tee)tee;
	return buf_append(&evidence->report, report.data, report.size, err) &&
	       read_certificates(reader, &evidence->certificates, err);
}

static bool read_all(struct reader *reader, struct receipt_held *held, struct error *err) {
	struct bytes magic = reader_take(reader, MAGIC_BYTES);
	if (magic.size != MAGIC_BYTES || memcmp(magic.data, MAGIC, MAGIC_BYTES) != 0) {
		return error_set(err, ERROR_INTEGRITY,
				"these bytes are no receipt of version 2 (they do not begin like "
				"one)");
	}
	struct bytes statement = reader_bytes(reader, STATEMENT_BYTES_MAX);
	if (!buf_append(&held->statement, statement.data, statement.size, err)) {
		return false;
	}
	held->receipt.statement = (struct bytes){ held->statement.data, held->statement.size };
	read_path(reader, &held->receipt.path);
	reader_copy(reader, held->receipt.root, MERKLE_BYTES);
	return read_evidence(reader, &held->evidence, err) &&
	       ((!reader->bad && reader->left.size == 0) ||
			       error_set(err, ERROR_INTEGRITY, "the receipt is cut or changed"));
}

struct receipt *receipt_decode(struct bytes encoded, struct error *err) {
	struct receipt_held *held = receipt_hold();
	struct reader reader = { .left = encoded };
	if (!read_all(&reader, held, err)) {
		receipt_destroy(&held->receipt);
		return NULL;
	}
	return &held->receipt;
}
