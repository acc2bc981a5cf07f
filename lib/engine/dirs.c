/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/dirs.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

static const char read_only_mark[] = "=ro";

int dirs_beneath(int fd, const char *path, int flags, unsigned mode) {
	struct open_how how = { .flags = (unsigned)(flags | O_CLOEXEC),
		.mode = mode,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS };
	long got;
	do { /* EAGAIN: somebody renamed on the way, and it could not be sure */
		got = syscall(SYS_openat2, fd, path, &how, sizeof(how));
	} while (got < 0 && (errno == EAGAIN || errno == EINTR));
	return (int)got;
}

static bool has_parent_step(const char *path) {
	for (const char *at = path; (at = strstr(at, "..")) != NULL; at += 2) {
		bool begins = at == path || at[-1] == '/';
		if (begins && (at[2] == 0 || at[2] == '/')) {
			return true;
		}
	}
	return false;
}

/* The path of an entry of the list, and whether it may be written to. */
static char *entry_path(const char *entry, bool *read_only) {
	char *path = str_copy(entry);
	size_t size = strlen(path), mark = strlen(read_only_mark);
	*read_only = str_ends(path, read_only_mark);
	if (*read_only) {
		path[size -= mark] = 0;
	}
	while (size > 1 && path[size - 1] == '/') {
		path[--size] = 0;
	}
	return path;
}

bool dirs_check(const struct strings *allowed, struct error *err) {
	for (size_t i = 0; i < allowed->count; i++) {
		const char *entry = allowed->items[i];
		if (entry[0] != '/' || has_parent_step(entry)) {
			return error_set(err, ERROR_INVALID,
					"directory \"%.200s\" must be an absolute path without "
					"\"..\"",
					entry);
		}
	}
	return true;
}

/* What is left of a path below an entry, "." for the entry itself; NULL if it is not there. */
static const char *rest_below(const char *path, const char *entry) {
	size_t size = strcmp(entry, "/") == 0 ? 0 : strlen(entry);
	if (strncmp(path, entry, size) != 0 || (path[size] != 0 && path[size] != '/')) {
		return NULL;
	}
	const char *rest = path + size + strspn(path + size, "/");
	return *rest != 0 ? rest : ".";
}

static int open_below(const char *entry, const char *rest, const char *host, struct error *err) {
	CLEANUP(file_closep) int top = open(entry, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int fd = top >= 0 ? dirs_beneath(top, rest, O_RDONLY | O_DIRECTORY, 0) : -1;
	if (fd < 0 && errno == EXDEV) {
		error_set(err, ERROR_INVALID,
				"directory \"%.200s\": a link in it leads out of \"%.200s\"", host,
				entry);
	} else if (fd < 0) {
		error_errno(err, errno, "opening the directory \"%.200s\"", host);
	}
	return fd;
}

static int refuse(const char *host, const char *why, struct error *err) {
	error_set(err, ERROR_INVALID, "directory \"%.200s\" %s", host, why);
	return -1;
}

int dirs_open(const struct strings *allowed, const struct run_dir *dir, struct error *err) {
	bool seen = false;
	if (dir->host[0] != '/' || has_parent_step(dir->host)) {
		return refuse(dir->host, "must be an absolute path without \"..\"", err);
	}
	for (size_t i = 0; i < allowed->count; i++) {
		bool read_only;
		CLEANUP(mem_freep) char *entry = entry_path(allowed->items[i], &read_only);
		const char *rest = rest_below(dir->host, entry);
		if (rest != NULL && !(read_only && dir->write)) {
			return open_below(entry, rest, dir->host, err);
		}
		seen = seen || rest != NULL;
	}
	return refuse(dir->host,
			seen ? "is read-only on this worker: ask for it without write"
			     : "is not on this worker's list (PROPLET_DIRS)",
			err);
}
