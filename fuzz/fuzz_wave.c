/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any text as a value of a type that the first byte chooses: it is read or refused with a reason;
 * what was read has a text, and that text reads as the same text again.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "engine/wave.h"
#include "engine/wave_fixture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { TEXT_MAX = 1 << 20 };

/* The text of the value that a text means, or NULL if it means none. */
static char *again(const char *text, const wasmtime_component_valtype_t *type) {
	struct error err = { 0 };
	wasmtime_component_val_t value;
	size_t size;
	if (!wave_parse(text, type, &value, &err)) {
		if (err.message[0] == '\0') {
			abort();
		}
		return NULL;
	}
	struct buf out = BUF_INIT(TEXT_MAX);
	if (!wave_format(&value, &out, &err) && err.code != ERROR_TOO_LARGE) {
		abort();
	}
	wasmtime_component_val_delete(&value);
	return (char *)buf_take(&out, &size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	static struct wave_types all;
	if (all.count == 0) {
		wave_types_load(&all);
	}
	if (size < 1 || size > 4096) {
		return 0;
	}
	const wasmtime_component_valtype_t *type = &all.types[data[0] % all.count];
	CLEANUP(mem_freep) char *text = mem_copy(data + 1, size - 1);
	CLEANUP(mem_freep) char *once = again(text, type);
	if (once != NULL) {
		CLEANUP(mem_freep) char *twice = again(once, type);
		if (twice == NULL || strcmp(once, twice) != 0) {
			abort();
		}
	}
	return 0;
}
