/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Programs that are kept for the next call of the same module in the same mode: those of a
 * module_cache, which decides how long, and lets simultaneous askers wait for one compilation.
 * Safe from any thread. The module itself is not kept.
 */
#include "engine/cache.h"
#include "engine/function.h"

/* What is asked for; everything is borrowed for the length of the call. */
struct program_wish {
	struct bytes wasm;
	const char *digest; /* its SHA-256 in hex if it is known; NULL: it is computed */
	enum engine_kind kind;
	bool metered;
};

/* Borrowed until program_release(). Errors of module_cache_acquire() and of program_create(). */
struct program *program_acquire(struct module_cache *cache, const struct program_wish *wish,
		struct run_stop *stop, struct error *err) MUST_CHECK;
void program_release(struct module_cache *cache, struct program *program);
