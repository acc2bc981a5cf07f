/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A module in a file. With a workload key it is a sealed file in blocks (seal/blocks.h), sealed on
 * its way there; without one the file is the module. A content may be read from several threads at
 * once, a writer has one.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/bytes.h"
#include "base/digest.h"
#include "base/error.h"
#include "seal/blocks.h"

struct content {
	int fd;        /* owned: close it */
	uint64_t size; /* of the module */
	char digest[DIGEST_HEX_SIZE];
	struct seal_ring *ring; /* borrowed; NULL: it is not sealed */
	struct blocks blocks;   /* with a ring */
};

/* The rest of a content whose fd, digest and ring are set. ERROR_INTEGRITY: it is no such file, or
 * not that module's; ERROR_KEY_MISMATCH. */
bool content_open(struct content *content, struct error *err) MUST_CHECK;
/* The bytes from there, which are within its size. ERROR_INTEGRITY, ERROR_KEY_MISMATCH. */
bool content_read(const struct content *content, uint64_t from, uint8_t *out, size_t size,
		struct error *err) MUST_CHECK;

struct content_writer {
	int fd;
	struct seal_ring *ring;
	struct blocks blocks;
	uint64_t size, file_size; /* so far: of the module, of what is in the file */
	uint8_t *room;            /* one envelope; the block of the moment is in its place */
	size_t filled;
};
/* The file and the ring (NULL: not sealed) are borrowed. */
bool content_begin(struct content_writer *writer, int fd, struct seal_ring *ring,
		struct error *err) MUST_CHECK;
bool content_write(struct content_writer *writer, struct bytes piece, struct error *err) MUST_CHECK;
/* All was written; the module has this digest. */
bool content_end(struct content_writer *writer, const char digest[DIGEST_HEX_SIZE],
		struct error *err) MUST_CHECK;
void content_drop(struct content_writer *writer); /* {0} is fine */
