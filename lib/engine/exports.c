/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "engine/guest.h"
#include "meter/meter.h"

static int by_name(const void *a, const void *b) {
	const struct export_function *left = a, *right = b;
	return strcmp(left->name, right->name);
}

static void take(struct wasm_module *module, const wasm_exporttype_t *export) {
	const wasm_name_t *name = wasm_exporttype_name(export);
	const wasm_functype_t *type =
			wasm_externtype_as_functype_const(wasm_exporttype_type(export));
	/* A name with a zero character cannot be asked for, and the meter's is not for callers. */
	if (type == NULL || memchr(name->data, 0, name->size) != NULL ||
			(name->size == strlen(METER_START) &&
					memcmp(name->data, METER_START, name->size) == 0)) {
		return;
	}
	module->functions[module->function_count++] = (struct export_function){
		.name = mem_copy(name->data, name->size),
		.params = value_types_of(wasm_functype_params(type)),
		.results = value_types_of(wasm_functype_results(type)),
	};
}

void exports_list(struct wasm_module *module) {
	wasm_exporttype_vec_t exports;
	wasmtime_module_exports(module->code, &exports);
	module->functions = mem_zero(exports.size, sizeof(*module->functions));
	for (size_t i = 0; i < exports.size; i++) {
		take(module, exports.data[i]);
	}
	wasm_exporttype_vec_delete(&exports);
	qsort(module->functions, module->function_count, sizeof(*module->functions), by_name);
}

void exports_drop(struct export_function *function) {
	free(function->name);
	free(function->params.kinds);
	free(function->results.kinds);
}

void exports_finish(struct wasm_module *module) {
	for (size_t i = 0; i < module->function_count; i++) {
		exports_drop(&module->functions[i]);
	}
	free(module->functions);
}

const struct export_function *exports_find(const struct wasm_module *module, const char *name) {
	if (name == NULL) {
		return NULL;
	}
	struct export_function key = { .name = (char *)(uintptr_t)name };
	return bsearch(&key, module->functions, module->function_count, sizeof(key), by_name);
}

/* "a, b and 12 more", cut to fit. */
static void tell(const struct wasm_module *module, char *text, size_t size) {
	size_t used = 0, i = 0;
	for (; i < module->function_count && used + 64 < size; i++) {
		used += (size_t)snprintf(text + used, size - used, "%s%.48s", i == 0 ? "" : ", ",
				module->functions[i].name);
	}
	if (i < module->function_count) {
		(void)snprintf(text + used, size - used, " and %zu more",
				module->function_count - i);
	}
}

bool exports_refuse(const struct wasm_module *module, enum error_code code, const char *what,
		struct error *err) {
	char list[640] = "none";
	tell(module, list, sizeof(list));
	return error_set(err, code, "%s; the functions that the module exports: %s", what, list);
}

bool exports_entry(const struct wasm_module *module, const struct run_request *request,
		const struct export_function **entry, struct error *err) {
	const char *const names[] = { request->name, "main", "run", "_start" };
	char what[192];
	if (request->invoke != NULL) {
		*entry = exports_find(module, request->invoke);
		(void)snprintf(what, sizeof(what), "there is no exported function \"%.96s\"",
				request->invoke);
		return *entry != NULL || exports_refuse(module, ERROR_INVALID, what, err);
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		*entry = exports_find(module, names[i]);
		if (*entry != NULL) {
			return true;
		}
	}
	(void)snprintf(what, sizeof(what),
			"nothing to call: the module exports none of \"%.96s\", main, run and "
			"_start",
			request->name != NULL ? request->name : "");
	return exports_refuse(module, ERROR_INVALID, what, err);
}
