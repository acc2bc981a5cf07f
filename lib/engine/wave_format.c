/* SPDX-License-Identifier: Apache-2.0 */
/* Values of the component model to WAVE text. */

#include <string.h>

#include "engine/values.h"
#include "engine/wave.h"

typedef wasmtime_component_val_t val_t;

static bool format(const val_t *value, struct buf *out, struct error *err);

static bool put(struct buf *out, const char *text, struct error *err) {
	return buf_printf(out, err, "%s", text);
}

/* Words of WAVE, which a label may be too; then it is written with a %. */
static bool keyword(const wasm_name_t *name) {
	static const char *const words[] = { "true", "false", "nan", "inf", "some", "none", "ok",
		"err" };
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strlen(words[i]) == name->size &&
				memcmp(words[i], name->data, name->size) == 0) {
			return true;
		}
	}
	return false;
}

static bool put_label(const wasm_name_t *name, struct buf *out, struct error *err) {
	return put(out, keyword(name) ? "%" : "", err) &&
	       buf_append(out, name->data, name->size, err);
}

/* One byte of UTF-8 text between quotes of that kind. */
static bool put_quoted(char c, char quote, struct buf *out, struct error *err) {
	static const char plain[] = "\t\n\r\\", named[] = "tnr\\";
	const char *known = c != '\0' ? strchr(plain, c) : NULL;
	if (known != NULL || c == quote) {
		return buf_printf(out, err, "\\%c", known != NULL ? named[known - plain] : quote);
	}
	if ((unsigned char)c < 0x20 || c == 0x7f) {
		return buf_printf(out, err, "\\u{%x}", (unsigned)c);
	}
	return buf_append(out, &c, 1, err);
}

static bool put_string(const wasm_name_t *text, struct buf *out, struct error *err) {
	bool ok = put(out, "\"", err);
	for (size_t i = 0; ok && i < text->size; i++) {
		ok = put_quoted(text->data[i], '"', out, err);
	}
	return ok && put(out, "\"", err);
}

static bool put_char(uint32_t c, struct buf *out, struct error *err) {
	char text[4];
	size_t size = wave_utf8(c, text);
	bool ok = put(out, "'", err);
	for (size_t i = 0; ok && i < size; i++) {
		ok = put_quoted(text[i], '\'', out, err);
	}
	return ok && put(out, "'", err);
}

static bool put_sequence(const char *brackets, const val_t *items, size_t count, struct buf *out,
		struct error *err) {
	bool ok = buf_append(out, brackets, 1, err);
	for (size_t i = 0; ok && i < count; i++) {
		ok = put(out, i == 0 ? "" : ", ", err) && format(&items[i], out, err);
	}
	return ok && put(out, brackets + 1, err);
}

static bool put_record(
		const wasmtime_component_valrecord_t *record, struct buf *out, struct error *err) {
	bool ok = put(out, record->size == 0 ? "{:" : "{", err);
	for (size_t i = 0; ok && i < record->size; i++) {
		ok = put(out, i == 0 ? "" : ", ", err) &&
		     put_label(&record->data[i].name, out, err) && put(out, ": ", err) &&
		     format(&record->data[i].val, out, err);
	}
	return ok && put(out, "}", err);
}

static bool put_flags(
		const wasmtime_component_valflags_t *flags, struct buf *out, struct error *err) {
	bool ok = put(out, "{", err);
	for (size_t i = 0; ok && i < flags->size; i++) {
		ok = put(out, i == 0 ? "" : ", ", err) && put_label(&flags->data[i], out, err);
	}
	return ok && put(out, "}", err);
}

static bool put_payload(const val_t *value, struct buf *out, struct error *err) {
	return value == NULL ||
	       (put(out, "(", err) && format(value, out, err) && put(out, ")", err));
}

static bool put_float(const wasmtime_val_t *value, struct buf *out, struct error *err) {
	char text[VALUE_TEXT_MAX];
	value_format(value, text);
	return put(out, text, err);
}

static bool put_number(const val_t *value, struct buf *out, struct error *err) {
	switch (value->kind) {
	case WASMTIME_COMPONENT_S8: return buf_printf(out, err, "%d", value->of.s8);
	case WASMTIME_COMPONENT_U8: return buf_printf(out, err, "%u", value->of.u8);
	case WASMTIME_COMPONENT_S16: return buf_printf(out, err, "%d", value->of.s16);
	case WASMTIME_COMPONENT_U16: return buf_printf(out, err, "%u", value->of.u16);
	case WASMTIME_COMPONENT_S32: return buf_printf(out, err, "%d", value->of.s32);
	case WASMTIME_COMPONENT_U32: return buf_printf(out, err, "%u", value->of.u32);
	case WASMTIME_COMPONENT_S64: return buf_printf(out, err, "%lld", (long long)value->of.s64);
	case WASMTIME_COMPONENT_U64:
		return buf_printf(out, err, "%llu", (unsigned long long)value->of.u64);
	case WASMTIME_COMPONENT_F32:
		return put_float(&(wasmtime_val_t){ .kind = WASMTIME_F32, .of.f32 = value->of.f32 },
				out, err);
	case WASMTIME_COMPONENT_F64:
		return put_float(&(wasmtime_val_t){ .kind = WASMTIME_F64, .of.f64 = value->of.f64 },
				out, err);
	default: return error_set(err, ERROR_INVALID, "a value of this type has no text");
	}
}

static bool format(const val_t *value, struct buf *out, struct error *err) {
	switch (value->kind) {
	case WASMTIME_COMPONENT_BOOL: return put(out, value->of.boolean ? "true" : "false", err);
	case WASMTIME_COMPONENT_CHAR: return put_char(value->of.character, out, err);
	case WASMTIME_COMPONENT_STRING: return put_string(&value->of.string, out, err);
	case WASMTIME_COMPONENT_LIST:
		return put_sequence("[]", value->of.list.data, value->of.list.size, out, err);
	case WASMTIME_COMPONENT_TUPLE:
		return put_sequence("()", value->of.tuple.data, value->of.tuple.size, out, err);
	case WASMTIME_COMPONENT_RECORD: return put_record(&value->of.record, out, err);
	case WASMTIME_COMPONENT_VARIANT:
		return put_label(&value->of.variant.discriminant, out, err) &&
		       put_payload(value->of.variant.val, out, err);
	case WASMTIME_COMPONENT_ENUM: return put_label(&value->of.enumeration, out, err);
	case WASMTIME_COMPONENT_OPTION:
		return put(out, value->of.option != NULL ? "some" : "none", err) &&
		       put_payload(value->of.option, out, err);
	case WASMTIME_COMPONENT_RESULT:
		return put(out, value->of.result.is_ok ? "ok" : "err", err) &&
		       put_payload(value->of.result.val, out, err);
	case WASMTIME_COMPONENT_FLAGS: return put_flags(&value->of.flags, out, err);
	default: return put_number(value, out, err);
	}
}

bool wave_format(const val_t *value, struct buf *out, struct error *err) {
	return format(value, out, err);
}
