/* SPDX-License-Identifier: Apache-2.0 */
/* Files of guests, called as a guest calls: numbers, and places in a memory. */
#include "engine/wasi_files.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/un.h>
#include <unistd.h>

#include "engine/fixture.h"

#include "base/file.h"

enum { READ = 1 << 1, WRITE = 1 << 6, ALL = (1 << 28) - 1, RW = 3, RO = 4 };
enum { CREAT = 1, DIRECTORY = 2, EXCL = 4, TRUNC = 8 };

static char top[] = "/tmp/airscrew-files-XXXXXX";
static uint8_t memory[65536];
static struct engine host;
static struct wasm_module module = { .module = { .engine = &host } };
static struct guest guest;

typedef enum wasi_errno (*wasi_fn)(const struct wasi_call *call);

static int call_with(wasi_fn function, const uint64_t *args, size_t count) {
	wasmtime_val_raw_t values[9] = { 0 };
	for (size_t i = 0; i < count; i++) {
		values[i].i64 = (int64_t)args[i];
	}
	const struct wasi_call call = { &guest, memory, sizeof(memory), values };
	return (int)function(&call);
}

#define CALL(function, ...)                                                                        \
	call_with(function, (const uint64_t[]){ __VA_ARGS__ },                                     \
			sizeof((const uint64_t[]){ __VA_ARGS__ }) / sizeof(uint64_t))

/* Puts text at a place: two arguments of a call. */
static uint64_t put(uint64_t at, const char *text) {
	memcpy(memory + at, text, strlen(text));
	return at;
}
#define PATH(text) put(1024, text), strlen(text)
#define PATH2(text) put(8192, text), strlen(text)

static uint32_t told(uint64_t at) {
	uint32_t value;
	memcpy(&value, memory + at, sizeof(value));
	return value;
}

static uint64_t told64(uint64_t at) {
	uint64_t value;
	memcpy(&value, memory + at, sizeof(value));
	return value;
}

static int open_file(int dir, const char *path, int oflags, uint64_t rights, uint32_t *fd) {
	int number = CALL(wasi_path_open, (uint64_t)dir, 1, PATH(path), (uint64_t)oflags, rights, 0,
			0, 16);
	*fd = told(16);
	return number;
}

static int write_text(uint32_t fd, const char *text) {
	const uint32_t iovec[2] = { 2048, (uint32_t)strlen(text) };
	memcpy(memory + 64, iovec, sizeof(iovec));
	put(2048, text);
	return CALL(wasi_file_write, fd, 64, 1, 80);
}

static int read_text(uint32_t fd, char *text, uint32_t room) {
	const uint32_t iovec[2] = { 2048, room };
	memcpy(memory + 64, iovec, sizeof(iovec));
	int number = CALL(wasi_file_read, fd, 64, 1, 80);
	uint32_t got = number == 0 ? told(80) : 0;
	memcpy(text, memory + 2048, got);
	text[got] = 0;
	return number;
}

static int touch(const char *path, const char *text) {
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	ssize_t wrote = write(fd, text, strlen(text));
	(void)close(fd);
	return wrote == (ssize_t)strlen(text) ? 0 : -1;
}

/* 3 may be written to, 4 not; outside of both lies a file to be kept secret. */
static int setup(void **state) {
	static char data[64], only[64];
	static struct run_dir dirs[] = { { data, "/rw", true }, { only, ".", false } };
	static struct run_request request = { .dirs = dirs, .dir_count = 2 };
	struct error err;
	(void)state;
	if (mkdtemp(top) == NULL || chdir(top) != 0) {
		return -1;
	}
	(void)snprintf(data, sizeof(data), "%s/data", top);
	(void)snprintf(only, sizeof(only), "%s/only", top);
	strings_add(&host.dirs, top);
	guest = (struct guest){ .module = &module, .request = &request, .wall_ns = UINT64_MAX };
	guest.stop = run_stop_create(&host);
	int bad = mkdir("data", 0700) | mkdir("only", 0700) | mkdir("data/folder", 0700) |
		  mkdir("data/folder/deep", 0700) | mkdir("outside", 0700) |
		  touch("outside/secret", "secret") | touch("data/file", "0123456789") |
		  touch("only/file", "only to be read") | symlink("../outside", "data/escape") |
		  symlink("../outside/secret", "data/leak") | symlink("/etc/passwd", "data/abs") |
		  symlink("/proc/self/root", "data/magic") | symlink("file", "data/near") |
		  symlink("loop", "data/loop") | symlink("../outside/new", "data/dangling") |
		  mkfifo("data/fifo", 0600);
	return bad == 0 && wasi_files_open(&guest, &err) ? 0 : -1;
}

static int teardown(void **state) {
	(void)state;
	wasi_files_close(&guest);
	run_stop_destroy(guest.stop);
	strings_finish(&host.dirs);
	pid_t pid;
	int status = -1;
	char *argv[] = { (char[]){ "rm" }, (char[]){ "-r" }, top, NULL };
	return posix_spawnp(&pid, argv[0], NULL, NULL, argv, NULL) == 0 &&
					       waitpid(pid, &status, 0) == pid
			       ? status
			       : -1;
}

static void directories_are_found(void **state) {
	(void)state;
	assert_int_equal(CALL(wasi_file_prestat, 3, 16), 0);
	assert_int_equal(told(20), 3);
	assert_int_equal(CALL(wasi_file_prestat_name, 3, 32, 3), 0);
	assert_memory_equal(memory + 32, "/rw", 3);
	assert_int_equal(CALL(wasi_file_prestat_name, 3, 32, 2), WASI_NAMETOOLONG);
	assert_int_equal(CALL(wasi_file_prestat, 4, 16), 0);
	assert_int_equal(told(20), 1);
	assert_int_equal(CALL(wasi_file_prestat, 5, 16), WASI_BADF);
	assert_int_equal(CALL(wasi_file_fdstat, 3, 16), 0);
	assert_int_equal(memory[16], 3);
	assert_int_equal(CALL(wasi_file_fdstat, 2, 16), WASI_BADF);
	assert_int_equal(CALL(wasi_file_fdstat, UINT32_MAX, 16), WASI_BADF);
}

/* Every way out that a path can take; none is told more than that it is not allowed. */
static void no_path_leads_out(void **state) {
	(void)state;
	static const struct {
		const char *path;
		int number;
	} cases[] = {
		{ "..", WASI_NOTCAPABLE },
		{ "../outside/secret", WASI_NOTCAPABLE },
		{ "folder/../../outside/secret", WASI_NOTCAPABLE },
		{ "folder/deep/../../../outside/secret", WASI_NOTCAPABLE },
		{ "/etc/passwd", WASI_NOTCAPABLE },
		{ "//etc/passwd", WASI_NOTCAPABLE },
		{ "escape/secret", WASI_NOTCAPABLE },
		{ "escape/", WASI_NOTCAPABLE },
		{ "leak", WASI_NOTCAPABLE },
		{ "abs", WASI_NOTCAPABLE },
		{ "magic/etc/passwd", WASI_NOTCAPABLE },
		{ "loop", WASI_LOOP },
		{ "fifo", WASI_ACCES },
		{ "nothing", WASI_NOENT },
		{ "nothing/..", WASI_NOENT },
		{ "file/x", WASI_NOTDIR },
		{ "", WASI_NOENT },
		{ "\xff", WASI_INVAL },
		{ "folder/../file", 0 },
		{ "near", 0 },
		{ "./folder", 0 },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint32_t fd;
		int number = open_file(3, cases[i].path, 0, READ, &fd);
		if (number != cases[i].number) {
			fail_msg("%s: %d, not %d", cases[i].path, number, cases[i].number);
		}
		if (number == 0) {
			assert_int_equal(CALL(wasi_file_close, fd), 0);
		}
	}
	assert_int_equal(CALL(wasi_path_open, 3, 0, PATH("near"), 0, READ, 0, 0, 16), WASI_LOOP);
	memcpy(memory + 1024, "fi\0e", 4);
	assert_int_equal(CALL(wasi_path_open, 3, 1, 1024, 4, 0, READ, 0, 0, 16), WASI_INVAL);
	assert_int_equal(CALL(wasi_path_open, 3, 1, 65000, 4096, 0, READ, 0, 0, 16), WASI_FAULT);
	assert_int_equal(CALL(wasi_path_open, 3, 1, 0, 5000, 0, READ, 0, 0, 16), WASI_NAMETOOLONG);
	assert_int_equal(
			CALL(wasi_path_open, 3, 1, PATH("file"), 0, READ, 0, 0, 65534), WASI_FAULT);
}

/* The same for every other function that takes a path. */
static void no_deed_leads_out(void **state) {
	(void)state;
	static const wasi_fn deeds[] = { wasi_path_make_folder, wasi_path_remove_folder,
		wasi_path_unlink };
	static const char *const paths[] = { "../outside/secret", "escape/secret", "/tmp/x", "..",
		"folder/..", "magic/tmp/x" };
	for (size_t p = 0; p < sizeof(paths) / sizeof(paths[0]); p++) {
		for (size_t i = 0; i < 3; i++) {
			assert_int_equal(CALL(deeds[i], 3, PATH(paths[p])), WASI_NOTCAPABLE);
		}
		if (str_equal(paths[p], "folder/..")) {
			continue; /* to be looked at, but not to be removed or replaced */
		}
		assert_int_equal(CALL(wasi_path_stat, 3, 1, PATH(paths[p]), 16), WASI_NOTCAPABLE);
		assert_int_equal(CALL(wasi_path_set_times, 3, 1, PATH(paths[p]), 0, 0, 10),
				WASI_NOTCAPABLE);
		assert_int_equal(CALL(wasi_path_readlink, 3, PATH(paths[p]), 16, 64, 8),
				WASI_NOTCAPABLE);
		assert_int_equal(CALL(wasi_path_rename, 3, PATH("file"), 3, PATH2(paths[p])),
				WASI_NOTCAPABLE);
		assert_int_equal(CALL(wasi_path_rename, 3, PATH(paths[p]), 3, PATH2("file2")),
				WASI_NOTCAPABLE);
	}
	uint32_t fd;
	assert_int_equal(open_file(3, "dangling", CREAT, WRITE, &fd), WASI_NOTCAPABLE);
	assert_int_equal(open_file(3, "escape/new", CREAT, WRITE, &fd), WASI_NOTCAPABLE);
	assert_int_equal(access("outside/new", F_OK), -1);
	assert_int_equal(access("outside/secret", F_OK), 0);
	assert_int_equal(CALL(wasi_path_symlink, PATH("/etc"), 3, PATH2("link")), WASI_NOTSUP);
	assert_int_equal(CALL(wasi_path_link, 4, 0, PATH("file"), 3, PATH2("link")), WASI_NOTSUP);
}

static void what_is_read_only_stays(void **state) {
	(void)state;
	uint32_t fd;
	char text[64];
	assert_int_equal(open_file(4, "file", 0, WRITE, &fd), WASI_ROFS);
	assert_int_equal(open_file(4, "file", TRUNC, READ, &fd), WASI_ROFS);
	assert_int_equal(open_file(4, "new", CREAT, READ, &fd), WASI_ROFS);
	assert_int_equal(CALL(wasi_path_unlink, 4, PATH("file")), WASI_ROFS);
	assert_int_equal(CALL(wasi_path_make_folder, 4, PATH("x")), WASI_ROFS);
	assert_int_equal(CALL(wasi_path_remove_folder, 4, PATH("x")), WASI_ROFS);
	assert_int_equal(CALL(wasi_path_rename, 4, PATH("file"), 3, PATH2("f")), WASI_ROFS);
	assert_int_equal(CALL(wasi_path_rename, 3, PATH("file"), 4, PATH2("f")), WASI_ROFS);
	assert_int_equal(CALL(wasi_path_set_times, 4, 0, PATH("file"), 0, 0, 10), WASI_ROFS);
	assert_int_equal(open_file(4, "file", CREAT, READ, &fd), 0); /* it is there */
	assert_int_equal(write_text(fd, "x"), WASI_NOTCAPABLE);
	assert_int_equal(CALL(wasi_file_set_size, fd, 0), WASI_NOTCAPABLE);
	assert_int_equal(CALL(wasi_file_allocate, fd, 0, 10), WASI_NOTCAPABLE);
	assert_int_equal(CALL(wasi_file_set_times, fd, 0, 0, 10), WASI_ROFS);
	assert_int_equal(read_text(fd, text, 63), 0);
	assert_string_equal(text, "only to be read");
	assert_int_equal(CALL(wasi_file_close, fd), 0);
}

static void a_file_is_written_and_read(void **state) {
	(void)state;
	uint32_t fd;
	char text[64];
	assert_int_equal(open_file(3, "new", CREAT | EXCL, ALL, &fd), 0);
	assert_int_equal(open_file(3, "new", CREAT | EXCL, ALL, &(uint32_t){ 0 }), WASI_EXIST);
	assert_int_equal(write_text(fd, "hello, world"), 0);
	assert_int_equal(told(80), 12);
	assert_int_equal(CALL(wasi_file_tell, fd, 16), 0);
	assert_int_equal(told64(16), 12);
	assert_int_equal(CALL(wasi_file_seek, fd, (uint64_t)-5, 2, 16), 0);
	assert_int_equal(told64(16), 7);
	assert_int_equal(read_text(fd, text, 63), 0);
	assert_string_equal(text, "world");
	assert_int_equal(CALL(wasi_file_seek, fd, (uint64_t)-5, 0, 16), WASI_INVAL);
	assert_int_equal(CALL(wasi_file_seek, fd, 0, 3, 16), WASI_INVAL);
	const uint32_t iovec[2] = { 2048, 4 };
	memcpy(memory + 64, iovec, sizeof(iovec));
	assert_int_equal(CALL(wasi_file_pread, fd, 64, 1, 1, 80), 0);
	assert_memory_equal(memory + 2048, "ello", 4);
	assert_int_equal(CALL(wasi_file_pwrite, fd, 64, 1, 0, 80), 0);
	assert_int_equal(CALL(wasi_file_pwrite, fd, 64, 1, UINT64_MAX, 80), WASI_INVAL);
	assert_int_equal(CALL(wasi_file_pread, fd, 64, 2000, 0, 80), WASI_INVAL);
	assert_int_equal(CALL(wasi_file_set_size, fd, 6), 0);
	assert_int_equal(CALL(wasi_file_allocate, fd, 0, 100), 0);
	assert_int_equal(CALL(wasi_file_datasync, fd), 0);
	assert_int_equal(CALL(wasi_file_sync, fd), 0);
	assert_int_equal(CALL(wasi_file_advise, fd, 0, 0, 1), 0);
	assert_int_equal(CALL(wasi_file_stat, fd, 128), 0);
	assert_int_equal(memory[128 + 16], 4);
	assert_int_equal(told64(128 + 32), 100);
	assert_int_equal(CALL(wasi_file_set_times, fd, 5000000000, 7000000000, 5), 0);
	assert_int_equal(CALL(wasi_path_stat, 3, 0, PATH("new"), 128), 0);
	assert_int_equal(told64(128 + 40), 5000000000);
	assert_int_equal(told64(128 + 48), 7000000000);
	assert_int_equal(CALL(wasi_file_set_times, fd, 0, 0, 3), WASI_INVAL);
	assert_int_equal(CALL(wasi_path_set_times, 3, 0, PATH("new"), 9000000000, 0, 1), 0);
	assert_int_equal(CALL(wasi_path_stat, 3, 0, PATH("new"), 128), 0);
	assert_int_equal(told64(128 + 40), 9000000000);
	assert_int_equal(CALL(wasi_file_close, fd), 0);
	assert_int_equal(CALL(wasi_file_close, fd), WASI_BADF);
	assert_int_equal(open_file(3, "new", 0, READ, &fd), 0);
	assert_int_equal(write_text(fd, "x"), WASI_NOTCAPABLE);
	assert_int_equal(read_text(fd, text, 4), 0);
	assert_string_equal(text, "ello");
	assert_int_equal(CALL(wasi_file_close, fd), 0);
	assert_int_equal(CALL(wasi_path_unlink, 3, PATH("new")), 0);
}

static void folders_are_made_listed_and_removed(void **state) {
	(void)state;
	uint32_t fd;
	assert_int_equal(CALL(wasi_path_make_folder, 3, PATH("made")), 0);
	assert_int_equal(CALL(wasi_path_make_folder, 3, PATH("made/")), WASI_EXIST);
	assert_int_equal(open_file(3, "made", DIRECTORY, ALL, &fd), 0);
	uint32_t inner;
	assert_int_equal(open_file((int)fd, "one", CREAT, WRITE, &inner), 0);
	assert_int_equal(CALL(wasi_file_close, inner), 0);
	assert_int_equal(open_file((int)fd, "../file", 0, READ, &inner), WASI_NOTCAPABLE);
	/* entries of 24 bytes and a name, in whatever order; a small room is filled */
	assert_int_equal(CALL(wasi_file_readdir, fd, 4096, 4096, 0, 16), 0);
	assert_int_equal(told(16), 3 * 24 + 1 + 2 + 3);
	uint64_t second = told64(4096);
	assert_int_equal(CALL(wasi_file_readdir, fd, 4096, 4096, second, 16), 0);
	assert_true(told(16) < 3 * 24 + 1 + 2 + 3);
	assert_int_equal(CALL(wasi_file_readdir, fd, 4096, 10, 0, 16), 0);
	assert_int_equal(told(16), 10);
	assert_int_equal(CALL(wasi_file_readdir, fd, 65000, 4096, 0, 16), WASI_FAULT);
	assert_int_equal(read_text(fd, (char[8]){ 0 }, 4), WASI_ISDIR);
	assert_int_equal(CALL(wasi_path_remove_folder, 3, PATH("made")), WASI_NOTEMPTY);
	assert_int_equal(CALL(wasi_path_unlink, 3, PATH("made")), WASI_ISDIR);
	assert_int_equal(CALL(wasi_path_rename, fd, PATH("one"), 3, PATH2("two")), 0);
	assert_int_equal(CALL(wasi_path_unlink, 3, PATH("two")), 0);
	assert_int_equal(CALL(wasi_path_remove_folder, 3, PATH("made/")), 0);
	assert_int_equal(CALL(wasi_file_close, fd), 0);
	assert_int_equal(CALL(wasi_path_readlink, 3, PATH("near"), 128, 64, 16), 0);
	assert_int_equal(told(16), 4);
	assert_memory_equal(memory + 128, "file", 4);
	assert_int_equal(CALL(wasi_path_readlink, 3, PATH("file"), 128, 64, 16), WASI_INVAL);
	assert_int_equal(open_file(3, "folder", 0, WRITE, &fd), WASI_ISDIR);
	assert_int_equal(open_file(3, "file", DIRECTORY, READ, &fd), WASI_NOTDIR);
}

static void open_files_are_counted(void **state) {
	(void)state;
	uint32_t fd;
	int count = 0;
	while (open_file(3, "file", 0, READ, &fd) == 0) {
		count++;
	}
	assert_int_equal(count, WASI_FILES_MAX - 2);
	assert_int_equal(open_file(3, "file", 0, READ, &fd), WASI_MFILE);
	assert_int_equal(CALL(wasi_file_renumber, 5, 6), 0);
	assert_int_equal(CALL(wasi_file_renumber, 5, 6), WASI_BADF);
	assert_int_equal(open_file(3, "file", 0, READ, &fd), 0);
	assert_int_equal(fd, 5);
	assert_int_equal(CALL(wasi_file_set_flags, 5, 1), 0);
	assert_int_equal(CALL(wasi_file_set_flags, 5, 16), WASI_NOTSUP);
	assert_int_equal(CALL(wasi_file_set_rights, 5, ALL), WASI_NOTCAPABLE);
	assert_int_equal(CALL(wasi_file_set_rights, 5, 0), 0);
	assert_int_equal(read_text(5, (char[8]){ 0 }, 4), WASI_NOTCAPABLE);
	for (fd = 5; fd < 3 + WASI_FILES_MAX; fd++) {
		assert_int_equal(CALL(wasi_file_close, fd), 0);
	}
}

/* Somebody else changes a directory into a link to the outside and back, all the time. */
static void *swap(void *running) {
	while (atomic_load((atomic_bool *)running)) {
		(void)rename("data/race", "data/kept");
		(void)symlink("../outside", "data/race");
		(void)unlink("data/race");
		(void)rename("data/kept", "data/race");
	}
	return NULL;
}

static void a_race_is_not_won(void **state) {
	(void)state;
	atomic_bool running = true;
	pthread_t thread;
	char text[64];
	assert_int_equal(mkdir("data/race", 0700) | touch("data/race/secret", "mine"), 0);
	assert_int_equal(pthread_create(&thread, NULL, swap, &running), 0);
	for (int i = 0, got = 0; i < 200000 && got < 5000; i++) {
		uint32_t fd;
		if (open_file(3, "race/secret", 0, READ, &fd) == 0) {
			got++;
			assert_int_equal(read_text(fd, text, 63), 0);
			assert_string_equal(text, "mine");
			assert_int_equal(CALL(wasi_file_close, fd), 0);
		}
	}
	atomic_store(&running, false);
	pthread_join(thread, NULL);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(directories_are_found),
		cmocka_unit_test(no_path_leads_out),
		cmocka_unit_test(no_deed_leads_out),
		cmocka_unit_test(what_is_read_only_stays),
		cmocka_unit_test(a_file_is_written_and_read),
		cmocka_unit_test(folders_are_made_listed_and_removed),
		cmocka_unit_test(open_files_are_counted),
		cmocka_unit_test(a_race_is_not_won),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
