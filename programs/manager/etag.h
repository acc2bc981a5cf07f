/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Entity tags (RFC 9110, 8.8.3): strong ones, the digest of what the answer's JSON says. As gzip
 * it is another representation with another tag, `"0123...-gzip"`: a weak tag for both would be no
 * good for If-Match, which is what most clients (whose libraries ask for gzip) need a tag for.
 * Pure.
 */
#include <jansson.h>
#include <stdbool.h>

#include "base/attr.h"

enum { ETAG_SIZE = 2 + 32 + 5 + 1 }; /* "0123...", in its quotes; of gzip "0123...-gzip" */

/* The tag of a JSON text. */
void etag_of(const char *text, char tag[ETAG_SIZE]);
/* Makes it that of the same as gzip. */
void etag_pack(char tag[ETAG_SIZE]);
/* True if a list such as `"a", W/"b"` or `*` names the tag. `weak`: W/"x" counts as "x" (for
 * If-None-Match); else it names nothing (If-Match). */
bool etag_listed(const char *list, const char *tag, bool weak);
