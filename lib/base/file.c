/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/hex.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/random.h"
#include "base/str.h"

void file_closep(int *fd) {
	if (*fd >= 0) {
		(void)close(*fd);
		*fd = -1;
	}
}

static bool read_all(int fd, struct buf *out, struct error *err) {
	uint8_t chunk[32 * 1024];
	for (;;) {
		ssize_t got = read(fd, chunk, sizeof(chunk));
		if (got < 0 && errno == EINTR) {
			continue;
		}
		if (got <= 0) {
			return got == 0 || error_errno(err, errno, "cannot read");
		}
		if (!buf_append(out, chunk, (size_t)got, err)) {
			return false;
		}
	}
}

/* One allocation instead of many, and an early no to what cannot fit. */
static bool reserve_for(int fd, struct buf *out, struct error *err) {
	struct stat info;
	if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode) || info.st_size <= 0) {
		return true;
	}
	return buf_reserve(out, (size_t)info.st_size, err);
}

bool file_read(const char *path, struct buf *out, struct error *err) {
	CLEANUP(file_closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR)) {
		return error_set(err, ERROR_NOT_FOUND, "there is no file %s", path);
	}
	if (fd < 0) {
		return error_errno(err, errno, "cannot open %s", path);
	}
	size_t before = out->size;
	if (reserve_for(fd, out, err) && read_all(fd, out, err)) {
		return true;
	}
	out->size = before;
	if (out->data != NULL) {
		out->data[before] = 0;
	}
	return error_wrap(err, "reading %s", path);
}

static bool write_all(int fd, const uint8_t *bytes, size_t size, struct error *err) {
	while (size > 0) {
		ssize_t done = write(fd, bytes, size);
		if (done < 0 && errno == EINTR) {
			continue;
		}
		if (done < 0) {
			return error_errno(err, errno, "cannot write");
		}
		bytes += done;
		size -= (size_t)done;
	}
	return true;
}

static bool write_new(const char *path, struct bytes content, unsigned mode, struct error *err) {
	CLEANUP(file_closep)
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, (mode_t)mode);
	if (fd < 0) {
		return error_errno(err, errno, "cannot create %s", path);
	}
	if (!write_all(fd, content.data, content.size, err)) {
		return false;
	}
	if (fsync(fd) != 0) {
		return error_errno(err, errno, "cannot sync %s", path);
	}
	return true;
}

static char *folder_of(const char *path) {
	const char *slash = strrchr(path, '/');
	if (slash == NULL) {
		return str_copy(".");
	}
	return mem_copy(path, slash == path ? 1 : (size_t)(slash - path));
}

static char *name_beside(const char *path) {
	uint8_t random[8];
	char text[2 * sizeof(random) + 1];
	random_bytes(random, sizeof(random));
	hex_encode(random, sizeof(random), text);
	return str_format("%s.%s.tmp", path, text);
}

bool file_write(const char *path, const void *bytes, size_t size, unsigned mode,
		struct error *err) {
	CLEANUP(mem_freep) char *beside = name_beside(path);
	struct bytes content = { bytes, size };
	bool written = write_new(beside, content, mode, err);
	if (written && rename(beside, path) != 0) {
		written = error_errno(err, errno, "cannot rename it to its name");
	}
	if (!written) {
		(void)unlink(beside);
		return error_wrap(err, "writing %s", path);
	}
	CLEANUP(mem_freep) char *folder = folder_of(path);
	return file_sync_folder(folder, err);
}

/* Without a promise: the parent may be one that we can pass through but not open. */
static void sync_parent(const char *path) {
	CLEANUP(mem_freep) char *parent = folder_of(path);
	CLEANUP(file_closep) int fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0) {
		(void)fsync(fd);
	}
}

static bool make_one(const char *path, struct error *err) {
	if (mkdir(path, 0700) == 0) {
		sync_parent(path);
		return true;
	}
	int why = errno;
	struct stat info;
	if (stat(path, &info) == 0 && S_ISDIR(info.st_mode)) {
		return true;
	}
	return error_errno(err, why, "cannot make the folder %s", path);
}

bool file_make_folder(const char *path, struct error *err) {
	CLEANUP(mem_freep) char *part = str_copy(path);
	for (char *slash = strchr(part + (*part == '/'), '/'); slash != NULL;
			slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		bool made = make_one(part, err);
		*slash = '/';
		if (!made) {
			return false;
		}
	}
	return make_one(part, err);
}

bool file_make_state(const char *path, struct error *err) {
	struct stat info;
	if (!file_make_folder(path, err)) {
		return false;
	}
	bool others = stat(path, &info) == 0 &&
		      (((info.st_mode & (S_IWGRP | S_IWOTH)) != 0 &&
				       (info.st_mode & S_ISVTX) == 0) ||
				      (info.st_uid != geteuid() && info.st_uid != 0));
	if (others) {
		log_warn("others can exchange what lies in the state folder; let it be this "
			 "user's, "
			 "mode 0700 folder=\"%s\"",
				path);
	}
	return true;
}

bool file_sync_folder(const char *path, struct error *err) {
	CLEANUP(file_closep) int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		return error_errno(err, errno, "cannot open the folder %s", path);
	}
	if (fsync(fd) != 0) {
		return error_errno(err, errno, "cannot sync the folder %s", path);
	}
	return true;
}

char *file_state_folder(void) {
	static const struct {
		const char *variable, *below;
	} places[] = { { "STATE_DIRECTORY", "" }, { "XDG_STATE_HOME", "/propeller" },
		{ "HOME", "/.local/state/propeller" } };
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		const char *value = getenv(places[i].variable);
		if (value != NULL && value[0] == '/') {
			return str_format("%s%s", value, places[i].below);
		}
	}
	return NULL;
}
