/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Chunks in, one module out: in any order, some twice, never more than the announced size. An
 * assembly copies what it is given. Not for use from two threads at once.
 */
#include "base/buf.h"
#include "model/message.h"

struct assembly;
/* ERROR_NO_MEMORY, ERROR_INVALID for a size of 0. */
struct assembly *assembly_create(const char *digest, uint64_t size, struct error *err) MUST_CHECK;
void assembly_destroy(struct assembly *assembly); /* accepts NULL */
/* Adds one chunk. A repeated chunk is no error; *fresh says whether it was new. ERROR_INTEGRITY if
 * it is of another module or its size or count changed midway. */
bool assembly_add(struct assembly *assembly, const struct chunk *chunk, bool *fresh,
		struct error *err) MUST_CHECK;
bool assembly_complete(const struct assembly *assembly);
uint32_t assembly_count(const struct assembly *assembly);
/* The first chunk from `from` on that is not there yet; the count if all are. */
uint32_t assembly_missing(const struct assembly *assembly, uint32_t from);
/* Checks the digest and appends the module to `out`; only when complete. */
bool assembly_join(struct assembly *assembly, struct buf *out, struct error *err) MUST_CHECK;
