/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Guests that run in this process: what wasmtime.c makes of a module, and one run of it, which
 * belongs to the thread that runs it. Compiled once, run by many: a wasm_module does not change.
 */
#include "engine/inside.h"
#include "engine/stop.h"
#include "engine/values.h"

/* An exported function. */
struct export_function {
	char *name; /* as in the module: may hold any character but zero */
	struct value_types params, results;
};

struct wasm_module {
	struct module module; /* first */
	struct tier tier;     /* borrowed from the engine */
	bool metered;
	bool gas;           /* it counts gas itself (gas.c) */
	uint64_t instances; /* core instances that a run of it may make */
	wasmtime_module_t *code;
	wasmtime_instance_pre_t *linked; /* NULL if its imports cannot be met */
	char *imports_error;             /* says which, if so */
	struct export_function *functions;
	size_t function_count;
};

/* Fills a zeroed one that stands first in its own memory; it takes the code. */
void wasm_module_init(struct wasm_module *module, struct engine *engine, const struct tier *tier,
		wasmtime_module_t *code);

/* Why a run ended before its function returned. */
enum guest_end {
	GUEST_RUNS,
	GUEST_EXITED,  /* proc_exit */
	GUEST_STOPPED, /* run_stop_request() */
	GUEST_LATE,    /* wall_ms */
};

struct guest {
	struct wasm_module *module;
	const struct run_request *request;
	struct run_stop *stop;
	struct run_result *result;
	struct airscrew_limiter limits;
	struct epoch_watch watch;
	wasmtime_store_t *store;
	wasmtime_context_t *context;
	wasmtime_instance_t instance;
	const struct export_function *entry;
	uint64_t wall_ns; /* CLOCK_MONOTONIC time at which wall_ms is over; UINT64_MAX: never */
	size_t input_at;  /* how much of stdin has been read */
	bool closed[3];   /* stdin, stdout, stderr */
	uint64_t read_bytes, written_bytes; /* of files */
	struct wasi_files *files;           /* NULL: it has no directories */
	bool command;                       /* the inputs are arguments too */
	enum guest_end end;
	struct host_state *host; /* a component's; else NULL */
};

/*
 * The frame of every run: a store with its limits and its fuel, the clock, the stop; in it the
 * body, which calls the guest. False with the reason if the guest did not end by itself.
 */
typedef bool (*guest_body_fn)(struct guest *guest, void *values, struct error *err);
bool guest_run(struct guest *guest, guest_body_fn body, void *values, struct error *err) MUST_CHECK;

/* True if the run has to end now; then guest->end says why. */
bool guest_over(struct guest *guest);
uint64_t guest_now_ns(void);
/* Tells its gauge what it uses. */
void guest_tell(struct guest *guest);

/* gas.c: around a run in an instance. The first one also runs the start function. */
bool gas_begin(struct guest *guest, struct error *err) MUST_CHECK;
/* What it used; says so if that is why it ended. */
void gas_end(struct guest *guest, struct error *err);
/* Calls a function of the instance by its name. */
bool guest_call(struct guest *guest, const struct export_function *function,
		const wasmtime_val_t *params, wasmtime_val_t *results,
		struct error *err) MUST_CHECK;

/* exports.c: the exported functions of a module, and which of them a run begins with. */
void exports_list(struct wasm_module *module);
void exports_drop(struct export_function *function); /* what one of them holds */
void exports_finish(struct wasm_module *module);
const struct export_function *exports_find(const struct wasm_module *module, const char *name);
/* Sets the error: what was asked for, and the functions that there are. */
bool exports_refuse(const struct wasm_module *module, enum error_code code, const char *what,
		struct error *err);
bool exports_entry(const struct wasm_module *module, const struct run_request *request,
		const struct export_function **entry, struct error *err) MUST_CHECK;

/* wasi.c: the host functions, and what those of components share with them. */
/* The arguments (name, args and, for a command, the inputs) and the environment; NULL: no more. */
const char *guest_argument(const struct guest *guest, size_t index);
const char *guest_variable(const struct guest *guest, size_t index);
/* Takes all of it and keeps as much as the limit allows. */
void guest_output(struct guest *guest, struct buf *out, const void *bytes, size_t size);
bool wasi_define(wasmtime_linker_t *linker, struct error *err) MUST_CHECK;
/* True for a function of WASI preview 1. */
bool wasi_has(const char *name, size_t size);

/* wasi_files.c: the directories of a run, opened before it begins, and what it leaves open. */
bool wasi_files_open(struct guest *guest, struct error *err) MUST_CHECK;
void wasi_files_close(struct guest *guest);
unsigned wasi_files_count(const struct guest *guest); /* descriptors that are open */

/* trap.c: errors of wasmtime in our words. Each takes what it tells about. */
bool trap_set(const struct guest *guest, wasm_trap_t *trap, struct error *err);
bool trap_set_error(const struct guest *guest, wasmtime_error_t *error, struct error *err);
/* The names and types of all imports that nobody offers, a bounded text for the heap. */
char *imports_tell(const struct wasm_module *module, wasmtime_error_t *error);
