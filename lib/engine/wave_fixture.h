/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * For tests and fuzzing: one type of each sort, got as a guest's would be, from a component.
 */
#include <stdlib.h>
#include <string.h>

#include <wasmtime.h>

enum { WAVE_TYPES_MAX = 64 };

struct wave_types {
	wasm_engine_t *engine;
	wasmtime_component_t *component;
	wasmtime_component_valtype_t types[WAVE_TYPES_MAX];
	char names[WAVE_TYPES_MAX][32];
	size_t count;
};

/* Functions that take one value each; a record and its like must have a name of its own. */
static const char wave_types_text[] =
		"(component"
		" (type $point (record (field \"x\" s32) (field \"y\" (option string))))"
		" (import \"t-point\" (type $Point (eq $point)))"
		" (type $maybe (record (field \"a\" (option u8)) (field \"true\" (option u8))))"
		" (import \"t-maybe\" (type $Maybe (eq $maybe)))"
		" (type $shape (variant (case \"empty\") (case \"circle\" f64) (case \"at\" $Point)"
		"  (case \"some\" u8) (case \"nan\")))"
		" (import \"t-shape\" (type $Shape (eq $shape)))"
		" (type $color (enum \"red\" \"dark-green\" \"none\"))"
		" (import \"t-color\" (type $Color (eq $color)))"
		" (type $perms (flags \"read\" \"write\" \"err\"))"
		" (import \"t-perms\" (type $Perms (eq $perms)))"
		" (import \"bool\" (func (param \"v\" bool)))"
		" (import \"s8\" (func (param \"v\" s8)))"
		" (import \"u8\" (func (param \"v\" u8)))"
		" (import \"s16\" (func (param \"v\" s16)))"
		" (import \"u16\" (func (param \"v\" u16)))"
		" (import \"s32\" (func (param \"v\" s32)))"
		" (import \"u32\" (func (param \"v\" u32)))"
		" (import \"s64\" (func (param \"v\" s64)))"
		" (import \"u64\" (func (param \"v\" u64)))"
		" (import \"f32\" (func (param \"v\" f32)))"
		" (import \"f64\" (func (param \"v\" f64)))"
		" (import \"char\" (func (param \"v\" char)))"
		" (import \"string\" (func (param \"v\" string)))"
		" (import \"list\" (func (param \"v\" (list u32))))"
		" (import \"strings\" (func (param \"v\" (list string))))"
		" (import \"lists\" (func (param \"v\" (list (list u8)))))"
		" (import \"tuple\" (func (param \"v\" (tuple u8 string))))"
		" (import \"single\" (func (param \"v\" (tuple bool))))"
		" (import \"point\" (func (param \"v\" $Point)))"
		" (import \"points\" (func (param \"v\" (list $Point))))"
		" (import \"maybe\" (func (param \"v\" $Maybe)))"
		" (import \"shape\" (func (param \"v\" $Shape)))"
		" (import \"color\" (func (param \"v\" $Color)))"
		" (import \"perms\" (func (param \"v\" $Perms)))"
		" (import \"option\" (func (param \"v\" (option u32))))"
		" (import \"options\" (func (param \"v\" (option (option u32)))))"
		" (import \"option-enum\" (func (param \"v\" (option $Color))))"
		" (import \"result\" (func (param \"v\" (result u32 (error string)))))"
		" (import \"result-ok\" (func (param \"v\" (result u32))))"
		" (import \"result-err\" (func (param \"v\" (result (error u32)))))"
		" (import \"result-none\" (func (param \"v\" (result)))))";

static inline void wave_types_take(struct wave_types *all, const char *name, size_t size,
		const wasmtime_component_item_t *item) {
	const char *ignored;
	size_t length;
	if (item->kind == WASMTIME_COMPONENT_ITEM_COMPONENT_FUNC && all->count < WAVE_TYPES_MAX &&
			size < sizeof(all->names[0]) &&
			wasmtime_component_func_type_param_nth(item->of.component_func, 0, &ignored,
					&length, &all->types[all->count])) {
		memcpy(all->names[all->count++], name, size);
	}
}

/* Aborts if the text is wrong. */
static inline void wave_types_load(struct wave_types *all) {
	wasm_byte_vec_t wasm;
	*all = (struct wave_types){ .engine = wasm_engine_new() };
	if (wasmtime_wat2wasm(wave_types_text, strlen(wave_types_text), &wasm) != NULL ||
			wasmtime_component_new(all->engine, (const uint8_t *)wasm.data, wasm.size,
					&all->component) != NULL) {
		abort();
	}
	wasm_byte_vec_delete(&wasm);
	wasmtime_component_type_t *type = wasmtime_component_type(all->component);
	wasmtime_component_item_t item;
	const char *name;
	size_t size;
	for (size_t i = 0; wasmtime_component_type_import_nth(
			     type, all->engine, i, &name, &size, &item);
			i++) {
		wave_types_take(all, name, size, &item);
		wasmtime_component_item_delete(&item);
	}
	wasmtime_component_type_delete(type);
}

static inline void wave_types_drop(struct wave_types *all) {
	for (size_t i = 0; i < all->count; i++) {
		wasmtime_component_valtype_delete(&all->types[i]);
	}
	wasmtime_component_delete(all->component);
	wasm_engine_delete(all->engine);
}

static inline const wasmtime_component_valtype_t *wave_types_find(
		const struct wave_types *all, const char *name) {
	for (size_t i = 0; i < all->count; i++) {
		if (strcmp(all->names[i], name) == 0) {
			return &all->types[i];
		}
	}
	return NULL;
}
