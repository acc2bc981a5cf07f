/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The form of a backup (spec/backup.md): a tar file (POSIX.1-1988 "ustar") with few members in one
 * order, each byte of which is decided by their names, sizes and contents and by one time:
 *
 *     manifest.json, manager.db, modules/<digest> in ascending order, end.json
 *
 * end.json has the SHA-256 of all bytes before its own header. So there is one way to write a
 * backup, and the reader takes no other: a header must be the one that it would write itself, and
 * so links, devices, paths and sizes of somebody else's invention never get as far as a file.
 * Pure; nothing here touches a disk. For one thread at a time.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/digest.h"
#include "base/error.h"

enum {
	ARCHIVE_BLOCK = 512,
	ARCHIVE_FORMAT = 1,
	ARCHIVE_NAME_MAX = 100, /* with its zero byte */
	ARCHIVE_MANIFEST_MAX = 64 * 1024,
	ARCHIVE_REASON_MAX = 512,
};
#define ARCHIVE_DATABASE_MAX (UINT64_C(1) << 48)
#define ARCHIVE_MODULE_MAX ((UINT64_C(4) << 30) + (UINT64_C(64) << 20)) /* sealed */
#define ARCHIVE_MODULES "modules/"

/* What manifest.json says. Counts are as of the snapshot. */
struct archive_manifest {
	uint64_t format;        /* ARCHIVE_FORMAT */
	uint64_t schema;        /* of the database */
	char version[32];       /* of the program that made it */
	uint64_t created;       /* seconds since 1970: the time of all members */
	uint64_t database_size; /* bytes */
	uint64_t modules;       /* so many members */
	uint64_t module_bytes;  /* about; it is for showing how far one is */
	uint64_t missing;       /* modules that tasks name and the manager has not (any more) */
};
/* About how large the whole file is. */
uint64_t archive_size(const struct archive_manifest *manifest);
/* The only header for a member of that name, size and time. The name is shorter than 100 bytes. */
void archive_header(uint8_t block[ARCHIVE_BLOCK], const char *name, uint64_t size, uint64_t time);

/* --- writing ---------------------------------------------------------------------------------- */

struct archive_writer {
	bool (*put)(void *context, struct bytes piece, struct error *err);
	void *context;
	struct digest *digest;  /* made by archive_begin(), gone after archive_finish_writer() */
	uint64_t created, left; /* bytes of the open member that have not come yet */
	uint64_t written;
};
/* The manifest; the first thing. */
bool archive_begin(struct archive_writer *writer, const struct archive_manifest *manifest,
		struct error *err) MUST_CHECK;
/* A member, and then exactly `size` bytes of it in any pieces. */
bool archive_member(struct archive_writer *writer, const char *name, uint64_t size,
		struct error *err) MUST_CHECK;
bool archive_add(struct archive_writer *writer, struct bytes piece, struct error *err) MUST_CHECK;
/* end.json; nothing may follow. */
bool archive_end(struct archive_writer *writer, struct error *err) MUST_CHECK;
/* Instead of what was to come, between members: why it does not come. The reader repeats it. */
bool archive_fail(struct archive_writer *writer, const char *reason, struct error *err) MUST_CHECK;
void archive_writer_finish(struct archive_writer *writer);

/* --- reading ---------------------------------------------------------------------------------- */

/* What the reader hands on; the first false ends it, with err set. Members are manager.db and
 * modules; `begin` gets a name that was checked. All but `manifest` may be NULL. */
struct archive_visitor {
	bool (*manifest)(void *context, const struct archive_manifest *manifest, struct error *err);
	bool (*begin)(void *context, const char *name, uint64_t size, struct error *err);
	bool (*data)(void *context, struct bytes piece, struct error *err);
	bool (*end)(void *context, struct error *err);
};

struct archive_reader;
struct archive_reader *archive_reader_create(
		const struct archive_visitor *visitor, void *context); /* never NULL */
void archive_reader_destroy(struct archive_reader *reader);            /* accepts NULL */
/*
 * The next bytes, in pieces of any size. ERROR_INTEGRITY: this is no backup, or it was changed;
 * ERROR_INVALID: it is one of a newer program; ERROR_INTERNAL: whoever made it says that it failed.
 * After the first false the reader is only to be destroyed.
 */
bool archive_reader_add(
		struct archive_reader *reader, struct bytes piece, struct error *err) MUST_CHECK;
/* There are no more: ERROR_INTEGRITY if some are missing. */
bool archive_reader_end(struct archive_reader *reader, struct error *err) MUST_CHECK;
uint64_t archive_reader_bytes(const struct archive_reader *reader); /* so far */
/* Modules so far that are not sealed and have not the SHA-256 that they are named by: they were
 * damaged on the manager's disk already, and the backup is good all the same. */
uint64_t archive_reader_rotten(const struct archive_reader *reader);
