/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy/content.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

#define KEY "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

enum { LARGE = 3 * BLOCK_BYTES + 5, ENVELOPE = BLOCK_BYTES + SEAL_OVERHEAD_BYTES };

static struct seal_ring *ring;
static uint8_t module[LARGE];

static int set_up(void **state) {
	struct error err;
	(void)state;
	for (size_t i = 0; i < sizeof(module); i++) {
		module[i] = (uint8_t)(i * 31 + i / 251);
	}
	ring = seal_ring_create(NULL, &err);
	return ring != NULL && seal_ring_read(ring, KEY, &err) ? 0 : -1;
}

static int tear_down(void **state) {
	(void)state;
	seal_ring_destroy(ring);
	return 0;
}

/* A file with so much of the module, written in pieces of a size. */
static int file_of(size_t size, size_t step, struct seal_ring *with) {
	struct error err;
	struct content_writer writer;
	char digest[DIGEST_HEX_SIZE];
	int fd = memfd_create("content", MFD_CLOEXEC);
	digest_hex(module, size, digest);
	assert_true(fd >= 0 && content_begin(&writer, fd, with, &err));
	for (size_t at = 0; at < size; at += step) {
		size_t part = size - at < step ? size - at : step;
		assert_true(content_write(&writer, (struct bytes){ module + at, part }, &err));
	}
	assert_true(content_end(&writer, digest, &err));
	assert_int_equal(writer.size, size);
	assert_int_equal(writer.file_size, lseek(fd, 0, SEEK_END));
	content_drop(&writer);
	return fd;
}

static struct content content_of(int fd, size_t size, struct seal_ring *with) {
	struct content content = { .fd = fd, .ring = with };
	digest_hex(module, size, content.digest);
	return content;
}

static bool reads(const struct content *content, uint64_t from, size_t size) {
	struct error err;
	CLEANUP(mem_freep) uint8_t *out = mem_zero(1, size + 1);
	if (!content_read(content, from, out, size, &err)) {
		assert_true(err.code == ERROR_INTEGRITY || err.code == ERROR_INTERNAL);
		return false;
	}
	assert_memory_equal(out, module + from, size);
	return true;
}

static void any_part_of_any_size(void **state) {
	(void)state;
	static const size_t sizes[] = { 1, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1,
		2 * BLOCK_BYTES, LARGE };
	static const size_t steps[] = { 100000, LARGE };
	for (size_t i = 0; i < 4 * sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct error err;
		size_t size = sizes[i / 4];
		struct seal_ring *with = i % 4 < 2 ? ring : NULL;
		struct content content = content_of(file_of(size, steps[i % 2], with), size, with);
		assert_true(content_open(&content, &err));
		assert_int_equal(content.size, size);
		assert_true(reads(&content, 0, size) && reads(&content, size - 1, 1));
		assert_true(reads(&content, size / 2, size - size / 2));
		file_closep(&content.fd);
	}
}

static void copy(int from, off_t at, int to, off_t there, size_t size) {
	CLEANUP(mem_freep) uint8_t *bytes = mem_zero(1, size);
	assert_int_equal(pread(from, bytes, size, at), size);
	assert_int_equal(pwrite(to, bytes, size, there), size);
}

/* Whether the first block can be read, and the second. */
static void expect_blocks(int fd, size_t size, bool first, bool second) {
	struct error err;
	struct content content = content_of(fd, size, ring);
	assert_true(content_open(&content, &err));
	assert_int_equal(reads(&content, 5, 10), first);
	assert_int_equal(reads(&content, BLOCK_BYTES, 10), second);
	file_closep(&content.fd);
}

static void blocks_fit_one_place(void **state) {
	(void)state;
	expect_blocks(file_of(LARGE, LARGE, ring), LARGE, true, true);
	int fd = file_of(LARGE, LARGE, ring);
	copy(fd, BLOCKS_HEAD_BYTES, fd, BLOCKS_HEAD_BYTES + ENVELOPE, ENVELOPE);
	expect_blocks(fd, LARGE, true, false);
	int other = file_of(LARGE, LARGE, ring);
	fd = file_of(LARGE, LARGE, ring);
	copy(other, BLOCKS_HEAD_BYTES, fd, BLOCKS_HEAD_BYTES, ENVELOPE);
	expect_blocks(fd, LARGE, false, true);
	fd = file_of(LARGE, LARGE, ring);
	copy(other, 0, fd, 0, BLOCKS_HEAD_BYTES); /* its id */
	expect_blocks(fd, LARGE, false, false);
	file_closep(&other);
	fd = file_of(LARGE, LARGE, ring);
	assert_int_equal(pwrite(fd, "x", 1, BLOCKS_HEAD_BYTES + ENVELOPE + 1000), 1);
	expect_blocks(fd, LARGE, true, false);
}

static void files_that_are_none(void **state) {
	(void)state;
	static const off_t lengths[] = { 0, 3, BLOCKS_HEAD_BYTES - 1, BLOCKS_HEAD_BYTES + 1,
		BLOCKS_HEAD_BYTES + SEAL_OVERHEAD_BYTES, BLOCKS_HEAD_BYTES + ENVELOPE + 49 };
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		struct error err;
		struct content content = content_of(file_of(LARGE, LARGE, ring), LARGE, ring);
		assert_int_equal(ftruncate(content.fd, lengths[i]), 0);
		assert_false(content_open(&content, &err));
		assert_int_equal(err.code, ERROR_INTEGRITY);
		file_closep(&content.fd);
	}
	struct error err;
	struct content content = content_of(file_of(LARGE, LARGE, NULL), LARGE, ring);
	assert_false(content_open(&content, &err));
	file_closep(&content.fd);
	content = content_of(file_of(LARGE, LARGE, ring), LARGE - 1, ring); /* another module's */
	assert_false(content_open(&content, &err));
	assert_int_equal(err.code, ERROR_INTEGRITY);
	file_closep(&content.fd);
	expect_blocks(file_of(BLOCK_BYTES + 20, LARGE, ring), BLOCK_BYTES + 20, true, true);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(any_part_of_any_size, set_up, tear_down),
		cmocka_unit_test_setup_teardown(blocks_fit_one_place, set_up, tear_down),
		cmocka_unit_test_setup_teardown(files_that_are_none, set_up, tear_down),
	};
	return cmocka_run_group_tests_name("proxy/content", tests, NULL, NULL);
}
