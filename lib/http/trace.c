/* SPDX-License-Identifier: Apache-2.0 */
#include "http/trace.h"

#include <stddef.h>
#include <string.h>

/* version-trace_id-parent_id-flags, each of so many digits. */
enum { VERSION_AT = 0, ID_AT = 3, PARENT_AT = 36, FLAGS_AT = 53, END_AT = 55 };

/* Digits in lower case, and not all of them `not`. */
static bool is_hex(const char *text, size_t size, char no) {
	size_t others = 0;
	for (size_t i = 0; i < size; i++) {
		if (strchr("0123456789abcdef", text[i]) == NULL) {
			return false;
		}
		others += text[i] != no;
	}
	return others != 0;
}

/* Later versions may have more behind one more dash, which is not for us. */
static bool ends_well(const char *parent) {
	bool first = memcmp(parent, "00", 2) == 0;
	return parent[END_AT] == 0 || (!first && parent[END_AT] == '-');
}

bool trace_read(const char *parent, char id[TRACE_ID_SIZE]) {
	id[0] = 0;
	if (parent == NULL || strnlen(parent, END_AT) != END_AT || parent[ID_AT - 1] != '-' ||
			parent[PARENT_AT - 1] != '-' || parent[FLAGS_AT - 1] != '-') {
		return false;
	}
	if (!is_hex(parent + VERSION_AT, 2, 'f') ||
			!is_hex(parent + ID_AT, TRACE_ID_SIZE - 1, '0') ||
			!is_hex(parent + PARENT_AT, 16, '0') ||
			!is_hex(parent + FLAGS_AT, 2, 'x') || !ends_well(parent)) {
		return false;
	}
	memcpy(id, parent + ID_AT, TRACE_ID_SIZE - 1);
	id[TRACE_ID_SIZE - 1] = 0;
	return true;
}
