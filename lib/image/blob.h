/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * One blob of a registry, read piece by piece and checked on the way: its size at once, its digest
 * at its end, where the last call fails if it is not the promised one. So what was read is good
 * only when that call has said so. A broken transfer goes on where it stopped.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/bytes.h"
#include "base/error.h"
#include "image/session.h"

struct blob;
/* `session` and `digest` ("sha256:...") are borrowed. Nothing is asked yet. Never NULL. */
struct blob *blob_open(
		struct session *session, struct wire *wire, const char *digest, uint64_t size);
/* The next piece, valid until the next call; of size 0 when all of it was read and is right.
 * ERROR_INTEGRITY if it is not, and the errors of session_get(). */
bool blob_read(struct blob *blob, struct bytes *piece, struct error *err) MUST_CHECK;
void blob_close(struct blob *blob);
