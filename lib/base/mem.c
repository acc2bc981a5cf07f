/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

static NORETURN void out_of_memory(size_t size) {
	(void)fprintf(stderr, "out of memory: %zu bytes were asked for; ending\n", size);
	abort();
}

void *mem_zero(size_t count, size_t size) {
	void *block = calloc(count ? count : 1, size ? size : 1);
	if (block == NULL) {
		out_of_memory(count * size);
	}
	return block;
}

void *mem_resize(void *block, size_t count, size_t size) {
	if (size != 0 && count > SIZE_MAX / size) {
		out_of_memory(SIZE_MAX);
	}
	void *grown = realloc(block, count * size != 0 ? count * size : 1);
	if (grown == NULL) {
		out_of_memory(count * size);
	}
	return grown;
}

void *mem_copy(const void *bytes, size_t size) {
	char *copy = mem_zero(size + 1, 1);
	if (size != 0) {
		memcpy(copy, bytes, size);
	}
	return copy;
}
