/* SPDX-License-Identifier: Apache-2.0 */
/* Paths beneath a directory: opening, making, removing, renaming. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "engine/dirs.h"
#include "engine/wasi_files.h"

enum { FOLLOW = 1, CREAT = 1, DIRECTORY = 2, EXCL = 4, TRUNC = 8 };
enum { APPEND = 1, DSYNC = 2, RSYNC = 8, SYNC = 16 };
enum { TRIES = 8 };

enum wasi_errno wasi_path_get(const struct wasi_call *call, size_t fd_at, size_t at,
		struct wasi_file **folder, char path[WASI_PATH_MAX + 1]) {
	uint32_t size = wasi_u32(call, at + 1);
	*folder = wasi_file(call, wasi_u32(call, fd_at));
	if (*folder == NULL || !(*folder)->folder) {
		return *folder == NULL ? WASI_BADF : WASI_NOTDIR;
	}
	if (size == 0 || size > WASI_PATH_MAX) {
		return size == 0 ? WASI_NOENT : WASI_NAMETOOLONG;
	}
	if (!wasi_get(call, wasi_u32(call, at), path, size)) {
		return WASI_FAULT;
	}
	path[size] = 0;
	if (strlen(path) != size || !str_is_utf8(path, size)) {
		return WASI_INVAL;
	}
	return path[0] == '/' ? WASI_NOTCAPABLE : WASI_SUCCESS;
}

/* Where a name is to be made or removed: the directory that holds it, and the name. */
struct place {
	struct wasi_file *folder;
	char path[WASI_PATH_MAX + 1];
	const char *name; /* slashes behind it stay: the kernel knows what they mean */
	int fd;
};

static bool is_step(const char *name, const char *step) {
	size_t size = strcspn(name, "/");
	return strlen(step) == size && strncmp(name, step, size) == 0;
}

static enum wasi_errno place_open(
		const struct wasi_call *call, size_t fd_at, size_t at, struct place *place) {
	place->fd = -1;
	enum wasi_errno bad = wasi_path_get(call, fd_at, at, &place->folder, place->path);
	if (bad != WASI_SUCCESS) {
		return bad;
	}
	size_t end = strlen(place->path);
	while (end > 1 && place->path[end - 1] == '/') {
		end--;
	}
	while (end > 0 && place->path[end - 1] != '/') {
		end--;
	}
	place->name = place->path + end;
	if (is_step(place->name, "..") || is_step(place->name, ".")) {
		return is_step(place->name, ".") ? WASI_INVAL : WASI_NOTCAPABLE;
	}
	if (!place->folder->write) {
		return WASI_ROFS;
	}
	if (end > 0) {
		place->path[end - 1] = 0;
	}
	place->fd = dirs_beneath(
			place->folder->fd, end > 0 ? place->path : ".", O_PATH | O_DIRECTORY, 0);
	return place->fd < 0 ? wasi_errno_of(errno) : WASI_SUCCESS;
}

static void place_close(struct place *place) {
	file_closep(&place->fd);
}

/* --- opening --------------------------------------------------------------------------------- */

struct opening {
	uint32_t oflags, fdflags;
	uint64_t rights;
	bool follow, reads, writes;
	int flags; /* for open() */
};

static enum wasi_errno opening_get(
		const struct wasi_call *call, const struct wasi_file *folder, struct opening *how) {
	const uint64_t read_rights = WASI_RIGHT(WASI_FD_READ) | WASI_RIGHT(WASI_FD_READDIR);
	const uint64_t write_rights = WASI_RIGHT(WASI_FD_WRITE) | WASI_RIGHT(WASI_FD_ALLOCATE) |
				      WASI_RIGHT(WASI_FD_SET_SIZE);
	*how = (struct opening){ .oflags = wasi_u32(call, 4),
		.fdflags = wasi_u32(call, 7),
		.rights = wasi_u64(call, 5) & (WASI_RIGHT(WASI_RIGHTS) - 1) & folder->rights,
		.follow = (wasi_u32(call, 1) & FOLLOW) != 0 };
	how->reads = (how->rights & read_rights) != 0;
	how->writes = (how->rights & write_rights) != 0 || (how->oflags & TRUNC) != 0;
	if (how->writes && !folder->write) {
		return WASI_ROFS;
	}
	how->flags = !how->writes ? O_RDONLY : how->reads ? O_RDWR : O_WRONLY;
	how->flags |= (how->oflags & TRUNC) != 0 ? O_TRUNC : 0;
	how->flags |= (how->oflags & DIRECTORY) != 0 ? O_DIRECTORY : 0;
	how->flags |= (how->fdflags & APPEND) != 0 ? O_APPEND : 0;
	how->flags |= (how->fdflags & DSYNC) != 0 ? O_DSYNC : 0;
	how->flags |= (how->fdflags & (SYNC | RSYNC)) != 0 ? O_SYNC : 0;
	return (how->oflags & (CREAT | DIRECTORY)) == (CREAT | DIRECTORY) ? WASI_INVAL
									  : WASI_SUCCESS;
}

/*
 * What is there is looked at before it is opened, through a descriptor that keeps it the same:
 * opening a FIFO would wait, and opening a device does things.
 */
static int open_there(const struct wasi_file *folder, const char *path, const struct opening *how) {
	struct stat stat;
	char again[32];
	CLEANUP(file_closep)
	int fd = dirs_beneath(folder->fd, path, O_PATH | (how->follow ? 0 : O_NOFOLLOW), 0);
	if (fd < 0 || fstat(fd, &stat) != 0) {
		return -1;
	}
	if (S_ISLNK(stat.st_mode)) {
		errno = ELOOP;
		return -1;
	}
	if (!S_ISREG(stat.st_mode) && !S_ISDIR(stat.st_mode)) {
		errno = EACCES;
		return -1;
	}
	int flags = how->flags;
	if (S_ISDIR(stat.st_mode) && (flags & O_DIRECTORY) != 0) {
		flags = O_RDONLY | O_DIRECTORY;
	}
	(void)snprintf(again, sizeof(again), "/proc/self/fd/%d", fd);
	return open(again, flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

static int open_new(const struct wasi_file *folder, const char *path, const struct opening *how) {
	if (!folder->write) {
		errno = EROFS;
		return -1;
	}
	int flags = how->flags | O_CREAT | O_EXCL | O_NONBLOCK | O_NOCTTY;
	return dirs_beneath(folder->fd, path, flags, 0666);
}

/* Others may make and remove it meanwhile: then again, but not for ever. */
static int open_either(
		const struct wasi_file *folder, const char *path, const struct opening *how) {
	if ((how->oflags & CREAT) == 0) {
		return open_there(folder, path, how);
	}
	int fd = -1;
	for (int i = 0; i < TRIES && fd < 0; i++) {
		fd = (how->oflags & EXCL) == 0 ? open_there(folder, path, how) : -1;
		if (fd >= 0 || ((how->oflags & EXCL) == 0 && errno != ENOENT)) {
			break;
		}
		fd = open_new(folder, path, how);
		if (errno != EEXIST || (how->oflags & EXCL) != 0) {
			break;
		}
	}
	return fd;
}

enum wasi_errno wasi_path_open(const struct wasi_call *call) {
	char path[WASI_PATH_MAX + 1];
	struct wasi_file *folder;
	struct opening how;
	struct stat stat;
	uint32_t number;
	enum wasi_errno bad = wasi_path_get(call, 0, 2, &folder, path);
	bad = bad == WASI_SUCCESS ? opening_get(call, folder, &how) : bad;
	if (bad != WASI_SUCCESS) {
		return bad;
	}
	if (wasi_at(call, wasi_u32(call, 8), sizeof(number)) == NULL) {
		return WASI_FAULT;
	}
	int fd = open_either(folder, path, &how);
	if (fd < 0 || fstat(fd, &stat) != 0) {
		bad = wasi_errno_of(errno);
		file_closep(&fd);
		return bad;
	}
	const struct wasi_file file = { .fd = fd,
		.folder = S_ISDIR(stat.st_mode),
		.write = folder->write,
		.rights = how.rights,
		.flags = (uint16_t)how.fdflags };
	bad = wasi_file_add(call, &file, &number);
	if (bad == WASI_SUCCESS) {
		(void)wasi_put(call, wasi_u32(call, 8), &number, sizeof(number));
	}
	return bad;
}

/* --- names ------------------------------------------------------------------------------------ */

static int make_folder(int fd, const char *name) {
	return mkdirat(fd, name, 0777);
}

static int remove_folder(int fd, const char *name) {
	return unlinkat(fd, name, AT_REMOVEDIR);
}

static int unlink_file(int fd, const char *name) {
	return unlinkat(fd, name, 0);
}

static enum wasi_errno do_at(const struct wasi_call *call, int (*deed)(int fd, const char *name)) {
	struct place place;
	enum wasi_errno bad = place_open(call, 0, 1, &place);
	if (bad == WASI_SUCCESS && deed(place.fd, place.name) != 0) {
		bad = wasi_errno_of(errno);
	}
	place_close(&place);
	return bad;
}

enum wasi_errno wasi_path_make_folder(const struct wasi_call *call) {
	return do_at(call, make_folder);
}

enum wasi_errno wasi_path_remove_folder(const struct wasi_call *call) {
	return do_at(call, remove_folder);
}

enum wasi_errno wasi_path_unlink(const struct wasi_call *call) {
	return do_at(call, unlink_file);
}

enum wasi_errno wasi_path_rename(const struct wasi_call *call) {
	struct place from, to = { .fd = -1 };
	enum wasi_errno bad = place_open(call, 0, 1, &from);
	bad = bad == WASI_SUCCESS ? place_open(call, 3, 4, &to) : bad;
	if (bad == WASI_SUCCESS && renameat(from.fd, from.name, to.fd, to.name) != 0) {
		bad = errno == EXDEV ? WASI_XDEV : wasi_errno_of(errno);
	}
	place_close(&from);
	place_close(&to);
	return bad;
}

enum wasi_errno wasi_path_readlink(const struct wasi_call *call) {
	char path[WASI_PATH_MAX + 1];
	struct wasi_file *folder;
	uint32_t room = wasi_u32(call, 4);
	uint8_t *place = wasi_at(call, wasi_u32(call, 3), room);
	enum wasi_errno bad = wasi_path_get(call, 0, 1, &folder, path);
	if (bad != WASI_SUCCESS) {
		return bad;
	}
	if (place == NULL) {
		return WASI_FAULT;
	}
	CLEANUP(file_closep) int fd = dirs_beneath(folder->fd, path, O_PATH | O_NOFOLLOW, 0);
	ssize_t size = fd >= 0 ? readlinkat(fd, "", (char *)place, room) : -1;
	if (size < 0) { /* what is not a link has no name in it: ENOENT for the kernel */
		return fd >= 0 && errno == ENOENT ? WASI_INVAL : wasi_errno_of(errno);
	}
	uint32_t told = (uint32_t)size;
	return wasi_put(call, wasi_u32(call, 5), &told, sizeof(told)) ? WASI_SUCCESS : WASI_FAULT;
}

enum wasi_errno wasi_path_link(const struct wasi_call *call) {
	return wasi_file(call, wasi_u32(call, 0)) != NULL ? WASI_NOTSUP : WASI_BADF;
}

enum wasi_errno wasi_path_symlink(const struct wasi_call *call) {
	return wasi_file(call, wasi_u32(call, 2)) != NULL ? WASI_NOTSUP : WASI_BADF;
}
