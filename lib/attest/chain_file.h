/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Certificates from files, as AMD's key service, its tools, and executors give them. */
#include "attest/evidence.h"
#include "base/bytes.h"

enum { CHAIN_FILE_MAX = 64 << 10 };

/*
 * Takes one certificate in DER, or all of a PEM text, each for what its name says: ARK-…, SEV-VCEK,
 * SEV-VLEK, and any other SEV-… for the ASK; or what an executor answers to GET /v1/certificates.
 * ERROR_INVALID: there is none, or it is no one of
 * AMD's.
 */
bool chain_file_read(struct certificates *out, struct bytes file, struct error *err) MUST_CHECK;
