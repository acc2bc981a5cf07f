/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A backup from anybody. The first byte says whether the rest is the file as it is, or a list of
 * members for which right headers are made (a header has a sum, which nobody guesses). Whatever
 * comes, in pieces of any size, is taken or refused alike; and what is handed on is a file of ours.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/str.h"
#include "store/archive.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FILE_MAX = 1 << 20, NAMES = 8 };

static void must(bool holds) {
	if (!holds) {
		abort();
	}
}

struct seen {
	bool manifest, database, open;
	uint64_t left;
	char last[DIGEST_HEX_SIZE];
};

static bool see_manifest(
		void *context, const struct archive_manifest *manifest, struct error *err) {
	struct seen *seen = context;
	(void)err;
	must(!seen->manifest && manifest->format == ARCHIVE_FORMAT);
	must(archive_size(manifest) >= manifest->database_size);
	seen->manifest = true;
	return true;
}

static bool see_begin(void *context, const char *name, uint64_t size, struct error *err) {
	struct seen *seen = context;
	(void)err;
	must(seen->manifest && !seen->open && size != 0);
	if (!seen->database) {
		must(str_equal(name, "manager.db") && size <= ARCHIVE_DATABASE_MAX);
		seen->database = true;
	} else {
		const char *digest = name + strlen(ARCHIVE_MODULES);
		must(str_starts(name, ARCHIVE_MODULES) && digest_text_valid(digest) &&
				size <= ARCHIVE_MODULE_MAX && strcmp(seen->last, digest) < 0);
		(void)snprintf(seen->last, sizeof(seen->last), "%s", digest);
	}
	seen->open = true;
	seen->left = size;
	return true;
}

static bool see_data(void *context, struct bytes piece, struct error *err) {
	struct seen *seen = context;
	(void)err;
	must(seen->open && piece.size <= seen->left);
	seen->left -= piece.size;
	return true;
}

static bool see_end(void *context, struct error *err) {
	struct seen *seen = context;
	(void)err;
	must(seen->open && seen->left == 0);
	seen->open = false;
	return true;
}

static enum error_code read_in(struct bytes file, size_t step) {
	static const struct archive_visitor visitor = { see_manifest, see_begin, see_data,
		see_end };
	struct seen seen = { 0 };
	struct error err = { 0 };
	struct archive_reader *reader = archive_reader_create(&visitor, &seen);
	bool ok = true;
	for (size_t at = 0; ok && at < file.size; at += step) {
		size_t size = file.size - at < step ? file.size - at : step;
		ok = archive_reader_add(reader, (struct bytes){ file.data + at, size }, &err);
	}
	ok = ok && archive_reader_end(reader, &err);
	must(ok ? seen.database && !seen.open : err.code != ERROR_NONE && err.message[0] != 0);
	archive_reader_destroy(reader);
	return ok ? ERROR_NONE : err.code;
}

static bool keep(void *context, struct bytes piece, struct error *err) {
	return buf_append(context, piece.data, piece.size, err);
}

/* A member of three bytes: its name, and the size that it says and that it has. */
static void add_member(struct archive_writer *writer, const uint8_t step[3]) {
	static const char *const names[NAMES] = { "manager.db", "manifest.json", "end.json",
		"failed",
		ARCHIVE_MODULES "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		ARCHIVE_MODULES "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
		ARCHIVE_MODULES "../a", "" };
	static const uint8_t zeros[1024];
	struct error ignored;
	uint64_t said = (uint64_t)step[1] * 4;
	if (archive_member(writer, names[step[0] % NAMES], said, &ignored)) {
		size_t size = step[2] % 4 == 0 ? said / 2 : said;
		(void)!archive_add(writer, (struct bytes){ zeros, size }, &ignored);
		writer->left = 0;
	}
}

static void make(struct bytes steps, struct buf *file) {
	struct archive_writer writer = { .put = keep, .context = file };
	struct error ignored;
	const struct archive_manifest manifest = { .format = 1,
		.schema = steps.size != 0 ? steps.data[0] % 8 : 0,
		.version = "0.1.0",
		.created = 1795000000,
		.database_size = 400,
		.modules = steps.size % 3 };
	if (archive_begin(&writer, &manifest, &ignored)) {
		for (size_t at = 0; at + 3 <= steps.size; at += 3) {
			add_member(&writer, steps.data + at);
		}
		(void)!archive_end(&writer, &ignored);
	}
	archive_writer_finish(&writer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	if (size < 1 || size > FILE_MAX / 8) {
		return 0;
	}
	struct buf file = BUF_INIT(FILE_MAX);
	struct error ignored;
	const struct bytes rest = { data + 1, size - 1 };
	if (data[0] % 2 == 0) {
		(void)!buf_append(&file, rest.data, rest.size, &ignored);
	} else {
		make((struct bytes){ rest.data, rest.size < 90 ? rest.size : 90 }, &file);
	}
	const struct bytes all = { file.data, file.size };
	enum error_code whole = read_in(all, FILE_MAX);
	must(read_in(all, 1 + data[0] % 7) == whole && read_in(all, 511) == whole);
	buf_finish(&file);
	return 0;
}
