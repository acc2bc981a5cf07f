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
	STRICT_TABLE_ELEMENTS = 1024 * 1024
};

wasmtime_error_t *strict_engine(const struct module_kind *kind, wasm_engine_t **wasm);
