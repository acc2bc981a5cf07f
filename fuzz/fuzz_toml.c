/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TOML from outside. What is accepted must be well-formed through and through and stay accepted
 * with one line more; what is refused must leave a clean message that names a place.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "base/toml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char more[] = "\n# more\n[\"a table that nobody wrote\"]\nx = [1, {y = 2}]\n";

static void must(bool holds) {
	if (!holds) {
		abort();
	}
}

static void check_text(const struct toml_text *text) {
	must(text->bytes != NULL && text->bytes[text->size] == '\0');
	must(str_is_utf8(text->bytes, text->size));
}

static void check_time(const struct toml_time *time) {
	must(time->hour >= 0 && time->hour < 24 && time->minute >= 0 && time->minute < 60);
	must(time->second >= 0 && time->second <= 60 && time->month <= 12 && time->day <= 31);
	must(time->nanosecond >= 0 && time->nanosecond < 1000000000);
	must(abs(time->offset_minutes) < 24 * 60);
}

static void check_value(const struct toml *value, size_t size) {
	must(value->offset <= size && value->key_offset <= value->offset);
	bool table = value->kind == TOML_TABLE, array = value->kind == TOML_ARRAY;
	must(table || array || value->count == 0);
	for (size_t i = 0; i < value->count; i++) {
		must((value->items[i]->key.bytes != NULL) == table);
		if (table) {
			check_text(&value->items[i]->key);
		}
		check_value(value->items[i], size);
	}
	if (value->kind == TOML_STRING) {
		check_text(&value->text);
	} else if (value->kind >= TOML_DATETIME) {
		check_time(&value->time);
	}
}

static void check_message(const struct error *err) {
	must(err->code == ERROR_INVALID || err->code == ERROR_TOO_LARGE);
	must(str_is_utf8(err->message, strlen(err->message)));
	must(err->code == ERROR_TOO_LARGE || str_starts(err->message, "name:"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct error err;
	CLEANUP(toml_destroyp)
	struct toml_document *document = toml_parse("name", (const char *)data, size, &err);
	if (document == NULL) {
		check_message(&err);
		return 0;
	}
	check_value(toml_root(document), size);
	CLEANUP(mem_freep) char *longer = mem_zero(size + sizeof(more), 1);
	memcpy(longer, data, size);
	memcpy(longer + size, more, sizeof(more));
	CLEANUP(toml_destroyp)
	struct toml_document *again = toml_parse("name", longer, size + sizeof(more) - 1, &err);
	must(again != NULL || err.code == ERROR_TOO_LARGE || strstr(err.message, "more than") ||
			strstr(err.message, "second time"));
	return 0;
}
