/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* For the tests of backups: small ones in memory, as they are and made wrong. */
#include "base/buf.h"
#include "store/archive.h"
#include "store/fixture.h"
#include "store/schema.h"

#define CREATED UINT64_C(1795000000)

static inline bool keep_piece(void *context, struct bytes piece, struct error *err) {
	return buf_append(context, piece.data, piece.size, err);
}

static inline struct archive_manifest small_manifest(void) {
	return (struct archive_manifest){ .format = ARCHIVE_FORMAT,
		.schema = (uint64_t)schema_version(),
		.version = "0.1.0",
		.created = CREATED,
		.database_size = 1000,
		.modules = 2,
		.module_bytes = 612 };
}

static inline void put_member(struct archive_writer *writer, const char *name, size_t size) {
	struct error err;
	CLEANUP(mem_freep) uint8_t *bytes = mem_zero(size, 1);
	memset(bytes, name[0], size);
	assert_ok(archive_member(writer, name, size, &err));
	assert_ok(archive_add(writer, (struct bytes){ bytes, size / 3 }, &err));
	assert_ok(archive_add(writer, (struct bytes){ bytes + size / 3, size - size / 3 }, &err));
}

/* One whole backup; `out` has room for it. */
static inline void write_small(struct buf *out) {
	struct error err;
	struct archive_writer writer = { .put = keep_piece, .context = out };
	const struct archive_manifest manifest = small_manifest();
	assert_ok(archive_begin(&writer, &manifest, &err));
	put_member(&writer, "manager.db", 1000);
	put_member(&writer, "modules/" DIGEST_A, 100);
	put_member(&writer, "modules/" DIGEST_B, 512);
	assert_ok(archive_end(&writer, &err));
	archive_writer_finish(&writer);
}
