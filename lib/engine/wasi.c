/* SPDX-License-Identifier: Apache-2.0 */
/* WASI preview 1 (wasi_snapshot_preview1.witx) as far as guests have it. */
#include "engine/wasi.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/random.h"
#include "engine/wasi_files.h"

enum { STDIN = 0, STDOUT = 1, STDERR = 2 };
enum { RANDOM_PIECE = 64 * 1024 };

uint8_t *wasi_at(const struct wasi_call *call, uint64_t pointer, uint64_t size) {
	if (pointer > call->size || size > call->size - pointer) {
		return NULL;
	}
	return call->memory + pointer;
}

bool wasi_get(const struct wasi_call *call, uint64_t pointer, void *out, size_t size) {
	const uint8_t *place = wasi_at(call, pointer, size);
	if (place == NULL) {
		return false;
	}
	memcpy(out, place, size);
	return true;
}

bool wasi_put(const struct wasi_call *call, uint64_t pointer, const void *in, size_t size) {
	uint8_t *place = wasi_at(call, pointer, size);
	if (place == NULL) {
		return false;
	}
	memcpy(place, in, size);
	return true;
}

bool wasi_open(const struct wasi_call *call, uint32_t fd) {
	return fd <= STDERR && !call->guest->closed[fd];
}

static enum wasi_errno put_u32(const struct wasi_call *call, uint32_t pointer, uint32_t value) {
	return wasi_put(call, pointer, &value, sizeof(value)) ? WASI_SUCCESS : WASI_FAULT;
}

const char *guest_argument(const struct guest *guest, size_t index) {
	const struct run_request *request = guest->request;
	if (index == 0) {
		return request->name != NULL ? request->name : "";
	}
	size_t args = request->args != NULL ? request->args->count : 0;
	if (--index < args) {
		return request->args->items[index];
	}
	index -= args;
	size_t inputs = guest->command && request->inputs != NULL ? request->inputs->count : 0;
	return index < inputs ? request->inputs->items[index] : NULL;
}

const char *guest_variable(const struct guest *guest, size_t index) {
	const struct strings *env = guest->request->env;
	return env != NULL && index < env->count ? env->items[index] : NULL;
}

typedef const char *(*text_fn)(const struct guest *guest, size_t index);

static enum wasi_errno tell_sizes(const struct wasi_call *call, text_fn text) {
	size_t count = 0, bytes = 0;
	for (const char *one; (one = text(call->guest, count)) != NULL; count++) {
		bytes += strlen(one) + 1;
	}
	if (put_u32(call, wasi_u32(call, 0), (uint32_t)count) != WASI_SUCCESS) {
		return WASI_FAULT;
	}
	return put_u32(call, wasi_u32(call, 1), (uint32_t)bytes);
}

static enum wasi_errno tell_texts(const struct wasi_call *call, text_fn text) {
	uint64_t pointer = wasi_u32(call, 0), bytes = wasi_u32(call, 1);
	const char *one;
	for (size_t i = 0; (one = text(call->guest, i)) != NULL; i++, pointer += 4) {
		uint32_t place = (uint32_t)bytes;
		size_t size = strlen(one) + 1;
		if (!wasi_put(call, pointer, &place, sizeof(place)) ||
				!wasi_put(call, bytes, one, size)) {
			return WASI_FAULT;
		}
		bytes += size;
	}
	return WASI_SUCCESS;
}

static enum wasi_errno args_get(const struct wasi_call *call) {
	return tell_texts(call, guest_argument);
}

static enum wasi_errno args_sizes_get(const struct wasi_call *call) {
	return tell_sizes(call, guest_argument);
}

static enum wasi_errno environ_get(const struct wasi_call *call) {
	return tell_texts(call, guest_variable);
}

static enum wasi_errno environ_sizes_get(const struct wasi_call *call) {
	return tell_sizes(call, guest_variable);
}

bool wasi_clock(uint32_t id, clockid_t *clock) {
	/* A run is one thread, so the time of its process is the time of that thread. */
	static const clockid_t clocks[] = { CLOCK_REALTIME, CLOCK_MONOTONIC,
		CLOCK_THREAD_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID };
	if (id >= sizeof(clocks) / sizeof(clocks[0])) {
		return false;
	}
	*clock = clocks[id];
	return true;
}

typedef int (*clock_fn)(clockid_t clock, struct timespec *time);

static enum wasi_errno tell_clock(const struct wasi_call *call, clock_fn ask, uint32_t pointer) {
	clockid_t clock;
	struct timespec time;
	if (!wasi_clock(wasi_u32(call, 0), &clock) || ask(clock, &time) != 0) {
		return WASI_INVAL;
	}
	uint64_t ns = (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
	return wasi_put(call, pointer, &ns, sizeof(ns)) ? WASI_SUCCESS : WASI_FAULT;
}

static enum wasi_errno clock_resolution(const struct wasi_call *call) {
	return tell_clock(call, clock_getres, wasi_u32(call, 1));
}

static enum wasi_errno clock_time(const struct wasi_call *call) {
	return tell_clock(call, clock_gettime, wasi_u32(call, 2));
}

static enum wasi_errno fd_close(const struct wasi_call *call) {
	uint32_t fd = wasi_u32(call, 0);
	if (!wasi_open(call, fd)) {
		return WASI_BADF;
	}
	call->guest->closed[fd] = true;
	return WASI_SUCCESS;
}

/* A stream of an unknown type: not a terminal, so that libraries buffer. */
static enum wasi_errno fd_fdstat_get(const struct wasi_call *call) {
	enum { RIGHT_FD_READ = 1 << 1, RIGHT_FD_WRITE = 1 << 6, RIGHT_POLL = 1 << 27 };
	uint32_t fd = wasi_u32(call, 0);
	if (!wasi_open(call, fd)) {
		return WASI_BADF;
	}
	uint64_t rights = RIGHT_POLL | (fd == STDIN ? RIGHT_FD_READ : RIGHT_FD_WRITE);
	uint8_t stat[24] = { 0 };
	memcpy(stat + 8, &rights, sizeof(rights));
	return wasi_put(call, wasi_u32(call, 1), stat, sizeof(stat)) ? WASI_SUCCESS : WASI_FAULT;
}

static enum wasi_errno fd_filestat_get(const struct wasi_call *call) {
	const uint8_t stat[64] = { 0 };
	if (!wasi_open(call, wasi_u32(call, 0))) {
		return WASI_BADF;
	}
	return wasi_put(call, wasi_u32(call, 1), stat, sizeof(stat)) ? WASI_SUCCESS : WASI_FAULT;
}

/* Reading and writing never block here, whatever the flags are. */
static enum wasi_errno fd_fdstat_set_flags(const struct wasi_call *call) {
	return wasi_open(call, wasi_u32(call, 0)) ? WASI_SUCCESS : WASI_BADF;
}

enum wasi_errno wasi_iovec(
		const struct wasi_call *call, uint32_t index, uint8_t **place, uint32_t *size) {
	uint32_t iovec[2];
	uint64_t pointer = wasi_u32(call, 1) + (uint64_t)index * sizeof(iovec);
	if (!wasi_get(call, pointer, iovec, sizeof(iovec))) {
		return WASI_FAULT;
	}
	*size = iovec[1];
	*place = wasi_at(call, iovec[0], iovec[1]);
	return *place != NULL ? WASI_SUCCESS : WASI_FAULT;
}

void guest_output(struct guest *guest, struct buf *out, const void *bytes, size_t size) {
	if (buf_append_some(out, bytes, size) < size) {
		guest->result->truncated = true;
	}
}

static enum wasi_errno fd_write(const struct wasi_call *call) {
	uint32_t fd = wasi_u32(call, 0), count = wasi_u32(call, 2);
	if (!wasi_open(call, fd) || fd == STDIN) {
		return WASI_BADF;
	}
	if (count > WASI_IOVEC_MAX) {
		return WASI_INVAL;
	}
	struct run_result *result = call->guest->result;
	struct buf *out = fd == STDOUT ? &result->stdout_bytes : &result->stderr_bytes;
	uint32_t written = 0;
	for (uint32_t i = 0; i < count; i++) {
		uint8_t *place;
		uint32_t size;
		enum wasi_errno bad = wasi_iovec(call, i, &place, &size);
		if (bad != WASI_SUCCESS) {
			return bad;
		}
		if (size > UINT32_MAX - written) {
			break;
		}
		guest_output(call->guest, out, place, size);
		written += size;
	}
	return put_u32(call, wasi_u32(call, 3), written);
}

static enum wasi_errno fd_read(const struct wasi_call *call) {
	uint32_t count = wasi_u32(call, 2), got = 0;
	if (!wasi_open(call, wasi_u32(call, 0)) || wasi_u32(call, 0) != STDIN) {
		return WASI_BADF;
	}
	if (count > WASI_IOVEC_MAX) {
		return WASI_INVAL;
	}
	struct guest *guest = call->guest;
	const struct bytes *input = &guest->request->input;
	for (uint32_t i = 0; i < count && guest->input_at < input->size; i++) {
		uint8_t *place;
		uint32_t size;
		enum wasi_errno bad = wasi_iovec(call, i, &place, &size);
		if (bad != WASI_SUCCESS) {
			return bad;
		}
		size_t left = input->size - guest->input_at;
		left = left < UINT32_MAX - got ? left : UINT32_MAX - got;
		size = size < left ? size : (uint32_t)left;
		memcpy(place, input->data + guest->input_at, size);
		guest->input_at += size;
		got += size;
	}
	return put_u32(call, wasi_u32(call, 3), got);
}

/* In pieces, because a guest may ask for all of its memory and must still be stopped soon. */
static enum wasi_errno random_get(const struct wasi_call *call) {
	uint32_t size = wasi_u32(call, 1);
	uint8_t *place = wasi_at(call, wasi_u32(call, 0), size);
	if (place == NULL) {
		return WASI_FAULT;
	}
	while (size > 0 && !guest_over(call->guest)) {
		uint32_t piece = size < RANDOM_PIECE ? size : RANDOM_PIECE;
		random_bytes(place, piece);
		place += piece;
		size -= piece;
	}
	return WASI_SUCCESS;
}

static enum wasi_errno yield(const struct wasi_call *call) {
	(void)call;
	(void)sched_yield();
	return WASI_SUCCESS;
}

static enum wasi_errno proc_exit(const struct wasi_call *call) {
	call->guest->end = GUEST_EXITED;
	call->guest->result->exit_code = call->args[0].i32;
	return WASI_SUCCESS;
}

static enum wasi_errno proc_raise(const struct wasi_call *call) {
	(void)call;
	return WASI_NOTSUP;
}

/*
 * All of preview 1. Parameters: i is an i32, I an i64; the result is an i32. Without a function of
 * its own the first parameter is a descriptor: `otherwise` if it is open, else EBADF. Files have
 * functions of their own.
 */
struct wasi_function {
	const char *name, *params;
	enum wasi_errno (*call)(const struct wasi_call *call);
	enum wasi_errno otherwise;
	enum wasi_errno (*file)(const struct wasi_call *call); /* for descriptors from 3 */
};

static const struct wasi_function functions[] = {
	{ "args_get", "ii", args_get, 0, NULL },
	{ "args_sizes_get", "ii", args_sizes_get, 0, NULL },
	{ "clock_res_get", "ii", clock_resolution, 0, NULL },
	{ "clock_time_get", "iIi", clock_time, 0, NULL },
	{ "environ_get", "ii", environ_get, 0, NULL },
	{ "environ_sizes_get", "ii", environ_sizes_get, 0, NULL },
	{ "fd_advise", "iIIi", NULL, WASI_SPIPE, wasi_file_advise },
	{ "fd_allocate", "iII", NULL, WASI_SPIPE, wasi_file_allocate },
	{ "fd_close", "i", fd_close, 0, wasi_file_close },
	{ "fd_datasync", "i", NULL, WASI_INVAL, wasi_file_datasync },
	{ "fd_fdstat_get", "ii", fd_fdstat_get, 0, wasi_file_fdstat },
	{ "fd_fdstat_set_flags", "ii", fd_fdstat_set_flags, 0, wasi_file_set_flags },
	{ "fd_fdstat_set_rights", "iII", NULL, WASI_NOTSUP, wasi_file_set_rights },
	{ "fd_filestat_get", "ii", fd_filestat_get, 0, wasi_file_stat },
	{ "fd_filestat_set_size", "iI", NULL, WASI_INVAL, wasi_file_set_size },
	{ "fd_filestat_set_times", "iIIi", NULL, WASI_INVAL, wasi_file_set_times },
	{ "fd_pread", "iiiIi", NULL, WASI_SPIPE, wasi_file_pread },
	{ "fd_prestat_dir_name", "iii", NULL, WASI_BADF, wasi_file_prestat_name },
	{ "fd_prestat_get", "ii", NULL, WASI_BADF, wasi_file_prestat },
	{ "fd_pwrite", "iiiIi", NULL, WASI_SPIPE, wasi_file_pwrite },
	{ "fd_read", "iiii", fd_read, 0, wasi_file_read },
	{ "fd_readdir", "iiiIi", NULL, WASI_NOTDIR, wasi_file_readdir },
	{ "fd_renumber", "ii", NULL, WASI_NOTSUP, wasi_file_renumber },
	{ "fd_seek", "iIii", NULL, WASI_SPIPE, wasi_file_seek },
	{ "fd_sync", "i", NULL, WASI_INVAL, wasi_file_sync },
	{ "fd_tell", "ii", NULL, WASI_SPIPE, wasi_file_tell },
	{ "fd_write", "iiii", fd_write, 0, wasi_file_write },
	{ "path_create_directory", "iii", NULL, WASI_NOTDIR, wasi_path_make_folder },
	{ "path_filestat_get", "iiiii", NULL, WASI_NOTDIR, wasi_path_stat },
	{ "path_filestat_set_times", "iiiiIIi", NULL, WASI_NOTDIR, wasi_path_set_times },
	{ "path_link", "iiiiiii", NULL, WASI_NOTDIR, wasi_path_link },
	{ "path_open", "iiiiiIIii", NULL, WASI_NOTDIR, wasi_path_open },
	{ "path_readlink", "iiiiii", NULL, WASI_NOTDIR, wasi_path_readlink },
	{ "path_remove_directory", "iii", NULL, WASI_NOTDIR, wasi_path_remove_folder },
	{ "path_rename", "iiiiii", NULL, WASI_NOTDIR, wasi_path_rename },
	{ "path_symlink", "iiiii", wasi_path_symlink, 0, NULL },
	{ "path_unlink_file", "iii", NULL, WASI_NOTDIR, wasi_path_unlink },
	{ "poll_oneoff", "iiii", wasi_poll, 0, NULL },
	{ "proc_exit", "i", proc_exit, 0, NULL },
	{ "proc_raise", "i", proc_raise, 0, NULL },
	{ "random_get", "ii", random_get, 0, NULL },
	{ "sched_yield", "", yield, 0, NULL },
	{ "sock_accept", "iii", NULL, WASI_NOTSOCK, NULL },
	{ "sock_recv", "iiiiii", NULL, WASI_NOTSOCK, NULL },
	{ "sock_send", "iiiii", NULL, WASI_NOTSOCK, NULL },
	{ "sock_shutdown", "ii", NULL, WASI_NOTSOCK, NULL },
};

enum { FUNCTION_COUNT = sizeof(functions) / sizeof(functions[0]) };
static const char wasi_module[] = "wasi_snapshot_preview1";

bool wasi_has(const char *name, size_t size) {
	for (size_t i = 0; i < FUNCTION_COUNT; i++) {
		if (strlen(functions[i].name) == size &&
				memcmp(functions[i].name, name, size) == 0) {
			return true;
		}
	}
	return false;
}

/* A guest whose own memory is not exported under this name has none: its pointers are bad. */
static void find_memory(struct wasi_call *call, wasmtime_caller_t *caller) {
	wasmtime_extern_t item;
	if (!wasmtime_caller_export_get(caller, "memory", 6, &item)) {
		return;
	}
	if (item.kind == WASMTIME_EXTERN_MEMORY) {
		wasmtime_context_t *context = wasmtime_caller_context(caller);
		call->memory = wasmtime_memory_data(context, &item.of.memory);
		call->size = wasmtime_memory_data_size(context, &item.of.memory);
	}
	wasmtime_extern_delete(&item);
}

static enum wasi_errno answer(const struct wasi_function *function, const struct wasi_call *call) {
	if (function->file != NULL && wasi_u32(call, 0) >= WASI_FILE_FIRST) {
		return function->file(call);
	}
	if (function->call != NULL) {
		return function->call(call);
	}
	return wasi_open(call, wasi_u32(call, 0)) ? function->otherwise : WASI_BADF;
}

/* Every host function comes in here; a run that is over does not go back into its guest. */
static wasm_trap_t *enter(
		void *data, wasmtime_caller_t *caller, wasmtime_val_raw_t *values, size_t count) {
	(void)count;
	struct wasi_call call = {
		.guest = wasmtime_context_get_data(wasmtime_caller_context(caller)), .args = values
	};
	find_memory(&call, caller);
	enum wasi_errno number = answer(data, &call);
	if (call.guest->end != GUEST_RUNS) {
		static const char text[] = "the run has to end";
		return wasmtime_trap_new(text, sizeof(text) - 1);
	}
	values[0].i32 = (int32_t)number;
	return NULL;
}

static wasm_functype_t *type_of(const struct wasi_function *function) {
	wasm_valtype_vec_t params, results;
	size_t count = strlen(function->params);
	wasm_valtype_vec_new_uninitialized(&params, count);
	for (size_t i = 0; i < count; i++) {
		params.data[i] = wasm_valtype_new(function->params[i] == 'I' ? WASM_I64 : WASM_I32);
	}
	if (function->call == proc_exit) {
		wasm_valtype_vec_new_empty(&results);
	} else {
		wasm_valtype_t *number = wasm_valtype_new(WASM_I32);
		wasm_valtype_vec_new(&results, 1, &number);
	}
	return wasm_functype_new(&params, &results);
}

bool wasi_define(wasmtime_linker_t *linker, struct error *err) {
	for (size_t i = 0; i < FUNCTION_COUNT; i++) {
		const struct wasi_function *function = &functions[i];
		wasm_functype_t *type = type_of(function);
		wasmtime_error_t *error = wasmtime_linker_define_func_unchecked(linker, wasi_module,
				strlen(wasi_module), function->name, strlen(function->name), type,
				enter, (void *)(uintptr_t)function, NULL);
		wasm_functype_delete(type);
		if (error != NULL) {
			module_set_error(error, err, "offering WASI to guests");
			err->code = ERROR_INTERNAL;
			return false;
		}
	}
	return true;
}
