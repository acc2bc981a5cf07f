/* SPDX-License-Identifier: Apache-2.0 */
#include "store/snapshot.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/hex.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/version.h"
#include "store/database.h"

enum { LOOK_STEPS = 10000, PIECE_BYTES = 64 * 1024, BUSY_MS = 5000 };

static char *copy_path(const char *folder) {
	return str_format("%s/snapshot.db", folder);
}

/* --- the folder ---------------------------------------------------------------------------- */

static bool empty_folder(const char *folder, struct error *err) {
	DIR *dir = opendir(folder);
	if (dir == NULL) {
		return error_errno(err, errno, "reading the folder %s", folder);
	}
	bool ok = true;
	for (struct dirent *entry; ok && (entry = readdir(dir)) != NULL;) {
		bool self = str_equal(entry->d_name, ".") || str_equal(entry->d_name, "..");
		if (!self && unlinkat(dirfd(dir), entry->d_name, 0) != 0) {
			ok = error_errno(err, errno, "removing %s/%s", folder, entry->d_name);
		}
	}
	(void)closedir(dir);
	return ok;
}

bool snapshot_clear(const char *folder, struct error *err) {
	return file_make_folder(folder, err) && empty_folder(folder, err);
}

static uint64_t size_of(const char *path) {
	struct stat info;
	return stat(path, &info) == 0 ? (uint64_t)info.st_size : 0;
}

bool snapshot_fits(const char *database, const char *folder, struct error *err) {
	struct statvfs disk;
	if (statvfs(folder, &disk) != 0) {
		return error_errno(err, errno, "looking at the disk of %s", folder);
	}
	CLEANUP(mem_freep) char *log = str_format("%s-wal", database);
	uint64_t free_bytes = (uint64_t)disk.f_bavail * disk.f_frsize;
	uint64_t need = size_of(database) + size_of(log) + SNAPSHOT_SPARE_BYTES;
	return need <= free_bytes ||
	       error_set(err, ERROR_NO_SPACE,
			       "a backup needs up to %llu MiB in %s while it runs, and there are "
			       "%llu MiB: make room there",
			       (unsigned long long)(need >> 20), folder,
			       (unsigned long long)(free_bytes >> 20));
}

/* --- the database -------------------------------------------------------------------------- */

static int is_cancelled(void *cancel) {
	return atomic_load((const atomic_bool *)cancel) ? 1 : 0;
}

static bool cancelled(struct error *err) {
	return error_set(err, ERROR_INTERRUPTED, "the backup was given up: its client is gone");
}

static bool run_copy(
		sqlite3 *db, const struct snapshot *snapshot, const char *path, struct error *err) {
	sqlite3_stmt *statement = NULL;
	bool ok = sqlite3_prepare_v2(db, "VACUUM INTO ?1", -1, &statement, NULL) == SQLITE_OK &&
		  sqlite3_bind_text(statement, 1, path, -1, SQLITE_STATIC) == SQLITE_OK &&
		  sqlite3_step(statement) == SQLITE_DONE;
	if (!ok) {
		ok = is_cancelled((void *)(uintptr_t)snapshot->cancel)
				     ? cancelled(err)
				     : database_error_of(db, snapshot->database,
						       "copying it for a backup", err);
	}
	(void)sqlite3_finalize(statement);
	return ok;
}

/* SQLite takes the empty file, which is for its owner only. */
static bool copy_database(const struct snapshot *snapshot, const char *path, struct error *err) {
	int flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX;
	sqlite3 *db = NULL;
	CLEANUP(file_closep) int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0) {
		return error_errno(err, errno, "cannot make %s", path);
	}
	bool ok = sqlite3_open_v2(snapshot->database, &db, flags, NULL) == SQLITE_OK &&
		  sqlite3_busy_timeout(db, BUSY_MS) == SQLITE_OK;
	if (ok) {
		sqlite3_progress_handler(
				db, LOOK_STEPS, is_cancelled, (void *)(uintptr_t)snapshot->cancel);
		ok = run_copy(db, snapshot, path, err);
	} else {
		ok = database_error_of(db, snapshot->database, "opening it for a backup", err);
	}
	(void)sqlite3_close(db);
	return ok;
}

struct copy {
	const struct snapshot *snapshot;
	struct archive_writer *writer;
	char *path;
	struct archive_manifest manifest;
	struct strings digests; /* of module files that are there, ascending */
};

static bool read_schema(sqlite3 *db, uint64_t *schema) {
	sqlite3_stmt *statement = NULL;
	bool ok = sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &statement, NULL) ==
				  SQLITE_OK &&
		  sqlite3_step(statement) == SQLITE_ROW;
	*schema = ok ? (uint64_t)sqlite3_column_int64(statement, 0) : 0;
	(void)sqlite3_finalize(statement);
	return ok;
}

/* One that tasks name and that is not there is the manager's trouble already; it is counted. */
static bool count_module(struct copy *copy, sqlite3_stmt *row, struct error *err) {
	char digest[DIGEST_HEX_SIZE];
	struct stat info;
	if (sqlite3_column_bytes(row, 0) != DIGEST_SIZE) {
		return error_set(err, ERROR_INTEGRITY, "the database %s is damaged: a digest",
				copy->snapshot->database);
	}
	hex_encode(sqlite3_column_blob(row, 0), DIGEST_SIZE, digest);
	CLEANUP(file_closep) int fd = modules_open_held(copy->snapshot->modules, digest, err);
	if (fd < 0 && err->code != ERROR_NOT_FOUND) {
		return false;
	}
	if (fd < 0 || fstat(fd, &info) != 0 || info.st_size == 0) {
		copy->manifest.missing++;
		return true;
	}
	strings_add(&copy->digests, digest);
	copy->manifest.modules++;
	copy->manifest.module_bytes += (uint64_t)info.st_size;
	return true;
}

static bool count_modules(struct copy *copy, sqlite3 *db, struct error *err) {
	static const char sql[] = "SELECT DISTINCT digest FROM tasks WHERE digest IS NOT NULL"
				  " ORDER BY digest";
	sqlite3_stmt *row = NULL;
	int code = sqlite3_prepare_v2(db, sql, -1, &row, NULL);
	bool ok = true;
	while (code == SQLITE_OK || code == SQLITE_ROW) {
		code = sqlite3_step(row);
		if (code == SQLITE_ROW && !(ok = count_module(copy, row, err))) {
			break;
		}
	}
	ok = ok &&
	     (code == SQLITE_DONE || database_error_of(db, copy->path, "reading the copy", err));
	(void)sqlite3_finalize(row);
	return ok;
}

static bool describe(struct copy *copy, struct error *err) {
	struct archive_manifest *manifest = &copy->manifest;
	sqlite3 *db = NULL;
	manifest->format = ARCHIVE_FORMAT;
	manifest->created = (uint64_t)(clock_wall_ns() / 1000000000);
	manifest->database_size = size_of(copy->path);
	(void)snprintf(manifest->version, sizeof(manifest->version), "%s", AIRSCREW_VERSION);
	bool ok = (sqlite3_open_v2(copy->path, &db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK &&
				  read_schema(db, &manifest->schema)) ||
		  database_error_of(db, copy->path, "reading the copy", err);
	ok = ok && count_modules(copy, db, err);
	(void)sqlite3_close(db);
	return ok;
}

/* --- files --------------------------------------------------------------------------------- */

static bool add_content(
		struct copy *copy, int fd, uint64_t size, const char *name, struct error *err) {
	CLEANUP(mem_freep) uint8_t *piece = mem_zero(PIECE_BYTES, 1);
	while (size != 0) {
		size_t step = size < PIECE_BYTES ? (size_t)size : PIECE_BYTES;
		ssize_t got = read(fd, piece, step);
		if (got < 0 && errno == EINTR) {
			continue;
		}
		if (got <= 0) {
			return error_errno(err, got < 0 ? errno : EIO, "reading %s", name);
		}
		if (!archive_add(copy->writer, (struct bytes){ piece, (size_t)got }, err)) {
			return false;
		}
		size -= (uint64_t)got;
	}
	return true;
}

static bool add_file(struct copy *copy, int fd, const char *name, struct error *err) {
	struct stat info;
	if (fstat(fd, &info) != 0) {
		return error_errno(err, errno, "reading %s", name);
	}
	return archive_member(copy->writer, name, (uint64_t)info.st_size, err) &&
	       add_content(copy, fd, (uint64_t)info.st_size, name, err);
}

/* The copy is gone from the folder as soon as it is open: a program that is killed leaves less. */
static bool add_database(struct copy *copy, struct error *err) {
	CLEANUP(file_closep) int fd = open(copy->path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		return error_errno(err, errno, "opening %s", copy->path);
	}
	(void)unlink(copy->path);
	return add_file(copy, fd, "manager.db", err);
}

static bool add_modules(struct copy *copy, struct error *err) {
	bool ok = true;
	for (size_t i = 0; ok && i < copy->digests.count; i++) {
		const char *digest = copy->digests.items[i];
		CLEANUP(mem_freep) char *name = str_format(ARCHIVE_MODULES "%s", digest);
		CLEANUP(file_closep)
		int fd = modules_open_held(copy->snapshot->modules, digest, err);
		ok = fd >= 0 && add_file(copy, fd, name, err);
	}
	return ok;
}

static bool make_copy(struct copy *copy, struct error *err) {
	const struct snapshot *snapshot = copy->snapshot;
	return snapshot_fits(snapshot->database, snapshot->folder, err) &&
	       copy_database(snapshot, copy->path, err) && describe(copy, err);
}

static bool hand_on(struct copy *copy, struct error *err) {
	return archive_begin(copy->writer, &copy->manifest, err) && add_database(copy, err) &&
	       add_modules(copy, err) && archive_end(copy->writer, err);
}

bool snapshot_write(
		const struct snapshot *snapshot, struct archive_writer *writer, struct error *err) {
	struct copy copy = {
		.snapshot = snapshot, .writer = writer, .path = copy_path(snapshot->folder)
	};
	struct error ignored;
	bool ok = snapshot_clear(snapshot->folder, err);
	modules_hold(snapshot->modules, snapshot->folder);
	ok = ok && make_copy(&copy, err);
	if (ok) {
		ok = hand_on(&copy, err);
	} else if (err->code != ERROR_INTERRUPTED) {
		(void)!archive_fail(writer, err->message, &ignored);
	}
	modules_let_go(snapshot->modules);
	(void)!snapshot_clear(snapshot->folder, &ignored);
	archive_writer_finish(writer);
	strings_finish(&copy.digests);
	free(copy.path);
	return ok;
}
