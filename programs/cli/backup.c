/* SPDX-License-Identifier: Apache-2.0 */
/* `backup`: the manager's backup into a file that is there whole and verified, or not at all. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/hex.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "store/archive.h"

/* It is looked at while it comes. */
struct saving {
	struct archive_reader *reader;
	struct archive_manifest manifest;
	struct digest *digest;
	struct progress progress;
	int fd;
	bool failed;
	struct error why;
	bool guarded; /* signals are looked for: what is written has to go then */
};

static bool note_manifest(
		void *context, const struct archive_manifest *manifest, struct error *err) {
	struct saving *saving = context;
	(void)err;
	saving->manifest = *manifest;
	return true;
}

static const struct archive_visitor visitor = { .manifest = note_manifest };

static bool write_all(int fd, struct bytes piece, struct error *err) {
	while (piece.size != 0) {
		ssize_t put = write(fd, piece.data, piece.size);
		if (put < 0 && errno == EINTR) {
			continue;
		}
		if (put < 0) {
			return error_errno(err, errno, "writing the backup");
		}
		piece.data += put;
		piece.size -= (size_t)put;
	}
	return true;
}

/* Ctrl-C, and what ends programs: they wait to be looked for. */
static void hold_signals(struct saving *saving) {
	sigset_t ends;
	(void)sigemptyset(&ends);
	(void)sigaddset(&ends, SIGINT);
	(void)sigaddset(&ends, SIGTERM);
	(void)sigprocmask(SIG_BLOCK, &ends, NULL);
	saving->guarded = true;
}

static bool is_stopped(const struct saving *saving) {
	sigset_t waiting;
	(void)sigemptyset(&waiting);
	return saving->guarded && sigpending(&waiting) == 0 &&
	       (sigismember(&waiting, SIGINT) == 1 || sigismember(&waiting, SIGTERM) == 1);
}

/* False ends it. */
static bool go_on(void *context) {
	return !is_stopped(context);
}

static bool take(void *context, const void *bytes, size_t size) {
	struct saving *saving = context;
	const struct bytes piece = { bytes, size };
	digest_update(saving->digest, bytes, size);
	saving->failed = !archive_reader_add(saving->reader, piece, &saving->why) ||
			 !write_all(saving->fd, piece, &saving->why);
	progress_show(&saving->progress, archive_reader_bytes(saving->reader),
			archive_size(&saving->manifest));
	return !saving->failed && !is_stopped(saving);
}

static bool receive(const struct arguments *arguments, struct saving *saving, struct error *err) {
	const struct receiver receiver = { take, go_on, saving };
	struct manager manager;
	bool ok = manager_open(&manager, arguments, err) &&
		  manager_fetch(&manager, "/backup", &receiver, err);
	progress_end(&saving->progress);
	manager_close(&manager);
	if (saving->failed) {
		*err = saving->why; /* and not that we have hung up */
	} else if (!ok && archive_reader_bytes(saving->reader) != 0) {
		char why[ERROR_MESSAGE_MAX];
		(void)snprintf(why, sizeof(why), "%s", err->message);
		(void)error_set(err, ERROR_UNAVAILABLE,
				"the backup was cut off after %llu bytes, the manager's log may "
				"say why (%.300s)",
				(unsigned long long)archive_reader_bytes(saving->reader), why);
	}
	return ok && archive_reader_end(saving->reader, err);
}

/* --- the file ---------------------------------------------------------------------------------
 */

static bool check_target(const char *path, bool force, struct error *err) {
	struct stat info;
	if (stat(path, &info) != 0) {
		return true;
	}
	if (!S_ISREG(info.st_mode)) {
		return error_set(err, ERROR_CONFLICT, "%s is there, and is no file", path);
	}
	return force ||
	       error_set(err, ERROR_CONFLICT,
			       "%s is there already: name another file, or take --force", path);
}

/* What an earlier one that was ended has left is written over, what another one writes is not. */
static int open_part(const char *part, struct error *err) {
	int fd = open(part, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0) {
		(void)error_errno(err, errno, "cannot make %s", part);
		return -1;
	}
	if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		(void)error_set(err, ERROR_CONFLICT, "%s is being written by another backup", part);
		file_closep(&fd);
	} else if (ftruncate(fd, 0) != 0 || fchmod(fd, 0600) != 0) {
		(void)error_errno(err, errno, "cannot make %s", part);
		file_closep(&fd);
	}
	return fd;
}

static bool keep(int fd, const char *part, const char *path, struct error *err) {
	const char *slash = strrchr(path, '/');
	CLEANUP(mem_freep)
	char *folder = slash == NULL ? str_copy(".")
				     : mem_copy(path, slash == path ? 1 : (size_t)(slash - path));
	if (fsync(fd) != 0 || rename(part, path) != 0) {
		return error_errno(err, errno, "keeping %s", path);
	}
	return file_sync_folder(folder, err);
}

static bool save_file(const struct arguments *arguments, struct saving *saving, const char *path,
		struct error *err) {
	CLEANUP(mem_freep) char *part = str_format("%s.part", path);
	if (!check_target(path, arguments->flags[FLAG_FORCE] != NULL, err)) {
		return false;
	}
	hold_signals(saving);
	CLEANUP(file_closep) int fd = open_part(part, err);
	saving->fd = fd;
	bool ok = fd >= 0 && receive(arguments, saving, err) && keep(fd, part, path, err);
	if (fd >= 0 && !ok) {
		(void)unlink(part);
	}
	return ok;
}

static void show_saved(const struct arguments *arguments, struct saving *saving, const char *path) {
	uint8_t raw[DIGEST_SIZE];
	char sum[DIGEST_HEX_SIZE], created[CLOCK_TEXT_MAX];
	const struct archive_manifest *manifest = &saving->manifest;
	digest_finish(saving->digest, raw);
	hex_encode(raw, sizeof(raw), sum);
	clock_format((int64_t)manifest->created * 1000000000, created);
	json_t *row = json_pack("{s:s,s:I,s:s,s:I,s:I,s:I,s:I,s:s,s:s}", "file", path, "bytes",
			(json_int_t)archive_reader_bytes(saving->reader), "created", created,
			"modules", (json_int_t)manifest->modules, "missing",
			(json_int_t)manifest->missing, "damaged",
			(json_int_t)archive_reader_rotten(saving->reader), "schema",
			(json_int_t)manifest->schema, "version", manifest->version, "sha256", sum);
	show(look_of(arguments), &view_backup, row);
	json_decref(row);
}

void backup_warn(uint64_t missing, uint64_t rotten) {
	if (missing != 0) {
		(void)fprintf(stderr,
				"warning: %llu modules that tasks name were not there any more\n",
				(unsigned long long)missing);
	}
	if (rotten != 0) {
		(void)fprintf(stderr,
				"warning: %llu modules were damaged on the manager's disk (their "
				"SHA-256 is not their name): upload them again\n",
				(unsigned long long)rotten);
	}
}

int backup(const struct arguments *arguments, struct error *err) {
	const char *path = arguments->items[0], *slash = strrchr(path, '/');
	bool piped = str_equal(path, "-");
	struct saving saving = { .fd = STDOUT_FILENO,
		.progress = { .name = slash != NULL ? slash + 1 : path, .fd = STDERR_FILENO } };
	if (piped && isatty(STDOUT_FILENO)) {
		error_set(err, ERROR_INVALID,
				"a backup is not for a terminal: name a file, or what reads it");
		return -1;
	}
	saving.digest = digest_create();
	saving.reader = archive_reader_create(&visitor, &saving);
	bool ok = piped ? receive(arguments, &saving, err)
			: save_file(arguments, &saving, path, err);
	if (ok && !piped) {
		show_saved(arguments, &saving, path);
	}
	if (ok) {
		backup_warn(saving.manifest.missing, archive_reader_rotten(saving.reader));
	}
	archive_reader_destroy(saving.reader);
	digest_destroy(saving.digest);
	if (!ok && is_stopped(&saving)) {
		return STOPPED;
	}
	return ok ? 0 : -1;
}
