/* SPDX-License-Identifier: Apache-2.0 */
/* Headers of members, and the writer. */
#include "store/archive.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hex.h"
#include "base/mem.h"
#include "store/archive_parts.h"

/* Where the fields of a header are (POSIX.1-1988, "ustar"). */
enum {
	AT_MODE = 100,
	AT_UID = 108,
	AT_GID = 116,
	AT_SIZE = 124,
	AT_TIME = 136,
	AT_SUM = 148,
	AT_TYPE = 156,
	AT_MAGIC = 257,
	OCTAL_8 = 7,
	OCTAL_12 = 11
};

static void put_octal(uint8_t *at, int digits, uint64_t value) {
	at[digits] = 0;
	for (int i = digits - 1; i >= 0; i--, value >>= 3) {
		at[i] = (uint8_t)('0' + (value & 7));
	}
}

/* Eleven octal digits, or from 8 GiB on GNU's form: the bytes of the number behind 0x80. */
static void put_size(uint8_t *at, uint64_t value) {
	if (value < UINT64_C(1) << 33) {
		put_octal(at, OCTAL_12, value);
		return;
	}
	for (int i = OCTAL_12; i > 0; i--, value >>= 8) {
		at[i] = (uint8_t)value;
	}
	at[0] = 0x80;
}

void archive_header(uint8_t block[ARCHIVE_BLOCK], const char *name, uint64_t size, uint64_t time) {
	uint64_t sum = 0;
	memset(block, 0, ARCHIVE_BLOCK);
	memcpy(block, name, strnlen(name, ARCHIVE_NAME_MAX - 1));
	put_octal(block + AT_MODE, OCTAL_8, 0600);
	put_octal(block + AT_UID, OCTAL_8, 0);
	put_octal(block + AT_GID, OCTAL_8, 0);
	put_size(block + AT_SIZE, size);
	put_octal(block + AT_TIME, OCTAL_12, time);
	memset(block + AT_SUM, ' ', 8);
	block[AT_TYPE] = '0';
	memcpy(block + AT_MAGIC, "ustar\00000", 8);
	for (size_t i = 0; i < ARCHIVE_BLOCK; i++) {
		sum += block[i];
	}
	put_octal(block + AT_SUM, 6, sum);
}

static bool get_octal(const uint8_t *at, int digits, uint64_t *value) {
	*value = 0;
	for (int i = 0; i < digits; i++) {
		if (at[i] < '0' || at[i] > '7') {
			return false;
		}
		*value = *value << 3 | (uint64_t)(at[i] - '0');
	}
	return true;
}

static bool get_size(const uint8_t *at, uint64_t *value) {
	if (at[0] != 0x80) {
		return get_octal(at, OCTAL_12, value);
	}
	*value = 0;
	for (int i = OCTAL_12 - 7; i <= OCTAL_12; i++) {
		*value = *value << 8 | at[i];
	}
	return true;
}

bool archive_read_header(const uint8_t block[ARCHIVE_BLOCK], char name[ARCHIVE_NAME_MAX],
		uint64_t *size, uint64_t *time) {
	uint8_t again[ARCHIVE_BLOCK];
	if (block[ARCHIVE_NAME_MAX - 1] != 0 || !get_size(block + AT_SIZE, size) ||
			!get_octal(block + AT_TIME, OCTAL_12, time)) {
		return false;
	}
	(void)snprintf(name, ARCHIVE_NAME_MAX, "%s", (const char *)block);
	archive_header(again, name, *size, *time);
	return memcmp(again, block, sizeof(again)) == 0;
}

uint64_t archive_padding(uint64_t size) {
	return (ARCHIVE_BLOCK - size % ARCHIVE_BLOCK) % ARCHIVE_BLOCK;
}

uint64_t archive_size(const struct archive_manifest *manifest) {
	uint64_t members = manifest->modules + 3, halves = ARCHIVE_BLOCK / 2;
	return manifest->database_size + manifest->module_bytes +
	       members * (ARCHIVE_BLOCK + halves) + 2 * ARCHIVE_BLOCK;
}

/* --- the writer ------------------------------------------------------------------------------- */

static bool put(struct archive_writer *writer, struct bytes piece, struct error *err) {
	digest_update(writer->digest, piece.data, piece.size);
	writer->written += piece.size;
	return writer->put(writer->context, piece, err);
}

static bool put_zeros(struct archive_writer *writer, uint64_t count, struct error *err) {
	static const uint8_t zeros[2 * ARCHIVE_BLOCK];
	return count == 0 || put(writer, (struct bytes){ zeros, (size_t)count }, err);
}

bool archive_member(
		struct archive_writer *writer, const char *name, uint64_t size, struct error *err) {
	uint8_t block[ARCHIVE_BLOCK];
	if (writer->left != 0 || strlen(name) >= ARCHIVE_NAME_MAX) {
		return error_set(err, ERROR_INTERNAL,
				"writing a backup: the member before %s is not complete", name);
	}
	archive_header(block, name, size, writer->created);
	writer->left = size;
	return put(writer, (struct bytes){ block, sizeof(block) }, err);
}

bool archive_add(struct archive_writer *writer, struct bytes piece, struct error *err) {
	if (piece.size > writer->left) {
		return error_set(err, ERROR_INTERNAL, "writing a backup: a member has grown");
	}
	if (!put(writer, piece, err)) {
		return false;
	}
	writer->left -= piece.size;
	/* What came before the member is whole blocks, so all that was written says what is left of
	 * the last one. */
	return writer->left != 0 || put_zeros(writer, archive_padding(writer->written), err);
}

static bool put_text(struct archive_writer *writer, const char *name, const char *text,
		struct error *err) {
	const struct bytes bytes = { (const uint8_t *)text, strlen(text) };
	return archive_member(writer, name, bytes.size, err) && archive_add(writer, bytes, err);
}

static char *manifest_text(const struct archive_manifest *manifest) {
	char created[CLOCK_TEXT_MAX];
	clock_format((int64_t)manifest->created * 1000000000, created);
	json_t *json = json_pack("{s:I,s:s,s:s,s:I,s:{s:I},s:{s:I,s:I,s:I}}", "format",
			(json_int_t)manifest->format, "version", manifest->version, "created",
			created, "schema", (json_int_t)manifest->schema, "database", "size",
			(json_int_t)manifest->database_size, "modules", "count",
			(json_int_t)manifest->modules, "bytes", (json_int_t)manifest->module_bytes,
			"missing", (json_int_t)manifest->missing);
	char *text = json_dumps(json, JSON_COMPACT);
	json_decref(json);
	return text;
}

bool archive_begin(struct archive_writer *writer, const struct archive_manifest *manifest,
		struct error *err) {
	CLEANUP(mem_freep) char *text = manifest_text(manifest);
	writer->created = manifest->created;
	writer->digest = digest_create();
	return put_text(writer, ARCHIVE_MANIFEST, text, err);
}

void archive_end_text(const uint8_t sum[DIGEST_SIZE], char text[ARCHIVE_END_SIZE + 1]) {
	char digits[DIGEST_HEX_SIZE];
	hex_encode(sum, DIGEST_SIZE, digits);
	(void)snprintf(text, ARCHIVE_END_SIZE + 1, ARCHIVE_END_FORM, digits);
}

bool archive_end(struct archive_writer *writer, struct error *err) {
	uint8_t sum[DIGEST_SIZE];
	char text[ARCHIVE_END_SIZE + 1];
	digest_finish(writer->digest, sum);
	archive_end_text(sum, text);
	return put_text(writer, ARCHIVE_END, text, err) &&
	       put_zeros(writer, 2 * (uint64_t)ARCHIVE_BLOCK, err);
}

bool archive_fail(struct archive_writer *writer, const char *reason, struct error *err) {
	char text[ARCHIVE_REASON_MAX];
	if (writer->digest == NULL) {
		writer->digest = digest_create();
	}
	(void)snprintf(text, sizeof(text), "%s", reason[0] != 0 ? reason : "no reason");
	return put_text(writer, ARCHIVE_FAILED, text, err);
}

void archive_writer_finish(struct archive_writer *writer) {
	digest_destroy(writer->digest);
	writer->digest = NULL;
}
