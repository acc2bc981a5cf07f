/* SPDX-License-Identifier: Apache-2.0 */
/* wasmtime: one run of a module, from its request to its result. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"
#include "engine/gauge.h"
#include "engine/guest.h"

/* What a store may hold beside its memories: a table of 8 MiB. */
enum { TABLE_ELEMENTS = 1024 * 1024, TABLES = 100, MEMORIES = 100 };

uint64_t guest_now_ns(void) {
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

bool guest_over(struct guest *guest) {
	if (guest->end == GUEST_RUNS) {
		if (run_stop_requested(guest->stop)) {
			guest->end = GUEST_STOPPED;
		} else if (guest_now_ns() >= guest->wall_ns) {
			guest->end = GUEST_LATE;
		}
	}
	return guest->end != GUEST_RUNS;
}

static uint64_t fuel_given(const struct guest *guest) {
	uint64_t fuel = guest->request->limits.fuel;
	return fuel != 0 ? fuel : UINT64_MAX;
}

static uint64_t fuel_used(const struct guest *guest) {
	uint64_t left;
	if (!guest->module->metered) {
		return 0;
	}
	wasmtime_error_t *error = wasmtime_context_get_fuel(guest->context, &left);
	if (error != NULL) {
		wasmtime_error_delete(error);
		return 0;
	}
	return fuel_given(guest) - left;
}

void guest_tell(struct guest *guest) {
	if (guest->request->gauge == NULL) {
		return;
	}
	const struct run_usage usage = {
		.memory_bytes = guest->limits.memory_bytes,
		.fuel_used = fuel_used(guest),
		.read_bytes = guest->read_bytes,
		.written_bytes = guest->written_bytes,
		.files = wasi_files_count(guest),
	};
	gauge_tell(guest->request->gauge, &usage);
}

/* Called by compiled code when the epoch has moved. */
static wasmtime_error_t *look(wasmtime_context_t *context, void *data, uint64_t *delta,
		wasmtime_update_deadline_kind_t *kind) {
	(void)context;
	if (guest_over(data)) {
		return wasmtime_error_new("the run has to end");
	}
	guest_tell(data);
	*delta = 1;
	*kind = WASMTIME_UPDATE_DEADLINE_CONTINUE;
	return NULL;
}

static void hurry(void *context) {
	struct guest *guest = context;
	epochs_hurry(&guest->module->module.engine->epochs, &guest->watch);
}

/* Parses the inputs into parameters; for a command they are arguments instead. */
static bool read_inputs(const struct guest *guest, wasmtime_val_t *values, struct error *err) {
	const struct strings *inputs = guest->request->inputs;
	const struct value_types *params = &guest->entry->params;
	size_t count = guest->command || inputs == NULL ? 0 : inputs->count;
	char types[256];
	value_types_text(params, types, sizeof(types));
	if (!value_types_plain(params)) {
		return error_set(err, ERROR_INVALID,
				"\"%.96s\" takes %s: only i32, i64, f32 and f64 can be given as "
				"inputs",
				guest->entry->name, types);
	}
	if (count != params->count) {
		return error_set(err, ERROR_INVALID,
				"\"%.96s\" takes %zu inputs (%s), %zu were given",
				guest->entry->name, params->count, types, count);
	}
	for (size_t i = 0; i < count; i++) {
		if (!value_parse(inputs->items[i], params->kinds[i], i + 1, &values[i], err)) {
			return false;
		}
	}
	return true;
}

static bool check_results(const struct export_function *entry, struct error *err) {
	char types[256];
	value_types_text(&entry->results, types, sizeof(types));
	return value_types_plain(&entry->results) ||
	       error_set(err, ERROR_INVALID,
			       "\"%.96s\" returns %s: only i32, i64, f32 and f64 can be told as "
			       "results",
			       entry->name, types);
}

static bool check(struct guest *guest, struct error *err) {
	const struct wasm_module *module = guest->module;
	if (module->imports_error != NULL) {
		return error_set(err, ERROR_MODULE, "%s", module->imports_error);
	}
	if (guest->request->limits.fuel != 0 && !module->metered) {
		return error_set(err, ERROR_INVALID,
				"a fuel limit needs a module that was compiled with metering");
	}
	if (guest->request->limits.gas != 0 && !module->gas) {
		return error_set(err, ERROR_INVALID,
				"a gas limit needs a module that was made to count gas");
	}
	if (!exports_entry(module, guest->request, &guest->entry, err)) {
		return false;
	}
	guest->command = strcmp(guest->entry->name, "_start") == 0;
	return check_results(guest->entry, err);
}

static void make_store(struct guest *guest) {
	guest->limits = (struct airscrew_limiter){
		.memory_limit = guest->request->limits.memory_bytes,
		.table_limit = TABLE_ELEMENTS,
		.instance_limit = guest->module->instances,
		.table_count_limit = TABLES,
		.memory_count_limit = MEMORIES,
	};
	guest->store = wasmtime_store_new(guest->module->tier.wasm, guest, NULL);
	guest->context = wasmtime_store_context(guest->store);
	airscrew_store_limit(guest->store, &guest->limits);
	wasmtime_context_set_epoch_deadline(guest->context, 1);
	wasmtime_store_epoch_deadline_callback(guest->store, look, guest, NULL);
}

static bool fill_fuel(struct guest *guest, struct error *err) {
	if (!guest->module->metered) {
		return true;
	}
	wasmtime_error_t *error = wasmtime_context_set_fuel(guest->context, fuel_given(guest));
	return error == NULL || trap_set_error(guest, error, err);
}

/* The time starts when the guest does. */
static void set_clock(struct guest *guest) {
	uint64_t wall_ms = guest->request->limits.wall_ms;
	bool none = wall_ms == 0 || wall_ms > UINT64_MAX / 4000000;
	uint64_t now = guest_now_ns();
	guest->wall_ns = none ? UINT64_MAX : now + wall_ms * 1000000;
	guest->watch.wasm = guest->module->tier.wasm;
	guest->watch.due_ms = none ? UINT64_MAX : guest->wall_ns / 1000000 + 1;
}

static bool instantiate(struct guest *guest, struct error *err) {
	wasm_trap_t *trap = NULL;
	wasmtime_error_t *error = wasmtime_instance_pre_instantiate(
			guest->module->linked, guest->context, &guest->instance, &trap);
	if (error != NULL) {
		return trap_set_error(guest, error, err);
	}
	guest_tell(guest);
	return trap == NULL || trap_set(guest, trap, err);
}

bool guest_call(struct guest *guest, const struct export_function *function,
		const wasmtime_val_t *params, wasmtime_val_t *results, struct error *err) {
	wasmtime_extern_t item;
	const char *name = function->name;
	if (!wasmtime_instance_export_get(
			    guest->context, &guest->instance, name, strlen(name), &item)) {
		return error_set(err, ERROR_INTERNAL, "the export \"%.96s\" has gone", name);
	}
	wasm_trap_t *trap = NULL;
	wasmtime_error_t *error = wasmtime_func_call(guest->context, &item.of.func, params,
			function->params.count, results, function->results.count, &trap);
	wasmtime_extern_delete(&item);
	if (error != NULL) {
		return trap_set_error(guest, error, err);
	}
	return trap == NULL || trap_set(guest, trap, err);
}

/* A reactor's own start function, before anything else of it. */
static bool initialize(struct guest *guest, struct error *err) {
	const struct export_function *function = exports_find(guest->module, "_initialize");
	if (function == NULL || function == guest->entry) {
		return true;
	}
	if (function->params.count != 0 || function->results.count != 0) {
		return error_set(err, ERROR_MODULE,
				"the export \"_initialize\" must take and return nothing");
	}
	return guest_call(guest, function, NULL, NULL, err);
}

static char *join(const wasmtime_val_t *results, size_t count) {
	char *text = mem_zero(count + 1, VALUE_TEXT_MAX), *at = text;
	for (size_t i = 0; i < count; i++) {
		char one[VALUE_TEXT_MAX];
		value_format(&results[i], one);
		at += snprintf(at, VALUE_TEXT_MAX + 1, "%s%s", i == 0 ? "" : ",", one);
	}
	return text;
}

static bool execute(struct guest *guest, guest_body_fn body, void *values, struct error *err) {
	const struct run_request *request = guest->request;
	if (request->started != NULL) {
		request->started(request->context);
	}
	set_clock(guest);
	struct epochs *epochs = &guest->module->module.engine->epochs;
	epochs_add(epochs, &guest->watch);
	bool ok = false;
	if (!stop_watch(guest->stop, hurry, guest)) {
		guest->end = GUEST_STOPPED;
	} else {
		ok = body(guest, values, err);
		stop_unwatch(guest->stop);
	}
	epochs_remove(epochs, &guest->watch);
	return ok;
}

/* Says why it ended, if it did not just return; what was set before is only its consequence. */
static bool conclude(struct guest *guest, bool returned, struct error *err) {
	switch (guest->end) {
	case GUEST_STOPPED: return error_set(err, ERROR_INTERRUPTED, "the run was stopped");
	case GUEST_LATE:
		return error_set(err, ERROR_TIMEOUT,
				"the run took longer than its wall-clock limit of %llu ms",
				(unsigned long long)guest->request->limits.wall_ms);
	case GUEST_EXITED: returned = true; break;
	case GUEST_RUNS: break;
	}
	guest->result->exited = returned;
	return returned;
}

bool guest_run(struct guest *guest, guest_body_fn body, void *values, struct error *err) {
	make_store(guest);
	bool returned = fill_fuel(guest, err) && execute(guest, body, values, err);
	guest->result->fuel_used = fuel_used(guest);
	guest->result->memory_bytes = guest->limits.memory_bytes;
	wasmtime_store_delete(guest->store);
	return conclude(guest, returned, err);
}

static bool body(struct guest *guest, void *context, struct error *err) {
	wasmtime_val_t *params = context, *results = params + guest->entry->params.count;
	if (!instantiate(guest, err)) {
		return false;
	}
	bool ok = gas_begin(guest, err) && initialize(guest, err) &&
		  guest_call(guest, guest->entry, params, results, err);
	gas_end(guest, err);
	return ok;
}

static bool run_with(struct guest *guest, wasmtime_val_t *values, struct error *err) {
	if (!read_inputs(guest, values, err) || !wasi_files_open(guest, err)) {
		return false;
	}
	bool ran = guest_run(guest, body, values, err);
	wasi_files_close(guest);
	if (!ran) {
		return false;
	}
	struct run_result *result = guest->result;
	size_t count = guest->end == GUEST_RUNS ? guest->entry->results.count : 0;
	result->has_values = count != 0;
	result->values = join(values + guest->entry->params.count, count);
	return true;
}

bool wasmtime_run(struct module *module, const struct run_request *request, struct run_stop *stop,
		struct run_result *result, struct error *err) {
	struct guest guest = {
		.module = (struct wasm_module *)module,
		.request = request,
		.stop = stop,
		.result = result,
	};
	if (run_stop_requested(stop)) {
		return error_set(err, ERROR_INTERRUPTED, "the run was stopped before it began");
	}
	if (!check(&guest, err)) {
		return false;
	}
	size_t count = guest.entry->params.count + guest.entry->results.count;
	CLEANUP(mem_freep) wasmtime_val_t *values = mem_zero(count, sizeof(*values));
	return run_with(&guest, values, err);
}
