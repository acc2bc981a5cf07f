/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Memory, with one rule for running out of it.
 *
 * Where bytes from outside decide the size (a module, a payload, output), use a `struct buf` with
 * its limit, or malloc() and return ERROR_NO_MEMORY. For our own small structures use these: they
 * end the process with a clear line when there is nothing left, which is safe because every
 * promise survives a crash (see docs/architecture.md). All memory is freed with free().
 */
#include <stddef.h>
#include <stdlib.h>

#include "base/attr.h"

/* Zeroed memory for `count` objects of `size` bytes; never NULL. */
void *mem_zero(size_t count, size_t size) MUST_CHECK;
/* A resized block as realloc() gives it; never NULL. */
void *mem_resize(void *block, size_t count, size_t size) MUST_CHECK;
/* A copy of `size` bytes with a zero byte behind it; never NULL. */
void *mem_copy(const void *bytes, size_t size) MUST_CHECK;

/* One zeroed object of a type: struct task *task = MEM_NEW(struct task); */
#define MEM_NEW(type) ((type *)mem_zero(1, sizeof(type)))

/* For _cleanup_-style locals: CLEANUP(mem_freep) char *text = ...; */
static inline void mem_freep(void *pointer) {
	free(*(void **)pointer);
}
