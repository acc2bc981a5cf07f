/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"

/* Each test has a folder of its own, which the test leaves empty. */
static int make_folder(void **state) {
	const char *base = getenv("TMPDIR");
	char *folder = str_format("%s/file_test.XXXXXX", base != NULL ? base : "/tmp");
	*state = mkdtemp(folder);
	return *state == NULL;
}

static int remove_folder(void **state) {
	int result = rmdir(*state);
	free(*state);
	return result;
}

static void write_text(const char *path, const char *text) {
	struct error err;
	assert_true(file_write(path, text, strlen(text), 0600, &err));
}

static size_t names_in(const char *path) {
	size_t count = 0;
	DIR *folder = opendir(path);
	assert_non_null(folder);
	while (readdir(folder) != NULL) {
		count++;
	}
	(void)closedir(folder);
	return count - 2; /* . and .. */
}

static void test_write_and_read(void **state) {
	struct error err;
	CLEANUP(mem_freep) char *path = str_format("%s/a", (char *)*state);
	struct buf out = BUF_INIT(100);
	assert_true(file_write(path, "one\0two", 7, 0640, &err));
	assert_true(buf_append(&out, "<", 1, &err));
	assert_true(file_read(path, &out, &err));
	assert_int_equal(out.size, 8);
	assert_memory_equal(out.data, "<one\0two", 9);
	struct stat info;
	assert_int_equal(stat(path, &info), 0);
	assert_int_equal(info.st_mode & 0777 & ~0640U, 0);
	assert_int_equal(names_in(*state), 1); /* nothing is left beside it */
	buf_finish(&out);
	assert_int_equal(unlink(path), 0);
}

static void test_write_replaces(void **state) {
	struct error err;
	CLEANUP(mem_freep) char *path = str_format("%s/a", (char *)*state);
	write_text(path, "a longer text");
	write_text(path, "short");
	struct buf out = BUF_INIT(5);
	assert_true(file_read(path, &out, &err)); /* exactly the limit */
	assert_string_equal(buf_text(&out), "short");
	buf_finish(&out);
	assert_int_equal(unlink(path), 0);
}

static void test_empty_file(void **state) {
	struct error err;
	CLEANUP(mem_freep) char *path = str_format("%s/a", (char *)*state);
	write_text(path, "");
	struct buf out = BUF_INIT(0);
	assert_true(file_read(path, &out, &err));
	assert_int_equal(out.size, 0);
	buf_finish(&out);
	assert_int_equal(unlink(path), 0);
}

static void test_large_file(void **state) {
	struct error err;
	CLEANUP(mem_freep) char *path = str_format("%s/a", (char *)*state);
	enum { SIZE = 300001 };
	CLEANUP(mem_freep) uint8_t *bytes = mem_zero(SIZE, 1);
	for (size_t i = 0; i < SIZE; i++) {
		bytes[i] = (uint8_t)(i * 31 >> 3);
	}
	assert_true(file_write(path, bytes, SIZE, 0600, &err));
	struct buf out = BUF_INIT(SIZE);
	assert_true(file_read(path, &out, &err));
	assert_int_equal(out.size, SIZE);
	assert_memory_equal(out.data, bytes, SIZE);
	buf_finish(&out);
	assert_int_equal(unlink(path), 0);
}

static void test_too_large(void **state) {
	struct error err;
	CLEANUP(mem_freep) char *path = str_format("%s/a", (char *)*state);
	write_text(path, "123456");
	struct buf out = BUF_INIT(7);
	assert_true(buf_append(&out, "ab", 2, &err));
	assert_false(file_read(path, &out, &err));
	assert_int_equal(err.code, ERROR_TOO_LARGE);
	assert_non_null(strstr(err.message, path));
	assert_string_equal(buf_text(&out), "ab");
	buf_finish(&out);
	assert_int_equal(unlink(path), 0);
}

/* A file that says nothing about its size, as those of /proc. */
static void test_too_large_without_a_size(void **state) {
	(void)state;
	struct error err;
	struct buf out = BUF_INIT(4);
	assert_true(buf_append(&out, "a", 1, &err));
	assert_false(file_read("/proc/self/status", &out, &err));
	assert_int_equal(err.code, ERROR_TOO_LARGE);
	assert_string_equal(buf_text(&out), "a");
	buf_finish(&out);
	struct buf some = BUF_INIT(100000); /* several pieces fit before one does not */
	assert_true(buf_append(&some, "a", 1, &err));
	assert_false(file_read("/dev/zero", &some, &err));
	assert_int_equal(err.code, ERROR_TOO_LARGE);
	assert_int_equal(some.size, 1);
	assert_string_equal(buf_text(&some), "a");
	buf_finish(&some);
	struct buf whole = BUF_INIT(1 << 20);
	assert_true(file_read("/proc/self/status", &whole, &err));
	assert_true(whole.size > 100);
	buf_finish(&whole);
}

static void test_missing(void **state) {
	struct error err;
	CLEANUP(mem_freep) char *path = str_format("%s/none", (char *)*state);
	CLEANUP(mem_freep) char *deep = str_format("%s/none/deeper", (char *)*state);
	struct buf out = BUF_INIT(10);
	assert_false(file_read(path, &out, &err));
	assert_int_equal(err.code, ERROR_NOT_FOUND);
	assert_non_null(strstr(err.message, path));
	assert_false(file_read(*state, &out, &err)); /* a folder */
	assert_int_equal(err.code, ERROR_INTERNAL);
	assert_false(file_write(deep, "a", 1, 0600, &err));
	assert_non_null(strstr(err.message, deep));
	assert_int_equal(names_in(*state), 0);
	buf_finish(&out);
}

/* A folder cannot be replaced by a file: the attempt must leave nothing behind. */
static void test_failed_rename_leaves_nothing(void **state) {
	struct error err;
	CLEANUP(mem_freep) char *path = str_format("%s/folder", (char *)*state);
	CLEANUP(mem_freep) char *inside = str_format("%s/inside", path);
	assert_true(file_make_folder(path, &err));
	write_text(inside, "kept");
	assert_false(file_write(path, "a", 1, 0600, &err));
	assert_int_equal(names_in(*state), 1);
	assert_int_equal(unlink(inside), 0);
	assert_int_equal(rmdir(path), 0);
}

static void test_make_folder(void **state) {
	struct error err;
	CLEANUP(mem_freep) char *deep = str_format("%s/a//b/c/", (char *)*state);
	CLEANUP(mem_freep) char *a = str_format("%s/a", (char *)*state);
	CLEANUP(mem_freep) char *b = str_format("%s/a/b", (char *)*state);
	CLEANUP(mem_freep) char *c = str_format("%s/a/b/c", (char *)*state);
	assert_true(file_make_folder(deep, &err));
	assert_true(file_make_folder(deep, &err)); /* it is there: fine */
	struct stat info;
	assert_int_equal(stat(c, &info), 0);
	assert_true(S_ISDIR(info.st_mode));
	assert_int_equal(info.st_mode & 077, 0);
	assert_int_equal(rmdir(c), 0);
	assert_int_equal(rmdir(b), 0);
	assert_int_equal(rmdir(a), 0);
	assert_true(file_make_folder("/", &err));
}

static void test_make_folder_over_a_file(void **state) {
	struct error err;
	CLEANUP(mem_freep) char *file = str_format("%s/a", (char *)*state);
	CLEANUP(mem_freep) char *below = str_format("%s/a/b", (char *)*state);
	write_text(file, "x");
	assert_false(file_make_folder(file, &err));
	assert_non_null(strstr(err.message, file));
	assert_false(file_make_folder(below, &err));
	assert_int_equal(unlink(file), 0);
	assert_false(file_make_folder("", &err));
}

static void test_sync_folder(void **state) {
	struct error err;
	assert_true(file_sync_folder(*state, &err));
	assert_false(file_sync_folder("/nowhere/at/all", &err));
	assert_non_null(strstr(err.message, "/nowhere/at/all"));
}

static void test_relative_path(void **state) {
	struct error err;
	char before[4096];
	assert_non_null(getcwd(before, sizeof(before)));
	assert_int_equal(chdir(*state), 0);
	write_text("plain", "x");
	assert_true(file_make_folder("one/two", &err));
	assert_int_equal(unlink("plain"), 0);
	assert_int_equal(rmdir("one/two"), 0);
	assert_int_equal(rmdir("one"), 0);
	assert_int_equal(chdir(before), 0);
}

static void test_closep(void **state) {
	(void)state;
	int none = -1;
	file_closep(&none);
	int fd = dup(STDERR_FILENO);
	int same = fd;
	file_closep(&fd);
	assert_int_equal(fd, -1);
	assert_int_equal(close(same), -1); /* it was closed already */
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

int main(void) {
	const struct CMUnitTest tests[] = {
		IN_FOLDER(test_write_and_read),
		IN_FOLDER(test_write_replaces),
		IN_FOLDER(test_empty_file),
		IN_FOLDER(test_large_file),
		IN_FOLDER(test_too_large),
		cmocka_unit_test(test_too_large_without_a_size),
		IN_FOLDER(test_missing),
		IN_FOLDER(test_failed_rename_leaves_nothing),
		IN_FOLDER(test_make_folder),
		IN_FOLDER(test_make_folder_over_a_file),
		IN_FOLDER(test_sync_folder),
		IN_FOLDER(test_relative_path),
		cmocka_unit_test(test_closep),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
