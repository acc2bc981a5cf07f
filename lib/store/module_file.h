/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A module file to be read, plain or sealed: whoever reads it sees only the module. What was read
 * of a sealed one is what was written. For one thread at a time.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "base/error.h"
#include "seal/blocks.h"

struct module_file;
/*
 * `ring` may be NULL. NULL, and ERROR_NOT_FOUND: there is none; ERROR_KEY_MISMATCH: it is sealed
 * with a key that is not in the ring; ERROR_INTEGRITY: it was changed, exchanged or cut; something
 * else: it cannot be opened now.
 */
struct module_file *module_file_open(const char *path, struct seal_ring *ring, const char *digest,
		struct error *err) MUST_CHECK;
void module_file_close(struct module_file *file); /* accepts NULL */
void module_file_closep(struct module_file **file);

uint64_t module_file_size(const struct module_file *file);
/* Whether it is sealed with the key of this id. */
bool module_file_sealed_with(const struct module_file *file, const uint8_t id[SEAL_KEY_ID_BYTES]);
/*
 * Block `index` of BLOCK_BYTES (the last one has fewer): *plain is at room + SEAL_HEADER_BYTES, so
 * that it can be sealed anew where it is. ERROR_INTEGRITY, or why it cannot be read.
 */
bool module_file_block(struct module_file *file, uint64_t index, uint8_t room[BLOCK_ROOM],
		struct bytes *plain, struct error *err) MUST_CHECK;
/* Appends all of it. */
bool module_file_read(struct module_file *file, struct buf *out, struct error *err) MUST_CHECK;
