/* SPDX-License-Identifier: Apache-2.0 */
/* Modules for calls: what is accepted, and what there is to call. */
#include "engine/program.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "engine/sections.h"
#include "engine/strict.h"
#include "meter/meter.h"

/* What the meter may make of a module. */
enum { METERED_MAX = 4 * PROGRAM_MODULE_MAX };

static bool refuse_run(struct module *module, const struct run_request *request,
		struct run_stop *stop, struct run_result *result, struct error *err) {
	(void)module, (void)request, (void)stop, (void)result;
	return error_set(err, ERROR_INTERNAL, "a program for calls was run as a task");
}

static bool check_form(struct bytes wasm, struct error *err) {
	if (wasm.size > PROGRAM_MODULE_MAX) {
		return error_set(err, ERROR_TOO_LARGE,
				"the module has %zu bytes, at most %d are accepted", wasm.size,
				(int)PROGRAM_MODULE_MAX);
	}
	if (!wasm_header_check(wasm, err)) {
		return false;
	}
	return !component_is(wasm) ||
	       error_set(err, ERROR_MODULE,
			       "this is a component: only core modules can be called this way");
}

static bool check_imports(struct bytes wasm, struct error *err) {
	CLEANUP(strings_finish) struct strings first = { 0 };
	uint32_t count;
	if (!sections_imports(wasm, &count, &first)) {
		return error_set(err, ERROR_MODULE, "the imports of the module cannot be read");
	}
	if (count == 0) {
		return true;
	}
	char more[32] = "";
	if (count > 1) {
		(void)snprintf(more, sizeof(more), " and %u more", count - 1);
	}
	return error_set(err, ERROR_MODULE,
			"the module imports \"%.96s\" \"%.96s\"%s, and nothing is offered here: "
			"build it without imports (no WASI)",
			first.items[0], first.items[1], more);
}

/* What is refused on purpose, by the words of wasmtime's validator. False, as an error is. */
static bool name_feature(struct error *err) {
	static const struct {
		const char *words, *feature;
	} known[] = {
		{ "tail calls", "tail calls" },
		{ "exceptions", "exceptions" },
		{ "relaxed SIMD", "relaxed SIMD" },
		{ "threads", "threads (shared memories, atomic operators)" },
		{ "function references", "typed function references" },
		{ "gc types are disallowed", "externref or another garbage collection type" },
		{ "the gc feature", "garbage collection types" },
		{ "`gc` proposal", "garbage collection types" },
		{ "wide arithmetic", "wide arithmetic" },
		{ "custom page sizes", "custom page sizes" },
	};
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strstr(err->message, known[i].words) != NULL) {
			return error_wrap(err, "the module uses %s, which not every engine has",
					known[i].feature);
		}
	}
	return false;
}

/* Everything that is to be known before somebody compiles it. */
static bool check(const struct tier *tier, struct bytes wasm, struct error *err) {
	wasmtime_error_t *invalid = wasmtime_module_validate(tier->wasm, wasm.data, wasm.size);
	if (invalid != NULL) {
		(void)module_set_error(invalid, err, "the module is not accepted");
		return name_feature(err);
	}
	return check_imports(wasm, err);
}

static void destroy(struct module *module) {
	struct program *program = (struct program *)module;
	if (program->deep.linked != NULL) {
		wasmtime_instance_pre_delete(program->deep.linked);
	}
	if (program->deep.code != NULL) {
		wasmtime_module_delete(program->deep.code);
	}
	pthread_mutex_destroy(&program->lock);
	program->destroy(module);
}

/* The machine code does not know how large the stack is: a copy of it does. */
static bool copy_code(const struct program *program, struct deep *deep, struct error *err) {
	wasm_byte_vec_t bytes;
	wasmtime_error_t *error = wasmtime_module_serialize(program->wasm.code, &bytes);
	if (error != NULL) {
		return module_set_error(error, err, "the code cannot be copied");
	}
	error = wasmtime_module_deserialize(
			deep->tier.wasm, (const uint8_t *)bytes.data, bytes.size, &deep->code);
	wasm_byte_vec_delete(&bytes);
	if (error == NULL) {
		error = wasmtime_linker_instantiate_pre(
				deep->tier.linker, deep->code, &deep->linked);
	}
	return error == NULL || module_set_error(error, err, "the code cannot be loaded");
}

const struct deep *program_deep(struct program *program, struct error *err) {
	struct module *module = &program->wasm.module;
	const struct module_kind kind = { module->kind, TIER_CALL_ODD };
	pthread_mutex_lock(&program->lock);
	bool ok = program->deep.linked != NULL ||
		  (tier_get(module->engine, &kind, &program->deep.tier, err) &&
				  copy_code(program, &program->deep, err));
	pthread_mutex_unlock(&program->lock);
	return ok ? &program->deep : NULL;
}

static struct program *compile(struct engine *engine, const struct module_kind *kind,
		struct bytes wasm, struct run_stop *stop, struct error *err) {
	const struct module_text text = { .bytes = wasm };
	struct tier tier;
	struct code code;
	if (!tier_get(engine, kind, &tier, err) ||
			!tier_code(engine, &tier, kind, &text, stop, &code, err)) {
		return NULL;
	}
	struct program *program = MEM_NEW(struct program);
	wasm_module_init(&program->wasm, engine, &tier, code.module);
	program->wasm.module.kind = kind->kind;
	program->wasm.module.run = refuse_run;
	program->shallow = strict_is_shallow(kind);
	program->destroy = program->wasm.module.destroy;
	program->wasm.module.destroy = destroy;
	pthread_mutex_init(&program->lock, NULL);
	return program;
}

/* What the meter has put in is not for callers. */
static void hide_start(struct wasm_module *wasm) {
	const struct export_function *start = exports_find(wasm, METER_START);
	if (start != NULL) {
		size_t at = (size_t)(start - wasm->functions);
		exports_drop(&wasm->functions[at]);
		wasm->function_count--;
		memmove(wasm->functions + at, wasm->functions + at + 1,
				(wasm->function_count - at) * sizeof(*wasm->functions));
	}
}

/* In the pool if it has a place there. That it has none is one more reason not to compile; so what
 * is wrong in another way is told by the second try. */
static struct program *compile_anywhere(struct engine *engine, enum engine_kind kind,
		struct bytes wasm, struct run_stop *stop, struct error *err) {
	const struct module_kind pooled = { kind, TIER_CALL }, odd = { kind, TIER_CALL_ODD };
	struct program *program = compile(engine, &pooled, wasm, stop, err);
	return program != NULL || err->code != ERROR_MODULE
			       ? program
			       : compile(engine, &odd, wasm, stop, err);
}

static struct program *compile_metered(struct engine *engine, enum engine_kind kind,
		struct bytes wasm, struct run_stop *stop, struct error *err) {
	const struct meter_options options = { 0 };
	struct meter_module what;
	CLEANUP(buf_finish) struct buf out = BUF_INIT(METERED_MAX);
	if (!meter_rewrite(wasm, &options, &out, &what, err)) {
		return NULL;
	}
	struct program *program = compile_anywhere(
			engine, kind, (struct bytes){ out.data, out.size }, stop, err);
	if (program != NULL) {
		program->metered = true;
		program->start = what.start;
		hide_start(&program->wasm);
	}
	return program;
}

struct program *program_create(struct engine *engine, enum engine_kind kind, bool metered,
		struct bytes wasm, struct run_stop *stop, struct error *err) {
	const struct module_kind pooled = { kind, TIER_CALL };
	struct tier tier;
	if (!check_form(wasm, err)) {
		return NULL;
	}
	if (!engine_offers(engine, kind) || (int)kind >= (int)TIER_KINDS) {
		error_set(err, ERROR_UNSUPPORTED, "engine %s has no calls of functions",
				engine_kind_name(kind));
		return NULL;
	}
	if (!tier_get(engine, &pooled, &tier, err) || !check(&tier, wasm, err)) {
		return NULL;
	}
	return metered ? compile_metered(engine, kind, wasm, stop, err)
		       : compile_anywhere(engine, kind, wasm, stop, err);
}

void program_destroy(struct program *program) {
	module_destroy(program_module(program));
}

/* --- functions ---------------------------------------------------------------------------------
 */

/* Values in our numbers; 0 for what is none of them. */
static enum value_type type_of(wasmtime_valtype_kind_t kind) {
	static const enum value_type types[] = {
		[WASMTIME_VALTYPE_KIND_I32] = VALUE_I32,
		[WASMTIME_VALTYPE_KIND_I64] = VALUE_I64,
		[WASMTIME_VALTYPE_KIND_F32] = VALUE_F32,
		[WASMTIME_VALTYPE_KIND_F64] = VALUE_F64,
	};
	return kind < sizeof(types) / sizeof(types[0]) ? types[kind] : (enum value_type)0;
}

static bool check_types(const struct export_function *function, struct error *err) {
	char takes[256], gives[256];
	if (value_types_plain(&function->params) && value_types_plain(&function->results)) {
		return true;
	}
	value_types_text(&function->params, takes, sizeof(takes));
	value_types_text(&function->results, gives, sizeof(gives));
	return error_set(err, ERROR_MODULE,
			"the function \"%.96s\" takes %s and gives %s: only i32, i64, f32 and f64 "
			"can be passed",
			function->name, takes, gives);
}

const struct export_function *program_function(
		const struct program *program, const char *name, struct error *err) {
	const struct export_function *function = exports_find(&program->wasm, name);
	if (function == NULL) {
		char what[192];
		(void)snprintf(what, sizeof(what), "there is no exported function \"%.96s\"",
				name != NULL ? name : "");
		exports_refuse(&program->wasm, ERROR_NOT_FOUND, what, err);
		return NULL;
	}
	return check_types(function, err) ? function : NULL;
}

size_t function_param_count(const struct export_function *function) {
	return function->params.count;
}

enum value_type function_param(const struct export_function *function, size_t index) {
	return type_of(function->params.kinds[index]);
}

size_t function_result_count(const struct export_function *function) {
	return function->results.count;
}

enum value_type function_result(const struct export_function *function, size_t index) {
	return type_of(function->results.kinds[index]);
}
