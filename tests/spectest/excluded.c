/* SPDX-License-Identifier: Apache-2.0 */
#include "excluded.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"

enum { FILE_MAX = 1 << 20, SETUPS_ALL = 6 };

struct entry {
	char file[64], who[16];
	int line;
	int taken; /* in how many setups */
};

struct excluded {
	struct entry *entries;
	size_t count;
};

static bool applies(const struct entry *entry, const struct setup *setup) {
	return str_equal(entry->who, "all") ||
	       str_equal(entry->who, setup->metered ? "metered" : "plain") ||
	       str_equal(entry->who, engine_kind_name(setup->kind));
}

/* In how many of the setups an entry has to be taken. */
static int wanted(const struct entry *entry) {
	int number = 0;
	for (int i = 0; i < SETUPS_ALL; i++) {
		const struct setup setup = { .kind = (enum engine_kind)(i / 2),
			.metered = i % 2 != 0 };
		number += applies(entry, &setup);
	}
	return number;
}

static bool read_line(
		struct excluded *excluded, const char *text, size_t number, struct error *err) {
	struct entry entry = { 0 };
	int reason = 0;
	if (text[0] == '#' || text[0] == '\n' || text[0] == '\0') {
		return true;
	}
	if (sscanf(text, "%63[^:]:%d %15s %n", entry.file, &entry.line, entry.who, &reason) != 3 ||
			reason == 0 || text[reason] == '\n' || text[reason] == '\0' ||
			wanted(&entry) == 0) {
		return error_set(err, ERROR_INVALID, "line %zu is not \"FILE:LINE WHO REASON\"",
				number);
	}
	excluded->entries = mem_resize(
			excluded->entries, excluded->count + 1, sizeof(*excluded->entries));
	excluded->entries[excluded->count++] = entry;
	return true;
}

struct excluded *excluded_read(const char *path, struct error *err) {
	CLEANUP(buf_finish) struct buf text = BUF_INIT(FILE_MAX);
	if (!file_read(path, &text, err)) {
		return NULL;
	}
	struct excluded *excluded = MEM_NEW(struct excluded);
	size_t number = 1;
	for (const char *line = buf_text(&text); line != NULL; number++) {
		if (!read_line(excluded, line, number, err)) {
			excluded_destroy(excluded);
			return NULL;
		}
		line = strchr(line, '\n');
		line = line != NULL ? line + 1 : NULL;
	}
	return excluded;
}

void excluded_destroy(struct excluded *excluded) {
	free(excluded->entries);
	free(excluded);
}

bool excluded_take(
		struct excluded *excluded, const char *file, int line, const struct setup *setup) {
	for (size_t i = 0; i < excluded->count; i++) {
		struct entry *entry = &excluded->entries[i];
		if (entry->line == line && str_equal(entry->file, file) && applies(entry, setup)) {
			entry->taken++;
			return true;
		}
	}
	return false;
}

size_t excluded_rest(const struct excluded *excluded) {
	size_t rest = 0;
	for (size_t i = 0; i < excluded->count; i++) {
		const struct entry *entry = &excluded->entries[i];
		if (entry->taken != wanted(entry)) {
			(void)printf("%s:%d %s passes in %d of %d setups: it is not to be excluded "
				     "so\n",
					entry->file, entry->line, entry->who,
					wanted(entry) - entry->taken, wanted(entry));
			rest++;
		}
	}
	return rest;
}
