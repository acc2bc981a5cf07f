/* SPDX-License-Identifier: Apache-2.0 */
/* The reader of backups: a state for each region of the file, fed with pieces of any size. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/hex.h"
#include "base/mem.h"
#include "base/str.h"
#include "store/archive_parts.h"
#include "store/schema.h"

enum region { REGION_HEADER, REGION_CONTENT, REGION_PADDING, REGION_TAIL, REGION_DONE };
enum member { MEMBER_MANIFEST, MEMBER_DATABASE, MEMBER_MODULE, MEMBER_END, MEMBER_FAILED };

struct archive_reader {
	const struct archive_visitor *visitor;
	void *context;
	struct digest *digest;
	uint8_t sum[DIGEST_SIZE];
	uint64_t bytes;
	enum region region;
	uint64_t left; /* of the region */
	uint8_t block[ARCHIVE_BLOCK];
	enum member member;
	uint64_t size;    /* of the member */
	struct buf small; /* a member that is read here */
	bool begun;       /* the manifest is there */
	bool has_database;
	struct archive_manifest manifest;
	uint64_t modules, rotten;
	char last[DIGEST_HEX_SIZE];
	struct digest *module; /* of the one at hand */
	uint8_t head[4];       /* what it begins with */
};

struct archive_reader *archive_reader_create(const struct archive_visitor *visitor, void *context) {
	struct archive_reader *reader = MEM_NEW(struct archive_reader);
	reader->visitor = visitor;
	reader->context = context;
	reader->digest = digest_create();
	reader->module = digest_create();
	reader->left = ARCHIVE_BLOCK;
	reader->small = BUF_INIT(ARCHIVE_MANIFEST_MAX);
	return reader;
}

void archive_reader_destroy(struct archive_reader *reader) {
	if (reader != NULL) {
		digest_destroy(reader->digest);
		digest_destroy(reader->module);
		buf_finish(&reader->small);
		free(reader);
	}
}

uint64_t archive_reader_bytes(const struct archive_reader *reader) {
	return reader->bytes;
}

uint64_t archive_reader_rotten(const struct archive_reader *reader) {
	return reader->rotten;
}

static bool damaged(const struct archive_reader *reader, const char *what, struct error *err) {
	return error_set(err, ERROR_INTEGRITY, "the backup is damaged: %s (at byte %llu)", what,
			(unsigned long long)reader->bytes);
}

/* --- the manifest ------------------------------------------------------------------------------
 */

/* A whole number of at most that size. */
static bool take_number(const json_t *json, const char *name, uint64_t most, uint64_t *value) {
	const json_t *number = json_object_get(json, name);
	if (!json_is_integer(number) || json_integer_value(number) < 0) {
		return false;
	}
	*value = (uint64_t)json_integer_value(number);
	return *value <= most;
}

static bool take_version(const json_t *json, struct archive_manifest *manifest) {
	const char *version = json_string_value(json_object_get(json, "version"));
	bool ok = version != NULL && strlen(version) < sizeof(manifest->version);
	if (ok) {
		(void)snprintf(manifest->version, sizeof(manifest->version), "%s", version);
	}
	return ok;
}

/* The time is that of the header, so that it is written in one way only. */
static bool take_created(const json_t *json, const struct archive_manifest *manifest) {
	const char *created = json_string_value(json_object_get(json, "created"));
	int64_t wall_ns;
	return created != NULL && clock_parse(created, &wall_ns) &&
	       wall_ns == (int64_t)manifest->created * 1000000000;
}

static bool take_manifest(const json_t *json, struct archive_manifest *manifest) {
	const json_t *database = json_object_get(json, "database");
	const json_t *modules = json_object_get(json, "modules");
	return take_number(json, "schema", INT32_MAX, &manifest->schema) &&
	       take_version(json, manifest) && take_created(json, manifest) &&
	       take_number(database, "size", ARCHIVE_DATABASE_MAX, &manifest->database_size) &&
	       take_number(modules, "count", UINT32_MAX, &manifest->modules) &&
	       take_number(modules, "bytes", ARCHIVE_DATABASE_MAX, &manifest->module_bytes) &&
	       take_number(modules, "missing", UINT32_MAX, &manifest->missing);
}

/* Of a newer format nothing but its number has to make sense; of a newer schema all. */
static bool judge_manifest(struct archive_reader *reader, const json_t *json, struct error *err) {
	struct archive_manifest *manifest = &reader->manifest;
	if (!take_number(json, "format", INT32_MAX, &manifest->format) || manifest->format == 0) {
		return damaged(reader, "its manifest says nothing", err);
	}
	if (manifest->format > ARCHIVE_FORMAT) {
		return error_set(err, ERROR_INVALID,
				"this backup has format %llu, this program knows up to %d: use the "
				"newer propeller-cli",
				(unsigned long long)manifest->format, ARCHIVE_FORMAT);
	}
	if (!take_manifest(json, manifest)) {
		return damaged(reader, "its manifest says nothing", err);
	}
	if (manifest->schema > (uint64_t)schema_version()) {
		return error_set(err, ERROR_INVALID,
				"this backup has schema version %llu, this program knows up to "
				"%d: use the newer propeller-cli",
				(unsigned long long)manifest->schema, schema_version());
	}
	return true;
}

static bool end_manifest(struct archive_reader *reader, struct error *err) {
	json_t *json = json_loadb(
			buf_text(&reader->small), reader->small.size, JSON_REJECT_DUPLICATES, NULL);
	bool ok = judge_manifest(reader, json, err);
	json_decref(json);
	reader->begun = ok;
	return ok && reader->visitor->manifest(reader->context, &reader->manifest, err);
}

/* --- members -----------------------------------------------------------------------------------
 */

static bool begin_manifest(struct archive_reader *reader, const char *name, struct error *err) {
	(void)name;
	return (reader->size <= ARCHIVE_MANIFEST_MAX && reader->size != 0) ||
	       damaged(reader, "its manifest has an impossible size", err);
}

static bool begin_database(struct archive_reader *reader, const char *name, struct error *err) {
	if (reader->has_database || reader->size != reader->manifest.database_size ||
			reader->size == 0) {
		return damaged(reader, "its database is not the one that its manifest says", err);
	}
	reader->has_database = true;
	return reader->visitor->begin == NULL ||
	       reader->visitor->begin(reader->context, name, reader->size, err);
}

static bool begin_module(struct archive_reader *reader, const char *name, struct error *err) {
	const char *digest = name + strlen(ARCHIVE_MODULES);
	if (!reader->has_database || !digest_text_valid(digest) ||
			strcmp(reader->last, digest) >= 0 || reader->size == 0 ||
			reader->size > ARCHIVE_MODULE_MAX ||
			reader->modules == reader->manifest.modules) {
		return damaged(reader, "a module that cannot be there", err);
	}
	reader->modules++;
	(void)snprintf(reader->last, sizeof(reader->last), "%s", digest);
	return reader->visitor->begin == NULL ||
	       reader->visitor->begin(reader->context, name, reader->size, err);
}

static bool begin_end(struct archive_reader *reader, const char *name, struct error *err) {
	(void)name;
	if (!reader->has_database || reader->modules != reader->manifest.modules ||
			reader->size != ARCHIVE_END_SIZE) {
		return damaged(reader, "something was left out", err);
	}
	return true;
}

static bool end_end(struct archive_reader *reader, struct error *err) {
	char text[ARCHIVE_END_SIZE + 1];
	archive_end_text(reader->sum, text);
	return (reader->small.size == ARCHIVE_END_SIZE &&
			       memcmp(text, reader->small.data, ARCHIVE_END_SIZE) == 0) ||
	       error_set(err, ERROR_INTEGRITY,
			       "the backup is damaged: its bytes are not those that were written "
			       "(SHA-256)");
}

static bool begin_failed(struct archive_reader *reader, const char *name, struct error *err) {
	(void)name;
	return (reader->size < ARCHIVE_REASON_MAX && reader->size != 0) ||
	       damaged(reader, "a reason of an impossible size", err);
}

static bool end_failed(struct archive_reader *reader, struct error *err) {
	return error_set(err, ERROR_INTERNAL, "the manager could not complete the backup: %s",
			buf_text(&reader->small));
}

/* Plain modules tell by themselves; what is sealed nobody can look at without its key. */
static void judge_module(struct archive_reader *reader) {
	uint8_t sum[DIGEST_SIZE];
	char text[DIGEST_HEX_SIZE];
	digest_finish(reader->module, sum);
	hex_encode(sum, sizeof(sum), text);
	bool plain = reader->size >= sizeof(reader->head) &&
		     memcmp(reader->head, "\0asm", sizeof(reader->head)) == 0;
	reader->rotten += plain && strcmp(text, reader->last) != 0;
}

static void look_at_module(struct archive_reader *reader, struct bytes piece) {
	uint64_t at = reader->size - reader->left;
	for (size_t i = 0; i < piece.size && at + i < sizeof(reader->head); i++) {
		reader->head[at + i] = piece.data[i];
	}
	digest_update(reader->module, piece.data, piece.size);
}

static bool end_module(struct archive_reader *reader, struct error *err) {
	judge_module(reader);
	return reader->visitor->end == NULL || reader->visitor->end(reader->context, err);
}

static bool end_visited(struct archive_reader *reader, struct error *err) {
	return reader->visitor->end == NULL || reader->visitor->end(reader->context, err);
}

static const struct {
	const char *name;
	bool prefix;
	bool (*begin)(struct archive_reader *reader, const char *name, struct error *err);
	bool (*end)(struct archive_reader *reader, struct error *err);
} members[] = {
	[MEMBER_MANIFEST] = { ARCHIVE_MANIFEST, false, begin_manifest, end_manifest },
	[MEMBER_DATABASE] = { ARCHIVE_DATABASE, false, begin_database, end_visited },
	[MEMBER_MODULE] = { ARCHIVE_MODULES, true, begin_module, end_module },
	[MEMBER_END] = { ARCHIVE_END, false, begin_end, end_end },
	[MEMBER_FAILED] = { ARCHIVE_FAILED, false, begin_failed, end_failed },
};
enum { MEMBERS = sizeof(members) / sizeof(members[0]) };

static enum member member_of(const char *name) {
	int i = 0;
	while (i < MEMBERS && !(members[i].prefix ? str_starts(name, members[i].name)
						  : str_equal(name, members[i].name))) {
		i++;
	}
	return (enum member)i;
}

/* The manifest comes first, and once; a reason may stand in its place. */
static bool may_come(const struct archive_reader *reader, enum member member) {
	return member != (enum member)MEMBERS &&
	       (member == MEMBER_FAILED || (member == MEMBER_MANIFEST) != reader->begun);
}

/* --- regions -----------------------------------------------------------------------------------
 */

static void enter(struct archive_reader *reader, enum region region, uint64_t size) {
	reader->region = region;
	reader->left = size;
}

static bool end_header(struct archive_reader *reader, struct error *err) {
	char name[ARCHIVE_NAME_MAX];
	uint64_t time;
	bool first = reader->bytes == ARCHIVE_BLOCK;
	bool ok = archive_read_header(reader->block, name, &reader->size, &time);
	if (first && (!ok || (member_of(name) != MEMBER_MANIFEST &&
					     member_of(name) != MEMBER_FAILED))) {
		return error_set(err, ERROR_INTEGRITY, "this is no backup of a manager");
	}
	reader->manifest.created = first ? time : reader->manifest.created;
	if (!ok || time != reader->manifest.created) {
		return damaged(reader, "a header is not as it was written", err);
	}
	reader->member = member_of(name);
	if (!may_come(reader, reader->member)) {
		return damaged(reader, "a member that no backup has", err);
	}
	if (reader->member == MEMBER_END) {
		digest_finish(reader->digest, reader->sum);
	} else {
		digest_update(reader->digest, reader->block, sizeof(reader->block));
	}
	buf_clear(&reader->small);
	enter(reader, REGION_CONTENT, reader->size);
	return members[reader->member].begin(reader, name, err);
}

static bool end_content(struct archive_reader *reader, struct error *err) {
	enter(reader, REGION_PADDING, archive_padding(reader->size));
	return members[reader->member].end(reader, err);
}

static bool end_padding(struct archive_reader *reader, struct error *err) {
	(void)err;
	if (reader->member == MEMBER_END) {
		enter(reader, REGION_TAIL, 2 * (uint64_t)ARCHIVE_BLOCK);
	} else {
		enter(reader, REGION_HEADER, ARCHIVE_BLOCK);
	}
	return true;
}

static bool end_tail(struct archive_reader *reader, struct error *err) {
	(void)err;
	enter(reader, REGION_DONE, UINT64_MAX);
	return true;
}

static bool take_header(struct archive_reader *reader, struct bytes piece, struct error *err) {
	(void)err;
	memcpy(reader->block + ARCHIVE_BLOCK - reader->left, piece.data, piece.size);
	return true;
}

static bool take_content(struct archive_reader *reader, struct bytes piece, struct error *err) {
	bool visited = reader->member == MEMBER_DATABASE || reader->member == MEMBER_MODULE;
	if (reader->member != MEMBER_END) {
		digest_update(reader->digest, piece.data, piece.size);
	}
	if (reader->member == MEMBER_MODULE) {
		look_at_module(reader, piece);
	}
	if (!visited) {
		return buf_append(&reader->small, piece.data, piece.size, err);
	}
	return reader->visitor->data == NULL || reader->visitor->data(reader->context, piece, err);
}

static bool take_zeros(struct archive_reader *reader, struct bytes piece, struct error *err) {
	for (size_t i = 0; i < piece.size; i++) {
		if (piece.data[i] != 0) {
			return damaged(reader, "something stands where nothing was written", err);
		}
	}
	if (reader->member != MEMBER_END) {
		digest_update(reader->digest, piece.data, piece.size);
	}
	return true;
}

static bool take_more(struct archive_reader *reader, struct bytes piece, struct error *err) {
	(void)piece;
	return damaged(reader, "something was added to it", err);
}

static const struct {
	bool (*take)(struct archive_reader *reader, struct bytes piece, struct error *err);
	bool (*end)(struct archive_reader *reader, struct error *err);
} regions[] = {
	[REGION_HEADER] = { take_header, end_header },
	[REGION_CONTENT] = { take_content, end_content },
	[REGION_PADDING] = { take_zeros, end_padding },
	[REGION_TAIL] = { take_zeros, end_tail },
	[REGION_DONE] = { take_more, NULL },
};

bool archive_reader_add(struct archive_reader *reader, struct bytes piece, struct error *err) {
	while (piece.size != 0) {
		size_t step = piece.size < reader->left ? piece.size : (size_t)reader->left;
		enum region region = reader->region;
		if (!regions[region].take(reader, (struct bytes){ piece.data, step }, err)) {
			return false;
		}
		piece.data += step;
		piece.size -= step;
		reader->left -= step;
		reader->bytes += step;
		/* A region of nothing ends at once. */
		while (reader->left == 0) {
			if (!regions[reader->region].end(reader, err)) {
				return false;
			}
		}
	}
	return true;
}

bool archive_reader_end(struct archive_reader *reader, struct error *err) {
	if (reader->region == REGION_DONE) {
		return true;
	}
	return error_set(err, ERROR_INTEGRITY,
			reader->bytes < ARCHIVE_BLOCK
					? "this is no backup of a manager: it has %llu bytes"
					: "the backup is torn: it ends after %llu bytes, before "
					  "its "
					  "end",
			(unsigned long long)reader->bytes);
}
