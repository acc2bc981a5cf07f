/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/engine.h"

#include <string.h>

#include "base/mem.h"
#include "engine/dirs.h"
#include "engine/gauge.h"
#include "engine/inside.h"

static const char *const names[ENGINE_KINDS] = {
#define ENGINE(code, name, help) [ENGINE_##code] = name,
#include "spec/engines.def"
#undef ENGINE
};

bool engine_kind_parse(const char *name, enum engine_kind *kind) {
	for (int i = 0; i < ENGINE_KINDS; i++) {
		if (str_equal(name, names[i])) {
			*kind = (enum engine_kind)i;
			return true;
		}
	}
	return false;
}

const char *engine_kind_name(enum engine_kind kind) {
	return names[kind];
}

/* Makes the tiers that this machine has, so that engine_offers() tells the truth. */
static bool offer(struct engine *engine, struct error *err) {
	struct tier tier;
	for (int kind = 0; kind < TIER_KINDS; kind++) {
		const struct module_kind plain = { (enum engine_kind)kind, TIER_RUN };
		bool made = tier_get(engine, &plain, &tier, err);
		if (!made && kind == ENGINE_MULTIPASS) {
			return false;
		}
	}
	return dirs_check(&engine->dirs, err) &&
	       (engine->external == NULL || external_check(engine, err));
}

struct engine *engine_create(const struct engine_options *options, struct error *err) {
	struct engine *engine = MEM_NEW(struct engine);
	if (!epochs_init(&engine->epochs, err)) {
		free(engine);
		return NULL;
	}
	engine->external = str_copy(options != NULL ? options->external : NULL);
	engine->folder = str_copy(options != NULL ? options->folder : NULL);
	engine->self = str_copy(options != NULL ? options->self : NULL);
	engine->compile_memory_bytes = options != NULL ? options->compile_memory_bytes : 0;
	engine->compile_cpu_seconds = options != NULL ? options->compile_cpu_seconds : 0;
	if (options != NULL && options->dirs != NULL) {
		strings_copy(&engine->dirs, options->dirs);
	}
	pthread_mutex_init(&engine->lock, NULL);
	engine->keeps_stacks = pthread_key_create(&engine->stack_key, NULL) == 0;
	if (!offer(engine, err)) {
		engine_destroy(engine);
		return NULL;
	}
	return engine;
}

void engine_destroy(struct engine *engine) {
	if (engine == NULL) {
		return;
	}
	for (int kind = 0; kind < TIER_KINDS; kind++) {
		for (int use = 0; use < TIER_USES; use++) {
			tier_finish(&engine->tiers[kind][use]);
		}
	}
	epochs_finish(&engine->epochs);
	if (engine->keeps_stacks) {
		(void)pthread_key_delete(engine->stack_key);
	}
	pthread_mutex_destroy(&engine->lock);
	strings_finish(&engine->dirs);
	free(engine->external);
	free(engine->folder);
	free(engine->self);
	free(engine);
}

bool engine_offers(const struct engine *engine, enum engine_kind kind) {
	if (kind == ENGINE_EXTERNAL) {
		return engine->external != NULL;
	}
	/* Written once, by engine_create(). */
	return (int)kind < (int)TIER_KINDS && engine->tiers[kind][TIER_RUN].wasm != NULL;
}

bool wasm_header_check(struct bytes wasm, struct error *err) {
	static const uint8_t magic[4] = { 0, 'a', 's', 'm' };
	if (wasm.size == 0) {
		return error_set(err, ERROR_MODULE, "the module is empty");
	}
	if (wasm.size < 8 || memcmp(wasm.data, magic, sizeof(magic)) != 0) {
		return error_set(err, ERROR_MODULE,
				"this is not a WebAssembly module: it does not begin with \\0asm "
				"and a version "
				"(it has %zu bytes; text format is not accepted)",
				wasm.size);
	}
	return true;
}

bool engine_uses_child(const struct engine *engine, enum engine_kind kind, size_t wasm_size) {
	return engine->self != NULL && kind != ENGINE_EXTERNAL && wasm_size > ENGINE_CHILD_BYTES;
}

struct module *engine_compile(struct engine *engine, enum engine_kind kind, bool metered,
		struct bytes wasm, struct error *err) {
	return engine_prepare(engine, kind, metered, wasm, NULL, err);
}

struct module *engine_prepare(struct engine *engine, enum engine_kind kind, bool metered,
		struct bytes wasm, struct run_stop *stop, struct error *err) {
	const struct module_text text = { .bytes = wasm };
	return engine_prepare_text(engine, kind, metered, &text, stop, err);
}

struct module *engine_prepare_text(struct engine *engine, enum engine_kind kind, bool metered,
		const struct module_text *text, struct run_stop *stop, struct error *err) {
	if (!wasm_header_check(text->bytes, err)) {
		return NULL;
	}
	if (kind != ENGINE_EXTERNAL) {
		const struct module_kind what = { kind, metered ? TIER_FUEL : TIER_RUN };
		return wasmtime_compile(engine, &what, text, stop, err);
	}
	if (metered) {
		error_set(err, ERROR_INVALID,
				"kind external cannot meter fuel: use another engine");
		return NULL;
	}
	return external_compile(engine, text->bytes, err);
}

void module_destroy(struct module *module) {
	if (module != NULL) {
		module->destroy(module);
	}
}

size_t module_size(const struct module *module) {
	return module->size;
}

bool module_run(struct module *module, const struct run_request *request, struct run_stop *stop,
		struct run_result *result, struct error *err) {
	*result = (struct run_result){
		.stdout_bytes = BUF_INIT(request->limits.output_bytes),
		.stderr_bytes = BUF_INIT(request->limits.output_bytes),
	};
	gauge_begin(request->gauge);
	bool ok = module->run(module, request, stop, result, err);
	gauge_end(request->gauge);
	return ok;
}

void run_result_finish(struct run_result *result) {
	free(result->values);
	buf_finish(&result->stdout_bytes);
	buf_finish(&result->stderr_bytes);
	*result = (struct run_result){ 0 };
}
