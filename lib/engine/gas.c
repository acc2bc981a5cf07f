/* SPDX-License-Identifier: Apache-2.0 */
/* Tasks that count gas: modules that lib/meter has rewritten, and runs of them. */
#include <string.h>

#include "engine/guest.h"
#include "meter/meter.h"

enum { REWRITTEN_MAX = 512 * 1024 * 1024 };

/* Only what is valid may be rewritten: afterwards it might be, though it was not. */
static bool validate(struct engine *engine, const struct module_kind *kind, struct bytes wasm,
		struct error *err) {
	struct tier tier;
	if (!wasm_header_check(wasm, err) || !tier_get(engine, kind, &tier, err)) {
		return false;
	}
	if (component_is(wasm)) {
		return error_set(err, ERROR_MODULE,
				"this is a component: only core modules count gas (limits.gas)");
	}
	wasmtime_error_t *error = wasmtime_module_validate(tier.wasm, wasm.data, wasm.size);
	return error == NULL || module_set_error(error, err, "the module is not valid");
}

struct module *engine_prepare_gas(struct engine *engine, enum engine_kind kind, bool metered,
		struct bytes wasm, struct run_stop *stop, struct error *err) {
	if (kind == ENGINE_EXTERNAL) {
		error_set(err, ERROR_INVALID, "kind external cannot count gas: use another engine");
		return NULL;
	}
	const struct module_kind what = { kind, metered ? TIER_FUEL : TIER_RUN };
	struct buf rewritten = BUF_INIT(REWRITTEN_MAX);
	struct meter_module info;
	struct module *module = NULL;
	if (validate(engine, &what, wasm, err) &&
			meter_rewrite(wasm, NULL, &rewritten, &info, err)) {
		const struct bytes bytes = { rewritten.data, rewritten.size };
		module = engine_prepare(engine, kind, metered, bytes, stop, err);
	}
	buf_finish(&rewritten);
	if (module != NULL) {
		((struct wasm_module *)module)->gas = true;
	}
	return module;
}

static bool find(const struct guest *guest, const char *name, wasmtime_extern_t *item) {
	return wasmtime_instance_export_get(
			guest->context, &guest->instance, name, strlen(name), item);
}

static bool set(const struct guest *guest, const char *name, int64_t value, struct error *err) {
	wasmtime_extern_t item;
	const wasmtime_val_t number = { .kind = WASMTIME_I64, .of.i64 = value };
	if (!find(guest, name, &item)) {
		return error_set(err, ERROR_INTERNAL, "the counter \"%s\" has gone", name);
	}
	wasmtime_error_t *error = wasmtime_global_set(guest->context, &item.of.global, &number);
	return error == NULL || module_set_error(error, err, "a counter cannot be set");
}

static int64_t get(const struct guest *guest, const char *name) {
	wasmtime_extern_t item;
	wasmtime_val_t number = { 0 };
	if (find(guest, name, &item)) {
		wasmtime_global_get(guest->context, &item.of.global, &number);
	}
	return number.of.i64;
}

static int64_t limit(const struct guest *guest) {
	uint64_t gas = guest->request->limits.gas;
	return gas != 0 && gas < INT64_MAX ? (int64_t)gas : INT64_MAX;
}

bool gas_begin(struct guest *guest, struct error *err) {
	if (!guest->module->gas) {
		return true;
	}
	if (!set(guest, METER_GAS, limit(guest), err) ||
			!set(guest, METER_DEPTH, meter_depth(METER_DEPTH_MAX, METER_DEPTH_MAX),
					err)) {
		return false;
	}
	wasmtime_extern_t start;
	if (!find(guest, METER_START, &start)) {
		return true;
	}
	wasmtime_extern_delete(&start);
	const struct export_function function = { .name = (char *)(uintptr_t)METER_START };
	return guest_call(guest, &function, NULL, NULL, err);
}

void gas_end(struct guest *guest, struct error *err) {
	if (!guest->module->gas) {
		return;
	}
	const struct meter_reading reading =
			meter_read(limit(guest), get(guest, METER_GAS), get(guest, METER_DEPTH));
	guest->result->gas_used = (uint64_t)reading.gas_used;
	if (reading.end == METER_OUT_OF_GAS) {
		error_set(err, ERROR_FAILED, "out of gas: all %llu units were used",
				(unsigned long long)reading.gas_used);
	}
}
