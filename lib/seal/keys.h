/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Workload keys and the ring that a program holds them in (spec/seal.md, "Keys").
 *
 * A key is 32 bytes in locked memory; a message never holds one. A ring has one or more, the first
 * is the one to seal with; adding comes before everything else, after that any thread may use it.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/error.h"

enum {
	SEAL_KEY_BYTES = 32,
	SEAL_KEY_TEXT_SIZE = 2 * SEAL_KEY_BYTES + 1, /* hexadecimal, and the zero byte */
	SEAL_KEY_ID_BYTES = 8,
	SEAL_KEY_NAME_SIZE = 2 * SEAL_KEY_ID_BYTES + 1,
	SEAL_TEXT_MAX = 1024, /* of a worker id and whatever else an envelope is bound to */
};

struct seal_key;
/* ERROR_INVALID says what is wrong with the text (its length, or the position of a character). */
struct seal_key *seal_key_parse(const char *text, struct error *err) MUST_CHECK;
struct seal_key *seal_key_generate(struct error *err) MUST_CHECK;
/* The key of one worker below a root. */
struct seal_key *seal_key_for_worker(
		const struct seal_key *root, const char *worker, struct error *err) MUST_CHECK;
/* For the one who asked for a new key; the caller wipes the text. */
void seal_key_text(const struct seal_key *key, char text[SEAL_KEY_TEXT_SIZE]);
/* What people call it by, no secret: the id of its own form, in hexadecimal. */
void seal_key_name(const struct seal_key *key, char name[SEAL_KEY_NAME_SIZE]);
void seal_key_destroy(struct seal_key *key); /* NULL is fine */

struct seal_ring;
/*
 * `worker`: the id of the worker whose ring it is; its keys are roots or that worker's own, and
 * nobody says which. NULL: a ring of roots, for any worker (managers, proxies).
 */
struct seal_ring *seal_ring_create(const char *worker, struct error *err) MUST_CHECK;
/* Copies the key in. ERROR_INVALID: it is there already, or eight are. */
bool seal_ring_add(
		struct seal_ring *ring, const struct seal_key *key, struct error *err) MUST_CHECK;
/*
 * Adds every key of a setting: texts of keys with commas or white space between them, the one to
 * seal with first. ERROR_INVALID names the place of the key that is wrong, also if there is none.
 */
bool seal_ring_read(struct seal_ring *ring, const char *keys, struct error *err) MUST_CHECK;
void seal_ring_destroy(struct seal_ring *ring); /* NULL is fine */

/*
 * A worker's ring seals with the form and key by which it last opened something. A worker that
 * has to seal before it opened anything in this life can keep the id from the last one: false as
 * long as nothing was opened.
 */
bool seal_ring_preferred(struct seal_ring *ring, uint8_t id[SEAL_KEY_ID_BYTES]);
/* False if no key of the ring has this id. */
bool seal_ring_prefer(struct seal_ring *ring, const uint8_t id[SEAL_KEY_ID_BYTES]);
