/* SPDX-License-Identifier: Apache-2.0 */
#include "seal/wipe.h"

#include "base/attr.h"

#ifdef SANITIZED

void seal_wipe_begin(void) {
}

bool seal_wipes(void) {
	return false;
}

#else

#include <errno.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* What these names stand for without us; glibc has them for this. */
void __libc_free(void *block);
void *__libc_realloc(void *block, size_t size);

/* The one switch of functions that have no argument for it. */
static atomic_bool wiping;

void seal_wipe_begin(void) {
	atomic_store(&wiping, true);
}

bool seal_wipes(void) {
	return atomic_load_explicit(&wiping, memory_order_relaxed);
}

enum { PAGE = 4096, LARGE = 64 * PAGE };

static bool is_zero(const uint8_t *bytes, size_t size) {
	return bytes[0] == 0 && memcmp(bytes, bytes + 1, size - 1) == 0;
}

/* Of a large block, much may never have been used: writing there would only now take memory. */
static void wipe(void *block, size_t size) {
	uint8_t *at = block;
	for (; size >= LARGE; at += PAGE, size -= PAGE) {
		if (!is_zero(at, PAGE)) {
			explicit_bzero(at, PAGE);
		}
	}
	explicit_bzero(at, size);
}

void free(void *block) {
	if (!seal_wipes()) {
		__libc_free(block);
	} else if (block != NULL) {
		int kept = errno; /* free() leaves it alone */
		wipe(block, malloc_usable_size(block));
		__libc_free(block);
		errno = kept;
	}
}

/* A block that moves must not leave a copy: so the C library only ever makes it smaller in place.
 */
static void *grow(void *block, size_t old, size_t size) {
	void *grown = malloc(size);
	if (grown != NULL) {
		memcpy(grown, block, old);
		free(block);
	}
	return grown;
}

void *realloc(void *block, size_t size) {
	if (!seal_wipes()) {
		return __libc_realloc(block, size);
	}
	if (block == NULL) {
		return malloc(size);
	}
	if (size == 0) {
		free(block);
		return NULL;
	}
	size_t old = malloc_usable_size(block);
	if (size > old) {
		return grow(block, old, size);
	}
	wipe((char *)block + size, old - size);
	return __libc_realloc(block, size);
}

#endif
