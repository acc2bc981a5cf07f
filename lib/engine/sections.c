/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/sections.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum { SECTION_IMPORT = 2, SECTION_EXPORT = 7, EXPORT_FUNCTION = 0 };

static bool get_byte(struct bytes *in, uint8_t *value) {
	if (in->size == 0) {
		return false;
	}
	*value = in->data[0];
	in->data++;
	in->size--;
	return true;
}

/* LEB128, 32 bits. */
static bool get_u32(struct bytes *in, uint32_t *value) {
	uint64_t sum = 0;
	for (unsigned shift = 0; shift < 35; shift += 7) {
		uint8_t byte;
		if (!get_byte(in, &byte)) {
			return false;
		}
		sum |= (uint64_t)(byte & 0x7f) << shift;
		if ((byte & 0x80) == 0) {
			*value = (uint32_t)sum;
			return sum <= UINT32_MAX;
		}
	}
	return false;
}

/* A length and so many bytes. */
static bool get_block(struct bytes *in, struct bytes *block) {
	uint32_t size;
	if (!get_u32(in, &size) || size > in->size) {
		return false;
	}
	*block = (struct bytes){ in->data, size };
	in->data += size;
	in->size -= size;
	return true;
}

static bool get_export(struct bytes *in, struct strings *names) {
	struct bytes name;
	uint8_t kind;
	uint32_t index;
	if (!get_block(in, &name) || !get_byte(in, &kind) || !get_u32(in, &index)) {
		return false;
	}
	if (kind == EXPORT_FUNCTION && memchr(name.data, 0, name.size) == NULL) {
		char *text = mem_copy(name.data, name.size);
		strings_add(names, text);
		free(text);
	}
	return true;
}

static bool get_exports(struct bytes in, struct strings *names) {
	uint32_t count;
	bool ok = get_u32(&in, &count);
	for (uint32_t i = 0; ok && i < count; i++) {
		ok = get_export(&in, names);
	}
	return ok;
}

/* The content of the first section of a kind, nothing if there is none. */
static bool find_section(struct bytes wasm, uint8_t wanted, struct bytes *section) {
	static const uint8_t header[] = { 0, 'a', 's', 'm', 1, 0, 0, 0 };
	if (wasm.size < sizeof(header) || memcmp(wasm.data, header, sizeof(header)) != 0) {
		return false;
	}
	struct bytes in = { wasm.data + sizeof(header), wasm.size - sizeof(header) };
	while (in.size > 0) {
		uint8_t id;
		if (!get_byte(&in, &id) || !get_block(&in, section)) {
			return false;
		}
		if (id == wanted) {
			return true;
		}
	}
	*section = (struct bytes){ NULL, 0 };
	return true;
}

bool sections_exports(struct bytes wasm, struct strings *names) {
	struct bytes section;
	return find_section(wasm, SECTION_EXPORT, &section) &&
	       (section.size == 0 || get_exports(section, names));
}

static bool get_name(struct bytes *in, struct strings *names) {
	struct bytes name;
	if (!get_block(in, &name)) {
		return false;
	}
	CLEANUP(mem_freep) char *text = mem_copy(name.data, name.size);
	strings_add(names, text);
	return true;
}

bool sections_imports(struct bytes wasm, uint32_t *count, struct strings *first) {
	struct bytes in;
	*count = 0;
	if (!find_section(wasm, SECTION_IMPORT, &in)) {
		return false;
	}
	return in.size == 0 ||
	       (get_u32(&in, count) &&
			       (*count == 0 || (get_name(&in, first) && get_name(&in, first))));
}
