/* SPDX-License-Identifier: Apache-2.0 */
/* Components: compiling, what they export, and who meets their imports. */
#include "engine/component.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"

/* A large program in Python has some tens of core instances. */
enum { COMPONENT_INSTANCES = 1000 };
/* For lists of imports and exports: wasmtime finds the n-th by counting. */
enum { LISTS_WORK_MAX = 1 << 22 };
/* wasmtime does not say how large a component's code is; for caches this is near enough. */
enum { CODE_PER_BYTE = 3 };

typedef wasmtime_component_linker_instance_t linker_instance_t;

static void destroy(struct module *base) {
	struct component *component = (struct component *)base;
	for (size_t i = 0; i < component->function_count; i++) {
		struct component_function *function = &component->functions[i];
		free(function->interface);
		free(function->name);
		wasmtime_component_export_index_delete(function->index);
		wasmtime_component_func_type_delete(function->type);
	}
	free(component->functions);
	free(component->imports_error);
	if (component->linker != NULL) {
		wasmtime_component_linker_delete(component->linker);
	}
	wasmtime_component_delete(component->code);
	free(component);
}

/* Where an exported item is: in an interface or by itself. */
struct place {
	const char *interface;
	size_t size;
	const wasmtime_component_export_index_t *index;
};

static void take_function(struct component *component, const struct place *place, const char *name,
		size_t size, const wasmtime_component_func_type_t *type) {
	wasmtime_component_export_index_t *index = wasmtime_component_get_export_index(
			component->code, place->index, name, size);
	if (index == NULL) {
		return;
	}
	component->functions = mem_resize(component->functions, component->function_count + 1,
			sizeof(*component->functions));
	component->functions[component->function_count++] = (struct component_function){
		.interface = place->interface != NULL ? mem_copy(place->interface, place->size)
						      : NULL,
		.name = mem_copy(name, size),
		.index = index,
		.type = wasmtime_component_func_type_clone(type),
	};
}

/* False if that list is too much with those before. */
static bool afford(struct component *component, size_t count) {
	component->work += count * (count + 1) / 2;
	return component->work <= LISTS_WORK_MAX;
}

static void take_interface(struct component *component, const char *name, size_t size,
		const wasmtime_component_instance_type_t *type) {
	const wasm_engine_t *wasm = component->module.tier.wasm;
	wasmtime_component_export_index_t *index =
			wasmtime_component_get_export_index(component->code, NULL, name, size);
	if (index == NULL) {
		return;
	}
	const struct place place = { name, size, index };
	wasmtime_component_item_t item;
	const char *inner;
	size_t length;
	bool ok = afford(component, wasmtime_component_instance_type_export_count(type, wasm));
	for (size_t i = 0; ok && wasmtime_component_instance_type_export_nth(
						 type, wasm, i, &inner, &length, &item);
			i++) {
		if (item.kind == WASMTIME_COMPONENT_ITEM_COMPONENT_FUNC) {
			take_function(component, &place, inner, length, item.of.component_func);
		}
		wasmtime_component_item_delete(&item);
	}
	wasmtime_component_export_index_delete(index);
}

static void list_exports(struct component *component, const wasmtime_component_type_t *type) {
	static const struct place top = { 0 };
	const char *name;
	size_t size;
	wasmtime_component_item_t item;
	bool ok = afford(component,
			wasmtime_component_type_export_count(type, component->module.tier.wasm));
	for (size_t i = 0;
			ok && wasmtime_component_type_export_nth(type, component->module.tier.wasm,
					      i, &name, &size, &item);
			i++) {
		if (item.kind == WASMTIME_COMPONENT_ITEM_COMPONENT_FUNC) {
			take_function(component, &top, name, size, item.of.component_func);
		} else if (item.kind == WASMTIME_COMPONENT_ITEM_COMPONENT_INSTANCE) {
			take_interface(component, name, size, item.of.component_instance);
		}
		wasmtime_component_item_delete(&item);
	}
}

/* The names of what nobody offers, a bounded list. */
struct missing {
	char text[800];
	size_t used, count;
};

static void miss(struct missing *missing, const char *interface, size_t interface_size,
		const char *name, size_t size) {
	missing->count++;
	if (missing->used + 200 > sizeof(missing->text)) {
		return;
	}
	missing->used += (size_t)snprintf(missing->text + missing->used,
			sizeof(missing->text) - missing->used, "%s%.*s%s%.*s",
			missing->used == 0 ? "" : ", ",
			interface_size > 96 ? 96 : (int)interface_size, interface,
			size != 0 ? "#" : "", size > 64 ? 64 : (int)size, name);
}

static bool offer_item(linker_instance_t *to, const char *interface, size_t interface_size,
		const char *name, size_t size, const wasmtime_component_item_t *item) {
	switch (item->kind) {
	case WASMTIME_COMPONENT_ITEM_COMPONENT_FUNC:
		return host_function(to, interface, interface_size, name, size);
	case WASMTIME_COMPONENT_ITEM_RESOURCE: return host_resource(to, name, size);
	default: return item->kind == WASMTIME_COMPONENT_ITEM_TYPE;
	}
}

static void offer_items(struct component *component, linker_instance_t *to, const char *interface,
		size_t interface_size, const wasmtime_component_instance_type_t *type,
		struct missing *missing) {
	wasmtime_component_item_t item;
	const char *name;
	size_t size;
	bool ok = afford(component, wasmtime_component_instance_type_export_count(
						    type, component->module.tier.wasm));
	for (size_t i = 0;
			ok && wasmtime_component_instance_type_export_nth(type,
					      component->module.tier.wasm, i, &name, &size, &item);
			i++) {
		if (!offer_item(to, interface, interface_size, name, size, &item)) {
			miss(missing, interface, interface_size, name, size);
		}
		wasmtime_component_item_delete(&item);
	}
}

static void offer_interface(struct component *component, const char *name, size_t size,
		const wasmtime_component_instance_type_t *type, struct missing *missing) {
	linker_instance_t *root = wasmtime_component_linker_root(component->linker), *to = NULL;
	wasmtime_error_t *error =
			wasmtime_component_linker_instance_add_instance(root, name, size, &to);
	if (error != NULL) {
		wasmtime_error_delete(error);
		miss(missing, name, size, "", 0);
	} else {
		offer_items(component, to, name, size, type, missing);
		wasmtime_component_linker_instance_delete(to);
	}
	wasmtime_component_linker_instance_delete(root);
}

static void link_imports(struct component *component, const wasmtime_component_type_t *type) {
	struct missing missing = { 0 };
	const char *name;
	size_t size;
	wasmtime_component_item_t item;
	component->linker = wasmtime_component_linker_new(component->module.tier.wasm);
	bool ok = afford(component,
			wasmtime_component_type_import_count(type, component->module.tier.wasm));
	for (size_t i = 0;
			ok && wasmtime_component_type_import_nth(type, component->module.tier.wasm,
					      i, &name, &size, &item);
			i++) {
		bool interface = item.kind == WASMTIME_COMPONENT_ITEM_COMPONENT_INSTANCE;
		if (interface && host_offers(name, size)) {
			offer_interface(component, name, size, item.of.component_instance,
					&missing);
		} else if (item.kind != WASMTIME_COMPONENT_ITEM_TYPE) {
			miss(&missing, name, size, "", 0);
		}
		wasmtime_component_item_delete(&item);
	}
	if (missing.count != 0) {
		component->imports_error = str_format(
				"the component imports what this worker does not offer (%zu): %s%s",
				missing.count, missing.text,
				missing.used + 200 > sizeof(missing.text) ? ", ..." : "");
	}
}

struct wasm_module *component_make(struct engine *engine, const struct tier *tier,
		wasmtime_component_t *code, size_t wasm_size, struct error *err) {
	struct component *component = MEM_NEW(struct component);
	component->module = (struct wasm_module){
		.module = { .engine = engine,
				.size = wasm_size * CODE_PER_BYTE,
				.run = component_run,
				.destroy = destroy },
		.tier = *tier,
		.instances = COMPONENT_INSTANCES,
	};
	component->code = code;
	wasmtime_component_type_t *type = wasmtime_component_type(code);
	list_exports(component, type);
	link_imports(component, type);
	wasmtime_component_type_delete(type);
	if (component->work > LISTS_WORK_MAX) {
		error_set(err, ERROR_MODULE, "the component has too many imports and exports");
		destroy(&component->module.module);
		return NULL;
	}
	return &component->module;
}
