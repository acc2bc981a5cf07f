/* SPDX-License-Identifier: Apache-2.0 */
/* `restore`: from a backup to a folder that a manager can be started on; no manager is asked. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "store/restore.h"

enum { PIECE_BYTES = 64 * 1024 };

static bool feed(struct restore *restore, int fd, struct progress *progress, struct error *err) {
	CLEANUP(mem_freep) uint8_t *piece = mem_zero(PIECE_BYTES, 1);
	struct stat info;
	uint64_t total =
			fstat(fd, &info) == 0 && S_ISREG(info.st_mode) ? (uint64_t)info.st_size : 0;
	for (uint64_t done = 0;;) {
		ssize_t got = read(fd, piece, PIECE_BYTES);
		if (got < 0 && errno == EINTR) {
			continue;
		}
		if (got <= 0) {
			return got == 0 || error_errno(err, errno, "reading the backup");
		}
		if (!restore_add(restore, (struct bytes){ piece, (size_t)got }, err)) {
			return false;
		}
		done += (uint64_t)got;
		progress_show(progress, done, total);
	}
}

static bool take_all(struct restore *restore, const char *path, struct error *err) {
	const char *slash = strrchr(path, '/');
	struct progress progress = { .name = slash != NULL ? slash + 1 : path,
		.fd = STDERR_FILENO };
	bool piped = str_equal(path, "-");
	CLEANUP(file_closep) int own = piped ? -1 : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (!piped && own < 0) {
		return errno == ENOENT ? error_set(err, ERROR_NOT_FOUND, "there is no file %s",
							 path)
				       : error_errno(err, errno, "cannot open %s", path);
	}
	bool ok = feed(restore, piped ? STDIN_FILENO : own, &progress, err);
	progress_end(&progress);
	return ok && restore_finish(restore, err);
}

static void show_restored(const struct arguments *arguments, const struct restore *restore,
		const char *path, const char *folder) {
	const struct archive_manifest *manifest = restore_manifest(restore);
	char created[CLOCK_TEXT_MAX];
	clock_format((int64_t)manifest->created * 1000000000, created);
	json_t *row = json_pack("{s:s,s:s,s:I,s:I,s:I,s:I,s:I,s:s,s:s*}", "file", path, "created",
			created, "tasks", (json_int_t)restore_tasks(restore), "modules",
			(json_int_t)manifest->modules, "missing", (json_int_t)manifest->missing,
			"damaged", (json_int_t)restore_rotten(restore), "schema",
			(json_int_t)manifest->schema, "version", manifest->version, "state_dir",
			folder);
	show(look_of(arguments), &view_backup, row);
	json_decref(row);
	backup_warn(manifest->missing, restore_rotten(restore));
}

int restore(const struct arguments *arguments, struct error *err) {
	const char *path = arguments->items[0], *folder = arguments->flags[FLAG_STATE_DIR];
	bool check = arguments->flags[FLAG_CHECK] != NULL;
	if (check == (folder != NULL)) {
		error_set(err, ERROR_INVALID,
				"where to? Name the folder that MANAGER_STATE_DIR is to be with "
				"--state-dir DIR, or only look at the backup with --check");
		return -1;
	}
	struct restore *doing = restore_begin(folder, err);
	bool ok = doing != NULL && take_all(doing, path, err);
	if (ok) {
		show_restored(arguments, doing, path, folder);
	}
	restore_destroy(doing);
	return ok ? 0 : -1;
}
