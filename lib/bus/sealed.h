/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Messages between manager and worker under a workload key (spec/seal.md): the whole message is in
 * the member `sealed`; those members that say whom and what it is about stand beside it, readable
 * and bound to it. Announcements and notices stay readable whole, and are signed.
 *
 * Pure but for the random nonces; any thread. `ring` is never NULL here: without a key nobody
 * calls these.
 */
#include "base/bytes.h"
#include "seal/seal.h"

/*
 * Seals a command (SEAL_COMMAND) or a result (SEAL_RESULT) of or for this worker. The text is the
 * caller's to free; NULL: it has no object in it, or is too large.
 */
char *sealed_wrap(struct seal_ring *ring, enum seal_direction direction, const char *worker,
		const char *json, struct error *err) MUST_CHECK;
/*
 * Appends the message as it was. ERROR_INTEGRITY: it is not sealed, or not what was sealed, or for
 * another context; ERROR_KEY_MISMATCH: with a key that is not here.
 */
bool sealed_unwrap(struct seal_ring *ring, enum seal_direction direction, const char *worker,
		struct bytes message, struct buf *json, struct error *err) MUST_CHECK;

/* The same for what is signed: SEAL_ANNOUNCE, SEAL_NOTICE; `topic` is the whole topic. */
char *sealed_sign(struct seal_ring *ring, enum seal_direction direction, const char *worker,
		const char *topic, const char *json, struct error *err) MUST_CHECK;
bool sealed_verify(struct seal_ring *ring, enum seal_direction direction, const char *worker,
		const char *topic, struct bytes message, struct buf *json,
		struct error *err) MUST_CHECK;

/* Whether a message says that it is sealed or signed, whoever says it. */
/* Whose message it says it is (`proplet_id`), or NULL; freed by the caller. */
char *sealed_sender(struct bytes message) MUST_CHECK;
bool sealed_is(struct bytes message);
