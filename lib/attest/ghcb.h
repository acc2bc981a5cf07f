/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The table of certificates that a host gives with a report (AMD document 56421, GHCB, section
 * 4.1.8.1): entries of a GUID, an offset and a length, ended by one of zeros. It comes from the
 * host, who is not trusted: whatever is in it, the chain decides.
 */
#include "attest/evidence.h"
#include "base/bytes.h"

/*
 * Takes those that have a name here; others are left out, an empty table has none.
 * ERROR_INTEGRITY: it points outside of itself. ERROR_TOO_LARGE: a certificate is.
 */
bool ghcb_parse(struct bytes table, struct certificates *out, struct error *err) MUST_CHECK;
