/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A first look at a core module without an engine: which functions does it export? The bytes are
 * not trusted and not validated either; whoever runs them does that.
 */
#include "base/attr.h"
#include "base/bytes.h"
#include "base/str.h"

/* How many imports there are; if any, the names of the first one, its module's before its own. */
bool sections_imports(struct bytes wasm, uint32_t *count, struct strings *first) MUST_CHECK;
/* Adds the names; false (perhaps after some) if the bytes cannot be read as a core module. */
bool sections_exports(struct bytes wasm, struct strings *names) MUST_CHECK;
