/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * For the tests of this folder: every mode of the engine, straight from its C API, and one call in
 * a fresh instance, plain or metered. A failure of the fixture fails the test.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <airscrew_wasmtime.h>
#include <cmocka.h>
#include <pthread.h>

#include "base/mem.h"
#include "meter/meter.h"

enum { MODES = 3, VALUES_MAX = 64 };

static const char *const mode_names[MODES] = { "multipass", "singlepass", "interp" };
static wasm_engine_t *modes[MODES];

/*
 * wasmtime turns signals into traps with the handlers that it installs with the first engine.
 * cmocka installs its own around each test and would get them: trap_signals() puts wasmtime's back.
 */
static const int trap_numbers[] = { SIGILL, SIGFPE, SIGSEGV, SIGBUS };
static struct sigaction trap_actions[4];

static inline void trap_signals(void) {
	for (int i = 0; i < 4; i++) {
		sigaction(trap_numbers[i], &trap_actions[i], NULL);
	}
}

static inline wasm_engine_t *mode_make(int mode, size_t stack) {
	wasm_config_t *config = wasm_config_new();
	wasmtime_config_epoch_interruption_set(config, true);
	wasmtime_config_cranelift_nan_canonicalization_set(config, true);
	wasmtime_config_cranelift_opt_level_set(config, WASMTIME_OPT_LEVEL_NONE); /* meter.h */
	wasmtime_config_wasm_memory64_set(config, true);
	wasmtime_config_async_stack_size_set(config, stack + (1 << 20));
	wasmtime_config_max_wasm_stack_set(config, stack);
	wasmtime_config_wasm_tail_call_set(config, false);
	wasmtime_config_wasm_exceptions_set(config, false);
	wasmtime_config_wasm_function_references_set(config, false);
	wasmtime_config_wasm_gc_set(config, false);
	wasmtime_config_gc_support_set(config, false); /* and with it externref */
	wasmtime_config_wasm_relaxed_simd_set(config, false);
	wasmtime_config_wasm_threads_set(config, false);
	wasmtime_config_shared_memory_set(config, false);
	wasmtime_error_t *error = NULL;
	if (mode == 1) {
		wasmtime_config_strategy_set(config, WASMTIME_STRATEGY_WINCH);
	} else if (mode == 2) {
		error = wasmtime_config_target_set(config, "pulley64");
	}
	wasm_engine_t *engine = NULL;
	if (error != NULL || (error = airscrew_engine_new(config, &engine)) != NULL) {
		wasm_byte_vec_t message;
		wasmtime_error_message(error, &message);
		fail_msg("%s: %.*s", mode_names[mode], (int)message.size, message.data);
	}
	return engine;
}

static inline int modes_make_with(size_t stack, void **state) {
	(void)state;
	for (int i = 0; i < MODES; i++) {
		modes[i] = mode_make(i, stack);
	}
	for (int i = 0; i < 4; i++) {
		sigaction(trap_numbers[i], NULL, &trap_actions[i]);
	}
	return 0;
}

static inline int modes_make(void **state) {
	return modes_make_with(METER_STACK_BYTES, state);
}

static inline int modes_finish(void **state) {
	(void)state;
	for (int i = 0; i < MODES; i++) {
		wasm_engine_delete(modes[i]);
	}
	return 0;
}

/* Tests run in a thread that has the stack which the engines were told of. */
static inline void on_stack(void *(*body)(void *), void *context) {
	pthread_t thread;
	pthread_attr_t attr;
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, METER_STACK_BYTES + (4 << 20));
	if (pthread_create(&thread, &attr, body, context) != 0) {
		abort();
	}
	pthread_join(thread, NULL);
	pthread_attr_destroy(&attr);
}

static inline wasm_byte_vec_t wasm_of(const char *text) {
	wasm_byte_vec_t wasm, message;
	wasmtime_error_t *error = wasmtime_wat2wasm(text, strlen(text), &wasm);
	if (error != NULL) {
		wasmtime_error_message(error, &message);
		fail_msg("bad text: %.*s", (int)message.size, message.data);
	}
	return wasm;
}

/* How a call ended. */
enum ending {
	END_RETURNED,
	END_TRAP,
	END_OUT_OF_GAS,
	END_DEPTH,
	END_HOST, /* the native stack overflowed, or something that is not the guest's */
};

static const char *const ending_names[] = { "returned", "trap", "out of gas", "call depth",
	"host" };

struct outcome {
	enum ending end;
	int trap; /* wasmtime_trap_code_t, of END_TRAP */
	int64_t used;
	uint64_t state; /* a hash of the memories and globals that the module exports itself */
	size_t count;
	wasmtime_val_t results[VALUES_MAX];
	char message[400];
};

/* What is called, and within which limits. */
struct call {
	const char *name;
	wasmtime_val_t args[VALUES_MAX];
	size_t arg_count;
	bool metered;    /* the module went through meter_rewrite() */
	bool with_state; /* wanted in the outcome */
	int64_t limit;
	uint32_t calls, slots;
};

static inline void set_global(wasmtime_context_t *context, const wasmtime_instance_t *instance,
		const char *name, int64_t value) {
	wasmtime_extern_t item;
	if (!wasmtime_instance_export_get(context, instance, name, strlen(name), &item)) {
		fail_msg("no export %s", name);
	}
	wasmtime_val_t val = { .kind = WASMTIME_I64, .of.i64 = value };
	assert_null(wasmtime_global_set(context, &item.of.global, &val));
}

static inline int64_t get_global(wasmtime_context_t *context, const wasmtime_instance_t *instance,
		const char *name) {
	wasmtime_extern_t item;
	if (!wasmtime_instance_export_get(context, instance, name, strlen(name), &item)) {
		fail_msg("no export %s", name);
	}
	wasmtime_val_t val;
	wasmtime_global_get(context, &item.of.global, &val);
	return val.of.i64;
}

/* Notes a failure; true if there was none. */
static inline bool note(struct outcome *outcome, wasmtime_error_t *error, wasm_trap_t *trap) {
	wasm_byte_vec_t message = { 0 };
	if (error != NULL) {
		outcome->end = END_HOST;
		wasmtime_error_message(error, &message);
		wasmtime_error_delete(error);
	} else if (trap != NULL) {
		wasmtime_trap_code_t code = 255;
		outcome->end = wasmtime_trap_code(trap, &code) ? END_TRAP : END_HOST;
		outcome->trap = code;
		wasm_trap_message(trap, &message);
		wasm_trap_delete(trap);
	} else {
		return true;
	}
	if (outcome->trap == WASMTIME_TRAP_CODE_STACK_OVERFLOW && outcome->end == END_TRAP) {
		outcome->end = END_HOST;
	}
	(void)snprintf(outcome->message, sizeof(outcome->message), "%.*s", (int)message.size,
			message.data);
	wasm_byte_vec_delete(&message);
	return false;
}

static inline bool invoke(wasmtime_context_t *context, const wasmtime_instance_t *instance,
		const char *name, const struct call *call, struct outcome *outcome) {
	wasmtime_extern_t item;
	if (!wasmtime_instance_export_get(context, instance, name, strlen(name), &item)) {
		fail_msg("no export %s", name);
	}
	wasm_functype_t *type = wasmtime_func_type(context, &item.of.func);
	outcome->count = wasm_functype_results(type)->size;
	wasm_functype_delete(type);
	wasm_trap_t *trap = NULL;
	wasmtime_error_t *error = wasmtime_func_call(context, &item.of.func,
			call != NULL ? call->args : NULL, call != NULL ? call->arg_count : 0,
			outcome->results, outcome->count, &trap);
	return note(outcome, error, trap);
}

static inline void conclude(wasmtime_context_t *context, const wasmtime_instance_t *instance,
		const struct call *call, struct outcome *outcome) {
	struct meter_reading reading =
			meter_read(call->limit, get_global(context, instance, METER_GAS),
					get_global(context, instance, METER_DEPTH));
	outcome->used = reading.gas_used;
	if (outcome->end == END_TRAP && reading.end != METER_OWN) {
		assert_int_equal(outcome->trap, WASMTIME_TRAP_CODE_UNREACHABLE_CODE_REACHED);
		outcome->end = reading.end == METER_OUT_OF_GAS ? END_OUT_OF_GAS : END_DEPTH;
		outcome->trap = 0;
	}
}

static inline uint64_t hash(uint64_t sum, const void *bytes, size_t size) {
	const uint8_t *at = bytes;
	for (; size >= 8; size -= 8, at += 8) {
		uint64_t word;
		memcpy(&word, at, 8);
		sum = (sum ^ word) * 0x100000001b3;
		sum ^= sum >> 29;
	}
	for (; size > 0; size--, at++) {
		sum = (sum ^ *at) * 0x100000001b3;
	}
	return sum;
}

static inline size_t value_size(wasmtime_valkind_t kind) {
	return kind == WASMTIME_I32 || kind == WASMTIME_F32   ? 4
	       : kind == WASMTIME_I64 || kind == WASMTIME_F64 ? 8
	       : kind == WASMTIME_V128                        ? 16
							      : 0; /* references have no bits */
}

static inline uint64_t hash_export(
		wasmtime_context_t *context, const wasmtime_extern_t *item, uint64_t sum) {
	if (item->kind == WASMTIME_EXTERN_MEMORY) {
		return hash(sum, wasmtime_memory_data(context, &item->of.memory),
				wasmtime_memory_data_size(context, &item->of.memory));
	}
	if (item->kind == WASMTIME_EXTERN_GLOBAL) {
		wasmtime_val_t val;
		wasmtime_global_get(context, &item->of.global, &val);
		sum = hash(sum, &val.of, value_size(val.kind));
		wasmtime_val_unroot(&val);
	}
	return sum;
}

static inline uint64_t hash_state(
		wasmtime_context_t *context, const wasmtime_instance_t *instance) {
	uint64_t sum = 0xcbf29ce484222325;
	char *name;
	size_t size;
	wasmtime_extern_t item;
	for (size_t i = 0; wasmtime_instance_export_nth(context, instance, i, &name, &size, &item);
			i++) {
		if (size < 9 || memcmp(name, METER_GAS, 9) != 0) {
			sum = hash_export(context, &item, sum);
		}
		wasmtime_extern_delete(&item);
	}
	return sum;
}

static inline bool has_export(wasmtime_context_t *context, const wasmtime_instance_t *instance,
		const char *name) {
	wasmtime_extern_t item;
	bool has = wasmtime_instance_export_get(context, instance, name, strlen(name), &item);
	if (has) {
		wasmtime_extern_delete(&item);
	}
	return has;
}

/* Instantiates without imports, and calls; with a limit of 0 it does neither. */
static inline struct outcome call_module(
		int mode, const wasmtime_module_t *module, const struct call *call) {
	struct outcome outcome = { .end = END_RETURNED };
	if (call->metered && call->limit == 0) {
		outcome.end = END_OUT_OF_GAS;
		return outcome;
	}
	trap_signals();
	wasmtime_store_t *store = wasmtime_store_new(modes[mode], NULL, NULL);
	wasmtime_store_limiter(store, 16 << 20, 100000, -1, -1, -1);
	wasmtime_context_t *context = wasmtime_store_context(store);
	wasmtime_context_set_epoch_deadline(context, 1000);
	wasmtime_instance_t instance;
	wasm_trap_t *trap = NULL;
	wasmtime_error_t *error = wasmtime_instance_new(context, module, NULL, 0, &instance, &trap);
	if (note(&outcome, error, trap)) {
		if (call->metered) {
			set_global(context, &instance, METER_GAS, call->limit);
			set_global(context, &instance, METER_DEPTH,
					meter_depth(call->calls, call->slots));
		}
		if (!has_export(context, &instance, METER_START) ||
				invoke(context, &instance, METER_START, NULL, &outcome)) {
			(void)invoke(context, &instance, call->name, call, &outcome);
		}
		if (call->metered) {
			conclude(context, &instance, call, &outcome);
		}
		if (call->with_state) {
			outcome.state = hash_state(context, &instance);
		}
	}
	wasmtime_store_delete(store);
	return outcome;
}

/* NULL, with its message, if it is refused. */
static inline wasmtime_module_t *mode_compile(
		int mode, const uint8_t *wasm, size_t size, char *message, size_t room) {
	wasmtime_module_t *module = NULL;
	wasmtime_error_t *error = wasmtime_module_new(modes[mode], wasm, size, &module);
	if (error != NULL) {
		wasm_byte_vec_t text;
		wasmtime_error_message(error, &text);
		(void)snprintf(message, room, "%.*s", (int)text.size, text.data);
		wasm_byte_vec_delete(&text);
		wasmtime_error_delete(error);
		return NULL;
	}
	return module;
}

enum { OUTPUT_MAX = 64 << 20 };

/* Metered; the test fails if it is refused. */
static inline struct buf metered_of(const uint8_t *wasm, size_t size) {
	struct buf out = BUF_INIT(OUTPUT_MAX);
	struct meter_module info;
	struct error err;
	if (!meter_rewrite((struct bytes){ wasm, size }, NULL, &out, &info, &err)) {
		fail_msg("%s", err.message);
	}
	return out;
}
