/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Receipts, version 2 (spec/receipt.md): a statement, how its leaf leads to a Merkle root, and
 * the evidence about that root, which many receipts may share. Whether one is true: verify.h.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "attest/evidence.h"
#include "attest/merkle.h"
#include "base/attr.h"
#include "base/buf.h"
#include "base/bytes.h"
#include "base/error.h"

enum {
	RECEIPT_BYTES_MAX = 128 << 10, /* of the binary form */
	RECEIPT_JSON_MAX = 256 << 10,
};

struct receipt {
	struct bytes statement; /* encoded: attest/statement.h */
	struct merkle_path path;
	uint8_t root[MERKLE_BYTES];
	const struct evidence *evidence; /* about receipt_data() */
};

/* The 64 bytes that the evidence for a tree is asked about. */
void receipt_data(
		const uint8_t root[MERKLE_BYTES], uint32_t size, uint8_t out[EVIDENCE_DATA_BYTES]);

/*
 * Appends the binary form (response field 100, trailer receipt-bin), with the certificates or,
 * where size matters, without: they can be had elsewhere. ERROR_TOO_LARGE.
 */
bool receipt_encode(const struct receipt *receipt, bool with_certificates, struct buf *out,
		struct error *err) MUST_CHECK;
/* Appends it as JSON (REST, receipt.json), which has all that a verifier needs. */
bool receipt_format(const struct receipt *receipt, struct buf *out, struct error *err) MUST_CHECK;

/* From either form, JSON also as an executor's whole answer has it; with memory of its own. NULL:
 * ERROR_INTEGRITY, ERROR_TOO_LARGE. */
struct receipt *receipt_decode(struct bytes encoded, struct error *err) MUST_CHECK;
struct receipt *receipt_parse(struct bytes json, struct error *err) MUST_CHECK;
void receipt_destroy(struct receipt *receipt); /* of these two; takes NULL */
