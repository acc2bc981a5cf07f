/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The inside of function.h's program, for call.c and the cache. */
#include "engine/function.h"
#include "engine/guest.h"

struct program {
	struct wasm_module wasm; /* first; its tier is one of strict.h */
	bool metered;            /* by lib/meter */
	bool start;              /* it has METER_START */
};

/* TRAP_NONE for a trap that is not in spec/traps.def. */
enum trap_kind trap_kind_of(const wasm_trap_t *trap);

/* The same as what it begins with; NULL for NULL. */
static inline struct module *program_module(struct program *program) {
	return program != NULL ? &program->wasm.module : NULL;
}
