/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Engines: compile a module, run it once with limits, stop it at any moment.
 *
 * One `struct engine` per process holds every kind (spec/engines.def) and is safe from any thread.
 * A `struct module` is compiled code, immutable, usable by many runs at once, in any thread. A run
 * happens in the calling thread, which must have a stack of at least ENGINE_STACK_BYTES. A run
 * always has limits, and a guest never blocks the host: stdin is bytes, output is collected up to
 * a bound, poll_oneoff waits on the run's own stop. Values are exact: NaN is canonical in every
 * kind. Crash handlers of a program must be installed before engine_create() (wasmtime chains to
 * them). Fork without exec is not allowed after the first compilation.
 *
 * Guests get WASI preview 1 (args, env, stdin, stdout, stderr, clocks, random, exit code, the
 * directories that their run asked for and may have) and nothing else: no sockets, no shared
 * memories. It is our own (wasi.h says why). Components get WASI 0.2 with the same in it
 * (component_host.h); their functions take and give values as WAVE text (wave.h), where a string
 * may come without its quotes.
 *
 * Text of a core module's values: integers in decimal or 0x hexadecimal, an i32 from -2147483648 to
 * 4294967295; results are the shortest decimal that reads back the same, "3" and "1e+21" as
 * ECMAScript, with "-0", "inf", "-inf" and "nan". Fuel is counted at loops and calls only, and a
 * trap or a bulk operation may count differently in another kind.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/str.h"

enum { ENGINE_STACK_BYTES = 2 * 1024 * 1024 };

enum engine_kind {
#define ENGINE(code, name, help) ENGINE_##code,
#include "spec/engines.def"
#undef ENGINE
	ENGINE_KINDS /* how many there are */
};

/* "multipass" and so on; false if no kind has that name. */
bool engine_kind_parse(const char *name, enum engine_kind *kind) MUST_CHECK;
const char *engine_kind_name(enum engine_kind kind);

struct engine_options {
	const char *external; /* the external runtime: a path, a name in PATH, NULL for none */
	const char *folder;   /* with external: where module files for it are kept, mode 0600 */
	/* The program itself, if it calls child_main() (child.h): then large modules are compiled
	 * in a child, and external runtimes die with this process. NULL: no children. */
	const char *self;
	uint64_t compile_memory_bytes; /* of addresses, for such a child; 0: no limit */
	uint64_t compile_cpu_seconds;  /* 0: no limit */
	/* Directories that runs may ask for, absolute; those ending in "=ro" never to write. */
	const struct strings *dirs; /* NULL: none */
};

/* Larger modules are compiled in a child. */
enum { ENGINE_CHILD_BYTES = 256 * 1024 };

struct engine;
struct engine *engine_create(const struct engine_options *options, struct error *err) MUST_CHECK;
/* After every module and run of it is gone. */
void engine_destroy(struct engine *engine);
/* True if modules of this kind can be compiled and run here. */
bool engine_offers(const struct engine *engine, enum engine_kind kind);

/*
 * Compiles. `metered` code counts fuel (slower; only such code accepts a fuel limit).
 * ERROR_MODULE: not wasm, truncated, invalid, or a feature that this kind lacks: for singlepass
 * the message names the feature (exceptions, tail calls, garbage collection types, relaxed SIMD)
 * and says to use `multipass`. For kind external the bytes are only checked and put into a file.
 */
struct module;
struct module *engine_compile(struct engine *engine, enum engine_kind kind, bool metered,
		struct bytes wasm, struct error *err) MUST_CHECK;
/* The same, in a child if it is large: then a stop ends it within 100 ms (ERROR_INTERRUPTED), and
 * the child's limits hold (ERROR_NO_MEMORY, ERROR_TIMEOUT). */
struct run_stop;
/* True if engine_prepare() would do so: then it can be stopped. */
bool engine_uses_child(const struct engine *engine, enum engine_kind kind, size_t wasm_size);
struct module *engine_prepare(struct engine *engine, enum engine_kind kind, bool metered,
		struct bytes wasm, struct run_stop *stop, struct error *err) MUST_CHECK;
/* A module in a memory file: a child gets that, and no copy. Nobody else can write to it, as in one
 * that is sealed (base/memory_file.h). `file` 0: the bytes are nowhere else. */
struct module_text {
	struct bytes bytes;
	int file;
};
struct module *engine_prepare_text(struct engine *engine, enum engine_kind kind, bool metered,
		const struct module_text *text, struct run_stop *stop,
		struct error *err) MUST_CHECK;
/* A core module that counts gas (spec/gas.md), for runs with limits.gas; kind is not external.
 * Features that not every kind has are refused: ERROR_MODULE names them. */
struct module *engine_prepare_gas(struct engine *engine, enum engine_kind kind, bool metered,
		struct bytes wasm, struct run_stop *stop, struct error *err) MUST_CHECK;
void module_destroy(struct module *module);      /* accepts NULL */
size_t module_size(const struct module *module); /* bytes of code kept, for caches */

struct run_limits {
	uint64_t memory_bytes; /* linear memory, all memories of the guest together */
	uint64_t wall_ms;      /* from the guest's first instruction; 0: none */
	uint64_t fuel;         /* 0: none; else the module must be metered */
	uint64_t output_bytes; /* for each of stdout and stderr; what is beyond is cut */
	/* 0: none; else the module must be of engine_prepare_gas(). Its calls end where the stack
	 * of the kind does, not at a depth of spec/gas.md. */
	uint64_t gas;
};

/* A directory of the host for one run: it must be one of engine_options.dirs or below one. */
struct run_dir {
	const char *host;
	const char *guest; /* what the guest knows it by */
	bool write;
};

enum { RUN_DIRS_MAX = 16 };

/*
 * What a run uses while it runs, for another thread to look at. A guest in this process tells its
 * memory, fuel and files when it waits, and soon after engine_stir() if it computes; its fuel up to
 * its last call. Of an external runtime it is what its processes use, without their supervisor.
 */
struct run_usage {
	uint64_t uptime_ms;
	uint64_t cpu_ns;
	uint64_t memory_bytes; /* of all linear memories; of processes, what is resident */
	uint64_t fuel_used;    /* 0 if it is not metered */
	uint64_t read_bytes, written_bytes; /* of files */
	uint64_t threads, files;
};
struct run_gauge;
struct run_gauge *run_gauge_create(void); /* never NULL */
void run_gauge_destroy(struct run_gauge *gauge);
/* False if it does not run: not yet, or not any more. */
bool run_gauge_read(struct run_gauge *gauge, struct run_usage *usage) MUST_CHECK;
/* Asks all guests that compute to tell their gauges; that takes them a moment. */
void engine_stir(struct engine *engine);

/* Everything is borrowed for the length of the run. */
struct run_request {
	const char *name;   /* argv[0] and the first choice of export */
	const char *invoke; /* an export that must exist; NULL: name, main, run, _start in turn, in
			     * a component name, wasi:cli/run, main, run; there "iface#name" too */
	const struct strings *args;   /* argv[1..]; without the --invoke of Propeller's cli_args */
	const struct strings *inputs; /* the export's arguments as text; for _start more argv */
	const struct strings *env;    /* "NAME=value" */
	struct bytes input;           /* stdin */
	const struct run_dir *dirs;
	size_t dir_count; /* at most RUN_DIRS_MAX */
	struct run_limits limits;
	struct run_gauge *gauge; /* or NULL */
	/* Called in the running thread just before the guest's first instruction; may be NULL. */
	void (*started)(void *context);
	void *context;
};

/* What came of a run that took place. All of it belongs to the caller: run_result_finish(). */
struct run_result {
	bool has_values;
	char *values; /* the export's results joined by ","; "" if none, NULL if it failed; of a
		       * component the one result */
	struct buf stdout_bytes, stderr_bytes;
	bool truncated; /* some output was cut */
	bool exited;    /* it ended by itself with... */
	int exit_code;  /* ...this code; 0 for an export that returned */
	uint64_t fuel_used;
	uint64_t gas_used;     /* 0 if the module does not count it */
	uint64_t memory_bytes; /* at the end */
};
void run_result_finish(struct run_result *result);

/* A handle by which another thread ends a run; one per run, made before it begins. */
struct run_stop;
struct run_stop *run_stop_create(struct engine *engine); /* never NULL */
void run_stop_destroy(struct run_stop *stop);
/* Ends the run within 100 ms (or keeps it from beginning); it fails with ERROR_INTERRUPTED. */
void run_stop_request(struct run_stop *stop);
bool run_stop_requested(const struct run_stop *stop);

/*
 * Runs a module once. True: it ended by itself (look at exit_code; non-zero is a failed workload).
 * False: err says why, and `result` still holds the output until then:
 * ERROR_INVALID  missing export (lists what there is), count, type, range or form of an input,
 *                a directory that it may not have
 * ERROR_MODULE   an import that nobody offers (module.name and its type)
 * ERROR_FAILED   a trap, with its kind and the wasm backtrace; stack overflow; out of fuel; out of
 *                memory (what was asked for, what the limit is); a runtime that died
 * ERROR_TIMEOUT  wall_ms is over     ERROR_INTERRUPTED  run_stop_request()
 */
bool module_run(struct module *module, const struct run_request *request, struct run_stop *stop,
		struct run_result *result, struct error *err) MUST_CHECK;
