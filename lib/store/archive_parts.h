/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What the writer and the reader of backups share. */
#include "store/archive.h"

#define ARCHIVE_MANIFEST "manifest.json"
#define ARCHIVE_DATABASE "manager.db"
#define ARCHIVE_END "end.json"
#define ARCHIVE_FAILED "failed"
#define ARCHIVE_END_FORM "{\"sha256\":\"%s\"}\n"

enum { ARCHIVE_END_SIZE = 64 + 14 };

/* False if the block is not the header that archive_header() makes of what it says. */
bool archive_read_header(const uint8_t block[ARCHIVE_BLOCK], char name[ARCHIVE_NAME_MAX],
		uint64_t *size, uint64_t *time) MUST_CHECK;
/* Zeros behind a content of that size. */
uint64_t archive_padding(uint64_t size);
/* The content of end.json, and a zero byte. */
void archive_end_text(const uint8_t sum[DIGEST_SIZE], char text[ARCHIVE_END_SIZE + 1]);
