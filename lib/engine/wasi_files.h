/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The open files of one run: directories that it was given, and what it opened below them.
 *
 * A guest's descriptors are 3 and up, at most WASI_FILES_MAX of them, its directories first. Only
 * regular files and directories are ever opened, so no call waits for anybody but the disk; every
 * path is looked up by the kernel beneath its directory (dirs_beneath), so that neither "..", nor
 * links, nor a rename at the right moment lead out. What is not writable stays as it is: EROFS.
 * Links of either kind are not made: they could lead other programs astray.
 */
#include <dirent.h>

#include "engine/wasi.h"

enum { WASI_FILES_MAX = 64, WASI_FILE_FIRST = 3, WASI_PATH_MAX = 4096 };

#define WASI_RIGHT(bit) (UINT64_C(1) << (bit))
enum {
	WASI_FD_DATASYNC = 0,
	WASI_FD_READ = 1,
	WASI_FD_WRITE = 6,
	WASI_FD_ALLOCATE = 8,
	WASI_FD_READDIR = 14,
	WASI_FD_SET_SIZE = 22,
	WASI_RIGHTS = 28, /* how many we know */
};

struct wasi_file {
	int fd;              /* -1: a free place */
	DIR *list;           /* for fd_readdir, once it was called */
	const char *preopen; /* its name, borrowed from the request; NULL: opened by the guest */
	bool folder, write;
	uint64_t rights;
	uint16_t flags;
};

struct wasi_files {
	struct wasi_file items[WASI_FILES_MAX];
};

/* wasi_files.c */
struct wasi_file *wasi_file(const struct wasi_call *call, uint32_t fd); /* NULL: not open */
/* A file, and its right to do it; else the error. */
enum wasi_errno wasi_file_for(
		const struct wasi_call *call, int right, struct wasi_file **file) MUST_CHECK;
/* The lowest free number for a file, WASI_MFILE if there is none. Takes file->fd in any case. */
enum wasi_errno wasi_file_add(const struct wasi_call *call, const struct wasi_file *file,
		uint32_t *fd) MUST_CHECK;
enum wasi_errno wasi_errno_of(int number); /* an errno value as WASI's */

/* What functions of WASI do with a file: one for each in the table of wasi.c. */
enum wasi_errno wasi_file_advise(const struct wasi_call *call);
enum wasi_errno wasi_file_allocate(const struct wasi_call *call);
enum wasi_errno wasi_file_close(const struct wasi_call *call);
enum wasi_errno wasi_file_datasync(const struct wasi_call *call);
enum wasi_errno wasi_file_fdstat(const struct wasi_call *call);
enum wasi_errno wasi_file_set_flags(const struct wasi_call *call);
enum wasi_errno wasi_file_set_rights(const struct wasi_call *call);
enum wasi_errno wasi_file_pread(const struct wasi_call *call);
enum wasi_errno wasi_file_prestat(const struct wasi_call *call);
enum wasi_errno wasi_file_prestat_name(const struct wasi_call *call);
enum wasi_errno wasi_file_pwrite(const struct wasi_call *call);
enum wasi_errno wasi_file_read(const struct wasi_call *call);
enum wasi_errno wasi_file_renumber(const struct wasi_call *call);
enum wasi_errno wasi_file_seek(const struct wasi_call *call);
enum wasi_errno wasi_file_sync(const struct wasi_call *call);
enum wasi_errno wasi_file_tell(const struct wasi_call *call);
enum wasi_errno wasi_file_write(const struct wasi_call *call);

/* wasi_stat.c */
enum wasi_errno wasi_file_stat(const struct wasi_call *call);
enum wasi_errno wasi_file_set_size(const struct wasi_call *call);
enum wasi_errno wasi_file_set_times(const struct wasi_call *call);
enum wasi_errno wasi_file_readdir(const struct wasi_call *call);
enum wasi_errno wasi_path_stat(const struct wasi_call *call);
enum wasi_errno wasi_path_set_times(const struct wasi_call *call);
uint8_t wasi_file_type(unsigned mode); /* st_mode as a filetype */

/* wasi_paths.c */
enum wasi_errno wasi_path_open(const struct wasi_call *call);
enum wasi_errno wasi_path_make_folder(const struct wasi_call *call);
enum wasi_errno wasi_path_remove_folder(const struct wasi_call *call);
enum wasi_errno wasi_path_unlink(const struct wasi_call *call);
enum wasi_errno wasi_path_rename(const struct wasi_call *call);
enum wasi_errno wasi_path_readlink(const struct wasi_call *call);
enum wasi_errno wasi_path_link(const struct wasi_call *call); /* neither is made */
enum wasi_errno wasi_path_symlink(const struct wasi_call *call);
/* The directory of a call and a path beneath it, from its arguments number `at` and at + 1. */
enum wasi_errno wasi_path_get(const struct wasi_call *call, size_t fd_at, size_t at,
		struct wasi_file **folder, char path[WASI_PATH_MAX + 1]) MUST_CHECK;
