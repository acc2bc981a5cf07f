/* SPDX-License-Identifier: Apache-2.0 */
/* What files are: type, size, times, and the content of directories. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "engine/dirs.h"
#include "engine/wasi_files.h"

enum { STAT_SIZE = 64, DIRENT_SIZE = 24, FOLLOW = 1 };
enum { SET_ATIM = 1, SET_ATIM_NOW = 2, SET_MTIM = 4, SET_MTIM_NOW = 8 };

uint8_t wasi_file_type(unsigned mode) {
	static const struct {
		unsigned mode;
		uint8_t type;
	} types[] = { { S_IFBLK, 1 }, { S_IFCHR, 2 }, { S_IFDIR, 3 }, { S_IFREG, 4 },
		{ S_IFLNK, 7 } };
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if ((mode & S_IFMT) == types[i].mode) {
			return types[i].type;
		}
	}
	return 0;
}

static uint64_t ns_of(const struct timespec *time) {
	return (uint64_t)time->tv_sec * 1000000000 + (uint64_t)time->tv_nsec;
}

static enum wasi_errno put_stat(const struct wasi_call *call, int fd, uint32_t pointer) {
	struct stat stat;
	if (fstat(fd, &stat) != 0) {
		return wasi_errno_of(errno);
	}
	const uint64_t words[STAT_SIZE / 8] = { stat.st_dev, stat.st_ino,
		wasi_file_type(stat.st_mode), stat.st_nlink, (uint64_t)stat.st_size,
		ns_of(&stat.st_atim), ns_of(&stat.st_mtim), ns_of(&stat.st_ctim) };
	return wasi_put(call, pointer, words, sizeof(words)) ? WASI_SUCCESS : WASI_FAULT;
}

enum wasi_errno wasi_file_stat(const struct wasi_call *call) {
	const struct wasi_file *file = wasi_file(call, wasi_u32(call, 0));
	return file != NULL ? put_stat(call, file->fd, wasi_u32(call, 1)) : WASI_BADF;
}

enum wasi_errno wasi_file_set_size(const struct wasi_call *call) {
	struct wasi_file *file;
	enum wasi_errno bad = wasi_file_for(call, WASI_FD_SET_SIZE, &file);
	uint64_t size = wasi_u64(call, 1);
	if (bad != WASI_SUCCESS || size > INT64_MAX) {
		return bad != WASI_SUCCESS ? bad : WASI_INVAL;
	}
	return ftruncate(file->fd, (off_t)size) != 0 ? wasi_errno_of(errno) : WASI_SUCCESS;
}

static bool time_of(
		uint32_t flags, uint32_t set, uint32_t now, uint64_t ns, struct timespec *time) {
	*time = (struct timespec){ .tv_nsec = UTIME_OMIT };
	if ((flags & now) != 0) {
		time->tv_nsec = UTIME_NOW;
	} else if ((flags & set) != 0) {
		*time = (struct timespec){ .tv_sec = (time_t)(ns / 1000000000),
			.tv_nsec = (long)(ns % 1000000000) };
	}
	return (flags & (set | now)) != (set | now);
}

/* From three arguments: access, modification, flags. */
static bool get_times(const struct wasi_call *call, size_t at, struct timespec times[2]) {
	uint32_t flags = wasi_u32(call, at + 2);
	return flags < 16 &&
	       time_of(flags, SET_ATIM, SET_ATIM_NOW, wasi_u64(call, at), &times[0]) &&
	       time_of(flags, SET_MTIM, SET_MTIM_NOW, wasi_u64(call, at + 1), &times[1]);
}

enum wasi_errno wasi_file_set_times(const struct wasi_call *call) {
	const struct wasi_file *file = wasi_file(call, wasi_u32(call, 0));
	struct timespec times[2];
	if (file == NULL || !get_times(call, 1, times)) {
		return file == NULL ? WASI_BADF : WASI_INVAL;
	}
	if (!file->write) {
		return WASI_ROFS;
	}
	return futimens(file->fd, times) != 0 ? wasi_errno_of(errno) : WASI_SUCCESS;
}

/* The thing at the path of a call: fd, lookup flags, path, size. */
static enum wasi_errno look_up(const struct wasi_call *call, struct wasi_file **folder, int *fd) {
	char path[WASI_PATH_MAX + 1];
	enum wasi_errno bad = wasi_path_get(call, 0, 2, folder, path);
	if (bad != WASI_SUCCESS) {
		return bad;
	}
	int follow = (wasi_u32(call, 1) & FOLLOW) != 0 ? 0 : O_NOFOLLOW;
	*fd = dirs_beneath((*folder)->fd, path, O_PATH | follow, 0);
	return *fd < 0 ? wasi_errno_of(errno) : WASI_SUCCESS;
}

enum wasi_errno wasi_path_stat(const struct wasi_call *call) {
	struct wasi_file *folder;
	CLEANUP(file_closep) int fd = -1;
	enum wasi_errno bad = look_up(call, &folder, &fd);
	return bad != WASI_SUCCESS ? bad : put_stat(call, fd, wasi_u32(call, 4));
}

enum wasi_errno wasi_path_set_times(const struct wasi_call *call) {
	struct wasi_file *folder;
	struct timespec times[2];
	CLEANUP(file_closep) int fd = -1;
	enum wasi_errno bad = look_up(call, &folder, &fd);
	if (bad != WASI_SUCCESS || !get_times(call, 4, times)) {
		return bad != WASI_SUCCESS ? bad : WASI_INVAL;
	}
	if (!folder->write) {
		return WASI_ROFS;
	}
	return utimensat(fd, "", times, AT_EMPTY_PATH) != 0 ? wasi_errno_of(errno) : WASI_SUCCESS;
}

/* Another descriptor of the directory, whose place the stream may move. */
static enum wasi_errno open_list(struct wasi_file *file) {
	int fd = dirs_beneath(file->fd, ".", O_RDONLY | O_DIRECTORY, 0);
	file->list = fd >= 0 ? fdopendir(fd) : NULL;
	if (file->list == NULL) {
		int number = errno;
		file_closep(&fd);
		return wasi_errno_of(number);
	}
	return WASI_SUCCESS;
}

/* Puts as much of an entry as there is room for, a part at the end of it too; how much that was. */
static uint32_t put_entry(uint8_t *place, uint32_t room, const struct dirent *entry) {
	uint8_t head[DIRENT_SIZE] = { 0 };
	uint64_t next = (uint64_t)entry->d_off, inode = entry->d_ino;
	uint32_t size = (uint32_t)strlen(entry->d_name);
	memcpy(head, &next, sizeof(next));
	memcpy(head + 8, &inode, sizeof(inode));
	memcpy(head + 16, &size, sizeof(size));
	/* DTTOIF() is a conversion that clang warns of. */
	head[20] = wasi_file_type((unsigned)entry->d_type << 12);
	uint32_t first = room < DIRENT_SIZE ? room : DIRENT_SIZE;
	uint32_t second = room - first < size ? room - first : size;
	memcpy(place, head, first);
	memcpy(place + first, entry->d_name, second);
	return first + second;
}

static enum wasi_errno fill_list(const struct wasi_call *call, struct wasi_file *file,
		uint8_t *place, uint32_t room) {
	uint32_t used = 0;
	uint64_t cookie = wasi_u64(call, 3);
	if (cookie == 0) {
		rewinddir(file->list);
	} else {
		seekdir(file->list, (long)cookie);
	}
	while (used < room && !guest_over(call->guest)) {
		errno = 0;
		const struct dirent *entry = readdir(file->list);
		if (entry == NULL && errno != 0) {
			return wasi_errno_of(errno);
		}
		if (entry == NULL) {
			break;
		}
		used += put_entry(place + used, room - used, entry);
	}
	return wasi_put(call, wasi_u32(call, 4), &used, sizeof(used)) ? WASI_SUCCESS : WASI_FAULT;
}

enum wasi_errno wasi_file_readdir(const struct wasi_call *call) {
	struct wasi_file *file = wasi_file(call, wasi_u32(call, 0));
	uint32_t room = wasi_u32(call, 2);
	uint8_t *place = wasi_at(call, wasi_u32(call, 1), room);
	if (file == NULL || !file->folder) {
		return file == NULL ? WASI_BADF : WASI_NOTDIR;
	}
	if (place == NULL) {
		return WASI_FAULT;
	}
	enum wasi_errno bad = file->list == NULL ? open_list(file) : WASI_SUCCESS;
	return bad != WASI_SUCCESS ? bad : fill_list(call, file, place, room);
}
