/* SPDX-License-Identifier: Apache-2.0 */
/* wasmtime: its engines, and compiling. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "engine/compiler.h"
#include "engine/component.h"
#include "engine/strict.h"

/* Half of what a running thread has to have; the rest is for the host functions. */
enum { GUEST_STACK_BYTES = ENGINE_STACK_BYTES / 2 };

_Static_assert((int)TIER_KINDS == (int)ENGINE_EXTERNAL,
		"spec/engines.def lists wasmtime's kinds first");

static wasmtime_error_t *configure_kind(wasm_config_t *config, enum engine_kind kind) {
	/* Winch compiles none of these, and an engine of it that has them on is refused. */
	bool all = kind != ENGINE_SINGLEPASS;
	wasmtime_config_wasm_tail_call_set(config, all);
	wasmtime_config_wasm_exceptions_set(config, all);
	wasmtime_config_wasm_function_references_set(config, all);
	wasmtime_config_wasm_gc_set(config, all);
	wasmtime_config_wasm_relaxed_simd_set(config, all);
	if (kind == ENGINE_SINGLEPASS) {
		wasmtime_config_strategy_set(config, WASMTIME_STRATEGY_WINCH);
	}
	return kind == ENGINE_INTERP ? wasmtime_config_target_set(config, "pulley64") : NULL;
}

static wasm_config_t *configure(bool fuel) {
	wasm_config_t *config = wasm_config_new();
	wasmtime_config_epoch_interruption_set(config, true);
	wasmtime_config_consume_fuel_set(config, fuel);
	wasmtime_config_cranelift_nan_canonicalization_set(config, true);
	wasmtime_config_wasm_relaxed_simd_deterministic_set(config, true);
	wasmtime_config_max_wasm_stack_set(config, GUEST_STACK_BYTES);
	/* Waiting on a shared memory could not be stopped, and no limiter is asked about it. */
	wasmtime_config_shared_memory_set(config, false);
	return config;
}

static wasmtime_error_t *make_engine(const struct module_kind *kind, wasm_engine_t **wasm) {
	wasm_config_t *config = configure(kind->use == TIER_FUEL);
	wasmtime_error_t *error = configure_kind(config, kind->kind);
	if (error != NULL) {
		wasm_config_delete(config);
		return error;
	}
	return airscrew_engine_new(config, wasm);
}

static bool tier_make(struct tier *tier, const struct module_kind *kind, struct error *err) {
	bool strict = kind->use >= TIER_CALL;
	wasmtime_error_t *error =
			strict ? strict_engine(kind, &tier->wasm) : make_engine(kind, &tier->wasm);
	if (error != NULL) {
		module_set_error(error, err, "");
		err->code = ERROR_UNSUPPORTED;
		return error_wrap(err, "engine %s does not work on this machine",
				engine_kind_name(kind->kind));
	}
	tier->linker = wasmtime_linker_new(tier->wasm);
	return strict || wasi_define(tier->linker, err);
}

void tier_finish(struct tier *tier) {
	if (tier->linker != NULL) {
		wasmtime_linker_delete(tier->linker);
	}
	if (tier->wasm != NULL) {
		wasm_engine_delete(tier->wasm);
	}
	*tier = (struct tier){ 0 };
}

bool tier_get(struct engine *engine, const struct module_kind *kind, struct tier *tier,
		struct error *err) {
	pthread_mutex_lock(&engine->lock);
	struct tier *place = &engine->tiers[kind->kind][kind->use];
	bool ok = place->wasm != NULL || tier_make(place, kind, err);
	if (!ok) {
		tier_finish(place);
	}
	*tier = *place;
	pthread_mutex_unlock(&engine->lock);
	return ok;
}

static void destroy(struct module *base) {
	struct wasm_module *module = (struct wasm_module *)base;
	exports_finish(module);
	if (module->linked != NULL) {
		wasmtime_instance_pre_delete(module->linked);
	}
	wasmtime_module_delete(module->code);
	free(module->imports_error);
	free(module);
}

/* What singlepass lacks, by the words in which wasmtime refuses it. */
static const char *lacking(const char *message) {
	static const struct {
		const char *words, *feature;
	} known[] = {
		{ "exception", "exceptions" },
		{ "tag", "exceptions" },
		{ "tail call", "tail calls" },
		{ "return_call", "tail calls" },
		{ "relaxed", "relaxed SIMD" },
		{ "gc proposal", "garbage collection types" },
		{ "function references", "typed function references" },
		{ "gc", "garbage collection types" },
		{ "heap type", "garbage collection types" },
		{ "sub type", "garbage collection types" },
		{ "rec group", "garbage collection types" },
		{ "reference", "garbage collection types" },
	};
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strcasestr(message, known[i].words) != NULL) {
			return known[i].feature;
		}
	}
	return NULL;
}

/* A module that multipass takes and singlepass does not uses something that singlepass lacks. */
static void explain_singlepass(struct engine *engine, struct bytes wasm, struct error *err) {
	struct tier full;
	struct error ignored;
	const struct module_kind multipass = { ENGINE_MULTIPASS, TIER_RUN };
	if (!tier_get(engine, &multipass, &full, &ignored)) {
		return;
	}
	wasmtime_error_t *invalid = wasmtime_module_validate(full.wasm, wasm.data, wasm.size);
	if (invalid != NULL) {
		wasmtime_error_delete(invalid);
		return;
	}
	char told[400];
	(void)snprintf(told, sizeof(told), "%s", err->message);
	const char *feature = lacking(told);
	error_set(err, ERROR_MODULE,
			"engine singlepass does not have %s, which this module uses: use engine "
			"multipass (%s)",
			feature != NULL ? feature : "a feature", told);
}

static void link_imports(struct wasm_module *module) {
	wasmtime_error_t *error = wasmtime_linker_instantiate_pre(
			module->tier.linker, module->code, &module->linked);
	if (error != NULL) {
		module->linked = NULL;
		module->imports_error = imports_tell(module, error);
	}
}

static size_t code_size(const wasmtime_module_t *code) {
	void *start, *end;
	wasmtime_module_image_range(code, &start, &end);
	return (size_t)((char *)end - (char *)start);
}

void wasm_module_init(struct wasm_module *module, struct engine *engine, const struct tier *tier,
		wasmtime_module_t *code) {
	module->module = (struct module){
		.engine = engine, .size = code_size(code), .run = wasmtime_run, .destroy = destroy
	};
	module->tier = *tier;
	module->instances = 1;
	module->code = code;
	exports_list(module);
	link_imports(module);
}

static struct wasm_module *module_make(
		struct engine *engine, const struct tier *tier, wasmtime_module_t *code) {
	struct wasm_module *module = MEM_NEW(struct wasm_module);
	wasm_module_init(module, engine, tier, code);
	return module;
}

bool component_is(struct bytes wasm) {
	return wasm.data[4] == 0x0d &&
	       wasm.data[6] == 1; /* the version, and the layer of components */
}

static void explain(struct engine *engine, enum engine_kind kind, struct bytes wasm,
		struct error *err) {
	if (kind != ENGINE_SINGLEPASS) {
		return;
	}
	if (!component_is(wasm)) {
		explain_singlepass(engine, wasm, err);
		return;
	}
	/* wasmtime validates components only by compiling them. */
	(void)error_wrap(err, "engine singlepass (engine multipass may take it)");
}

bool tier_compile(struct engine *engine, const struct tier *tier, enum engine_kind kind,
		struct bytes wasm, struct code *code, struct error *err) {
	bool component = component_is(wasm);
	*code = (struct code){ 0 };
	wasmtime_error_t *error = component ? wasmtime_component_new(tier->wasm, wasm.data,
							      wasm.size, &code->component)
					    : wasmtime_module_new(tier->wasm, wasm.data, wasm.size,
							      &code->module);
	if (error == NULL) {
		return true;
	}
	(void)module_set_error(error, err,
			component ? "the component cannot be compiled"
				  : "the module cannot be compiled");
	explain(engine, kind, wasm, err);
	return false;
}

bool tier_code(struct engine *engine, const struct tier *tier, const struct module_kind *kind,
		const struct module_text *text, struct run_stop *stop, struct code *code,
		struct error *err) {
	if (stop == NULL || !engine_uses_child(engine, kind->kind, text->bytes.size)) {
		return tier_compile(engine, tier, kind->kind, text->bytes, code, err);
	}
	return compiler_run(engine, tier, kind, text, stop, code, err);
}

struct module *wasmtime_compile(struct engine *engine, const struct module_kind *kind,
		const struct module_text *text, struct run_stop *stop, struct error *err) {
	struct tier tier;
	struct code code;
	if (!tier_get(engine, kind, &tier, err) ||
			!tier_code(engine, &tier, kind, text, stop, &code, err)) {
		return NULL;
	}
	struct wasm_module *module = code.module != NULL
						     ? module_make(engine, &tier, code.module)
						     : component_make(engine, &tier, code.component,
								       text->bytes.size, err);
	if (module == NULL) {
		return NULL;
	}
	module->module.kind = kind->kind;
	module->metered = kind->use == TIER_FUEL;
	return &module->module;
}
