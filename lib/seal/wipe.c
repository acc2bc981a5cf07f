/* SPDX-License-Identifier: Apache-2.0 */
#include "seal/wipe.h"

#include "base/attr.h"

#ifdef SANITIZED

bool seal_wipes(void) {
	return false;
}

#else

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

/* What these names stand for without us; glibc has them for this. */
void __libc_free(void *block);
void *__libc_realloc(void *block, size_t size);

bool seal_wipes(void) {
	return true;
}

void free(void *block) {
	if (block != NULL) {
		int kept = errno; /* free() leaves it alone */
		explicit_bzero(block, malloc_usable_size(block));
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
	explicit_bzero((char *)block + size, old - size);
	return __libc_realloc(block, size);
}

#endif
