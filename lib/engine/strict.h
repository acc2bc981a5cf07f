/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The tiers for function.h: only what every mode compiles alike, canonical NaN, epochs for the
 * clock and the stop, a large stack so that a metered guest ends by its count and never by ours.
 *
 * TIER_CALL takes its instances from a pool: 3 microseconds for one with a memory instead of 13,
 * for half a terabyte of reserved addresses. Where those cannot be had (ulimit -v, the child that
 * compiles) it works without. A module with more than one memory or table, or a larger table than
 * the pool has, goes to TIER_CALL_ODD, which has none.
 */
#include "engine/inside.h"
#include "meter/meter.h"

enum {
	/* What wasmtime may use of a calling thread. */
	STRICT_STACK_BYTES = METER_STACK_BYTES,
	/* What the interpreter has for a guest, allocated for each call. As long as it is under the
	 * 32 MiB from which malloc() always asks the kernel, that costs next to nothing instead of
	 * 20 microseconds. It is enough for all but very large frames: 2^20 slots of 16 bytes. */
	STRICT_SHALLOW_BYTES = 24 * 1024 * 1024,
	STRICT_TABLE_ELEMENTS = 1024 * 1024
};

/* True if the tier's stack is STRICT_SHALLOW_BYTES: a metered call that overflows it is made anew,
 * deeper (program.h). It may be: it has no effect but its result. */
bool strict_is_shallow(const struct module_kind *kind);
wasmtime_error_t *strict_engine(const struct module_kind *kind, wasm_engine_t **wasm);
