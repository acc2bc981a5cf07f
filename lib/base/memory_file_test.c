/* SPDX-License-Identifier: Apache-2.0 */
#include "base/memory_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static void append(struct memory_file *file, const char *text) {
	struct error err;
	const struct bytes bytes = { (const uint8_t *)text, strlen(text) };
	assert_true(memory_file_append(file, bytes, &err));
}

static void what_is_appended_is_in_the_file(void **state) {
	(void)state;
	struct memory_file file = { 0 };
	struct error err;
	assert_true(memory_file_reserve(&file, 5, &err));
	append(&file, "hel");
	append(&file, "lo");
	assert_true(memory_file_reserve(&file, 1 << 20, &err)); /* it may move */
	append(&file, " there");
	assert_true(memory_file_reserve(&file, 1, &err));
	assert_true(memory_file_seal(&file, &err));
	assert_int_equal(file.size, 11);
	assert_memory_equal(file.data, "hello there", 11);
	struct stat info;
	char read[20];
	assert_int_equal(fstat(file.fd, &info), 0);
	assert_int_equal(info.st_size, 11);
	assert_int_equal(pread(file.fd, read, sizeof(read), 0), 11);
	assert_memory_equal(read, "hello there", 11);
	memory_file_finish(&file, false);
	memory_file_finish(&file, true);
}

/* Who gets the descriptor may read, and see that it is wiped. */
static void a_sealed_one_cannot_be_changed(void **state) {
	(void)state;
	struct memory_file file = { 0 };
	struct error err;
	assert_true(memory_file_reserve(&file, 100, &err));
	append(&file, "secret");
	assert_true(memory_file_seal(&file, &err));
	int fd = dup(file.fd);
	assert_int_equal(pwrite(fd, "x", 1, 0), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(ftruncate(fd, 3), -1);
	assert_int_equal(ftruncate(fd, 300), -1);
	assert_ptr_equal(mmap(NULL, 6, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
	const char *seen = mmap(NULL, 6, PROT_READ, MAP_PRIVATE, fd, 0);
	assert_ptr_not_equal(seen, MAP_FAILED);
	assert_memory_equal(seen, "secret", 6);
	memory_file_finish(&file, true);
	assert_memory_equal(seen, "\0\0\0\0\0\0", 6);
	assert_int_equal(munmap((void *)(uintptr_t)seen, 6), 0);
	assert_int_equal(close(fd), 0);
}

static void too_much(void **state) {
	(void)state;
	struct memory_file file = { 0 };
	struct error err;
	assert_true(memory_file_reserve(&file, 100, &err));
	append(&file, "kept");
	assert_false(memory_file_reserve(&file, SIZE_MAX / 4, &err));
	assert_int_equal(err.code, ERROR_NO_MEMORY);
	assert_memory_equal(file.data, "kept", 4);
	memory_file_finish(&file, true);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_appended_is_in_the_file),
		cmocka_unit_test(a_sealed_one_cannot_be_changed),
		cmocka_unit_test(too_much),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
