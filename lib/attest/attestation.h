/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Evidence as the JSON that clients of go-sev-guest expect (protojson of sevsnp.Attestation):
 * lowerCamel names in the order of their numbers, 64-bit numbers as decimal strings, bytes in
 * base64, zero values left out. Unlike theirs always the same text, without white space.
 *
 * That of a sample report says so and has nothing that a client could take for a signature.
 */
#include "attest/evidence.h"
#include "base/bytes.h"

/* Appends it. ERROR_INTEGRITY: the report is not one of its TEE. */
bool attestation_json(
		const struct evidence *evidence, struct buf *out, struct error *err) MUST_CHECK;

enum { ATTESTATION_JSON_MAX = 256 << 10 };

/*
 * Evidence from such JSON, or from the answer of an executor that has it (result.attestation): the
 * report's bytes are put together again, so that its signature can be verified. ERROR_INTEGRITY: it
 * is not such JSON. Whether it is true is another question (attest/verify.h).
 */
bool attestation_parse(struct bytes json, struct evidence *out, struct error *err) MUST_CHECK;
