/* SPDX-License-Identifier: Apache-2.0 */
#include "image/unpack.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "image/archive_library.h"
#include "image/manifest.h"
#include "image/unzstd.h"

enum { ENTRIES_MAX = 65536, HEAD = 4 };

struct unpacking {
	const struct unpack_source *source;
	const struct unpack_options *options;
	struct unpack_result *result;
	struct archive_library library; /* with an archive */
	struct archive *archive;
	struct unzstd *zstd; /* of a layer that is packed so; else NULL */
	struct bytes packed; /* what it has not taken yet */
	uint8_t head[HEAD];  /* the layer's first bytes */
	size_t head_size;
	struct bytes rest; /* of the piece that they came from */
	bool head_given, rest_given, ended;
	uint64_t unpacked; /* bytes of files, taken or not */
	bool failed;       /* err says why: of the source or of take() */
	struct error *err;
};

/* --- the layer's bytes -------------------------------------------------------------------------
 */

static bool next_piece(struct unpacking *it, struct bytes *piece) {
	*piece = (struct bytes){ 0 };
	if (!it->head_given && it->head_size != 0) {
		it->head_given = true;
		*piece = (struct bytes){ it->head, it->head_size };
		return true;
	}
	if (!it->rest_given && it->rest.size != 0) {
		it->rest_given = true;
		*piece = it->rest;
		return true;
	}
	if (!it->ended && !it->source->read(it->source->context, piece, it->err)) {
		it->failed = it->ended = true;
		return false;
	}
	it->ended = piece->size == 0;
	return true;
}

static bool read_head(struct unpacking *it) {
	while (it->head_size < HEAD && !it->ended) {
		struct bytes piece;
		if (!it->source->read(it->source->context, &piece, it->err)) {
			it->failed = it->ended = true;
			return false;
		}
		size_t room = HEAD - it->head_size;
		size_t some = piece.size < room ? piece.size : room;
		if (some != 0) {
			memcpy(it->head + it->head_size, piece.data, some);
		}
		it->head_size += some;
		it->rest = (struct bytes){ piece.data + some, piece.size - some };
		it->ended = piece.size == 0;
	}
	return true;
}

static bool drain(struct unpacking *it) {
	struct bytes piece = { 0 };
	do {
		if (!next_piece(it, &piece)) {
			return false;
		}
	} while (!it->ended);
	return true;
}

/* As next_piece(), unpacked. */
static bool next_unpacked(struct unpacking *it, struct bytes *piece) {
	do {
		if (it->packed.size == 0 && !it->ended && !next_piece(it, &it->packed)) {
			return false;
		}
		if (!unzstd_read(it->zstd, &it->packed, piece, it->err)) {
			it->failed = it->ended = true;
			return false;
		}
	} while (piece->size == 0 && (!it->ended || it->packed.size != 0));
	return true;
}

static la_ssize_t on_read(struct archive *archive, void *context, const void **data) {
	struct unpacking *it = context;
	struct bytes piece = { 0 };
	if (!(it->zstd != NULL ? next_unpacked(it, &piece) : next_piece(it, &piece))) {
		it->library.archive_set_error(archive, EIO, "no more of it");
		return ARCHIVE_FATAL;
	}
	*data = piece.data;
	return (la_ssize_t)piece.size;
}

/* --- one file ----------------------------------------------------------------------------------
 */

static bool bad_archive(struct unpacking *it) {
	if (it->failed) {
		return false; /* err is the source's */
	}
	const char *said = it->library.archive_error_string(it->archive);
	return error_set(it->err, ERROR_INVALID, "the layer is no sound tar archive: %.200s",
			said != NULL ? said : "it ends too early");
}

static bool too_large(const struct unpacking *it, const char *what, uint64_t limit) {
	return error_set(it->err, ERROR_TOO_LARGE, "%s more than %llu bytes", what,
			(unsigned long long)limit);
}

/* Every block counts, also of files that nobody wants: a bomb is not defused by looking away. */
static bool next_block(struct unpacking *it, struct bytes *block, int64_t *offset, bool *end) {
	const void *data = NULL;
	size_t size = 0;
	la_int64_t at = 0;
	int code = it->library.archive_read_data_block(it->archive, &data, &size, &at);
	*end = code == ARCHIVE_EOF;
	*block = (struct bytes){ data, *end ? 0 : size };
	*offset = at;
	if (code != ARCHIVE_OK && code != ARCHIVE_EOF && code != ARCHIVE_WARN) {
		return bad_archive(it);
	}
	it->unpacked += block->size;
	return it->unpacked <= 2 * it->options->size_max ||
	       too_large(it, "the layer unpacks to", 2 * it->options->size_max);
}

static bool pass_over(struct unpacking *it) {
	struct bytes block;
	int64_t offset;
	bool end = false;
	while (!end) {
		if (!next_block(it, &block, &offset, &end)) {
			return false;
		}
	}
	return true;
}

static bool take_piece(struct unpacking *it, struct bytes piece) {
	it->result->size += piece.size;
	if (it->result->size > it->options->size_max) {
		return too_large(it, "the module has", it->options->size_max);
	}
	return piece.size == 0 || it->options->take(it->options->context, piece, it->err);
}

static bool take_file(struct unpacking *it, const char *path, int64_t size) {
	bool end = false;
	it->result->path = str_copy(path);
	while (!end) {
		struct bytes block;
		int64_t offset;
		if (!next_block(it, &block, &offset, &end)) {
			return false;
		}
		if (!end && (uint64_t)offset != it->result->size) {
			return error_set(it->err, ERROR_INVALID,
					"\"%.200s\" has holes (a sparse file)", path);
		}
		if (!end && !take_piece(it, block)) {
			return false;
		}
	}
	return it->result->size == (uint64_t)size ||
	       error_set(it->err, ERROR_INVALID, "\"%.200s\" ends too early", path);
}

/* --- which file --------------------------------------------------------------------------------
 */

/* "bin/.wh.app.wasm" and "bin/.wh..wh..opq" remove "bin/app.wasm" of lower layers. */
static bool removes(const char *entry, const char *path) {
	const char *slash = strrchr(entry, '/');
	const char *name = slash != NULL ? slash + 1 : entry;
	size_t folder = (size_t)(name - entry);
	if (!str_starts(name, ".wh.") || strncmp(entry, path, folder) != 0) {
		return false;
	}
	const char *below = path + folder, *gone = name + strlen(".wh.");
	size_t length = strlen(gone);
	return str_equal(gone, ".wh..opq") ||
	       (strncmp(below, gone, length) == 0 && (below[length] == 0 || below[length] == '/'));
}

static bool wanted(const struct unpacking *it, const char *path) {
	const char *name = it->options->path;
	return name != NULL ? str_equal(path, name)
			    : str_ends(path, ".wasm") && strstr(path, ".wh.") == NULL;
}

static bool is_link(const struct unpacking *it, struct archive_entry *entry) {
	return it->library.archive_entry_hardlink(entry) != NULL ||
	       it->library.archive_entry_filetype(entry) == AE_IFLNK;
}

static bool take_entry(struct unpacking *it, struct archive_entry *entry, const char *path) {
	bool regular = it->library.archive_entry_filetype(entry) == AE_IFREG && !is_link(it, entry);
	if (it->options->path != NULL && removes(path, it->options->path)) {
		it->result->removed = true;
	}
	if (!wanted(it, path) || (!regular && it->options->path == NULL)) {
		return pass_over(it);
	}
	if (!regular) {
		return error_set(it->err, ERROR_INVALID, "\"%.200s\" is %s: only files are taken",
				path, is_link(it, entry) ? "a link" : "not a file");
	}
	if (it->result->path != NULL) {
		return error_set(it->err, ERROR_INVALID,
				str_equal(it->result->path, path)
						? "it has \"%.200s\" twice (%.200s)"
						: "it has several modules, \"%.200s\" and "
						  "\"%.200s\": say which one by \"#\" and its path "
						  "behind the image's name",
				it->result->path, path);
	}
	return take_file(it, path, it->library.archive_entry_size(entry));
}

static bool look_at_entry(struct unpacking *it, struct archive_entry *entry) {
	const char *name = it->library.archive_entry_pathname(entry);
	CLEANUP(mem_freep)
	char *path = name != NULL && str_is_utf8(name, strlen(name)) ? manifest_path(name) : NULL;
	return path != NULL ? take_entry(it, entry, path) : pass_over(it);
}

static bool walk(struct unpacking *it) {
	struct archive_entry *entry;
	for (size_t i = 0;; i++) {
		int code = it->library.archive_read_next_header(it->archive, &entry);
		if (code == ARCHIVE_EOF) {
			return true;
		}
		if (code != ARCHIVE_OK && code != ARCHIVE_WARN) {
			return bad_archive(it);
		}
		if (i == ENTRIES_MAX) {
			return error_set(it->err, ERROR_TOO_LARGE,
					"the layer has more than %d files", ENTRIES_MAX);
		}
		if (!look_at_entry(it, entry)) {
			return false;
		}
	}
}

/* --- the layer ---------------------------------------------------------------------------------
 */

static bool begins(const struct unpacking *it, const char *magic, size_t size) {
	return it->head_size >= size && memcmp(it->head, magic, size) == 0;
}

/* The one filter that fits, and no guessing: libarchive would look into an archive of an archive
 * of an archive. */
static bool open_archive(struct unpacking *it) {
	if (!archive_library_open(&it->library, it->err)) {
		return false;
	}
	it->archive = it->library.archive_read_new();
	if (it->archive == NULL) {
		return error_set(it->err, ERROR_NO_MEMORY, "no memory to unpack a layer");
	}
	int code = begins(it, "\x1f\x8b", 2) ? it->library.archive_read_append_filter(
							       it->archive, ARCHIVE_FILTER_GZIP)
					     : ARCHIVE_OK;
	return (code == ARCHIVE_OK &&
			       it->library.archive_read_support_format_tar(it->archive) ==
					       ARCHIVE_OK &&
			       it->library.archive_read_open(it->archive, it, NULL, on_read,
					       NULL) == ARCHIVE_OK) ||
	       bad_archive(it);
}

static bool take_all(struct unpacking *it) {
	it->result->path = str_copy("");
	for (struct bytes piece; !it->ended;) {
		if (!next_piece(it, &piece) || !take_piece(it, piece)) {
			return false;
		}
	}
	return true;
}

static bool unpack(struct unpacking *it) {
	if (!read_head(it)) {
		return false;
	}
	if (begins(it, "\0asm", 4)) {
		return take_all(it);
	}
	if (begins(it, "\x28\xb5\x2f\xfd", 4)) {
		it->zstd = unzstd_create(it->err);
		if (it->zstd == NULL) {
			return false;
		}
	}
	return it->head_size == 0 || (open_archive(it) && walk(it) && drain(it));
}

bool unpack_module(const struct unpack_source *source, const struct unpack_options *options,
		struct unpack_result *result, struct error *err) {
	struct unpacking it = {
		.source = source, .options = options, .result = result, .err = err
	};
	*result = (struct unpack_result){ 0 };
	bool ok = unpack(&it);
	if (it.archive != NULL) {
		(void)it.library.archive_read_free(it.archive);
	}
	archive_library_close(&it.library);
	unzstd_destroy(it.zstd);
	if (!ok) {
		unpack_finish(result);
	}
	return ok;
}

void unpack_finish(struct unpack_result *result) {
	free(result->path);
	*result = (struct unpack_result){ 0 };
}
