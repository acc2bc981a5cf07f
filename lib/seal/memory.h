/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Memory for what nobody else may read: pages of their own between two that cannot be touched,
 * locked so that they are never written to swap, left out of core dumps, wiped before they go.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/error.h"

enum seal_memory_kind {
	SEAL_MEMORY_KEYS,  /* locked, or there is none; empty in a forked child */
	SEAL_MEMORY_PLAIN, /* locked if the limit (RLIMIT_MEMLOCK) allows it: see `locked` */
};

struct seal_memory {
	uint8_t *data; /* zeroed at first, aligned to 16 bytes; right behind it is a guard page */
	size_t size;
	bool locked;
};

/* ERROR_NO_MEMORY: there is none, or it could not be locked and had to be. */
bool seal_memory_create(struct seal_memory *memory, size_t size, enum seal_memory_kind kind,
		struct error *err) MUST_CHECK;
/* Wipes it and gives it back; {0} is fine. For CLEANUP as well. */
void seal_memory_finish(struct seal_memory *memory);

/*
 * No core dump of this process from now on, and nobody else of its user reads its memory. A
 * program that it starts says so for itself. Without privileges /proc/self/fd and other files
 * there that only the owner may read are closed to the process itself as well.
 */
bool seal_forbid_dumps(struct error *err) MUST_CHECK;

/*
 * Whether memory that is not locked may be written to a disk: some swap is in use, or it cannot be
 * known. Where memory of kind PLAIN is not `locked` and this is true, a program goes on only if
 * its operator said so.
 */
bool seal_swap_active(void);
/* The same of a file like /proc/swaps; for tests. */
bool seal_swap_listed(const char *path);
