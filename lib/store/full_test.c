/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A full disk, for real: a small file system in memory, mounted where only this process sees it.
 * Needs root, or user namespaces; without either the tests are skipped and say so.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>

#include "base/file.h"
#include "store/fixture.h"
#include "store/modules.h"

enum { DISK = 4 * 1024 * 1024, BALLAST = 1024 * 1024 };

static bool write_line(const char *path, const char *format, int number) {
	CLEANUP(mem_freep) char *line = str_format(format, number, number);
	CLEANUP(file_closep) int fd = open(path, O_WRONLY | O_CLOEXEC);
	return fd >= 0 && write(fd, line, strlen(line)) == (ssize_t)strlen(line);
}

/* Mounts of our own: as root, or as root of a user namespace of our own. */
static bool leave_the_mounts(void) {
	int user = (int)getuid(), group = (int)getgid();
	if (unshare(CLONE_NEWNS) == 0) {
		return mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
	}
	return unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0 &&
	       write_line("/proc/self/setgroups", "deny", 0) &&
	       write_line("/proc/self/uid_map", "%d %d 1", user) &&
	       write_line("/proc/self/gid_map", "%d %d 1", group);
}

struct disk {
	void *folder;
	bool mounted;
};

/* Whether we may have mounts is found out once, before there is a second thread. */
static int find_out(void **state) {
	static int why;
	why = leave_the_mounts() ? 0 : errno;
	*state = &why;
	return 0;
}

static int mount_disk(void **state) {
	int why = *(int *)*state;
	struct disk *disk = MEM_NEW(struct disk);
	*state = disk;
	if (make_folder(&disk->folder) != 0) {
		return 1;
	}
	CLEANUP(mem_freep) char *options = str_format("size=%d,mode=0700", DISK);
	disk->mounted = why == 0 && mount("none", disk->folder, "tmpfs", 0, options) == 0;
	if (!disk->mounted) {
		print_message("skipped: a small disk cannot be mounted here: %s\n",
				strerror(why != 0 ? why : errno));
	}
	return 0;
}

static int unmount_disk(void **state) {
	struct disk *disk = *state;
	int result = disk->mounted ? umount(disk->folder) : 0;
	result |= remove_folder(&disk->folder);
	free(disk);
	return result;
}

static char *on_disk(void **state, const char *name) {
	struct disk *disk = *state;
	if (!disk->mounted) {
		skip();
	}
	return str_format("%s/%s", (char *)disk->folder, name);
}

/* Something that can be thrown away when the disk is full. */
static void put_ballast(const char *path) {
	struct error err;
	CLEANUP(mem_freep) char *bytes = mem_zero(BALLAST, 1);
	assert_ok(file_write(path, bytes, BALLAST, 0600, &err));
}

static bool add_one(struct store *store, struct task *task, struct error *err) {
	struct move move = { 1, TASK_PENDING, 0, (char[]){ "created" } };
	return store_begin(store, err) && store_task_add(store, task, err) &&
	       store_move_add(store, task->id, &move, err) && store_commit(store, err);
}

/* Adds tasks of about `size` bytes until that fails; returns how many there are. */
static size_t fill_up(struct store *store, size_t size, struct strings *ids) {
	struct error err;
	for (bool ok = true; ok;) {
		struct task *task = make_task("one of many");
		task->work.input = mem_zero(size + 1, 1);
		memset(task->work.input, 'x', size);
		ok = add_one(store, task, &err);
		if (ok) {
			strings_add(ids, task->id);
		} else {
			assert_int_equal(err.code, ERROR_NO_SPACE);
			assert_non_null(strstr(err.message, "no space left"));
			assert_false(has_task(store, task->id));
		}
		task_destroy(task);
	}
	return ids->count;
}

static void assert_all_there(struct store *store, const struct strings *ids) {
	for (size_t i = 0; i < ids->count; i++) {
		assert_true(has_task(store, ids->items[i]));
	}
	uint64_t total = 0;
	struct names names = { "" };
	struct error err;
	assert_ok(store_task_list(store, 0, 0, NULL, name_visited, &names, &total, &err));
	assert_int_equal(total, ids->count);
}

/* Full, then freed, then full again: what was committed stays, and writes work where they can. */
static void fill_and_free(void **state, size_t size) {
	struct strings ids = { 0 };
	CLEANUP(mem_freep) char *path = on_disk(state, "state.db");
	CLEANUP(mem_freep) char *ballast = on_disk(state, "ballast");
	put_ballast(ballast);
	struct store *store = open_store(path);
	size_t first = fill_up(store, size, &ids);
	assert_true(first > 0);
	assert_all_there(store, &ids);
	assert_int_equal(unlink(ballast), 0);
	size_t second = fill_up(store, size, &ids);
	assert_true(second > first);
	assert_all_there(store, &ids);
	store_close(store);
	store = open_store(path);
	assert_all_there(store, &ids);
	store_close(store);
	strings_finish(&ids);
}

static void test_small_commits(void **state) {
	fill_and_free(state, 100);
}

static void test_large_commits(void **state) {
	fill_and_free(state, 300 * 1024);
}

static void test_no_room_to_begin(void **state) {
	struct error err;
	CLEANUP(mem_freep) char *path = on_disk(state, "state.db");
	CLEANUP(mem_freep) char *ballast = on_disk(state, "ballast");
	CLEANUP(mem_freep) char *bytes = mem_zero(DISK, 1);
	int fd = open(ballast, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(write(fd, bytes, DISK) > 0);
	assert_int_equal(close(fd), 0);
	assert_fails(store_open(path, NULL, &err) != NULL, ERROR_NO_SPACE, "state.db");
	assert_int_equal(unlink(ballast), 0);
	struct store *store = open_store(path);
	task_destroy(add_task(store, "now"));
	store_close(store);
}

static size_t names_in(const char *path) {
	size_t count = 0;
	DIR *folder = opendir(path);
	assert_non_null(folder);
	for (const struct dirent *entry; (entry = readdir(folder)) != NULL;) {
		count += entry->d_name[0] != '.';
	}
	assert_int_equal(closedir(folder), 0);
	return count;
}

/* One section of about `size` bytes, in pieces. */
static bool upload(struct modules *modules, uint32_t size, struct error *err) {
	uint8_t piece[64 * 1024] = { 0, 'a', 's', 'm', 1, 0, 0, 0, 0 };
	struct module_info info;
	struct module_upload *upload = modules_begin(modules, UINT64_MAX);
	for (unsigned i = 0; i < 5; i++) {
		piece[9 + i] = (uint8_t)((size >> (7 * i) & 0x7f) | (i < 4 ? 0x80 : 0));
	}
	bool ok = module_upload_add(upload, (struct bytes){ piece, 14 }, err);
	for (uint32_t left = size; ok && left > 0;) {
		uint32_t step = left < sizeof(piece) ? left : (uint32_t)sizeof(piece);
		ok = module_upload_add(upload, (struct bytes){ piece, step }, err);
		left -= step;
	}
	ok = ok && module_upload_finish(upload, &info, err);
	module_upload_destroy(upload);
	return ok;
}

static void test_upload(void **state) {
	struct error err;
	CLEANUP(mem_freep) char *folder = on_disk(state, "modules");
	struct modules *modules = modules_open(folder, NULL, &err);
	assert_non_null(modules);
	assert_fails(upload(modules, DISK, &err), ERROR_NO_SPACE, "No space left");
	assert_int_equal(names_in(folder), 0);
	assert_ok(upload(modules, DISK / 2, &err));
	assert_int_equal(names_in(folder), 1);
	modules_close(modules);
}

#define ON_DISK(test) cmocka_unit_test_setup_teardown(test, mount_disk, unmount_disk)

int main(void) {
	const struct CMUnitTest tests[] = {
		ON_DISK(test_small_commits),
		ON_DISK(test_large_commits),
		ON_DISK(test_no_room_to_begin),
		ON_DISK(test_upload),
	};
	return cmocka_run_group_tests_name("store/full", tests, find_out, NULL);
}
