/* SPDX-License-Identifier: Apache-2.0 */
#include "seal/memory.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { ALIGNMENT = 16 };

static size_t round_up(size_t size, size_t unit) {
	return (size + unit - 1) / unit * unit;
}

static size_t page_size(void) {
	return (size_t)sysconf(_SC_PAGESIZE);
}

/* The bytes end where the guard page begins, but for the alignment. */
static size_t padded(size_t size) {
	return round_up(size != 0 ? size : 1, ALIGNMENT);
}

static bool protect(struct seal_memory *memory, uint8_t *inner, size_t size,
		enum seal_memory_kind kind, struct error *err) {
	if (mprotect(inner, size, PROT_READ | PROT_WRITE) != 0) {
		return error_errno(err, errno, "no memory for %zu secret bytes", size);
	}
	/* Only one more fence: who has secrets makes itself not dumpable. */
	(void)madvise(inner, size, MADV_DONTDUMP);
	memory->locked = mlock(inner, size) == 0;
	if (kind == SEAL_MEMORY_PLAIN) {
		return true;
	}
	if (!memory->locked) {
		return error_set(err, ERROR_NO_MEMORY,
				"%zu bytes of memory for keys cannot be locked: %s; raise the "
				"limit (ulimit -l, LimitMEMLOCK= of a service)",
				size, strerror(errno));
	}
	/* A lock is not inherited, so a copy in a child could be swapped. */
	(void)madvise(inner, size, MADV_WIPEONFORK);
	return true;
}

bool seal_memory_create(struct seal_memory *memory, size_t size, enum seal_memory_kind kind,
		struct error *err) {
	size_t page = page_size();
	*memory = (struct seal_memory){ 0 };
	if (size > PTRDIFF_MAX - 4 * page) {
		return error_set(err, ERROR_NO_MEMORY, "no memory for %zu secret bytes", size);
	}
	size_t inner = round_up(padded(size), page);
	uint8_t *start = mmap(NULL, inner + 2 * page, PROT_NONE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (start == MAP_FAILED) {
		return error_set(err, ERROR_NO_MEMORY, "no memory for %zu secret bytes", size);
	}
	if (!protect(memory, start + page, inner, kind, err)) {
		(void)munmap(start, inner + 2 * page);
		*memory = (struct seal_memory){ 0 };
		err->code = ERROR_NO_MEMORY;
		return false;
	}
	memory->data = start + page + inner - padded(size);
	memory->size = size;
	return true;
}

void seal_memory_finish(struct seal_memory *memory) {
	if (memory->data != NULL) {
		size_t page = page_size(), inner = round_up(padded(memory->size), page);
		uint8_t *start = memory->data + padded(memory->size) - inner - page;
		explicit_bzero(memory->data, memory->size);
		(void)munmap(start, inner + 2 * page); /* which unlocks it */
		*memory = (struct seal_memory){ 0 };
	}
}

bool seal_forbid_dumps(struct error *err) {
	return prctl(PR_SET_DUMPABLE, 0) == 0 ||
	       error_errno(err, errno, "core dumps of this program cannot be forbidden");
}

bool seal_swap_listed(const char *path) {
	FILE *file = fopen(path, "re");
	if (file == NULL) {
		return true;
	}
	char line[256];
	bool head = fgets(line, sizeof(line), file) != NULL;
	bool row = head && fgets(line, sizeof(line), file) != NULL;
	(void)fclose(file);
	return row || !head;
}

bool seal_swap_active(void) {
	return seal_swap_listed("/proc/swaps");
}
