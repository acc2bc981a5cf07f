/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The inside of our WASI preview 1 (wasi.c has the table, wasi_poll.c waits).
 *
 * It is our own, and not wasmtime's, because a guest must not be able to block or exhaust the
 * host: there every wait ends with the run, every size is bounded, exit codes are all of theirs,
 * and a run needs no runtime of threads behind it. Guests have standard input, output and error,
 * arguments, environment, clocks and random bytes, and the files of wasi_files.h; every other
 * descriptor is EBADF.
 *
 * A pointer of a guest is checked each time it is used, and its memory is only copied from and to:
 * it is not aligned and may change meanwhile.
 */
#include "engine/guest.h"

/* The error numbers of WASI that we answer with. */
enum wasi_errno {
	WASI_SUCCESS = 0,
	WASI_ACCES = 2,
	WASI_AGAIN = 6,
	WASI_BADF = 8,
	WASI_BUSY = 10,
	WASI_DQUOT = 19,
	WASI_EXIST = 20,
	WASI_FAULT = 21,
	WASI_FBIG = 22,
	WASI_INTR = 27,
	WASI_INVAL = 28,
	WASI_IO = 29,
	WASI_ISDIR = 31,
	WASI_LOOP = 32,
	WASI_MFILE = 33,
	WASI_NAMETOOLONG = 37,
	WASI_NFILE = 41,
	WASI_NOENT = 44,
	WASI_NOMEM = 48,
	WASI_NOSPC = 51,
	WASI_NOTDIR = 54,
	WASI_NOTEMPTY = 55,
	WASI_NOTSOCK = 57,
	WASI_NOTSUP = 58,
	WASI_NXIO = 60,
	WASI_OVERFLOW = 61,
	WASI_PERM = 63,
	WASI_ROFS = 69,
	WASI_SPIPE = 70,
	WASI_TXTBSY = 74,
	WASI_XDEV = 75,
	WASI_NOTCAPABLE = 76,
};

enum { WASI_IOVEC_MAX = 1024 };

/* One call of a host function. */
struct wasi_call {
	struct guest *guest;
	uint8_t *memory;
	size_t size;
	const wasmtime_val_raw_t *args;
};

static inline uint32_t wasi_u32(const struct wasi_call *call, size_t index) {
	return (uint32_t)call->args[index].i32;
}

static inline uint64_t wasi_u64(const struct wasi_call *call, size_t index) {
	return (uint64_t)call->args[index].i64;
}

/* The place of `size` bytes of the guest, or NULL if they are not all in its memory. */
uint8_t *wasi_at(const struct wasi_call *call, uint64_t pointer, uint64_t size);
bool wasi_get(const struct wasi_call *call, uint64_t pointer, void *out, size_t size);
bool wasi_put(const struct wasi_call *call, uint64_t pointer, const void *in, size_t size);
/* The next piece of the scatter list at argument 1: *place and *size, or an error. */
enum wasi_errno wasi_iovec(
		const struct wasi_call *call, uint32_t index, uint8_t **place, uint32_t *size);
bool wasi_open(const struct wasi_call *call, uint32_t fd); /* 0 to 2, until it is closed */

/* Clocks: the id of WASI as one of ours; false if it has no such clock. */
bool wasi_clock(uint32_t id, clockid_t *clock);

enum wasi_errno wasi_poll(const struct wasi_call *call); /* poll_oneoff */
