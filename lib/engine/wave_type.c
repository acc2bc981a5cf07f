/* SPDX-License-Identifier: Apache-2.0 */
/* Types of the component model as WIT writes them. */
#include <stdarg.h>
#include <stdio.h>

#include "engine/wave.h"

enum { TYPE_DEPTH_MAX = 100, TYPE_WORK_MAX = 1 << 22 };

typedef wasmtime_component_valtype_t type_t;

static const char *const simple[] = {
	[WASMTIME_COMPONENT_VALTYPE_BOOL] = "bool",
	[WASMTIME_COMPONENT_VALTYPE_S8] = "s8",
	[WASMTIME_COMPONENT_VALTYPE_S16] = "s16",
	[WASMTIME_COMPONENT_VALTYPE_S32] = "s32",
	[WASMTIME_COMPONENT_VALTYPE_S64] = "s64",
	[WASMTIME_COMPONENT_VALTYPE_U8] = "u8",
	[WASMTIME_COMPONENT_VALTYPE_U16] = "u16",
	[WASMTIME_COMPONENT_VALTYPE_U32] = "u32",
	[WASMTIME_COMPONENT_VALTYPE_U64] = "u64",
	[WASMTIME_COMPONENT_VALTYPE_F32] = "f32",
	[WASMTIME_COMPONENT_VALTYPE_F64] = "f64",
	[WASMTIME_COMPONENT_VALTYPE_CHAR] = "char",
	[WASMTIME_COMPONENT_VALTYPE_STRING] = "string",
};

/* A walk over a type; `text` is NULL when only the question is whether all of it is plain. */
struct walk {
	char *text;
	size_t size, used;
	unsigned depth;
	bool plain;
	size_t work; /* wasmtime finds the n-th of a list by counting */
};

PRINTF(2, 3) static void say(struct walk *walk, const char *format, ...) {
	if (walk->text == NULL || walk->used + 1 >= walk->size) {
		return;
	}
	va_list args;
	va_start(args, format);
	int count = vsnprintf(walk->text + walk->used, walk->size - walk->used, format, args);
	va_end(args);
	walk->used += count > 0 ? (size_t)count : 0;
}

/* False when all that there is room for has been said, or the type is too large to be looked at. */
static bool more(struct walk *walk, size_t index) {
	walk->work += index + 1;
	if (walk->work > TYPE_WORK_MAX) {
		walk->plain = false;
	}
	return walk->work <= TYPE_WORK_MAX && (walk->text == NULL || walk->used + 1 < walk->size);
}

static void visit(struct walk *walk, const type_t *type);

/* Visits a type that was just asked for, and gives it back. */
static void visit_part(struct walk *walk, type_t *part) {
	visit(walk, part);
	wasmtime_component_valtype_delete(part);
}

static void visit_list(struct walk *walk, const type_t *type) {
	type_t part;
	say(walk, "list<");
	wasmtime_component_list_type_element(type->of.list, &part);
	visit_part(walk, &part);
	say(walk, ">");
}

static void visit_option(struct walk *walk, const type_t *type) {
	type_t part;
	say(walk, "option<");
	wasmtime_component_option_type_ty(type->of.option, &part);
	visit_part(walk, &part);
	say(walk, ">");
}

static void visit_tuple(struct walk *walk, const type_t *type) {
	type_t part;
	say(walk, "tuple<");
	for (size_t i = 0; more(walk, i) &&
			   wasmtime_component_tuple_type_types_nth(type->of.tuple, i, &part);
			i++) {
		say(walk, "%s", i == 0 ? "" : ", ");
		visit_part(walk, &part);
	}
	say(walk, ">");
}

static void visit_record(struct walk *walk, const type_t *type) {
	type_t part;
	const char *name;
	size_t size;
	say(walk, "record { ");
	for (size_t i = 0;
			more(walk, i) && wasmtime_component_record_type_field_nth(
							 type->of.record, i, &name, &size, &part);
			i++) {
		say(walk, "%s%.*s: ", i == 0 ? "" : ", ", (int)size, name);
		visit_part(walk, &part);
	}
	say(walk, " }");
}

static void visit_variant(struct walk *walk, const type_t *type) {
	type_t part;
	const char *name;
	size_t size;
	bool payload;
	say(walk, "variant { ");
	for (size_t i = 0;
			more(walk, i) && wasmtime_component_variant_type_case_nth(type->of.variant,
							 i, &name, &size, &payload, &part);
			i++) {
		say(walk, "%s%.*s", i == 0 ? "" : ", ", (int)size, name);
		if (payload) {
			say(walk, "(");
			visit_part(walk, &part);
			say(walk, ")");
		}
	}
	say(walk, " }");
}

static void visit_result(struct walk *walk, const type_t *type) {
	type_t ok, bad;
	bool has_ok = wasmtime_component_result_type_ok(type->of.result, &ok);
	bool has_err = wasmtime_component_result_type_err(type->of.result, &bad);
	say(walk, "result%s%s", has_ok || has_err ? "<" : "", !has_ok && has_err ? "_" : "");
	if (has_ok) {
		visit_part(walk, &ok);
	}
	if (has_err) {
		say(walk, ", ");
		visit_part(walk, &bad);
	}
	say(walk, "%s", has_ok || has_err ? ">" : "");
}

static void visit_enum(struct walk *walk, const type_t *type) {
	const char *name;
	size_t size;
	say(walk, "enum { ");
	for (size_t i = 0; more(walk, i) &&
			   wasmtime_component_enum_type_names_nth(type->of.enum_, i, &name, &size);
			i++) {
		say(walk, "%s%.*s", i == 0 ? "" : ", ", (int)size, name);
	}
	say(walk, " }");
}

static void visit_flags(struct walk *walk, const type_t *type) {
	const char *name;
	size_t size;
	say(walk, "flags { ");
	for (size_t i = 0; more(walk, i) &&
			   wasmtime_component_flags_type_names_nth(type->of.flags, i, &name, &size);
			i++) {
		say(walk, "%s%.*s", i == 0 ? "" : ", ", (int)size, name);
	}
	say(walk, " }");
}

static void visit(struct walk *walk, const type_t *type) {
	static void (*const visits[])(struct walk *, const type_t *) = {
		[WASMTIME_COMPONENT_VALTYPE_LIST] = visit_list,
		[WASMTIME_COMPONENT_VALTYPE_RECORD] = visit_record,
		[WASMTIME_COMPONENT_VALTYPE_TUPLE] = visit_tuple,
		[WASMTIME_COMPONENT_VALTYPE_VARIANT] = visit_variant,
		[WASMTIME_COMPONENT_VALTYPE_ENUM] = visit_enum,
		[WASMTIME_COMPONENT_VALTYPE_OPTION] = visit_option,
		[WASMTIME_COMPONENT_VALTYPE_RESULT] = visit_result,
		[WASMTIME_COMPONENT_VALTYPE_FLAGS] = visit_flags,
	};
	if (type->kind < sizeof(simple) / sizeof(simple[0])) {
		say(walk, "%s", simple[type->kind]);
	} else if (type->kind < sizeof(visits) / sizeof(visits[0]) &&
			walk->depth < TYPE_DEPTH_MAX) {
		walk->depth++;
		visits[type->kind](walk, type);
		walk->depth--;
	} else {
		walk->plain = false;
		say(walk, "resource");
	}
}

void wave_type_text(const type_t *type, char *text, size_t size) {
	struct walk walk = { .text = text, .size = size, .plain = true };
	text[0] = '\0';
	visit(&walk, type);
}

bool wave_type_plain(const type_t *type) {
	struct walk walk = { .plain = true };
	visit(&walk, type);
	return walk.plain;
}
