/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Gas and call depth (spec/gas.md), counted by the module itself: a core module is rewritten when
 * it is loaded, so that results, traps, gas and depth are the same in every engine and mode.
 *
 * The way of a run: the engine validates the module; meter_rewrite(); the engine compiles what came
 * out. For each run: instantiate; set both globals, METER_GAS to the limit and METER_DEPTH to
 * meter_depth(); call METER_START if the module has it (the rewritten module has no start section);
 * call the function. Afterwards, however it ended, read both globals and ask meter_read(). An
 * instance in which a run failed is not used again; one in which it returned may be (set METER_GAS
 * anew). With a gas limit of 0 nothing is instantiated: such a run is out of gas at once.
 *
 * Nothing is renumbered: functions, types, tables, memories, globals and the module's own exports
 * are what they were, and the name section stays. Other custom sections are dropped, since what
 * they say of places in the code is not true any more.
 *
 * No state, safe from any thread. Memory: the output and some 20 times the largest function.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/bytes.h"
#include "base/error.h"

/* Exports that the rewritten module has in addition; a module that has one of them is refused. */
#define METER_GAS "airscrew:gas"     /* a global, mutable i64: what is left; 0 at first */
#define METER_DEPTH "airscrew:depth" /* a global, mutable i64: what is left, packed; 0 at first */
#define METER_START "airscrew:start" /* the start function, if there is one: not for callers */

enum {
	METER_CALLS = 10000, /* open at once, by default */
	METER_SLOTS = 1024 * 1024,
	METER_DEPTH_MAX = 1 << 30 /* the greatest limit of either */
};

/*
 * The native stack, in bytes, on which no mode of the engine overflows before the default call
 * depth is exhausted (stack_test.c goes there on half of it), if Cranelift optimises nothing
 * (WASMTIME_OPT_LEVEL_NONE, also for Pulley). When it does, it keeps any number of values that
 * the module computes twice or in a loop over a call: 65 kB in a frame of 4 slots were seen, where
 * Winch had 97 bytes. What is left is the host's business: an overflow of the native stack is not
 * an outcome of the module, and is to be reported as a failure of ours.
 */
enum { METER_STACK_BYTES = 128 * 1024 * 1024 };

struct meter_options {
	uint64_t size_limit; /* of what comes out, in bytes; 0: 16 times the input and 64 KiB */
};

struct meter_module {
	bool start;     /* there is METER_START */
	bool own_units; /* it exports __instrumented_use_gas: gas is only what that is called with
			 */
};

/*
 * Appends the rewritten module to *out (whose own limit holds too). The bytes should have been
 * validated: from others comes an error or another invalid module, and no harm. Fails with
 * ERROR_MODULE: not a core module, cut, broken, a name of ours, a feature that not every mode has
 * (named); ERROR_TOO_LARGE; ERROR_NO_MEMORY. *out then holds a part.
 */
bool meter_rewrite(struct bytes wasm, const struct meter_options *options, struct buf *out,
		struct meter_module *module, struct error *err) MUST_CHECK;

/* What METER_DEPTH is set to; neither limit is above METER_DEPTH_MAX. */
int64_t meter_depth(uint32_t calls, uint32_t slots);

enum meter_end {
	METER_OWN, /* it returned, or if it trapped, it was the module's own trap */
	METER_OUT_OF_GAS,
	METER_DEPTH_EXHAUSTED
};

struct meter_reading {
	enum meter_end end;
	int64_t gas_used;
};

/* What the values of the globals after a run mean. */
struct meter_reading meter_read(int64_t limit, int64_t gas, int64_t depth);
