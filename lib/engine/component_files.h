/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What component_files.c and component_paths.c share: wasi:filesystem is preview 1's functions in
 * another dress, so that there is one place that guards the directories (wasi_files.h).
 */
#include "engine/component_host.h"

enum { HOST_ARGS = 9 };
typedef enum wasi_errno (*host_deed_fn)(const struct wasi_call *call);

/* Does what preview 1's function does; pointers among the arguments are places in the memory. */
enum wasi_errno host_ask(struct guest *guest, host_deed_fn deed, const uint64_t args[HOST_ARGS]);
/* The first results are there. */
void host_answer(const struct guest *guest, void *out, size_t size);

/* The descriptor that a method is called on. */
static inline uint32_t host_self(const struct host_call *call) {
	return call->args[0].of.u32;
}

/* ok without a value, or the error's name; always NULL, for the function to return. */
wasmtime_error_t *host_give(struct host_call *call, enum wasi_errno number);
/* ok with that value, which it takes over. */
wasmtime_error_t *host_give_value(struct host_call *call, host_val_t value);

/* The answer to a stat: as a record, and as what tells files apart. */
wasmtime_error_t *host_give_stat(struct host_call *call);
wasmtime_error_t *host_give_hash(struct host_call *call);
/* Two new-timestamps, from argument `at`, as preview 1 takes them. */
enum wasi_errno host_times(const struct host_call *call, size_t at, uint64_t times[2],
		uint64_t *flags) MUST_CHECK;
bool host_has_flag(const host_val_t *flags, const char *name);
