/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The modules of one file of the official suite: in one store, linked to each other and to the
 * suite's own module "spectest". That is more than program_call() offers (it has one module, no
 * imports and no state between calls), so this stands on the engine's C interface, but with the
 * tier and the rewriting of program_call(). Modules that have neither imports nor state are called
 * through program_call() as well, and must answer the same.
 */
#include "engine/program.h"

/* What is tested: a mode, plain or metered. */
struct setup {
	struct engine *engine;
	enum engine_kind kind;
	bool metered;
};

enum outcome_kind { OUTCOME_RETURNED, OUTCOME_TRAPPED, OUTCOME_BROKEN };

/* What came of an action; values belong to the world until the next action. */
struct outcome {
	enum outcome_kind kind;
	enum trap_kind trap;
	const wasmtime_val_t *values;
	size_t count;
	struct error err; /* why it is broken */
};

struct world;
struct world *world_create(const struct setup *setup); /* never NULL */
void world_destroy(struct world *world);
/* ERROR_MODULE if it is not accepted. */
bool world_validate(struct world *world, struct bytes wasm, struct error *err);
/* Loads a module; it is the current one then, also by its name if it has one. */
void world_load(struct world *world, struct bytes wasm, const char *name, struct outcome *outcome);
/* Names a module (NULL: the current one) for the imports of others. */
bool world_register(struct world *world, const char *name, const char *as);
/* True if there is such a module (NULL: a current one). */
bool world_has(const struct world *world, const char *name);

struct action {
	const char *module; /* NULL: the current one */
	const char *field;  /* may hold zero characters */
	size_t field_size;
	bool get; /* a global's value, not a function's results */
	const wasmtime_val_t *values;
	size_t count;
};
void world_act(struct world *world, const struct action *action, struct outcome *outcome);
/* The gas of every call that went through program_call(), in order. */
const uint64_t *world_gas(const struct world *world, size_t *count);
