/* SPDX-License-Identifier: Apache-2.0 */
/* Open files: what a guest does by number. Paths: wasi_paths.c. */
#include "engine/wasi_files.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "engine/dirs.h"

/* One call moves no more than that, so that a stop never waits long. */
enum { PIECE_MAX = 1024 * 1024, IOVECS = 64 };

static const struct {
	int number;
	enum wasi_errno wasi;
} errnos[] = {
	{ EACCES, WASI_ACCES },
	{ EAGAIN, WASI_AGAIN },
	{ EBADF, WASI_BADF },
	{ EBUSY, WASI_BUSY },
	{ EDQUOT, WASI_DQUOT },
	{ EEXIST, WASI_EXIST },
	{ EFAULT, WASI_FAULT },
	{ EFBIG, WASI_FBIG },
	{ EINTR, WASI_INTR },
	{ EINVAL, WASI_INVAL },
	{ EISDIR, WASI_ISDIR },
	{ ELOOP, WASI_LOOP },
	{ EMFILE, WASI_MFILE },
	{ ENAMETOOLONG, WASI_NAMETOOLONG },
	{ ENFILE, WASI_NFILE },
	{ ENOENT, WASI_NOENT },
	{ ENOMEM, WASI_NOMEM },
	{ ENOSPC, WASI_NOSPC },
	{ ENOTDIR, WASI_NOTDIR },
	{ ENOTEMPTY, WASI_NOTEMPTY },
	{ EOPNOTSUPP, WASI_NOTSUP },
	{ ENXIO, WASI_NXIO },
	{ EOVERFLOW, WASI_OVERFLOW },
	{ EPERM, WASI_PERM },
	{ EROFS, WASI_ROFS },
	{ ESPIPE, WASI_SPIPE },
	{ ETXTBSY, WASI_TXTBSY },
	{ EXDEV, WASI_NOTCAPABLE },
};

enum wasi_errno wasi_errno_of(int number) {
	for (size_t i = 0; i < sizeof(errnos) / sizeof(errnos[0]); i++) {
		if (errnos[i].number == number) {
			return errnos[i].wasi;
		}
	}
	return WASI_IO;
}

static enum wasi_errno result_of(long rc) {
	return rc < 0 ? wasi_errno_of(errno) : WASI_SUCCESS;
}

struct wasi_file *wasi_file(const struct wasi_call *call, uint32_t fd) {
	struct wasi_files *files = call->guest->files;
	uint32_t at = fd - WASI_FILE_FIRST;
	if (files == NULL || fd < WASI_FILE_FIRST || at >= WASI_FILES_MAX ||
			files->items[at].fd < 0) {
		return NULL;
	}
	return &files->items[at];
}

enum wasi_errno wasi_file_for(const struct wasi_call *call, int right, struct wasi_file **file) {
	*file = wasi_file(call, wasi_u32(call, 0));
	if (*file == NULL) {
		return WASI_BADF;
	}
	if ((*file)->folder) {
		return right == WASI_FD_READ || right == WASI_FD_WRITE ? WASI_ISDIR : WASI_BADF;
	}
	return ((*file)->rights & WASI_RIGHT(right)) != 0 ? WASI_SUCCESS : WASI_NOTCAPABLE;
}

static void close_file(struct wasi_file *file) {
	if (file->list != NULL) {
		(void)closedir(file->list);
	}
	file_closep(&file->fd);
	*file = (struct wasi_file){ .fd = -1 };
}

enum wasi_errno wasi_file_add(
		const struct wasi_call *call, const struct wasi_file *file, uint32_t *fd) {
	struct wasi_files *files = call->guest->files;
	for (uint32_t i = 0; i < WASI_FILES_MAX; i++) {
		if (files->items[i].fd < 0) {
			files->items[i] = *file;
			*fd = i + WASI_FILE_FIRST;
			return WASI_SUCCESS;
		}
	}
	(void)close(file->fd);
	return WASI_MFILE;
}

bool wasi_files_open(struct guest *guest, struct error *err) {
	const struct run_request *request = guest->request;
	if (request->dir_count == 0) {
		return true;
	}
	if (request->dir_count > RUN_DIRS_MAX) {
		return error_set(err, ERROR_INVALID, "more than %d directories", RUN_DIRS_MAX);
	}
	guest->files = MEM_NEW(struct wasi_files);
	for (size_t i = 0; i < WASI_FILES_MAX; i++) {
		guest->files->items[i].fd = -1;
	}
	for (size_t i = 0; i < request->dir_count; i++) {
		const struct run_dir *dir = &request->dirs[i];
		int fd = dirs_open(&guest->module->module.engine->dirs, dir, err);
		if (fd < 0) {
			wasi_files_close(guest);
			return false;
		}
		guest->files->items[i] = (struct wasi_file){ .fd = fd,
			.preopen = dir->guest,
			.folder = true,
			.write = dir->write,
			.rights = WASI_RIGHT(WASI_RIGHTS) - 1 };
	}
	return true;
}

void wasi_files_close(struct guest *guest) {
	for (size_t i = 0; guest->files != NULL && i < WASI_FILES_MAX; i++) {
		close_file(&guest->files->items[i]);
	}
	free(guest->files);
	guest->files = NULL;
}

unsigned wasi_files_count(const struct guest *guest) {
	unsigned count = 0;
	for (int fd = 0; fd < WASI_FILE_FIRST; fd++) {
		count += !guest->closed[fd];
	}
	for (size_t i = 0; guest->files != NULL && i < WASI_FILES_MAX; i++) {
		count += guest->files->items[i].fd >= 0;
	}
	return count;
}

/* The scatter list of a call, as far as one call goes; it ends early, never late. */
static enum wasi_errno get_iovecs(
		const struct wasi_call *call, struct iovec iovecs[IOVECS], int *count) {
	uint32_t given = wasi_u32(call, 2);
	size_t left = PIECE_MAX;
	if (given > WASI_IOVEC_MAX) {
		return WASI_INVAL;
	}
	*count = 0;
	for (uint32_t i = 0; i < given && *count < IOVECS && left > 0; i++) {
		uint8_t *place;
		uint32_t size;
		enum wasi_errno bad = wasi_iovec(call, i, &place, &size);
		if (bad != WASI_SUCCESS) {
			return bad;
		}
		size_t take = size < left ? size : left;
		iovecs[(*count)++] = (struct iovec){ .iov_base = place, .iov_len = take };
		left -= take;
	}
	return WASI_SUCCESS;
}

typedef ssize_t (*transfer_fn)(int fd, const struct iovec *iovecs, int count, off_t offset);

static ssize_t read_here(int fd, const struct iovec *iovecs, int count, off_t offset) {
	(void)offset;
	return readv(fd, iovecs, count);
}

static ssize_t write_here(int fd, const struct iovec *iovecs, int count, off_t offset) {
	(void)offset;
	return writev(fd, iovecs, count);
}

static enum wasi_errno transfer(const struct wasi_call *call, int right, transfer_fn move,
		uint64_t offset, uint32_t result) {
	struct wasi_file *file;
	struct iovec iovecs[IOVECS];
	int count;
	enum wasi_errno bad = wasi_file_for(call, right, &file);
	if (bad == WASI_SUCCESS) {
		bad = get_iovecs(call, iovecs, &count);
	}
	if (bad != WASI_SUCCESS) {
		return bad;
	}
	if (offset > INT64_MAX) {
		return WASI_INVAL;
	}
	if (wasi_at(call, result, sizeof(uint32_t)) == NULL) {
		return WASI_FAULT;
	}
	ssize_t moved = move(file->fd, iovecs, count, (off_t)offset);
	if (moved < 0) {
		return wasi_errno_of(errno);
	}
	*(right == WASI_FD_READ ? &call->guest->read_bytes : &call->guest->written_bytes) +=
			(uint64_t)moved;
	uint32_t told = (uint32_t)moved;
	return wasi_put(call, result, &told, sizeof(told)) ? WASI_SUCCESS : WASI_FAULT;
}

enum wasi_errno wasi_file_read(const struct wasi_call *call) {
	return transfer(call, WASI_FD_READ, read_here, 0, wasi_u32(call, 3));
}

enum wasi_errno wasi_file_write(const struct wasi_call *call) {
	return transfer(call, WASI_FD_WRITE, write_here, 0, wasi_u32(call, 3));
}

enum wasi_errno wasi_file_pread(const struct wasi_call *call) {
	return transfer(call, WASI_FD_READ, preadv, wasi_u64(call, 3), wasi_u32(call, 4));
}

enum wasi_errno wasi_file_pwrite(const struct wasi_call *call) {
	return transfer(call, WASI_FD_WRITE, pwritev, wasi_u64(call, 3), wasi_u32(call, 4));
}

static enum wasi_errno tell_place(
		const struct wasi_call *call, int64_t offset, int whence, uint32_t result) {
	struct wasi_file *file = wasi_file(call, wasi_u32(call, 0));
	if (file == NULL || file->folder) {
		return WASI_BADF;
	}
	off_t place = lseek(file->fd, offset, whence);
	if (place < 0) {
		return wasi_errno_of(errno);
	}
	return wasi_put(call, result, &place, sizeof(place)) ? WASI_SUCCESS : WASI_FAULT;
}

enum wasi_errno wasi_file_seek(const struct wasi_call *call) {
	static const int whences[] = { SEEK_SET, SEEK_CUR, SEEK_END };
	uint32_t whence = wasi_u32(call, 2);
	if (whence >= sizeof(whences) / sizeof(whences[0])) {
		return WASI_INVAL;
	}
	return tell_place(call, (int64_t)wasi_u64(call, 1), whences[whence], wasi_u32(call, 3));
}

enum wasi_errno wasi_file_tell(const struct wasi_call *call) {
	return tell_place(call, 0, SEEK_CUR, wasi_u32(call, 1));
}

enum wasi_errno wasi_file_close(const struct wasi_call *call) {
	struct wasi_file *file = wasi_file(call, wasi_u32(call, 0));
	if (file == NULL) {
		return WASI_BADF;
	}
	close_file(file);
	return WASI_SUCCESS;
}

enum wasi_errno wasi_file_advise(const struct wasi_call *call) {
	struct wasi_file *file = wasi_file(call, wasi_u32(call, 0));
	if (file == NULL || file->folder) {
		return WASI_BADF;
	}
	return wasi_u32(call, 3) <= 5 ? WASI_SUCCESS : WASI_INVAL; /* advice may be ignored */
}

enum wasi_errno wasi_file_allocate(const struct wasi_call *call) {
	struct wasi_file *file;
	enum wasi_errno bad = wasi_file_for(call, WASI_FD_ALLOCATE, &file);
	uint64_t offset = wasi_u64(call, 1), size = wasi_u64(call, 2);
	if (bad != WASI_SUCCESS) {
		return bad;
	}
	if (offset > INT64_MAX || size > INT64_MAX) {
		return WASI_INVAL;
	}
	return result_of(fallocate(file->fd, 0, (off_t)offset, (off_t)size));
}

static enum wasi_errno synchronise(const struct wasi_call *call, int (*sync_fn)(int fd)) {
	const struct wasi_file *file = wasi_file(call, wasi_u32(call, 0));
	return file != NULL ? result_of(sync_fn(file->fd)) : WASI_BADF;
}

enum wasi_errno wasi_file_datasync(const struct wasi_call *call) {
	return synchronise(call, fdatasync);
}

enum wasi_errno wasi_file_sync(const struct wasi_call *call) {
	return synchronise(call, fsync);
}

enum wasi_errno wasi_file_fdstat(const struct wasi_call *call) {
	const struct wasi_file *file = wasi_file(call, wasi_u32(call, 0));
	uint8_t stat[24] = { 0 };
	if (file == NULL) {
		return WASI_BADF;
	}
	uint64_t inherited = file->folder ? file->rights : 0;
	stat[0] = wasi_file_type(file->folder ? S_IFDIR : S_IFREG);
	memcpy(stat + 2, &file->flags, sizeof(file->flags));
	memcpy(stat + 8, &file->rights, sizeof(file->rights));
	memcpy(stat + 16, &inherited, sizeof(inherited));
	return wasi_put(call, wasi_u32(call, 1), stat, sizeof(stat)) ? WASI_SUCCESS : WASI_FAULT;
}

/* Appending can be turned on and off; nothing here blocks anyway. */
enum wasi_errno wasi_file_set_flags(const struct wasi_call *call) {
	enum { APPEND = 1, NONBLOCK = 4 };
	struct wasi_file *file = wasi_file(call, wasi_u32(call, 0));
	uint32_t flags = wasi_u32(call, 1);
	if (file == NULL) {
		return WASI_BADF;
	}
	if ((flags & ~(uint32_t)(APPEND | NONBLOCK)) != 0) {
		return WASI_NOTSUP;
	}
	file->flags = (uint16_t)flags;
	return result_of(fcntl(
			file->fd, F_SETFL, O_NONBLOCK | ((flags & APPEND) != 0 ? O_APPEND : 0)));
}

enum wasi_errno wasi_file_set_rights(const struct wasi_call *call) {
	struct wasi_file *file = wasi_file(call, wasi_u32(call, 0));
	if (file == NULL) {
		return WASI_BADF;
	}
	if ((wasi_u64(call, 1) & ~file->rights) != 0) {
		return WASI_NOTCAPABLE;
	}
	file->rights = wasi_u64(call, 1);
	return WASI_SUCCESS;
}

enum wasi_errno wasi_file_prestat(const struct wasi_call *call) {
	const struct wasi_file *file = wasi_file(call, wasi_u32(call, 0));
	if (file == NULL || file->preopen == NULL) {
		return WASI_BADF;
	}
	uint32_t told[2] = { 0, (uint32_t)strlen(file->preopen) }; /* 0: a directory */
	return wasi_put(call, wasi_u32(call, 1), told, sizeof(told)) ? WASI_SUCCESS : WASI_FAULT;
}

enum wasi_errno wasi_file_prestat_name(const struct wasi_call *call) {
	const struct wasi_file *file = wasi_file(call, wasi_u32(call, 0));
	if (file == NULL || file->preopen == NULL) {
		return WASI_BADF;
	}
	size_t size = strlen(file->preopen);
	if (wasi_u32(call, 2) < size) {
		return WASI_NAMETOOLONG;
	}
	return wasi_put(call, wasi_u32(call, 1), file->preopen, size) ? WASI_SUCCESS : WASI_FAULT;
}

enum wasi_errno wasi_file_renumber(const struct wasi_call *call) {
	struct wasi_file *from = wasi_file(call, wasi_u32(call, 0));
	struct wasi_file *to = wasi_file(call, wasi_u32(call, 1));
	if (from == NULL || to == NULL) {
		return WASI_BADF;
	}
	if (from != to) {
		close_file(to);
		*to = *from;
		*from = (struct wasi_file){ .fd = -1 };
	}
	return WASI_SUCCESS;
}
