/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Answers as gzip (RFC 9110, 8.4.1.3): which may be, and how. Pure.
 */
#include <stdbool.h>

#include "base/attr.h"
#include "base/buf.h"
#include "http/server.h"

enum { PACK_MIN = 1024 };

/* It has a body of PACK_MIN bytes or more, is text or JSON, and says nothing itself of encodings
 * or ranges. */
bool pack_suits(const struct http_response *response);
/* The body as gzip; false, with nothing in `out`, only without memory. */
bool pack_gzip(struct bytes body, struct buf *out) MUST_CHECK;
