/* SPDX-License-Identifier: Apache-2.0 */
#include "meter/meter.h"

#include <string.h>

#include "meter/operator.h"
#include "meter/rewrite.h"

enum { TYPE_I64 = 0x7e, TYPE_FUNCTION = 0x60, MUTABLE = 1, EXPORT_FUNCTION = 0, EXPORT_GLOBAL = 3 };

/* One module on its way. */
struct rewriting {
	struct layout layout;
	struct counters counters;
	struct body body;
	struct writer writer;
	const uint8_t *origin;
};

/* The type () -> results stands behind the module's own types, if it is not one of them. */
static void block_types(struct layout *layout) {
	for (uint32_t i = layout->imported_functions; i < layout->functions.count; i++) {
		uint32_t index = layout->functions.items[i];
		struct function_type *type = &layout->types[index];
		if (type->results.size < 2 || type->block != LAYOUT_NONE) {
			continue;
		}
		bool own = type->params.size == 0;
		type->block = own ? index : layout->type_count + layout->added_types++;
	}
}

/* How many there are, and where they begin; 0 and nothing if the section is not there. */
static struct bytes entries(
		const struct rewriting *rewriting, enum section_id id, uint32_t *count) {
	struct bytes section = rewriting->layout.sections[id];
	struct reader reader = reader_of(section, rewriting->origin, rewriting->writer.err);
	*count = section.data != NULL ? reader_u32(&reader) : 0;
	return (struct bytes){ reader.at, (size_t)(reader.end - reader.at) };
}

/* A section with entries of ours behind its own, which it may not have any of. */
static size_t open_section(struct rewriting *rewriting, enum section_id id, uint32_t added) {
	uint32_t count;
	struct bytes own = entries(rewriting, id, &count);
	if ((uint64_t)count + added > LAYOUT_MANY && !rewriting->writer.failed) {
		rewriting->writer.failed = true;
		error_set(rewriting->writer.err, ERROR_MODULE,
				"the module has too many types, globals or exports for metering");
	}
	writer_byte(&rewriting->writer, id);
	size_t begun = writer_begin(&rewriting->writer);
	writer_unsigned(&rewriting->writer, (uint64_t)count + added);
	writer_bytes(&rewriting->writer, own);
	return begun;
}

static void write_types(struct rewriting *rewriting) {
	struct writer *writer = &rewriting->writer;
	const struct layout *layout = &rewriting->layout;
	size_t begun = open_section(rewriting, SECTION_TYPE, layout->added_types);
	/* In the order in which block_types() numbered them. */
	uint32_t next = layout->type_count;
	for (uint32_t i = layout->imported_functions; i < layout->functions.count; i++) {
		const struct function_type *type = &layout->types[layout->functions.items[i]];
		if (type->block != next || type->results.size < 2) {
			continue;
		}
		next++;
		writer_byte(writer, TYPE_FUNCTION);
		writer_unsigned(writer, 0);
		writer_unsigned(writer, type->results.size);
		writer_bytes(writer, type->results);
	}
	writer_done(writer, begun);
}

static void write_globals(struct rewriting *rewriting) {
	struct writer *writer = &rewriting->writer;
	size_t begun = open_section(rewriting, SECTION_GLOBAL, 2);
	for (int i = 0; i < 2; i++) {
		writer_byte(writer, TYPE_I64);
		writer_byte(writer, MUTABLE);
		writer_byte(writer, OP_I64_CONST);
		writer_signed(writer, 0);
		writer_byte(writer, OP_END);
	}
	writer_done(writer, begun);
}

static void write_export(struct writer *writer, const char *name, unsigned kind, uint32_t index) {
	writer_unsigned(writer, strlen(name));
	writer_bytes(writer, (struct bytes){ (const uint8_t *)name, strlen(name) });
	writer_byte(writer, kind);
	writer_unsigned(writer, index);
}

static void write_exports(struct rewriting *rewriting) {
	struct writer *writer = &rewriting->writer;
	uint32_t start = rewriting->layout.start;
	size_t begun = open_section(rewriting, SECTION_EXPORT, start == LAYOUT_NONE ? 2 : 3);
	write_export(writer, METER_GAS, EXPORT_GLOBAL, rewriting->counters.gas);
	write_export(writer, METER_DEPTH, EXPORT_GLOBAL, rewriting->counters.depth);
	if (start != LAYOUT_NONE) {
		write_export(writer, METER_START, EXPORT_FUNCTION, start);
	}
	writer_done(writer, begun);
}

static bool write_body(struct rewriting *rewriting, uint32_t function, struct reader *code) {
	struct bytes block = reader_block(code);
	struct reader reader = reader_within(code, block);
	code->failed = !body_read(&rewriting->body, &rewriting->layout, function, &reader);
	if (code->failed) {
		return false;
	}
	size_t before = rewriting->writer.out->size;
	if (function == rewriting->layout.gas_function) {
		rewrite_gas_function(&rewriting->writer, &rewriting->counters);
	} else {
		rewrite_body(&rewriting->writer, &rewriting->body, &rewriting->counters);
	}
	if (rewriting->writer.out->size - before > LAYOUT_BODY_BYTES) {
		return reader_fail(code, "a function that is made to count gas is too large");
	}
	return !rewriting->writer.failed;
}

static bool write_code(struct rewriting *rewriting) {
	struct layout *layout = &rewriting->layout;
	struct bytes section = layout->sections[SECTION_CODE];
	struct reader code = reader_of(section, rewriting->origin, rewriting->writer.err);
	uint32_t count = section.data != NULL ? reader_count(&code, LAYOUT_MANY) : 0;
	if (count != layout->functions.count - layout->imported_functions) {
		return reader_fail(&code, "there are not as many bodies as functions");
	}
	if (section.data == NULL) {
		return true;
	}
	writer_byte(&rewriting->writer, SECTION_CODE);
	size_t begun = writer_begin(&rewriting->writer);
	writer_unsigned(&rewriting->writer, count);
	for (uint32_t i = 0; i < count; i++) {
		if (!write_body(rewriting, layout->imported_functions + i, &code)) {
			return false;
		}
	}
	if (code.at != code.end) {
		return reader_fail(&code, "a section is longer than what is in it");
	}
	writer_done(&rewriting->writer, begun);
	return true;
}

static void copy_section(struct rewriting *rewriting, enum section_id id) {
	struct bytes section = rewriting->layout.sections[id];
	if (section.data != NULL) {
		writer_byte(&rewriting->writer, id);
		writer_unsigned(&rewriting->writer, section.size);
		writer_bytes(&rewriting->writer, section);
	}
}

/* All sections in the order of the binary format, but for the start, which is an export now. */
static bool write_module(struct rewriting *rewriting) {
	static const uint8_t header[] = { 0, 'a', 's', 'm', 1, 0, 0, 0 };
	writer_bytes(&rewriting->writer, (struct bytes){ header, sizeof(header) });
	write_types(rewriting);
	copy_section(rewriting, SECTION_IMPORT);
	copy_section(rewriting, SECTION_FUNCTION);
	copy_section(rewriting, SECTION_TABLE);
	copy_section(rewriting, SECTION_MEMORY);
	write_globals(rewriting);
	write_exports(rewriting);
	copy_section(rewriting, SECTION_ELEMENT);
	copy_section(rewriting, SECTION_DATA_COUNT);
	if (!write_code(rewriting)) {
		return false;
	}
	copy_section(rewriting, SECTION_DATA);
	copy_section(rewriting, SECTION_CUSTOM);
	return !rewriting->writer.failed;
}

static size_t size_limit(size_t input, const struct meter_options *options) {
	enum { FACTOR = 16, BASE = 64 * 1024 };
	uint64_t asked = options != NULL ? options->size_limit : 0;
	return asked != 0 && asked < SIZE_MAX / 2 ? (size_t)asked : input * FACTOR + BASE;
}

bool meter_rewrite(struct bytes wasm, const struct meter_options *options, struct buf *out,
		struct meter_module *module, struct error *err) {
	if (wasm.size > UINT32_MAX) {
		return error_set(err, ERROR_TOO_LARGE, "a module of %zu bytes is too large",
				wasm.size);
	}
	struct rewriting rewriting = { .origin = wasm.data,
		.writer = { out, out->size + size_limit(wasm.size, options), err, false } };
	bool ok = layout_read(&rewriting.layout, wasm, err);
	if (ok) {
		const struct layout *layout = &rewriting.layout;
		uint32_t globals = layout->imported_globals + layout->own_globals;
		rewriting.counters = (struct counters){ globals, globals + 1 };
		*module = (struct meter_module){ layout->start != LAYOUT_NONE,
			layout->gas_function != LAYOUT_NONE };
		block_types(&rewriting.layout);
		ok = write_module(&rewriting);
	}
	body_finish(&rewriting.body);
	layout_finish(&rewriting.layout);
	return ok;
}

int64_t meter_depth(uint32_t calls, uint32_t slots) {
	return (int64_t)calls << 32 | slots;
}

struct meter_reading meter_read(int64_t limit, int64_t gas, int64_t depth) {
	if (gas < 0) {
		return (struct meter_reading){ METER_OUT_OF_GAS, limit };
	}
	enum meter_end end = depth == -1 ? METER_DEPTH_EXHAUSTED : METER_OWN;
	return (struct meter_reading){ end, limit - gas };
}
