/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The header `traceparent` (W3C Trace Context, level 1): whose request this is part of. Pure.
 */
#include <stdbool.h>

#include "base/attr.h"

enum { TRACE_ID_SIZE = 33, TRACE_PARENT_SIZE = 56 };

/* The trace id of a header's value (NULL: no header), 32 hexadecimal digits; false, with an empty
 * text, for one that is not to the letter: as the standard wants it, that is as if there were none.
 */
bool trace_read(const char *parent, char id[TRACE_ID_SIZE]) MUST_CHECK;
