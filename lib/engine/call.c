/* SPDX-License-Identifier: Apache-2.0 */
/* One call: a store, an instance, the function, its end. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "engine/program.h"
#include "engine/strict.h"
#include "meter/meter.h"

/* The part of a thread's stack that a caller may have used before. */
enum { CALLER_BYTES = 1024 * 1024, MEMORIES = 100, TABLES = 100 };

enum call_end { CALL_RUNS, CALL_TRAPPED, CALL_STOPPED, CALL_LATE };

struct call {
	struct program *program;
	const struct call_request *request;
	struct run_stop *stop;
	struct call_result *result;
	struct airscrew_limiter limits;
	struct epoch_watch watch;
	wasmtime_store_t *store;
	wasmtime_context_t *context;
	wasm_engine_t *wasm; /* these two are the program's own, or those of its deep copy */
	wasmtime_instance_pre_t *linked;
	wasmtime_instance_t instance;
	wasmtime_global_t gas, depth; /* of the instance, if it is metered */
	bool counting;                /* they are there and set */
	bool overflowed;              /* our stack ended before the count of depth did */
	uint64_t wall_ns;             /* as in struct guest */
	enum call_end end;
};

/* --- traps -------------------------------------------------------------------------------------
 */

const char *trap_name(enum trap_kind kind) {
	static const char *const names[] = {
		"",
#define TRAP(code, name, grpc) name,
#include "spec/traps.def"
#undef TRAP
	};
	return names[kind];
}

int trap_grpc_status(enum trap_kind kind) {
	static const int statuses[] = {
		0,
#define TRAP(code, name, grpc) grpc,
#include "spec/traps.def"
#undef TRAP
	};
	return statuses[kind];
}

enum trap_kind trap_kind_of(const wasm_trap_t *trap) {
	static const enum trap_kind kinds[] = {
		[WASMTIME_TRAP_CODE_STACK_OVERFLOW] = TRAP_CALL_STACK,
		[WASMTIME_TRAP_CODE_MEMORY_OUT_OF_BOUNDS] = TRAP_MEMORY_BOUNDS,
		[WASMTIME_TRAP_CODE_TABLE_OUT_OF_BOUNDS] = TRAP_UNDEFINED_ELEMENT,
		[WASMTIME_TRAP_CODE_INDIRECT_CALL_TO_NULL] = TRAP_UNINITIALIZED,
		[WASMTIME_TRAP_CODE_BAD_SIGNATURE] = TRAP_TYPE_MISMATCH,
		[WASMTIME_TRAP_CODE_INTEGER_OVERFLOW] = TRAP_OVERFLOW,
		[WASMTIME_TRAP_CODE_INTEGER_DIVISION_BY_ZERO] = TRAP_DIVIDE_BY_ZERO,
		[WASMTIME_TRAP_CODE_BAD_CONVERSION_TO_INTEGER] = TRAP_CONVERSION,
		[WASMTIME_TRAP_CODE_UNREACHABLE_CODE_REACHED] = TRAP_UNREACHABLE,
	};
	wasmtime_trap_code_t code;
	if (!wasmtime_trap_code(trap, &code) || code >= sizeof(kinds) / sizeof(kinds[0])) {
		return TRAP_NONE;
	}
	return kinds[code];
}

/* Takes the trap. What it means is said when the meter has been read. */
static bool trapped(struct call *call, wasm_trap_t *trap) {
	call->result->trap = trap_kind_of(trap);
	call->end = CALL_TRAPPED;
	wasm_trap_delete(trap);
	return false;
}

/* --- the clock and the stop --------------------------------------------------------------------
 */

static bool over(struct call *call) {
	if (call->end == CALL_RUNS) {
		if (run_stop_requested(call->stop)) {
			call->end = CALL_STOPPED;
		} else if (guest_now_ns() >= call->wall_ns) {
			call->end = CALL_LATE;
		}
	}
	return call->end != CALL_RUNS;
}

static wasmtime_error_t *look(wasmtime_context_t *context, void *data, uint64_t *delta,
		wasmtime_update_deadline_kind_t *kind) {
	(void)context;
	if (over(data)) {
		return wasmtime_error_new("the call has to end");
	}
	*delta = 1;
	*kind = WASMTIME_UPDATE_DEADLINE_CONTINUE;
	return NULL;
}

static void hurry(void *context) {
	struct call *call = context;
	epochs_hurry(&call->program->wasm.module.engine->epochs, &call->watch);
}

static void set_clock(struct call *call) {
	uint64_t wall_ms = call->request->wall_ms;
	call->watch.wasm = call->wasm;
	if (call->wall_ns != 0) {
		return; /* it runs since the first attempt */
	}
	bool none = wall_ms == 0 || wall_ms > UINT64_MAX / 4000000;
	call->wall_ns = none ? UINT64_MAX : guest_now_ns() + wall_ms * 1000000;
	call->watch.due_ms = none ? UINT64_MAX : call->wall_ns / 1000000 + 1;
}

/* --- inside ------------------------------------------------------------------------------------
 */

static void make_store(struct call *call) {
	const uint64_t asked = call->request->memory_bytes;
	call->limits = (struct airscrew_limiter){
		.memory_limit = asked < CALL_MEMORY_MOST ? asked : CALL_MEMORY_MOST,
		.table_limit = STRICT_TABLE_ELEMENTS,
		.instance_limit = 1,
		.table_count_limit = TABLES,
		.memory_count_limit = MEMORIES,
	};
	call->store = wasmtime_store_new(call->wasm, NULL, NULL);
	call->context = wasmtime_store_context(call->store);
	airscrew_store_limit(call->store, &call->limits);
	wasmtime_context_set_epoch_deadline(call->context, 1);
	wasmtime_store_epoch_deadline_callback(call->store, look, call, NULL);
}

/* What wasmtime could not even begin with. Takes the error. */
static bool broken(struct call *call, wasmtime_error_t *error, struct error *err) {
	const struct airscrew_limiter *limits = &call->limits;
	if (limits->memory_refused != 0 || limits->table_refused != 0) {
		bool memory = limits->memory_refused != 0;
		wasmtime_error_delete(error);
		return error_set(err, ERROR_TOO_LARGE,
				"the module begins with %llu %s, the limit is %llu",
				(unsigned long long)(memory ? limits->memory_refused
							    : limits->table_refused),
				memory ? "bytes of memory" : "table elements",
				(unsigned long long)(memory ? limits->memory_limit
							    : limits->table_limit));
	}
	(void)module_set_error(error, err, "the call broke");
	err->code = ERROR_INTERNAL;
	return false;
}

static bool instantiate(struct call *call, struct error *err) {
	wasm_trap_t *trap = NULL;
	wasmtime_error_t *error = wasmtime_instance_pre_instantiate(
			call->linked, call->context, &call->instance, &trap);
	if (error != NULL) {
		return broken(call, error, err);
	}
	return trap == NULL || trapped(call, trap);
}

static bool find(struct call *call, const char *name, wasmtime_extern_t *item, struct error *err) {
	return wasmtime_instance_export_get(
			       call->context, &call->instance, name, strlen(name), item) ||
	       error_set(err, ERROR_INTERNAL, "the export \"%.96s\" has gone", name);
}

static bool enter(struct call *call, const char *name, wasmtime_val_raw_t *values, size_t room,
		struct error *err) {
	wasmtime_extern_t item;
	wasm_trap_t *trap = NULL;
	if (!find(call, name, &item, err)) {
		return false;
	}
	wasmtime_error_t *error = wasmtime_func_call_unchecked(
			call->context, &item.of.func, values, room, &trap);
	if (error != NULL) {
		return broken(call, error, err);
	}
	return trap == NULL || trapped(call, trap);
}

/* --- the meter --- */

static bool set_counter(struct call *call, const char *name, wasmtime_global_t *global,
		int64_t number, struct error *err) {
	wasmtime_extern_t item;
	const wasmtime_val_t value = { .kind = WASMTIME_I64, .of.i64 = number };
	if (!find(call, name, &item, err)) {
		return false;
	}
	*global = item.of.global;
	wasmtime_error_t *error = wasmtime_global_set(call->context, global, &value);
	return error == NULL || broken(call, error, err);
}

static int64_t read_counter(const struct call *call, const wasmtime_global_t *global) {
	wasmtime_val_t value;
	wasmtime_global_get(call->context, global, &value);
	return value.of.i64;
}

/* Sets the limits; then what the module wants to begin with takes its part of them. */
static bool start_meter(struct call *call, struct error *err) {
	const struct call_request *request = call->request;
	if (!call->program->metered) {
		return true;
	}
	int64_t depth = meter_depth(request->calls != 0 ? request->calls : METER_CALLS,
			request->slots != 0 ? request->slots : METER_SLOTS);
	call->counting = set_counter(call, METER_GAS, &call->gas, (int64_t)request->gas, err) &&
			 set_counter(call, METER_DEPTH, &call->depth, depth, err);
	wasmtime_val_raw_t nothing;
	return call->counting &&
	       (!call->program->start || enter(call, METER_START, &nothing, 0, err));
}

/* What the counters say, also of a call that failed: what it used, and what its trap was. */
static void read_meter(struct call *call) {
	if (!call->counting) {
		return;
	}
	const struct meter_reading reading = meter_read((int64_t)call->request->gas,
			read_counter(call, &call->gas), read_counter(call, &call->depth));
	call->result->gas_used = (uint64_t)reading.gas_used;
	if (call->end != CALL_TRAPPED) {
		return;
	}
	switch (reading.end) {
	case METER_OUT_OF_GAS: call->result->trap = TRAP_GAS; break;
	case METER_DEPTH_EXHAUSTED: call->result->trap = TRAP_CALL_STACK; break;
	case METER_OWN:
		call->overflowed = call->result->trap == TRAP_CALL_STACK;
		/* That says nothing about the module. */
		call->result->trap = call->overflowed ? TRAP_NONE : call->result->trap;
		break;
	}
}

/* --- values in and out --- */

static void give_values(const struct export_function *function, const wasmtime_val_raw_t *raw,
		struct call_result *result) {
	result->count = function->results.count;
	result->values = mem_zero(result->count, sizeof(*result->values));
	for (size_t i = 0; i < result->count; i++) {
		struct value *value = &result->values[i];
		value->type = function_result(function, i);
		bool small = value->type == VALUE_I32 || value->type == VALUE_F32;
		value->of.bits64 = small ? (uint32_t)raw[i].i32 : (uint64_t)raw[i].i64;
	}
}

static void take_values(const struct call_request *request, wasmtime_val_raw_t *raw) {
	for (size_t i = 0; i < request->count; i++) {
		raw[i].i64 = request->values[i].of.i64; /* what is smaller is the low half */
	}
}

static bool body(struct call *call, const struct export_function *function, struct error *err) {
	enum { FEW = 16 };
	size_t params = function->params.count, results = function->results.count;
	size_t room = params > results ? params : results;
	wasmtime_val_raw_t few[FEW];
	CLEANUP(mem_freep)
	wasmtime_val_raw_t *many = room > FEW ? mem_zero(room, sizeof(*many)) : NULL;
	wasmtime_val_raw_t *values = many != NULL ? many : few;
	take_values(call->request, values);
	if (!instantiate(call, err) || !start_meter(call, err) ||
			!enter(call, function->name, values, room, err)) {
		return false;
	}
	if (results != 0) {
		give_values(function, values, call->result);
	}
	return true;
}

static bool tell_trap(enum trap_kind kind, struct error *err) {
	if (kind == TRAP_NONE) {
		return error_set(err, ERROR_INTERNAL,
				"the call ended in a way that is none of the module's");
	}
	return error_set(err, ERROR_FAILED, "the call trapped: %s", trap_name(kind));
}

/* Says why it ended, if not by itself; what was set before is only its consequence. */
static bool conclude(struct call *call, bool returned, struct error *err) {
	switch (call->end) {
	case CALL_RUNS: return returned;
	case CALL_TRAPPED: return tell_trap(call->result->trap, err);
	case CALL_STOPPED: return error_set(err, ERROR_INTERRUPTED, "the call was stopped");
	case CALL_LATE: break;
	}
	return error_set(err, ERROR_TIMEOUT,
			"the call took longer than its wall-clock limit of %llu ms",
			(unsigned long long)call->request->wall_ms);
}

static bool execute(struct call *call, const struct export_function *function, struct error *err) {
	struct epochs *epochs = &call->program->wasm.module.engine->epochs;
	bool ok = false;
	make_store(call);
	set_clock(call);
	epochs_add(epochs, &call->watch);
	if (!stop_watch(call->stop, hurry, call)) {
		call->end = CALL_STOPPED;
	} else {
		ok = body(call, function, err);
		stop_unwatch(call->stop);
	}
	epochs_remove(epochs, &call->watch);
	read_meter(call);
	wasmtime_store_delete(call->store);
	return conclude(call, ok, err);
}

/* --- before ------------------------------------------------------------------------------------
 */

static bool check_values(const struct export_function *function, const struct call_request *request,
		struct error *err) {
	if (request->count != function->params.count) {
		char types[256];
		value_types_text(&function->params, types, sizeof(types));
		return error_set(err, ERROR_INVALID,
				"\"%.96s\" takes %zu inputs (%s), %zu were given", function->name,
				function->params.count, types, request->count);
	}
	for (size_t i = 0; i < request->count; i++) {
		enum value_type wanted = function_param(function, i);
		if (request->values[i].type != wanted) {
			return error_set(err, ERROR_INVALID, "input %zu of \"%.96s\" is an %s",
					i + 1, function->name, value_type_name(wanted));
		}
	}
	return true;
}

static bool check_limits(const struct call_request *request, struct error *err) {
	if (request->gas > CALL_GAS_MOST) {
		return error_set(err, ERROR_INVALID,
				"a gas limit of %llu is more than can be counted",
				(unsigned long long)request->gas);
	}
	return (request->calls <= METER_DEPTH_MAX && request->slots <= METER_DEPTH_MAX) ||
	       error_set(err, ERROR_INVALID, "the depth of calls can be limited to %d at most",
			       (int)METER_DEPTH_MAX);
}

/* Asking for it is a system call, and an allocation: once for each thread. */
static char *stack_start(const struct engine *engine) {
	pthread_attr_t attributes;
	void *start = engine->keeps_stacks ? pthread_getspecific(engine->stack_key) : NULL;
	size_t size;
	if (start == NULL && pthread_getattr_np(pthread_self(), &attributes) == 0) {
		(void)pthread_attr_getstack(&attributes, &start, &size);
		pthread_attr_destroy(&attributes);
		if (engine->keeps_stacks) {
			(void)pthread_setspecific(engine->stack_key, start);
		}
	}
	return start;
}

/* wasmtime looks for the end of its own part of the stack only: the thread's must lie behind. */
static bool check_stack(const struct program *program, struct error *err) {
	const char *start = stack_start(program->wasm.module.engine);
	size_t left = (size_t)((char *)__builtin_frame_address(0) - start);
	return (start != NULL && left + CALLER_BYTES >= PROGRAM_STACK_BYTES) ||
	       error_set(err, ERROR_INTERNAL,
			       "a thread with %zu bytes of stack left calls a program: it needs %d",
			       start != NULL ? left : 0, (int)PROGRAM_STACK_BYTES);
}

static bool execute_deep(
		struct call *call, const struct export_function *function, struct error *err) {
	const struct deep *deep = program_deep(call->program, err);
	if (deep == NULL) {
		err->code = ERROR_INTERNAL;
		return false;
	}
	call->wasm = deep->tier.wasm;
	call->linked = deep->linked;
	call->end = CALL_RUNS;
	call->counting = call->overflowed = false;
	*call->result = (struct call_result){ 0 };
	return execute(call, function, err);
}

static bool call_within(
		struct call *call, const struct export_function *function, struct error *err) {
	atomic_uint *calls =
			&call->program->wasm.module.engine->calls[call->program->wasm.module.kind];
	bool ok = false;
	if (atomic_fetch_add(calls, 1) >= PROGRAM_CALLS_MAX) {
		error_set(err, ERROR_BUSY, "%d calls take place already", (int)PROGRAM_CALLS_MAX);
	} else {
		ok = execute(call, function, err);
		if (call->overflowed && call->program->shallow) {
			ok = execute_deep(call, function, err);
		}
	}
	atomic_fetch_sub(calls, 1);
	return ok;
}

bool program_call(struct program *program, const struct export_function *function,
		const struct call_request *request, struct run_stop *stop,
		struct call_result *result, struct error *err) {
	*result = (struct call_result){ 0 };
	struct call call = { .program = program,
		.request = request,
		.stop = stop,
		.result = result,
		.wasm = program->wasm.tier.wasm,
		.linked = program->wasm.linked };
	if (run_stop_requested(stop)) {
		return error_set(err, ERROR_INTERRUPTED, "the call was stopped before it began");
	}
	if (!check_stack(program, err) || !check_limits(request, err) ||
			!check_values(function, request, err)) {
		return false;
	}
	if (program->metered && request->gas == 0) {
		result->trap = TRAP_GAS;
		return tell_trap(TRAP_GAS, err);
	}
	return call_within(&call, function, err);
}

void call_result_finish(struct call_result *result) {
	free(result->values);
	*result = (struct call_result){ 0 };
}
