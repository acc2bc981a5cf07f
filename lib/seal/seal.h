/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Envelopes, version 2, and signed messages (spec/seal.md).
 *
 * What is sealed can be opened only by whoever has the same key and means the same thing: each
 * field of the context counts. Opening fails with ERROR_KEY_MISMATCH (sealed with a key that the
 * ring does not have) or ERROR_INTEGRITY (cut, changed, or from another context); then nothing of
 * the plaintext is given out. Any number of threads may use one ring.
 *
 * Where plaintext goes is the caller's choice: into memory that is locked (seal_open), into a
 * place that the caller has, such as a chunk's in its module (seal_open_into), or into a buffer
 * of a program that wipes what it frees (seal_open_buf, see seal/wipe.h).
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/bytes.h"
#include "base/error.h"
#include "seal/keys.h"
#include "seal/memory.h"

enum {
	SEAL_HEADER_BYTES = 33, /* version, key id, nonce */
	SEAL_OVERHEAD_BYTES = SEAL_HEADER_BYTES + 16,
	SEAL_PLAIN_MAX = 1 << 30,
};

/* What an envelope is for; each has a key of its own. */
enum seal_direction {
	SEAL_COMMAND,    /* manager to worker */
	SEAL_MODULE,     /* manager to worker: a chunk */
	SEAL_RESULT,     /* worker to manager */
	SEAL_ANNOUNCE,   /* worker to manager, signed */
	SEAL_NOTICE,     /* worker to manager, signed */
	SEAL_REQUEST,    /* worker to proxy */
	SEAL_IMAGE,      /* proxy to worker: a chunk */
	SEAL_STORE,      /* a program to itself, for files */
	SEAL_DIRECTIONS, /* how many there are */
};
const char *seal_direction_name(enum seal_direction direction); /* "command" */

/* What an envelope is bound to: what spec/seal.md says for its direction, NULL and 0 for the rest.
 */
struct seal_context {
	enum seal_direction direction;
	const char *worker; /* chooses the key as well */
	const char *boot;
	uint64_t number;
	const char *task_id;
	uint64_t attempt;
	const char *subject; /* a digest, an image reference, a topic path */
	uint64_t index, count;
};

/*
 * Writes SEAL_OVERHEAD_BYTES + plain.size bytes to `out`. The plaintext may stand where its
 * ciphertext will be, at out + SEAL_HEADER_BYTES. ERROR_TOO_LARGE, ERROR_INVALID.
 */
bool seal_box_into(struct seal_ring *ring, const struct seal_context *context, struct bytes plain,
		uint8_t *out, struct error *err) MUST_CHECK;
/* Appends it. */
bool seal_box(struct seal_ring *ring, const struct seal_context *context, struct bytes plain,
		struct buf *out, struct error *err) MUST_CHECK;
/* In base64, for JSON; freed by the caller. */
char *seal_box_text(struct seal_ring *ring, const struct seal_context *context, struct bytes plain,
		struct error *err) MUST_CHECK;

/*
 * Writes envelope.size - SEAL_OVERHEAD_BYTES bytes to `out`, which may be where the ciphertext is
 * (envelope.data + SEAL_HEADER_BYTES). When the tag does not fit they are zeroed; for any other
 * error nothing is written.
 */
bool seal_open_into(struct seal_ring *ring, const struct seal_context *context,
		struct bytes envelope, uint8_t *out, struct error *err) MUST_CHECK;
/* Into memory of its own, which the caller finishes; {0} when it fails. */
bool seal_open(struct seal_ring *ring, const struct seal_context *context, struct bytes envelope,
		struct seal_memory *plain, struct error *err) MUST_CHECK;
/* Appends it. */
bool seal_open_buf(struct seal_ring *ring, const struct seal_context *context,
		struct bytes envelope, struct buf *plain, struct error *err) MUST_CHECK;
/* From base64; appends it. ERROR_INTEGRITY as well for what is not base64. */
bool seal_open_text(struct seal_ring *ring, const struct seal_context *context, const char *text,
		size_t size, struct buf *plain, struct error *err) MUST_CHECK;

/* Appends a JSON object (text, with one member at least) with its signature, the member `auth`. */
bool seal_sign(struct seal_ring *ring, const struct seal_context *context, const char *json,
		struct buf *out, struct error *err) MUST_CHECK;
/* Whether a message says that it is signed, whoever says it. */
bool seal_signed(struct bytes message);
/*
 * Appends the object as it was before it was signed; only that counts, and only when this is
 * true. ERROR_INTEGRITY for what has no signature or a wrong one, ERROR_KEY_MISMATCH.
 */
bool seal_verify(struct seal_ring *ring, const struct seal_context *context, struct bytes message,
		struct buf *json, struct error *err) MUST_CHECK;
