/* SPDX-License-Identifier: Apache-2.0 */
/* wasi:filesystem: what is done by path, beneath a directory. */
#include <string.h>

#include "base/mem.h"
#include "engine/component_files.h"

/* Puts a path where preview 1's function looks for it. */
static enum wasi_errno put_path(
		struct guest *guest, uint32_t place, const host_val_t *path, uint32_t *size) {
	if (path->of.string.size > WASI_PATH_MAX) {
		return WASI_NAMETOOLONG;
	}
	*size = (uint32_t)path->of.string.size;
	if (*size != 0) {
		memcpy(guest->host->memory + place, path->of.string.data, *size);
	}
	return WASI_SUCCESS;
}

static uint64_t follow(const host_val_t *flags) {
	return host_has_flag(flags, "symlink-follow") ? 1 : 0;
}

/* A deed that takes a directory and a path. */
static wasmtime_error_t *do_at(struct host_call *call, host_deed_fn deed) {
	uint32_t size;
	enum wasi_errno bad = put_path(call->guest, HOST_PATH, &call->args[1], &size);
	if (bad == WASI_SUCCESS) {
		bad = host_ask(call->guest, deed,
				(const uint64_t[HOST_ARGS]){ host_self(call), HOST_PATH, size });
	}
	return host_give(call, bad);
}

wasmtime_error_t *host_path_create_directory(struct host_call *call) {
	return do_at(call, wasi_path_make_folder);
}

wasmtime_error_t *host_path_remove_directory(struct host_call *call) {
	return do_at(call, wasi_path_remove_folder);
}

wasmtime_error_t *host_path_unlink(struct host_call *call) {
	return do_at(call, wasi_path_unlink);
}

wasmtime_error_t *host_path_rename(struct host_call *call) {
	uint32_t size, size_2;
	enum wasi_errno bad = put_path(call->guest, HOST_PATH, &call->args[1], &size);
	if (bad == WASI_SUCCESS) {
		bad = put_path(call->guest, HOST_PATH_2, &call->args[3], &size_2);
	}
	if (bad == WASI_SUCCESS) {
		bad = host_ask(call->guest, wasi_path_rename,
				(const uint64_t[HOST_ARGS]){ host_self(call), HOST_PATH, size,
						call->args[2].of.u32, HOST_PATH_2, size_2 });
	}
	return host_give(call, bad);
}

wasmtime_error_t *host_path_link(struct host_call *call) {
	return host_give(call, WASI_NOTSUP);
}

wasmtime_error_t *host_path_readlink(struct host_call *call) {
	uint32_t size;
	enum wasi_errno bad = put_path(call->guest, HOST_PATH, &call->args[1], &size);
	if (bad == WASI_SUCCESS) {
		bad = host_ask(call->guest, wasi_path_readlink,
				(const uint64_t[HOST_ARGS]){ host_self(call), HOST_PATH, size,
						HOST_DATA, WASI_PATH_MAX, HOST_OUT });
	}
	if (bad != WASI_SUCCESS) {
		return host_give(call, bad);
	}
	host_answer(call->guest, &size, sizeof(size));
	CLEANUP(mem_freep) char *text = mem_copy(call->guest->host->memory + HOST_DATA, size);
	return host_give_value(call, host_string(text));
}

static enum wasi_errno ask_stat(struct host_call *call) {
	uint32_t size;
	enum wasi_errno bad = put_path(call->guest, HOST_PATH, &call->args[2], &size);
	return bad != WASI_SUCCESS ? bad
				   : host_ask(call->guest, wasi_path_stat,
						     (const uint64_t[HOST_ARGS]){ host_self(call),
								     follow(&call->args[1]),
								     HOST_PATH, size, HOST_OUT });
}

wasmtime_error_t *host_path_stat(struct host_call *call) {
	enum wasi_errno bad = ask_stat(call);
	return bad != WASI_SUCCESS ? host_give(call, bad) : host_give_stat(call);
}

wasmtime_error_t *host_path_hash(struct host_call *call) {
	enum wasi_errno bad = ask_stat(call);
	return bad != WASI_SUCCESS ? host_give(call, bad) : host_give_hash(call);
}

wasmtime_error_t *host_path_set_times(struct host_call *call) {
	uint64_t times[2], flags;
	uint32_t size;
	enum wasi_errno bad = put_path(call->guest, HOST_PATH, &call->args[2], &size);
	bad = bad == WASI_SUCCESS ? host_times(call, 3, times, &flags) : bad;
	if (bad == WASI_SUCCESS) {
		bad = host_ask(call->guest, wasi_path_set_times,
				(const uint64_t[HOST_ARGS]){ host_self(call),
						follow(&call->args[1]), HOST_PATH, size, times[0],
						times[1], flags });
	}
	return host_give(call, bad);
}

/* --- opening ------------------------------------------------------------------------------------
 */

struct bit {
	const char *name;
	uint64_t bits;
};

static uint64_t bits_of(const host_val_t *flags, const struct bit *table, size_t count) {
	uint64_t bits = 0;
	for (size_t i = 0; i < count; i++) {
		bits |= host_has_flag(flags, table[i].name) ? table[i].bits : 0;
	}
	return bits;
}

/* Preview 1 says by rights whether a file is read or written; the others go without saying. */
static uint64_t rights_of(const host_val_t *flags) {
	const uint64_t reads = WASI_RIGHT(WASI_FD_READ) | WASI_RIGHT(WASI_FD_READDIR);
	const uint64_t writes = WASI_RIGHT(WASI_FD_WRITE) | WASI_RIGHT(WASI_FD_ALLOCATE) |
				WASI_RIGHT(WASI_FD_SET_SIZE);
	const uint64_t all = WASI_RIGHT(WASI_RIGHTS) - 1;
	return (all & ~reads & ~writes) | (host_has_flag(flags, "read") ? reads : 0) |
	       (host_has_flag(flags, "write") ? writes : 0);
}

/* What can be opened in a directory does not depend on how that was opened itself. */
static void widen(struct guest *guest, uint32_t number) {
	const struct wasi_call call = { .guest = guest };
	struct wasi_file *file = wasi_file(&call, number);
	if (file->folder) {
		file->rights = WASI_RIGHT(WASI_RIGHTS) - 1;
	}
}

wasmtime_error_t *host_path_open(struct host_call *call) {
	static const struct bit opening[] = { { "create", 1 }, { "directory", 2 },
		{ "exclusive", 4 }, { "truncate", 8 } };
	static const struct bit syncing[] = { { "data-integrity-sync", 2 },
		{ "requested-write-sync", 8 }, { "file-integrity-sync", 16 } };
	host_val_t value;
	uint32_t size, number;
	enum wasi_errno bad = put_path(call->guest, HOST_PATH, &call->args[2], &size);
	if (bad == WASI_SUCCESS) {
		bad = host_ask(call->guest, wasi_path_open,
				(const uint64_t[HOST_ARGS]){ host_self(call),
						follow(&call->args[1]), HOST_PATH, size,
						bits_of(&call->args[3], opening, 4),
						rights_of(&call->args[4]), 0,
						bits_of(&call->args[4], syncing, 3), HOST_OUT });
	}
	if (bad != WASI_SUCCESS) {
		return host_give(call, bad);
	}
	host_answer(call->guest, &number, sizeof(number));
	widen(call->guest, number);
	wasmtime_error_t *error = host_own(call, HOST_DESCRIPTOR, number, &value);
	return error != NULL ? error : host_give_value(call, value);
}
