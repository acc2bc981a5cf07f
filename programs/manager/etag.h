/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Entity tags (RFC 9110, 8.8.3): strong ones, the digest of what the answer's JSON says. Pure.
 */
#include <jansson.h>
#include <stdbool.h>

#include "base/attr.h"

enum { ETAG_SIZE = 2 + 32 + 1 }; /* "0123...", in its quotes */

/* The tag of a JSON text. */
void etag_of(const char *text, char tag[ETAG_SIZE]);
/* True if a list such as `"a", W/"b"` or `*` names the tag. `weak`: W/"x" counts as "x" (for
 * If-None-Match); else it names nothing (If-Match). */
bool etag_listed(const char *list, const char *tag, bool weak);
