/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What wasmtime's C API lacks, from src/lib.rs: an engine constructor that can fail, and limits
 * that count a whole store. Both are as safe from threads as the wasmtime objects they work on.
 */
#include <stdint.h>
#include <wasmtime.h>

/*
 * Like wasm_engine_new_with_config(), which aborts on a bad configuration: this one returns the
 * error (to be deleted by the caller) and leaves *engine alone. Takes the configuration always.
 */
wasmtime_error_t *airscrew_engine_new(wasm_config_t *config, wasm_engine_t **engine);

/*
 * Limits of one store, and what they have counted. Owned by the caller; it outlives the store and
 * is read only by the thread that uses the store. Memories include the heap of GC objects.
 */
struct airscrew_limiter {
	uint64_t memory_limit;       /* bytes, all memories together */
	uint64_t table_limit;        /* elements, all tables together */
	uint64_t instance_limit;
	uint64_t table_count_limit;
	uint64_t memory_count_limit;
	uint64_t memory_bytes;       /* granted so far */
	uint64_t table_elements;
	uint64_t memory_refused;     /* the sum that the last refused growth would have made; 0: none was */
	uint64_t table_refused;
};
/* A component's values, in one call to us or as one result, take at most 16 MiB (not 128). */
void airscrew_store_limit(wasmtime_store_t *store, struct airscrew_limiter *limiter);
