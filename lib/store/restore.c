/* SPDX-License-Identifier: Apache-2.0 */
#include "store/restore.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hex.h"
#include "base/mem.h"
#include "base/random.h"
#include "base/str.h"
#include "store/restored.h"

enum { SPARE_BYTES = 16 * 1024 * 1024 };

struct restore {
	char *wanted; /* the folder of state; NULL: only to look */
	char *folder; /* where all goes until then; NULL: it has its name */
	char *modules;
	struct archive_reader *reader;
	struct archive_manifest manifest;
	struct strings digests; /* of the modules, ascending */
	char *path;             /* of the file that is written */
	int fd;                 /* -1: none is */
	uid_t owner;            /* of the empty folder that is replaced */
	gid_t group;
	bool given; /* it is to be that one's */
	uint64_t tasks;
};

/* --- where it goes ------------------------------------------------------------------------------
 */

static bool is_empty(const char *folder, bool *empty, struct error *err) {
	DIR *dir = opendir(folder);
	if (dir == NULL) {
		return error_errno(err, errno, "reading the folder %s", folder);
	}
	*empty = true;
	for (struct dirent *entry; *empty && (entry = readdir(dir)) != NULL;) {
		*empty = str_equal(entry->d_name, ".") || str_equal(entry->d_name, "..");
	}
	(void)closedir(dir);
	return true;
}

/* store.c has the other side of this lock. */
static bool is_in_use(const char *folder) {
	CLEANUP(mem_freep) char *path = str_format("%s/manager.db.lock", folder);
	CLEANUP(file_closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	return fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}

static bool check_folder(struct restore *restore, const char *folder, struct error *err) {
	struct stat info;
	bool empty = false;
	if (stat(folder, &info) != 0 && errno == ENOENT) {
		return true;
	}
	if (!is_empty(folder, &empty, err)) {
		return false;
	}
	if (is_in_use(folder)) {
		return error_set(err, ERROR_CONFLICT,
				"a manager is running on %s: end it, and name another folder",
				folder);
	}
	restore->owner = info.st_uid;
	restore->group = info.st_gid;
	restore->given = geteuid() == 0 && info.st_uid != 0;
	return empty || error_set(err, ERROR_CONFLICT,
					"the folder %s is not empty: name another one, or move it "
					"away",
					folder);
}

/* Its real name, so that it can be replaced; "a/b/" is "a/b". */
static char *clean_path(const char *path) {
	char *real = realpath(path, NULL);
	if (real != NULL) {
		return real;
	}
	char *copy = str_copy(path);
	for (size_t size = strlen(copy); size > 1 && copy[size - 1] == '/';) {
		copy[--size] = 0;
	}
	return copy;
}

static char *parent_of(const char *path) {
	const char *slash = strrchr(path, '/');
	return slash == NULL ? str_copy(".")
			     : mem_copy(path, slash == path ? 1 : (size_t)(slash - path));
}

static bool make_folder(struct restore *restore, const char *path, struct error *err) {
	if (mkdir(path, 0700) != 0 ||
			(restore->given && chown(path, restore->owner, restore->group) != 0)) {
		return error_errno(err, errno, "making the folder %s", path);
	}
	return true;
}

static bool begin_beside(struct restore *restore, struct error *err) {
	char unique[UUID_SIZE];
	CLEANUP(mem_freep) char *parent = parent_of(restore->wanted);
	random_uuid(unique);
	if (!check_folder(restore, restore->wanted, err)) {
		return false;
	}
	if (access(parent, F_OK) != 0) {
		return error_set(err, ERROR_NOT_FOUND, "there is no folder %s: make it", parent);
	}
	restore->folder = str_format("%s.%.8s.restore", restore->wanted, unique);
	restore->modules = str_format("%s/modules", restore->folder);
	return make_folder(restore, restore->folder, err) &&
	       make_folder(restore, restore->modules, err);
}

static bool begin_temporary(struct restore *restore, struct error *err) {
	const char *place = getenv("TMPDIR");
	restore->folder = str_format(
			"%s/propeller-XXXXXX", place != NULL && place[0] != 0 ? place : "/var/tmp");
	if (mkdtemp(restore->folder) == NULL) {
		return error_errno(err, errno, "making a temporary folder %s", restore->folder);
	}
	return true;
}

/* --- what comes ---------------------------------------------------------------------------------
 */

static bool take_manifest(
		void *context, const struct archive_manifest *manifest, struct error *err) {
	struct restore *restore = context;
	struct statvfs disk;
	restore->manifest = *manifest;
	if (statvfs(restore->folder, &disk) != 0) {
		return error_errno(err, errno, "looking at the disk of %s", restore->folder);
	}
	uint64_t free_bytes = (uint64_t)disk.f_bavail * disk.f_frsize;
	uint64_t need = SPARE_BYTES + (restore->modules != NULL ? archive_size(manifest)
								: manifest->database_size);
	return need <= free_bytes ||
	       error_set(err, ERROR_NO_SPACE,
			       "the backup needs %llu MiB on the disk of %s, and there are %llu "
			       "MiB: make room there",
			       (unsigned long long)(need >> 20), restore->folder,
			       (unsigned long long)(free_bytes >> 20));
}

static bool begin_file(void *context, const char *name, uint64_t size, struct error *err) {
	struct restore *restore = context;
	bool module = str_starts(name, ARCHIVE_MODULES);
	(void)size;
	if (module) {
		strings_add(&restore->digests, name + strlen(ARCHIVE_MODULES));
	}
	if (module && restore->modules == NULL) {
		return true;
	}
	free(restore->path);
	restore->path = str_format("%s/%s", restore->folder, name);
	restore->fd = open(
			restore->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (restore->fd < 0 || (restore->given && fchown(restore->fd, restore->owner,
								  restore->group) != 0)) {
		return error_errno(err, errno, "making %s", restore->path);
	}
	return true;
}

static bool take_data(void *context, struct bytes piece, struct error *err) {
	const struct restore *restore = context;
	while (restore->fd >= 0 && piece.size != 0) {
		ssize_t put = write(restore->fd, piece.data, piece.size);
		if (put < 0 && errno == EINTR) {
			continue;
		}
		if (put < 0) {
			return error_errno(err, errno, "writing %s", restore->path);
		}
		piece.data += put;
		piece.size -= (size_t)put;
	}
	return true;
}

static bool end_file(void *context, struct error *err) {
	struct restore *restore = context;
	if (restore->fd >= 0 && fsync(restore->fd) != 0) {
		return error_errno(err, errno, "writing %s", restore->path);
	}
	file_closep(&restore->fd);
	return true;
}

static const struct archive_visitor visitor = { take_manifest, begin_file, take_data, end_file };

struct restore *restore_begin(const char *state_dir, struct error *err) {
	struct restore *restore = MEM_NEW(struct restore);
	restore->wanted = state_dir != NULL ? clean_path(state_dir) : NULL;
	restore->fd = -1;
	restore->reader = archive_reader_create(&visitor, restore);
	bool ok = state_dir != NULL ? begin_beside(restore, err) : begin_temporary(restore, err);
	if (!ok) {
		restore_destroy(restore);
		return NULL;
	}
	return restore;
}

bool restore_add(struct restore *restore, struct bytes piece, struct error *err) {
	return archive_reader_add(restore->reader, piece, err);
}

const struct archive_manifest *restore_manifest(const struct restore *restore) {
	return &restore->manifest;
}

uint64_t restore_rotten(const struct restore *restore) {
	return archive_reader_rotten(restore->reader);
}

uint64_t restore_tasks(const struct restore *restore) {
	return restore->tasks;
}

/* --- the end ------------------------------------------------------------------------------------
 */

static bool give_name(struct restore *restore, struct error *err) {
	CLEANUP(mem_freep) char *parent = parent_of(restore->wanted);
	if (!file_sync_folder(restore->modules, err) || !file_sync_folder(restore->folder, err)) {
		return false;
	}
	if (rename(restore->folder, restore->wanted) != 0) {
		return error_errno(err, errno, "giving the folder %s its name %s", restore->folder,
				restore->wanted);
	}
	free(restore->folder);
	restore->folder = NULL;
	return file_sync_folder(parent, err);
}

bool restore_finish(struct restore *restore, struct error *err) {
	if (!archive_reader_end(restore->reader, err)) {
		return false;
	}
	CLEANUP(mem_freep) char *path = str_format("%s/manager.db", restore->folder);
	struct restored_database database = { .path = path,
		.digests = &restore->digests,
		.missing = restore->manifest.missing,
		.schema = restore->manifest.schema };
	bool ok = restored_check(&database, err);
	restore->tasks = database.tasks;
	return ok && (restore->wanted == NULL ||
				     (restored_mark(&database, err) && give_name(restore, err)));
}

static void remove_all(const char *folder) {
	DIR *dir = opendir(folder);
	for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
		(void)unlinkat(dirfd(dir), entry->d_name, 0); /* "." and ".." stay */
	}
	if (dir != NULL) {
		(void)closedir(dir);
	}
	(void)rmdir(folder);
}

void restore_destroy(struct restore *restore) {
	if (restore == NULL) {
		return;
	}
	file_closep(&restore->fd);
	if (restore->modules != NULL && restore->folder != NULL) {
		remove_all(restore->modules);
	}
	if (restore->folder != NULL) {
		remove_all(restore->folder);
	}
	archive_reader_destroy(restore->reader);
	strings_finish(&restore->digests);
	free(restore->wanted);
	free(restore->folder);
	free(restore->modules);
	free(restore->path);
	free(restore);
}
