/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/strict.h"

#include "engine/function.h"

_Static_assert(STRICT_STACK_BYTES + ENGINE_STACK_BYTES <= PROGRAM_STACK_BYTES,
		"host functions need some of a thread's stack, too");

/* What stays in a slot of the pool between two calls, zeroed by us instead of by the kernel. */
enum { KEPT_MEMORY_BYTES = 64 * 1024, KEPT_TABLE_BYTES = 16 * 1024, INSTANCE_BYTES = 1024 * 1024 };

bool strict_is_shallow(const struct module_kind *kind) {
	return kind->kind == ENGINE_INTERP && kind->use == TIER_CALL;
}

static wasm_config_t *configure(void) {
	wasm_config_t *config = wasm_config_new();
	wasmtime_config_epoch_interruption_set(config, true);
	wasmtime_config_cranelift_nan_canonicalization_set(config, true);
	/* Else frames hold what the module does not have on its stack (meter/meter.h). */
	wasmtime_config_cranelift_opt_level_set(config, WASMTIME_OPT_LEVEL_NONE);
	/* Nothing runs on such a stack, but it has to be larger. */
	wasmtime_config_async_stack_size_set(config, 2 * (size_t)STRICT_STACK_BYTES);
	wasmtime_config_wasm_tail_call_set(config, false);
	wasmtime_config_wasm_exceptions_set(config, false);
	wasmtime_config_wasm_function_references_set(config, false);
	wasmtime_config_wasm_gc_set(config, false);
	wasmtime_config_gc_support_set(config, false); /* and with it externref */
	wasmtime_config_wasm_relaxed_simd_set(config, false);
	wasmtime_config_wasm_threads_set(config, false);
	wasmtime_config_shared_memory_set(config, false);
	return config;
}

static void add_pool(wasm_config_t *config) {
	wasmtime_pooling_allocation_config_t *pool = wasmtime_pooling_allocation_config_new();
	wasmtime_pooling_allocation_config_total_core_instances_set(pool, PROGRAM_CALLS_MAX);
	wasmtime_pooling_allocation_config_total_memories_set(pool, PROGRAM_CALLS_MAX);
	wasmtime_pooling_allocation_config_total_tables_set(pool, PROGRAM_CALLS_MAX);
	wasmtime_pooling_allocation_config_total_component_instances_set(pool, 0);
	wasmtime_pooling_allocation_config_total_stacks_set(pool, 0);
	wasmtime_pooling_allocation_config_total_gc_heaps_set(pool, 0);
	wasmtime_pooling_allocation_config_max_core_instance_size_set(pool, INSTANCE_BYTES);
	wasmtime_pooling_allocation_config_max_memory_size_set(pool, CALL_MEMORY_MOST);
	wasmtime_pooling_allocation_config_table_elements_set(pool, STRICT_TABLE_ELEMENTS);
	wasmtime_pooling_allocation_config_linear_memory_keep_resident_set(pool, KEPT_MEMORY_BYTES);
	wasmtime_pooling_allocation_config_table_keep_resident_set(pool, KEPT_TABLE_BYTES);
	wasmtime_pooling_allocation_strategy_set(config, pool);
	wasmtime_pooling_allocation_config_delete(pool);
}

static wasmtime_error_t *make(const struct module_kind *kind, bool pool, wasm_engine_t **wasm) {
	wasm_config_t *config = configure();
	wasmtime_config_max_wasm_stack_set(config,
			strict_is_shallow(kind) ? STRICT_SHALLOW_BYTES : STRICT_STACK_BYTES);
	wasmtime_error_t *error = NULL;
	if (kind->kind == ENGINE_SINGLEPASS) {
		wasmtime_config_strategy_set(config, WASMTIME_STRATEGY_WINCH);
	} else if (kind->kind == ENGINE_INTERP) {
		error = wasmtime_config_target_set(config, "pulley64");
	}
	if (error != NULL) {
		wasm_config_delete(config);
		return error;
	}
	if (pool) {
		add_pool(config);
	}
	return airscrew_engine_new(config, wasm);
}

wasmtime_error_t *strict_engine(const struct module_kind *kind, wasm_engine_t **wasm) {
	bool pool = kind->use == TIER_CALL;
	wasmtime_error_t *error = make(kind, pool, wasm);
	if (error != NULL && pool) {
		wasmtime_error_delete(error);
		error = make(kind, false, wasm);
	}
	return error;
}
