/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "engine/strict.h"
#include "meter/meter.h"

/* Of the calls that can, each one also goes through program_call(); with a sanitizer one of many,
 * since that looks after the 24 MiB of the interpreter's stack anew for each. */
#ifdef SANITIZED
enum { CALLS_FOR_ONE = 64 };
#else
enum { CALLS_FOR_ONE = 1 };
#endif

enum { PLACES_MAX = 1024, MODULE_MAX = 64 * 1024 * 1024, WALL_MS = 60000 };

/* Enough for what the suite itself begins with, and not for what it tries to grow to. */
static const uint64_t memory_most = (uint64_t)1 << 30;

static const char spectest[] = "(module"
			       " (global (export \"global_i32\") i32 (i32.const 666))"
			       " (global (export \"global_i64\") i64 (i64.const 666))"
			       " (global (export \"global_f32\") f32 (f32.const 666.6))"
			       " (global (export \"global_f64\") f64 (f64.const 666.6))"
			       " (table (export \"table\") 10 20 funcref)"
			       " (memory (export \"memory\") 1 2)"
			       " (func (export \"print\"))"
			       " (func (export \"print_i32\") (param i32))"
			       " (func (export \"print_i64\") (param i64))"
			       " (func (export \"print_f32\") (param f32))"
			       " (func (export \"print_f64\") (param f64))"
			       " (func (export \"print_i32_f32\") (param i32 f32))"
			       " (func (export \"print_f64_f64\") (param f64 f64)))";

struct place {
	char *name; /* or NULL */
	wasmtime_module_t *code;
	wasmtime_instance_t instance;
	struct program *program; /* if it has no imports and no state */
	bool counts;             /* it is metered */
	bool there;              /* it may be called: its start did not fail */
};

struct world {
	struct setup setup;
	struct tier tier;
	struct airscrew_limiter limits;
	wasmtime_store_t *store;
	wasmtime_context_t *context;
	wasmtime_linker_t *linker;
	struct place places[PLACES_MAX];
	size_t count;
	struct place *current; /* NULL: its module was not accepted */
	wasmtime_val_t *results;
	struct run_stop *stop;
	size_t callable; /* calls that program_call() could make, too */
	uint64_t *gas;
	size_t gas_count;
};

static void broken(struct outcome *outcome, wasmtime_error_t *error, const char *what) {
	outcome->kind = OUTCOME_BROKEN;
	(void)module_set_error(error, &outcome->err, what);
}

/* --- the meter's globals -----------------------------------------------------------------------
 */

static bool global_of(struct world *world, struct place *place, const char *name,
		wasmtime_global_t *global) {
	wasmtime_extern_t item;
	if (!wasmtime_instance_export_get(
			    world->context, &place->instance, name, strlen(name), &item)) {
		return false;
	}
	*global = item.of.global;
	return true;
}

static void set(struct world *world, struct place *place, const char *name, int64_t number) {
	wasmtime_global_t global;
	const wasmtime_val_t value = { .kind = WASMTIME_I64, .of.i64 = number };
	if (!global_of(world, place, name, &global) ||
			wasmtime_global_set(world->context, &global, &value) != NULL) {
		(void)fprintf(stderr, "the export %s of lib/meter is not there\n", name);
		abort();
	}
}

static int64_t get(struct world *world, struct place *place, const char *name) {
	wasmtime_global_t global;
	wasmtime_val_t value = { 0 };
	if (global_of(world, place, name, &global)) {
		wasmtime_global_get(world->context, &global, &value);
	}
	return value.of.i64;
}

static void refill(struct world *world, struct place *place) {
	if (place->counts) {
		set(world, place, METER_GAS, INT64_MAX);
		set(world, place, METER_DEPTH, meter_depth(METER_CALLS, METER_SLOTS));
	}
}

/* A module whose call failed is used again here, as nowhere else. */
static void refill_all(struct world *world) {
	for (size_t i = 0; i < world->count; i++) {
		refill(world, &world->places[i]);
	}
}

static enum trap_kind metered_trap(struct world *world, enum trap_kind kind) {
	for (size_t i = 0; i < world->count; i++) {
		struct place *place = &world->places[i];
		if (place->counts &&
				meter_read(INT64_MAX, get(world, place, METER_GAS),
						get(world, place, METER_DEPTH))
								.end == METER_DEPTH_EXHAUSTED) {
			return TRAP_CALL_STACK;
		}
	}
	return kind;
}

static void trapped(struct world *world, wasm_trap_t *trap, struct outcome *outcome) {
	outcome->kind = OUTCOME_TRAPPED;
	outcome->trap = metered_trap(world, trap_kind_of(trap));
	wasm_trap_delete(trap);
	refill_all(world);
}

/* --- the world ---------------------------------------------------------------------------------
 */

static wasmtime_error_t *look(wasmtime_context_t *context, void *data, uint64_t *delta,
		wasmtime_update_deadline_kind_t *kind) {
	(void)context, (void)data;
	*delta = 1;
	*kind = WASMTIME_UPDATE_DEADLINE_CONTINUE;
	return NULL;
}

static void make_store(struct world *world) {
	world->limits = (struct airscrew_limiter){
		.memory_limit = memory_most,
		.table_limit = 4 * STRICT_TABLE_ELEMENTS,
		.instance_limit = PLACES_MAX,
		.table_count_limit = PLACES_MAX,
		.memory_count_limit = PLACES_MAX,
	};
	world->store = wasmtime_store_new(world->tier.wasm, NULL, NULL);
	world->context = wasmtime_store_context(world->store);
	airscrew_store_limit(world->store, &world->limits);
	wasmtime_context_set_epoch_deadline(world->context, 1);
	wasmtime_store_epoch_deadline_callback(world->store, look, NULL, NULL);
	world->linker = wasmtime_linker_new(world->tier.wasm);
	wasmtime_linker_allow_shadowing(world->linker, true);
}

static void load_spectest(struct world *world) {
	wasm_byte_vec_t wasm;
	struct outcome outcome = { 0 };
	struct setup setup = world->setup;
	world->setup.metered = false; /* it stands for a host */
	if (wasmtime_wat2wasm(spectest, strlen(spectest), &wasm) != NULL) {
		abort();
	}
	world_load(world, (struct bytes){ (const uint8_t *)wasm.data, wasm.size }, NULL, &outcome);
	if (outcome.kind != OUTCOME_RETURNED || !world_register(world, NULL, "spectest")) {
		(void)fprintf(stderr, "spectest: %s\n", outcome.err.message);
		abort();
	}
	wasm_byte_vec_delete(&wasm);
	world->setup = setup;
	world->current = NULL;
}

struct world *world_create(const struct setup *setup) {
	struct world *world = MEM_NEW(struct world);
	struct error err;
	/* Not from the pool: a file has more modules than that has places. */
	const struct module_kind kind = { setup->kind, TIER_CALL_ODD };
	world->setup = *setup;
	if (!tier_get(setup->engine, &kind, &world->tier, &err)) {
		(void)fprintf(stderr, "%s\n", err.message);
		abort();
	}
	world->stop = run_stop_create(setup->engine);
	make_store(world);
	load_spectest(world);
	return world;
}

void world_destroy(struct world *world) {
	wasmtime_linker_delete(world->linker);
	wasmtime_store_delete(world->store);
	for (size_t i = 0; i < world->count; i++) {
		wasmtime_module_delete(world->places[i].code);
		program_destroy(world->places[i].program);
		free(world->places[i].name);
	}
	run_stop_destroy(world->stop);
	free(world->results);
	free(world->gas);
	free(world);
}

static struct place *find(struct world *world, const char *name) {
	if (name == NULL) {
		return world->current;
	}
	for (size_t i = world->count; i > 0; i--) {
		struct place *place = &world->places[i - 1];
		if (place->name != NULL && str_equal(place->name, name)) {
			return place->there ? place : NULL;
		}
	}
	return NULL;
}

bool world_has(const struct world *world, const char *name) {
	return find((struct world *)(uintptr_t)world, name) != NULL;
}

const uint64_t *world_gas(const struct world *world, size_t *count) {
	*count = world->gas_count;
	return world->gas;
}

/* --- loading -----------------------------------------------------------------------------------
 */

bool world_validate(struct world *world, struct bytes wasm, struct error *err) {
	wasmtime_error_t *error = wasmtime_module_validate(world->tier.wasm, wasm.data, wasm.size);
	return error == NULL || module_set_error(error, err, "not accepted");
}

static bool compile(
		struct world *world, struct bytes wasm, struct place *place, struct error *err) {
	CLEANUP(buf_finish) struct buf metered = BUF_INIT(MODULE_MAX);
	if (!world_validate(world, wasm, err)) {
		return false;
	}
	if (world->setup.metered) {
		const struct meter_options options = { 0 };
		struct meter_module module;
		if (!meter_rewrite(wasm, &options, &metered, &module, err)) {
			return error_wrap(err, "metering");
		}
		wasm = (struct bytes){ metered.data, metered.size };
		place->counts = true;
	}
	wasmtime_error_t *error =
			wasmtime_module_new(world->tier.wasm, wasm.data, wasm.size, &place->code);
	return error == NULL || module_set_error(error, err, "cannot be compiled");
}

/* No section but those for types, functions, exports and code. */
static bool stateless(struct bytes wasm) {
	enum { TYPES = 1, FUNCTIONS = 3, EXPORTS = 7, CODE = 10 };
	for (size_t at = 8; at < wasm.size;) {
		uint8_t id = wasm.data[at++];
		uint64_t size = 0;
		for (unsigned shift = 0; at < wasm.size; shift += 7) {
			uint8_t byte = wasm.data[at++];
			size |= (uint64_t)(byte & 0x7f) << shift;
			if ((byte & 0x80) == 0) {
				break;
			}
		}
		if (id != 0 && id != TYPES && id != FUNCTIONS && id != EXPORTS && id != CODE) {
			return false;
		}
		at += size;
	}
	return true;
}

static void call_start(struct world *world, struct place *place, struct outcome *outcome) {
	wasmtime_extern_t item;
	wasm_trap_t *trap = NULL;
	if (!place->counts || !wasmtime_instance_export_get(world->context, &place->instance,
					      METER_START, strlen(METER_START), &item)) {
		return;
	}
	wasmtime_error_t *error =
			wasmtime_func_call(world->context, &item.of.func, NULL, 0, NULL, 0, &trap);
	if (error != NULL) {
		broken(outcome, error, "start");
	} else if (trap != NULL) {
		trapped(world, trap, outcome);
	}
}

static void instantiate(struct world *world, struct place *place, struct outcome *outcome) {
	wasm_trap_t *trap = NULL;
	wasmtime_error_t *error = wasmtime_linker_instantiate(
			world->linker, world->context, place->code, &place->instance, &trap);
	if (error != NULL) {
		broken(outcome, error, "linking");
		place->counts = false;
	} else if (trap != NULL) {
		place->counts = false; /* there is no instance whose globals could be read */
		trapped(world, trap, outcome);
	} else {
		refill(world, place);
		call_start(world, place, outcome);
	}
}

void world_load(struct world *world, struct bytes wasm, const char *name, struct outcome *outcome) {
	*outcome = (struct outcome){ .kind = OUTCOME_RETURNED };
	struct place *place = &world->places[world->count];
	world->current = NULL;
	if (world->count == PLACES_MAX || !compile(world, wasm, place, &outcome->err)) {
		place->counts = false;
		outcome->kind = OUTCOME_BROKEN;
		return;
	}
	world->count++;
	place->name = str_copy(name);
	instantiate(world, place, outcome);
	place->there = outcome->kind == OUTCOME_RETURNED;
	world->current = place->there ? place : NULL;
	if (place->there && stateless(wasm)) {
		place->program = program_create(world->setup.engine, world->setup.kind,
				world->setup.metered, wasm, NULL, &outcome->err);
		outcome->kind = place->program != NULL ? OUTCOME_RETURNED : OUTCOME_BROKEN;
	}
}

bool world_register(struct world *world, const char *name, const char *as) {
	struct place *place = find(world, name);
	if (place == NULL) {
		return false;
	}
	wasmtime_error_t *error = wasmtime_linker_define_instance(
			world->linker, world->context, as, strlen(as), &place->instance);
	if (error != NULL) {
		wasmtime_error_delete(error);
	}
	return error == NULL;
}

/* --- acting ------------------------------------------------------------------------------------
 */

static void read_global(
		struct world *world, const wasmtime_extern_t *item, struct outcome *outcome) {
	world->results = mem_resize(world->results, 1, sizeof(*world->results));
	wasmtime_global_get(world->context, &item->of.global, world->results);
	outcome->values = world->results;
	outcome->count = 1;
}

static void invoke(struct world *world, const wasmtime_extern_t *item, const struct action *action,
		struct outcome *outcome) {
	wasm_functype_t *type = wasmtime_func_type(world->context, &item->of.func);
	size_t count = wasm_functype_results(type)->size;
	wasm_functype_delete(type);
	world->results = mem_resize(world->results, count + 1, sizeof(*world->results));
	wasm_trap_t *trap = NULL;
	wasmtime_error_t *error = wasmtime_func_call(world->context, &item->of.func, action->values,
			action->count, world->results, count, &trap);
	if (error != NULL) {
		broken(outcome, error, "calling");
	} else if (trap != NULL) {
		/* It has no values: what is in `results` is left from other calls, or never written. */
		trapped(world, trap, outcome);
	} else {
		outcome->values = world->results;
		outcome->count = count;
	}
}

/* --- the same through program_call() -----------------------------------------------------------
 */

static bool plain(const wasmtime_val_t *values, size_t count) {
	for (size_t i = 0; i < count; i++) {
		if (values[i].kind > WASMTIME_F64) {
			return false;
		}
	}
	return true;
}

static bool same_results(const struct call_result *result, const struct outcome *outcome) {
	if (result->count != outcome->count) {
		return false;
	}
	for (size_t i = 0; i < result->count; i++) {
		bool small = outcome->values[i].kind == WASMTIME_I32 ||
			     outcome->values[i].kind == WASMTIME_F32;
		size_t size = small ? sizeof(uint32_t) : sizeof(uint64_t);
		if (memcmp(&result->values[i].of, &outcome->values[i].of, size) != 0) {
			return false;
		}
	}
	return true;
}

static void note_gas(struct world *world, uint64_t gas) {
	world->gas = mem_resize(world->gas, world->gas_count + 1, sizeof(*world->gas));
	world->gas[world->gas_count++] = gas;
}

/* What it answers is what was answered before, or the outcome is broken. */
static void call_again(struct world *world, struct program *program, const struct action *action,
		struct outcome *outcome) {
	CLEANUP(mem_freep) struct value *values = mem_zero(action->count, sizeof(*values));
	for (size_t i = 0; i < action->count; i++) {
		values[i].type = (enum value_type)(action->values[i].kind + 1);
		values[i].of.i64 = action->values[i].of.i64;
	}
	const struct call_request request = { .values = values,
		.count = action->count,
		.gas = CALL_GAS_MOST,
		.memory_bytes = memory_most,
		.wall_ms = WALL_MS };
	struct call_result result = { 0 };
	struct error err = { 0 };
	const struct export_function *function = program_function(program, action->field, &err);
	bool ok = function != NULL &&
		  program_call(program, function, &request, world->stop, &result, &err);
	bool same = ok ? outcome->kind == OUTCOME_RETURNED && same_results(&result, outcome)
		       : outcome->kind == OUTCOME_TRAPPED && outcome->trap == result.trap;
	if (!same) {
		outcome->kind = OUTCOME_BROKEN;
		error_set(&outcome->err, ERROR_INTERNAL, "program_call() answers otherwise: %s",
				ok ? "other values" : err.message);
	}
	note_gas(world, result.gas_used);
	call_result_finish(&result);
}

void world_act(struct world *world, const struct action *action, struct outcome *outcome) {
	*outcome = (struct outcome){ .kind = OUTCOME_RETURNED };
	struct place *place = find(world, action->module);
	wasmtime_extern_t item;
	if (place == NULL || !wasmtime_instance_export_get(world->context, &place->instance,
					     action->field, action->field_size, &item)) {
		outcome->kind = OUTCOME_BROKEN;
		error_set(&outcome->err, ERROR_NOT_FOUND, "no export \"%s\"", action->field);
		return;
	}
	if (action->get) {
		read_global(world, &item, outcome);
		return;
	}
	invoke(world, &item, action, outcome);
	if (place->program != NULL && outcome->kind != OUTCOME_BROKEN &&
			strlen(action->field) == action->field_size &&
			plain(action->values, action->count) &&
			plain(outcome->values, outcome->count) &&
			world->callable++ % CALLS_FOR_ONE == 0) {
		call_again(world, place->program, action, outcome);
	}
}
