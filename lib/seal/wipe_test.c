/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was freed is looked for where it must not be: in all memory of this process. The marker is
 * never there as a whole but where it was put: it is made anew, masked, for each comparison.
 */
#include "seal/wipe.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"

void __libc_free(void *block);

enum { MARKER_SIZE = 32, MASK = 0x5c };
/* Masked; what is looked for is each byte ^ MASK. */
static const char masked[MARKER_SIZE + 1] = "a marker that is nowhere else...";

/* Fills a block with the marker from its 16th byte on: glibc writes into the first ones itself. */
static void put_marker(void *block, size_t size) {
	volatile char *at = block;
	for (size_t i = 16; i < size; i++) {
		at[i] = (char)(masked[(i - 16) % MARKER_SIZE] ^ MASK);
	}
}

static bool is_marker(const uint8_t *at) {
	for (size_t i = 0; i < MARKER_SIZE; i++) {
		if (at[i] != (uint8_t)(masked[i] ^ MASK)) {
			return false;
		}
	}
	return true;
}

static size_t count_in(const uint8_t *bytes, size_t size) {
	size_t found = 0;
	for (size_t i = 0; i + MARKER_SIZE <= size; i++) {
		found += bytes[i] == (uint8_t)(masked[0] ^ MASK) && is_marker(bytes + i);
	}
	return found;
}

/* Through a file, so that pages which only look readable are no trouble. */
static size_t count_range(int memory, unsigned long from, unsigned long to, uint8_t *page) {
	enum { STEP = 65536 };
	size_t found = 0, kept = 0;
	for (unsigned long at = from; at < to;) {
		size_t size = to - at < STEP ? to - at : STEP;
		ssize_t got = pread(memory, page + kept, size, (off_t)at);
		if (got <= 0) {
			break;
		}
		size_t have = kept + (size_t)got;
		found += count_in(page, have);
		kept = have < MARKER_SIZE - 1 ? have : MARKER_SIZE - 1; /* across the border */
		memmove(page, page + have - kept, kept);
		at += (unsigned long)got;
	}
	memset(page, 0, STEP + MARKER_SIZE);
	return found;
}

/* In everything that this process may write to. */
static size_t count_markers(void) {
	static uint8_t page[65536 + MARKER_SIZE];
	FILE *maps = fopen("/proc/self/maps", "re");
	int memory = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
	assert_non_null(maps);
	assert_true(memory >= 0);
	char line[512];
	size_t found = 0;
	while (fgets(line, sizeof(line), maps) != NULL) {
		unsigned long from, to;
		char mode[5];
		if (sscanf(line, "%lx-%lx %4s", &from, &to, mode) != 3 || mode[1] != 'w') {
			continue;
		}
		/* Not in what this function itself reads into. */
		unsigned long own = (unsigned long)page, behind = own + sizeof(page);
		if (from <= own && own < to) {
			found += count_range(memory, from, own, page);
			from = behind;
		}
		found += count_range(memory, from, to, page);
	}
	(void)close(memory);
	(void)fclose(maps);
	return found;
}

static const size_t sizes[] = { 64, 200, 1000, 1032, 5000, 70000, 200000, 5000000 };
enum { SIZES = sizeof(sizes) / sizeof(sizes[0]) };

static void *marked(size_t size) {
	void *block = malloc(size);
	assert_non_null(block);
	put_marker(block, size);
	return block;
}

/* The search finds what is there, and what a free() that does not wipe leaves behind. */
static void test_the_search_itself(void **state) {
	(void)state;
	assert_int_equal(count_markers(), 0);
	uint8_t *block = marked(200), *fence = malloc(200);
	assert_int_not_equal(count_markers(), 0);
	__libc_free(block);
	assert_int_not_equal(count_markers(), 0);
	block = malloc(200); /* the same one again, from the thread's cache */
	explicit_bzero(block, 200);
	free(block);
	free(fence);
	assert_int_equal(count_markers(), 0);
}

static void test_freed_blocks(void **state) {
	(void)state;
	void *blocks[SIZES];
	for (size_t i = 0; i < SIZES; i++) {
		blocks[i] = marked(sizes[i]);
	}
	for (size_t i = 0; i < SIZES; i++) {
		free(blocks[i]);
	}
	assert_int_equal(count_markers(), 0);
	free(NULL);
	void (*volatile release)(void *) = free; /* compilers believe that they know free() */
	void *block = malloc(100);
	errno = 4321;
	release(block);
	assert_int_equal(errno, 4321);
}

static void test_free_of_aligned_blocks(void **state) {
	(void)state;
	for (size_t i = 0; i < SIZES; i++) {
		void *block = NULL;
		assert_int_equal(posix_memalign(&block, 4096, sizes[i]), 0);
		put_marker(block, sizes[i]);
		free(block);
	}
	assert_int_equal(count_markers(), 0);
}

/* The part of a block that nobody asked for is the block's, too. */
static void test_the_slack(void **state) {
	(void)state;
	void *block = malloc(1000);
	put_marker(block, malloc_usable_size(block));
	free(block);
	assert_int_equal(count_markers(), 0);
}

/* The most memory that this process ever had at once, in kB. */
static long most_memory(void) {
	struct rusage usage;
	assert_int_equal(getrusage(RUSAGE_SELF, &usage), 0);
	return usage.ru_maxrss;
}

static void test_what_was_never_used_takes_no_memory(void **state) {
	(void)state;
	enum { SIZE = 256 << 20 };
	long before = most_memory();
	uint8_t *block = malloc(SIZE);
	assert_non_null(block);
	put_marker(block + SIZE / 2 + 1000, 10000);
	assert_int_not_equal(count_in(block + SIZE / 2, 20000), 0);
	free(block);
	assert_in_range(most_memory(), before, before + 64 * 1024);
	assert_int_equal(count_markers(), 0);
}

static void test_realloc_that_grows(void **state) {
	(void)state;
	for (size_t i = 0; i + 1 < SIZES; i++) {
		uint8_t *block = marked(sizes[i]), *fence = malloc(64);
		uint8_t *grown = realloc(block, sizes[i + 1] * 2);
		assert_non_null(grown);
		assert_true(is_marker(grown + 16)); /* it came along */
		explicit_bzero(grown, sizes[i]);
		assert_int_equal(count_markers(), 0);
		free(grown);
		free(fence);
	}
}

static void test_realloc_that_shrinks(void **state) {
	(void)state;
	for (size_t i = 0; i < SIZES; i++) {
		uint8_t *block = marked(sizes[i]);
		uint8_t *shrunk = realloc(block, 20);
		assert_non_null(shrunk);
		assert_int_equal(shrunk[16], (uint8_t)(masked[0] ^ MASK));
		assert_int_equal(count_markers(), 0);
		free(shrunk);
	}
}

static void test_realloc_as_c_has_it(void **state) {
	(void)state;
	void *volatile block = realloc(NULL, 64);
	volatile size_t most = PTRDIFF_MAX, none = 0; /* a compiler would object */
	put_marker(block, 64);
	errno = 0;
	assert_null(realloc(block, most));
	assert_int_equal(errno, ENOMEM);
	assert_int_not_equal(count_markers(), 0); /* still there */
	assert_null(realloc(block, none));
	assert_int_equal(count_markers(), 0);
	int *numbers = reallocarray(NULL, 10, sizeof(int));
	numbers = reallocarray(numbers, 100000, sizeof(int));
	assert_non_null(numbers);
	free(numbers);
}

/* C's own library and others free through the same door. */
static void test_libraries(void **state) {
	(void)state;
	uint8_t *block = OPENSSL_malloc(500);
	put_marker(block, 500);
	OPENSSL_free(block);

	char *line = NULL;
	size_t size = 0;
	FILE *file = tmpfile();
	assert_non_null(file);
	for (int i = 0; i < 3000; i++) {
		assert_true(fputc(masked[i % MARKER_SIZE] ^ MASK, file) != EOF);
	}
	rewind(file);
	assert_true(getline(&line, &size, file) == 3000); /* it grows by realloc() */
	(void)fclose(file);                               /* and this has a buffer */
	free(line);
	assert_int_equal(count_markers(), 0);
}

static void test_a_growing_buffer(void **state) {
	(void)state;
	struct error err;
	struct buf buf = BUF_INIT(4 << 20);
	char piece[MARKER_SIZE];
	for (int i = 0; i < 60000; i++) {
		for (size_t j = 0; j < sizeof(piece); j++) {
			piece[j] = (char)(masked[j] ^ MASK);
		}
		assert_true(buf_append(&buf, piece, sizeof(piece), &err));
	}
	explicit_bzero(piece, sizeof(piece));
	assert_true(count_markers() >= 60000);
	buf_finish(&buf);
	assert_int_equal(count_markers(), 0);
}

static void *work(void *with) {
	(void)with;
	for (int i = 0; i < 2000; i++) {
		uint8_t *block = malloc((size_t)(100 + i));
		put_marker(block, (size_t)(100 + i));
		block = realloc(block, (size_t)(100 + i * 3 % 5000));
		free(block);
	}
	return NULL;
}

static void test_threads(void **state) {
	(void)state;
	pthread_t threads[4];
	for (int i = 0; i < 4; i++) {
		assert_int_equal(pthread_create(&threads[i], NULL, work, NULL), 0);
	}
	for (int i = 0; i < 4; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	}
	assert_int_equal(count_markers(), 0);
}

int main(void) {
	seal_wipe_begin();
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_search_itself),
		cmocka_unit_test(test_freed_blocks),
		cmocka_unit_test(test_free_of_aligned_blocks),
		cmocka_unit_test(test_the_slack),
		cmocka_unit_test(test_what_was_never_used_takes_no_memory),
		cmocka_unit_test(test_realloc_that_grows),
		cmocka_unit_test(test_realloc_that_shrinks),
		cmocka_unit_test(test_realloc_as_c_has_it),
		cmocka_unit_test(test_libraries),
		cmocka_unit_test(test_a_growing_buffer),
		cmocka_unit_test(test_threads),
	};
	if (!seal_wipes()) {
		(void)puts("1..0 # SKIP this build has a sanitizer's own malloc()");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
