/* SPDX-License-Identifier: Apache-2.0 */
/* WAVE text to values: recursive descent, led by the type. */
#include "engine/wave.h"

#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "engine/wave_read.h"

typedef wasmtime_component_valtype_t type_t;
typedef wasmtime_component_val_t val_t;

static bool too_much(struct wave_reader *in) {
	return error_set(in->err, ERROR_INVALID,
			"the value has more than %d levels, more than %d parts or too many names "
			"at column %zu",
			WAVE_DEPTH_MAX, WAVE_NODES_MAX, in->at + 1);
}

static bool read_value(struct wave_reader *in, const type_t *type, val_t *out);

/* Values that are being collected. */
struct values {
	val_t *items;
	size_t count, room;
};

static val_t *values_add(struct values *values) {
	if (values->count == values->room) {
		values->room = values->room == 0 ? 8 : values->room * 2;
		values->items = mem_resize(values->items, values->room, sizeof(val_t));
	}
	val_t *item = &values->items[values->count++];
	memset(item, 0, sizeof(*item));
	return item;
}

static void values_drop(struct values *values) {
	for (size_t i = 0; i < values->count; i++) {
		wasmtime_component_val_delete(&values->items[i]);
	}
	free(values->items);
}

/* Behind an item of `[...]`: a comma, the end, or both. */
static bool next_item(struct wave_reader *in, char close, bool *more) {
	bool comma = wave_take(in, ',');
	*more = !wave_peek(in, close);
	const char what[] = { '`', ',', '`', ' ', 'o', 'r', ' ', '`', close, '`', 0 };
	return comma || !*more || wave_expected(in, what);
}

static bool read_items(struct wave_reader *in, const type_t *element, struct values *values) {
	bool more = !wave_peek(in, ']');
	while (more) {
		if (!read_value(in, element, values_add(values)) || !next_item(in, ']', &more)) {
			return false;
		}
	}
	return wave_need(in, ']');
}

/* The vector takes the values over; the memory of the collection itself goes. */
static void list_of(struct values *values, wasmtime_component_vallist_t *list) {
	wasmtime_component_vallist_new_uninit(list, values->count);
	if (values->count > 0) {
		memcpy(list->data, values->items, values->count * sizeof(val_t));
	}
	free(values->items);
}

static bool read_list(struct wave_reader *in, const type_t *type, val_t *out) {
	struct values values = { 0 };
	type_t element;
	if (!wave_take(in, '[')) {
		return wave_expected_type(in, type);
	}
	wasmtime_component_list_type_element(type->of.list, &element);
	bool ok = read_items(in, &element, &values);
	wasmtime_component_valtype_delete(&element);
	if (!ok) {
		values_drop(&values);
		return false;
	}
	out->kind = WASMTIME_COMPONENT_LIST;
	list_of(&values, &out->of.list);
	return true;
}

static bool read_tuple_items(struct wave_reader *in, const type_t *type, struct values *values) {
	type_t part;
	bool more = true;
	for (size_t i = 0; wasmtime_component_tuple_type_types_nth(type->of.tuple, i, &part); i++) {
		bool ok = more && read_value(in, &part, values_add(values)) &&
			  next_item(in, ')', &more);
		if (!more && ok) {
			size_t count = wasmtime_component_tuple_type_types_count(type->of.tuple);
			ok = i + 1 == count || wave_expected_type(in, &part);
		}
		wasmtime_component_valtype_delete(&part);
		if (!ok) {
			return false;
		}
	}
	return wave_need(in, ')');
}

static bool read_tuple(struct wave_reader *in, const type_t *type, val_t *out) {
	struct values values = { 0 };
	if (!wave_take(in, '(')) {
		return wave_expected_type(in, type);
	}
	if (!read_tuple_items(in, type, &values)) {
		values_drop(&values);
		return false;
	}
	out->kind = WASMTIME_COMPONENT_TUPLE;
	wasmtime_component_vallist_t list;
	list_of(&values, &list);
	out->of.tuple = (wasmtime_component_valtuple_t){ list.size, list.data };
	return true;
}

static val_t *boxed(val_t *value) {
	return wasmtime_component_val_new(value);
}

static bool field_at(struct wave_reader *in, const type_t *type, struct wave_word word,
		size_t *index, type_t *part) {
	const char *name;
	size_t size;
	for (size_t i = 0; wasmtime_component_record_type_field_nth(
			     type->of.record, i, &name, &size, part);
			in->steps += ++i) {
		if (wave_word_is(word, name, size)) {
			*index = i;
			return true;
		}
		wasmtime_component_valtype_delete(part);
	}
	char text[200];
	wave_type_text(type, text, sizeof(text));
	return error_set(in->err, ERROR_INVALID, "`%.*s` is no field of %s at column %zu",
			word.size > 40 ? 40 : (int)word.size, word.text, text,
			(size_t)(word.text - in->text) + 1);
}

static bool read_field(struct wave_reader *in, const type_t *type,
		wasmtime_component_valrecord_entry_t *entries, bool *given) {
	size_t end, index = 0;
	struct wave_word word = wave_label_ahead(in, &end);
	type_t part;
	if (word.size == 0) {
		return wave_expected(in, "the name of a field");
	}
	if (!field_at(in, type, word, &index, &part)) {
		return false;
	}
	bool ok = !given[index] ||
		  error_set(in->err, ERROR_INVALID, "field `%.*s` is given twice at column %zu",
				  word.size > 40 ? 40 : (int)word.size, word.text, in->at + 1);
	if (ok) {
		in->at = end;
		given[index] = true;
		ok = wave_need(in, ':') && read_value(in, &part, &entries[index].val);
	}
	wasmtime_component_valtype_delete(&part);
	return ok;
}

static bool read_fields(struct wave_reader *in, const type_t *type,
		wasmtime_component_valrecord_entry_t *entries, bool *given) {
	if (wave_take(in, ':')) { /* {:} is the record without fields */
		return wave_need(in, '}');
	}
	bool more = true;
	while (more) {
		if (!read_field(in, type, entries, given) || !next_item(in, '}', &more)) {
			return false;
		}
	}
	return wave_need(in, '}');
}

/* Names all entries; a field that was left out has to be an option. */
static bool complete(struct wave_reader *in, const type_t *type,
		wasmtime_component_valrecord_entry_t *entries, const bool *given) {
	type_t part;
	const char *name;
	size_t size;
	for (size_t i = 0; wasmtime_component_record_type_field_nth(
			     type->of.record, i, &name, &size, &part);
			i++) {
		bool option = part.kind == WASMTIME_COMPONENT_VALTYPE_OPTION;
		wasmtime_component_valtype_delete(&part);
		wasm_byte_vec_new(&entries[i].name, size, name);
		if (given[i]) {
			continue;
		}
		if (!option) {
			return error_set(in->err, ERROR_INVALID,
					"field `%.*s` is missing before column %zu", (int)size,
					name, in->at + 1);
		}
		entries[i].val = (val_t){ .kind = WASMTIME_COMPONENT_OPTION };
	}
	return true;
}

static bool read_record(struct wave_reader *in, const type_t *type, val_t *out) {
	if (!wave_take(in, '{')) {
		return wave_expected_type(in, type);
	}
	wasmtime_component_valrecord_t record;
	size_t count = wasmtime_component_record_type_field_count(type->of.record);
	in->nodes += count;
	in->steps += count * count; /* wasmtime finds the n-th of a list by counting */
	if (in->nodes > WAVE_NODES_MAX) {
		return too_much(in);
	}
	wasmtime_component_valrecord_new_uninit(&record, count);
	if (count > 0) {
		memset(record.data, 0, count * sizeof(*record.data));
	}
	CLEANUP(mem_freep) bool *given = mem_zero(count + 1, sizeof(*given));
	if (!read_fields(in, type, record.data, given) || !complete(in, type, record.data, given)) {
		wasmtime_component_valrecord_delete(&record);
		return false;
	}
	*out = (val_t){ .kind = WASMTIME_COMPONENT_RECORD, .of.record = record };
	return true;
}

static bool case_at(struct wave_reader *in, const type_t *type, struct wave_word word,
		bool *payload, type_t *part) {
	const char *name;
	size_t size;
	for (size_t i = 0; wasmtime_component_variant_type_case_nth(
			     type->of.variant, i, &name, &size, payload, part);
			in->steps += ++i) {
		if (wave_word_is(word, name, size)) {
			return true;
		}
		if (*payload) {
			wasmtime_component_valtype_delete(part);
		}
	}
	return false;
}

/* "(" value ")" on the heap of wasmtime. */
static bool read_payload(struct wave_reader *in, const type_t *part, val_t **out) {
	val_t value = { 0 };
	if (!wave_need(in, '(') || !read_value(in, part, &value)) {
		return false;
	}
	if (!wave_need(in, ')')) {
		wasmtime_component_val_delete(&value);
		return false;
	}
	*out = boxed(&value);
	return true;
}

static bool read_variant(struct wave_reader *in, const type_t *type, val_t *out) {
	size_t end;
	bool payload;
	type_t part;
	struct wave_word word = wave_label_ahead(in, &end);
	if (!case_at(in, type, word, &payload, &part)) {
		return wave_expected_type(in, type);
	}
	in->at = end;
	val_t *inner = NULL;
	bool ok = !payload || read_payload(in, &part, &inner);
	if (payload) {
		wasmtime_component_valtype_delete(&part);
	}
	if (ok) {
		out->kind = WASMTIME_COMPONENT_VARIANT;
		out->of.variant.val = inner;
		wasm_byte_vec_new(&out->of.variant.discriminant, word.size, word.text);
	}
	return ok;
}

static bool read_enum(struct wave_reader *in, const type_t *type, val_t *out) {
	const char *name;
	size_t size, end;
	struct wave_word word = wave_label_ahead(in, &end);
	for (size_t i = 0; wasmtime_component_enum_type_names_nth(type->of.enum_, i, &name, &size);
			in->steps += ++i) {
		if (wave_word_is(word, name, size)) {
			in->at = end;
			out->kind = WASMTIME_COMPONENT_ENUM;
			wasm_byte_vec_new(&out->of.enumeration, size, name);
			return true;
		}
	}
	return wave_expected_type(in, type);
}

/* Only what cannot be mistaken for none, some(), ok or err may go without its word. */
static bool bare(const type_t *part) {
	return part->kind != WASMTIME_COMPONENT_VALTYPE_OPTION &&
	       part->kind != WASMTIME_COMPONENT_VALTYPE_RESULT;
}

static bool read_some(struct wave_reader *in, const type_t *part, val_t **inner) {
	val_t value = { 0 };
	if (wave_take_word(in, "some")) {
		return read_payload(in, part, inner);
	}
	if (!bare(part)) {
		return wave_expected(in, "some(...) or none");
	}
	if (!read_value(in, part, &value)) {
		return false;
	}
	*inner = boxed(&value);
	return true;
}

static bool read_option(struct wave_reader *in, const type_t *type, val_t *out) {
	type_t part;
	val_t *inner = NULL;
	if (!wave_take_word(in, "none")) {
		wasmtime_component_option_type_ty(type->of.option, &part);
		bool ok = read_some(in, &part, &inner);
		wasmtime_component_valtype_delete(&part);
		if (!ok) {
			return false;
		}
	}
	*out = (val_t){ .kind = WASMTIME_COMPONENT_OPTION, .of.option = inner };
	return true;
}

/* ok, ok(...), err, err(...) or the bare value of ok. */
static bool read_side(struct wave_reader *in, const type_t *type, const type_t *part, bool word,
		val_t **inner) {
	val_t value = { 0 };
	if (word) {
		return part == NULL || read_payload(in, part, inner);
	}
	if (part == NULL || !bare(part)) {
		return wave_expected_type(in, type);
	}
	if (!read_value(in, part, &value)) {
		return false;
	}
	*inner = boxed(&value);
	return true;
}

static bool read_result(struct wave_reader *in, const type_t *type, val_t *out) {
	bool is_err = wave_take_word(in, "err"), word = is_err || wave_take_word(in, "ok");
	type_t part;
	bool has = is_err ? wasmtime_component_result_type_err(type->of.result, &part)
			  : wasmtime_component_result_type_ok(type->of.result, &part);
	val_t *inner = NULL;
	bool ok = read_side(in, type, has ? &part : NULL, word, &inner);
	if (has) {
		wasmtime_component_valtype_delete(&part);
	}
	if (ok) {
		*out = (val_t){ .kind = WASMTIME_COMPONENT_RESULT,
			.of.result = { !is_err, inner } };
	}
	return ok;
}

static bool flag_at(const type_t *type, struct wave_word word, size_t *index) {
	const char *name;
	size_t size;
	for (size_t i = 0; wasmtime_component_flags_type_names_nth(type->of.flags, i, &name, &size);
			i++) {
		if (wave_word_is(word, name, size)) {
			*index = i;
			return true;
		}
	}
	return false;
}

static bool read_flag_names(struct wave_reader *in, const type_t *type, bool *given) {
	bool more = !wave_peek(in, '}');
	while (more) {
		size_t end, index;
		if (!flag_at(type, wave_label_ahead(in, &end), &index) || given[index]) {
			return wave_expected_type(in, type);
		}
		in->at = end;
		given[index] = true;
		if (!next_item(in, '}', &more)) {
			return false;
		}
	}
	return wave_need(in, '}');
}

static bool read_flags(struct wave_reader *in, const type_t *type, val_t *out) {
	size_t count = wasmtime_component_flags_type_names_count(type->of.flags), used = 0;
	CLEANUP(mem_freep) bool *given = mem_zero(count + 1, sizeof(*given));
	if (!wave_take(in, '{')) {
		return wave_expected_type(in, type);
	}
	if (!read_flag_names(in, type, given)) {
		return false;
	}
	for (size_t i = 0; i < count; i++) {
		used += given[i];
	}
	out->kind = WASMTIME_COMPONENT_FLAGS;
	wasmtime_component_valflags_new_uninit(&out->of.flags, used);
	for (size_t i = 0, to = 0; i < count; i++) {
		const char *name;
		size_t size;
		if (given[i] && wasmtime_component_flags_type_names_nth(
						type->of.flags, i, &name, &size)) {
			wasm_byte_vec_new(&out->of.flags.data[to++], size, name);
		}
	}
	return true;
}

static const wave_read_fn readers[] = {
	[WASMTIME_COMPONENT_VALTYPE_BOOL] = wave_read_bool,
	[WASMTIME_COMPONENT_VALTYPE_S8] = wave_read_integer,
	[WASMTIME_COMPONENT_VALTYPE_S16] = wave_read_integer,
	[WASMTIME_COMPONENT_VALTYPE_S32] = wave_read_integer,
	[WASMTIME_COMPONENT_VALTYPE_S64] = wave_read_integer,
	[WASMTIME_COMPONENT_VALTYPE_U8] = wave_read_integer,
	[WASMTIME_COMPONENT_VALTYPE_U16] = wave_read_integer,
	[WASMTIME_COMPONENT_VALTYPE_U32] = wave_read_integer,
	[WASMTIME_COMPONENT_VALTYPE_U64] = wave_read_integer,
	[WASMTIME_COMPONENT_VALTYPE_F32] = wave_read_float,
	[WASMTIME_COMPONENT_VALTYPE_F64] = wave_read_float,
	[WASMTIME_COMPONENT_VALTYPE_CHAR] = wave_read_char,
	[WASMTIME_COMPONENT_VALTYPE_STRING] = wave_read_string,
	[WASMTIME_COMPONENT_VALTYPE_LIST] = read_list,
	[WASMTIME_COMPONENT_VALTYPE_RECORD] = read_record,
	[WASMTIME_COMPONENT_VALTYPE_TUPLE] = read_tuple,
	[WASMTIME_COMPONENT_VALTYPE_VARIANT] = read_variant,
	[WASMTIME_COMPONENT_VALTYPE_ENUM] = read_enum,
	[WASMTIME_COMPONENT_VALTYPE_OPTION] = read_option,
	[WASMTIME_COMPONENT_VALTYPE_RESULT] = read_result,
	[WASMTIME_COMPONENT_VALTYPE_FLAGS] = read_flags,
};

/* On failure *out stays what it was: no value that owns anything. */
static bool read_value(struct wave_reader *in, const type_t *type, val_t *out) {
	if (type->kind >= sizeof(readers) / sizeof(readers[0])) {
		return error_set(in->err, ERROR_INVALID, "values of this type have no text");
	}
	if (in->depth == WAVE_DEPTH_MAX || in->nodes >= WAVE_NODES_MAX ||
			in->steps > WAVE_STEPS_MAX) {
		return too_much(in);
	}
	in->depth++;
	in->nodes++;
	val_t value = { 0 };
	bool ok = readers[type->kind](in, type, &value);
	if (ok) {
		*out = value;
	}
	in->depth--;
	return ok;
}

bool wave_parse(const char *text, const type_t *type, val_t *value, struct error *err) {
	struct wave_reader in = { .text = text, .size = strlen(text), .err = err };
	val_t read = { 0 };
	if (in.size > WAVE_TEXT_MAX) {
		return error_set(err, ERROR_INVALID, "the text has %zu bytes, at most %d are taken",
				in.size, WAVE_TEXT_MAX);
	}
	if (!str_is_utf8(text, in.size)) {
		return error_set(err, ERROR_INVALID, "the text is not UTF-8");
	}
	if (!read_value(&in, type, &read)) {
		return false;
	}
	wave_skip(&in);
	if (in.at != in.size) {
		wasmtime_component_val_delete(&read);
		return wave_expected_at(&in, in.at, "the end of the text");
	}
	*value = read;
	return true;
}
