/* SPDX-License-Identifier: Apache-2.0 */
#include "meter/layout.h"

#include <stdlib.h>
#include <string.h>

#include "meter/meter.h"
#include "meter/operator.h"

static bool add(struct reader *reader, struct indices *list, uint32_t item) {
	if (list->count == LAYOUT_MANY) {
		return reader_fail(reader, "there are too many of a kind");
	}
	if (list->count == list->capacity) {
		uint32_t capacity = list->capacity == 0 ? 16 : list->capacity * 2;
		uint32_t *items = realloc(list->items, capacity * sizeof(*items));
		if (items == NULL) {
			reader->failed = true;
			return error_set(reader->err, ERROR_NO_MEMORY,
					"no memory for metering a module");
		}
		list->items = items;
		list->capacity = capacity;
	}
	list->items[list->count++] = item;
	return true;
}

static struct bytes read_types(struct reader *reader) {
	uint32_t count = reader_count(reader, 1000);
	struct bytes types = { reader->at, count };
	for (uint32_t i = 0; i < count; i++) {
		(void)reader_type(reader);
	}
	return types;
}

static void read_function_type(struct layout *layout, struct reader *reader) {
	enum { FUNCTION = 0x60 };
	uint8_t form = reader_byte(reader);
	if (form != FUNCTION) {
		if (form >= 0x4d && form <= 0x5f) {
			(void)reader_refuse(reader, "garbage collection types");
		}
		(void)reader_fail(reader, "there is no such form of a type");
		return;
	}
	struct function_type *type = &layout->types[layout->type_count++];
	type->params = read_types(reader);
	type->results = read_types(reader);
	type->block = LAYOUT_NONE;
}

static void read_type_section(struct layout *layout, struct reader *reader) {
	uint32_t count = reader_count(reader, LAYOUT_MANY);
	layout->types = calloc((size_t)count + 1, sizeof(*layout->types));
	if (layout->types == NULL) {
		reader->failed = true;
		error_set(reader->err, ERROR_NO_MEMORY, "no memory for metering a module");
		return;
	}
	for (uint32_t i = 0; i < count && reader_ok(reader); i++) {
		read_function_type(layout, reader);
	}
}

/* Says whether it is 64 bits wide. */
static uint32_t read_limits(struct reader *reader) {
	enum { HAS_MAXIMUM = 1, SHARED = 2, WIDE = 4, PAGE_SIZE = 8 };
	uint8_t flags = reader_byte(reader);
	if ((flags & SHARED) != 0) {
		(void)reader_refuse(reader, "threads");
	} else if ((flags & PAGE_SIZE) != 0) {
		(void)reader_refuse(reader, "pages of another size");
	} else if (flags > (HAS_MAXIMUM | WIDE)) {
		(void)reader_fail(reader, "there are no such limits");
	}
	(void)reader_u64(reader);
	if ((flags & HAS_MAXIMUM) != 0) {
		(void)reader_u64(reader);
	}
	return (flags & WIDE) != 0;
}

static void read_table(struct layout *layout, struct reader *reader) {
	enum { WITH_VALUE = 0x40 };
	if (reader->at < reader->end && *reader->at == WITH_VALUE) {
		(void)reader_refuse(reader, "typed function references");
	}
	(void)reader_type(reader);
	(void)add(reader, &layout->tables, read_limits(reader));
}

static void read_memory(struct layout *layout, struct reader *reader) {
	(void)add(reader, &layout->memories, read_limits(reader));
}

static void read_global_type(struct reader *reader) {
	(void)reader_type(reader);
	if ((reader_byte(reader) & ~1) != 0) {
		(void)reader_fail(reader, "there is no such global");
	}
}

static void read_import(struct layout *layout, struct reader *reader) {
	enum { FUNCTION, TABLE, MEMORY, GLOBAL, TAG };
	(void)reader_block(reader);
	(void)reader_block(reader);
	switch (reader_byte(reader)) {
	case FUNCTION:
		(void)add(reader, &layout->functions, reader_u32(reader));
		layout->imported_functions = layout->functions.count;
		break;
	case TABLE: read_table(layout, reader); break;
	case MEMORY: read_memory(layout, reader); break;
	case GLOBAL:
		read_global_type(reader);
		layout->imported_globals++;
		break;
	case TAG: (void)reader_refuse(reader, "exceptions"); break;
	default: (void)reader_fail(reader, "there is no such import");
	}
}

static void read_function(struct layout *layout, struct reader *reader) {
	uint32_t type = reader_u32(reader);
	if (type >= layout->type_count) {
		(void)reader_fail(reader, "there is no such type");
	}
	(void)add(reader, &layout->functions, type);
}

static void read_expression(struct reader *reader) {
	struct operator op;
	while (operator_read(reader, &op) && op.code != OP_END) {
	}
}

static void read_global(struct layout *layout, struct reader *reader) {
	read_global_type(reader);
	read_expression(reader);
	layout->own_globals++;
}

static bool is_named(struct bytes name, const char *text) {
	return name.size == strlen(text) && memcmp(name.data, text, name.size) == 0;
}

static bool charges(const struct layout *layout, uint32_t function) {
	enum { I64 = 0x7e };
	const struct function_type *type = layout_function(layout, function);
	return type != NULL && function >= layout->imported_functions && type->params.size == 1 &&
	       type->params.data[0] == I64 && type->results.size == 0;
}

static void read_export(struct layout *layout, struct reader *reader) {
	enum { FUNCTION };
	static const char *const ours[] = { METER_GAS, METER_DEPTH, METER_START };
	struct bytes name = reader_block(reader);
	uint8_t kind = reader_byte(reader);
	uint32_t index = reader_u32(reader);
	for (int i = 0; i < 3; i++) {
		if (is_named(name, ours[i])) {
			(void)reader_fail(reader, "it exports a name that metering needs, "
						  "airscrew:gas, airscrew:depth or airscrew:start");
		}
	}
	if (kind == FUNCTION && is_named(name, "__instrumented_use_gas") &&
			charges(layout, index)) {
		layout->gas_function = index;
	}
}

static void read_element(struct layout *layout, struct reader *reader) {
	enum { NOT_ACTIVE = 1, HAS_INDEX = 2, EXPRESSIONS = 4 };
	(void)layout;
	uint32_t flags = reader_u32(reader);
	if (flags > (NOT_ACTIVE | HAS_INDEX | EXPRESSIONS)) {
		(void)reader_fail(reader, "there is no such element segment");
	}
	if ((flags & NOT_ACTIVE) == 0) {
		if ((flags & HAS_INDEX) != 0) {
			(void)reader_u32(reader);
		}
		read_expression(reader);
	}
	if ((flags & (NOT_ACTIVE | HAS_INDEX)) != 0) {
		(void)((flags & EXPRESSIONS) != 0 ? reader_type(reader) : reader_byte(reader));
	}
	uint32_t count = reader_count(reader, UINT32_MAX);
	for (uint32_t i = 0; i < count && reader_ok(reader); i++) {
		if ((flags & EXPRESSIONS) != 0) {
			read_expression(reader);
		} else {
			(void)reader_u32(reader);
		}
	}
}

static void read_start(struct layout *layout, struct reader *reader) {
	layout->start = reader_u32(reader);
	if (layout->start >= layout->functions.count) {
		(void)reader_fail(reader, "there is no such function");
	}
}

/* The sections of which each entry is looked at; the order is that of the binary format. */
static const struct {
	enum section_id id;
	void (*entry)(struct layout *layout, struct reader *reader);
} listed[] = {
	{ SECTION_IMPORT, read_import },
	{ SECTION_FUNCTION, read_function },
	{ SECTION_TABLE, read_table },
	{ SECTION_MEMORY, read_memory },
	{ SECTION_GLOBAL, read_global },
	{ SECTION_EXPORT, read_export },
	{ SECTION_ELEMENT, read_element },
};

static void at_end(struct reader *section) {
	if (reader_more(section)) {
		(void)reader_fail(section, "a section is longer than what is in it");
	}
}

static bool read_content(struct layout *layout, struct reader *whole) {
	struct reader section = reader_within(whole, layout->sections[SECTION_TYPE]);
	if (section.at != NULL) {
		read_type_section(layout, &section);
		at_end(&section);
	}
	for (size_t i = 0; i < sizeof(listed) / sizeof(listed[0]) && reader_ok(&section); i++) {
		section = reader_within(whole, layout->sections[listed[i].id]);
		if (section.at == NULL) {
			continue;
		}
		uint32_t count = reader_count(&section, LAYOUT_MANY);
		for (uint32_t j = 0; j < count && reader_ok(&section); j++) {
			listed[i].entry(layout, &section);
		}
		at_end(&section);
	}
	if (reader_ok(&section) && layout->sections[SECTION_START].data != NULL) {
		section = reader_within(whole, layout->sections[SECTION_START]);
		read_start(layout, &section);
	}
	return reader_ok(&section);
}

static void keep_custom(struct layout *layout, struct reader *whole, struct bytes content) {
	struct reader section = reader_within(whole, content);
	struct bytes name = reader_block(&section);
	whole->failed = section.failed;
	if (reader_ok(&section) && is_named(name, "name") &&
			layout->sections[SECTION_CUSTOM].data == NULL) {
		layout->sections[SECTION_CUSTOM] = content;
	}
}

static void keep_section(struct layout *layout, struct reader *whole) {
	enum { TAG = 13 };
	uint8_t id = reader_byte(whole);
	if (id == TAG) {
		(void)reader_refuse(whole, "exceptions");
	} else if (id >= SECTIONS) {
		(void)reader_fail(whole, "there is no such section");
	}
	struct bytes content = reader_block(whole);
	if (!reader_ok(whole)) {
		return;
	}
	if (id == SECTION_CUSTOM) {
		keep_custom(layout, whole, content);
	} else if (layout->sections[id].data != NULL) {
		(void)reader_fail(whole, "a section is there twice");
	} else {
		layout->sections[id] = content;
	}
}

bool layout_read(struct layout *layout, struct bytes wasm, struct error *err) {
	static const uint8_t header[] = { 0, 'a', 's', 'm', 1, 0, 0, 0 };
	*layout = (struct layout){ .start = LAYOUT_NONE, .gas_function = LAYOUT_NONE };
	if (wasm.size < sizeof(header) || memcmp(wasm.data, header, sizeof(header)) != 0) {
		return error_set(err, ERROR_MODULE,
				"only core modules are metered, and this is not one (it does not "
				"begin with \\0asm and version 1)");
	}
	struct reader whole = { wasm.data + sizeof(header), wasm.data + wasm.size, wasm.data, err,
		false };
	while (reader_more(&whole)) {
		keep_section(layout, &whole);
	}
	return reader_ok(&whole) && read_content(layout, &whole);
}

void layout_finish(struct layout *layout) {
	free(layout->types);
	free(layout->functions.items);
	free(layout->memories.items);
	free(layout->tables.items);
}

const struct function_type *layout_function(const struct layout *layout, uint32_t index) {
	if (index >= layout->functions.count ||
			layout->functions.items[index] >= layout->type_count) {
		return NULL;
	}
	return &layout->types[layout->functions.items[index]];
}
