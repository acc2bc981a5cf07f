/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The inside of function.h's program, for call.c and the cache. */
#include "engine/function.h"
#include "engine/guest.h"

/* What a call needs of a program's code, in one tier. */
struct deep {
	struct tier tier;
	wasmtime_module_t *code;
	wasmtime_instance_pre_t *linked;
};

struct program {
	struct wasm_module wasm; /* first; its tier is one of strict.h */
	bool metered;            /* by lib/meter */
	bool start;              /* it has METER_START */
	bool shallow;            /* its tier's stack may end before the count of depth does */
	pthread_mutex_t lock;
	struct deep deep; /* made when a call needs it, under the lock */
	void (*destroy)(struct module *module);
};

/* The same program for the calls that a shallow stack is too small for; it stays with the program.
 * NULL with an error. */
const struct deep *program_deep(struct program *program, struct error *err) MUST_CHECK;

/* TRAP_NONE for a trap that is not in spec/traps.def. */
enum trap_kind trap_kind_of(const wasm_trap_t *trap);

/* The same as what it begins with; NULL for NULL. */
static inline struct module *program_module(struct program *program) {
	return program != NULL ? &program->wasm.module : NULL;
}
