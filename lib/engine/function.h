/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Calls of one exported function of a core module with typed values: the same values, the same
 * trap and the same gas in every engine mode of this process, and the same at every time.
 *
 * What makes it so: a module has no imports at all, NaN is canonical, and only features that all
 * modes compile are accepted (no tail calls, exceptions, garbage collection or reference types
 * other than funcref, relaxed SIMD, threads; no components). Each call gets an instance of its
 * own, which no other call has seen or will see. A metered program counts gas and the depth of
 * calls itself (lib/meter, spec/gas.md), before any mode's own stack could end.
 *
 * A program is immutable and may be called by many threads at once. A calling thread must have a
 * stack of at least PROGRAM_STACK_BYTES (reserved, used only as far as a guest recurses); a
 * smaller one is refused with ERROR_INTERNAL instead of crashing. pthread_attr_setstacksize().
 */
#include "base/digest.h"
#include "engine/engine.h"

enum { PROGRAM_STACK_BYTES = 136 * 1024 * 1024 };
/* A larger module is refused. One of more than ENGINE_CHILD_BYTES is compiled in a child. */
enum { PROGRAM_MODULE_MAX = 64 * 1024 * 1024 };
/* How many calls one mode runs at once; ERROR_BUSY beyond that. */
enum { PROGRAM_CALLS_MAX = 128 };

/* --- values ------------------------------------------------------------------------------------
 */

/* The numbers are those of the executor's protocol. */
enum value_type { VALUE_I32 = 1, VALUE_I64, VALUE_F32, VALUE_F64 };

/* Exact bits, NaN included. */
struct value {
	enum value_type type;
	union {
		int32_t i32;
		int64_t i64;
		float f32;
		double f64;
		uint32_t bits32; /* of i32 and f32 */
		uint64_t bits64;
	} of;
};

const char *value_type_name(enum value_type type); /* "i32" */
/*
 * A value from its text, all of it: integers in decimal or 0x hexadecimal (an i32 from -2147483648
 * to 4294967295), floats as strtod() reads them in the C locale (decimal, hexadecimal, inf, nan).
 * ERROR_INVALID names the argument by its number, which counts from 1.
 */
bool value_read(const char *text, enum value_type type, size_t number, struct value *value,
		struct error *err) MUST_CHECK;
/* The shortest text that reads back as the same value ("3", "0.1", "-0", "inf", "nan"). */
enum { VALUE_TEXT_SIZE = 48 };
void value_write(const struct value *value, char text[VALUE_TEXT_SIZE]);

/* --- programs ----------------------------------------------------------------------------------
 */

struct program;

/*
 * Prepares a module. `metered`: with lib/meter, else plain (for measuring: no gas, and a depth
 * that differs from mode to mode). `stop` may be NULL: then it compiles in this process.
 * ERROR_MODULE: not wasm, invalid, a component, an import (named), a feature that is not accepted
 * (named). ERROR_TOO_LARGE; ERROR_UNSUPPORTED: this machine lacks the mode, or it is no mode of
 * this process; and of a child ERROR_INTERRUPTED, ERROR_NO_MEMORY, ERROR_TIMEOUT.
 */
struct program *program_create(struct engine *engine, enum engine_kind kind, bool metered,
		struct bytes wasm, struct run_stop *stop, struct error *err) MUST_CHECK;
void program_destroy(struct program *program); /* accepts NULL */

/* An exported function; it lives as long as its program. */
struct export_function;
/* ERROR_NOT_FOUND lists the functions that there are; ERROR_MODULE: it takes or gives what is no
 * number (v128, references). */
const struct export_function *program_function(
		const struct program *program, const char *name, struct error *err) MUST_CHECK;
size_t function_param_count(const struct export_function *function);
enum value_type function_param(const struct export_function *function, size_t index);
size_t function_result_count(const struct export_function *function);
enum value_type function_result(const struct export_function *function, size_t index);

/* --- calls -------------------------------------------------------------------------------------
 */

enum trap_kind {
	TRAP_NONE,
#define TRAP(code, name, grpc) TRAP_##code,
#include "spec/traps.def"
#undef TRAP
	TRAP_KINDS /* one more than there are */
};
const char *trap_name(enum trap_kind kind); /* "out of gas"; "" for TRAP_NONE */
int trap_grpc_status(enum trap_kind kind);

/* No limit worth the name: more than any machine counts to. */
#define CALL_GAS_MOST ((uint64_t)INT64_MAX)

/* What all memories of a call may have in the end, whatever is asked for: what a place in the pool
 * can hold, and what every machine therefore gives or refuses alike. */
#define CALL_MEMORY_MOST ((uint64_t)4 << 30)

/* Gas and depth have a meaning for metered programs only. */
struct call_request {
	const struct value *values;
	size_t count;
	uint64_t gas;          /* at most CALL_GAS_MOST; 0: out of gas at once */
	uint32_t calls, slots; /* depth: at most METER_DEPTH_MAX; 0: METER_CALLS, METER_SLOTS */
	uint64_t memory_bytes; /* of all memories together; growth beyond gives -1 */
	uint64_t wall_ms;      /* 0: none */
};

/* Belongs to the caller, call_result_finish() in every case. */
struct call_result {
	struct value *values; /* what it returned; NULL if it did not or returned nothing */
	size_t count;
	uint64_t gas_used; /* also of a call that failed; 0 if the program is not metered */
	enum trap_kind trap;
};
void call_result_finish(struct call_result *result);

/*
 * Calls a function of this program once, in a fresh instance: the module's start function, then
 * this one, under the same limits. True: it returned. False:
 * ERROR_INVALID      count or type of a value, a limit that is none
 * ERROR_FAILED       a trap; result->trap says which one, result->gas_used what it cost
 * ERROR_TOO_LARGE    the memories or tables that it begins with are over the limit
 * ERROR_TIMEOUT      wall_ms is over       ERROR_INTERRUPTED  run_stop_request()
 * ERROR_BUSY         PROGRAM_CALLS_MAX     ERROR_INTERNAL     a fault of ours
 */
bool program_call(struct program *program, const struct export_function *function,
		const struct call_request *request, struct run_stop *stop,
		struct call_result *result, struct error *err) MUST_CHECK;
