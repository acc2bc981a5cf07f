/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Modules that were pulled, as files: under the digest of the image's manifest (with the member
 * that was named), bounded in bytes, the least recently used go first. A file is there whole or
 * not at all, and it is checked again before it is used. What is removed stays readable for who
 * has it open. With a workload key all files are sealed (content.h), and what is not is removed;
 * without one, what is sealed. Safe from any thread.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/bytes.h"
#include "base/digest.h"
#include "base/error.h"
#include "proxy/content.h"

struct cache;
/* Makes the folder, and takes over what an earlier process has left there. ERROR_CONFLICT if
 * another process uses it. The ring is borrowed; NULL: nothing is sealed. */
struct cache *cache_open(const char *folder, uint64_t bytes_max, struct seal_ring *ring,
		struct error *err) MUST_CHECK;
void cache_close(struct cache *cache); /* accepts NULL */
uint64_t cache_bytes(struct cache *cache);

/* False if it is not there. */
bool cache_find(struct cache *cache, const char key[DIGEST_HEX_SIZE],
		struct content *content) MUST_CHECK;

/* A file that is being written. */
struct spool;
struct spool *cache_spool(struct cache *cache, struct error *err) MUST_CHECK;
bool spool_write(struct spool *spool, struct bytes piece, struct error *err) MUST_CHECK;
/* It is whole: kept under the key, if there is room for it; then it is `content`. Frees. */
bool spool_keep(struct spool *spool, const char key[DIGEST_HEX_SIZE],
		const char digest[DIGEST_HEX_SIZE], struct content *content,
		struct error *err) MUST_CHECK;
void spool_drop(struct spool *spool); /* accepts NULL */
