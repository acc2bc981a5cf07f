/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * One HTTP GET after the other whose body is asked for piece by piece (libcurl): nothing is read
 * from the peer that has no room here, so memory stays bounded whatever it sends. It follows no
 * redirect and adds no credential; who asks looks at each answer (session.h). One thread at a
 * time, but wire_cancel() is for any.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/bytes.h"
#include "base/error.h"

enum { WIRE_PIECE_MAX = 256 * 1024 };

struct wire_options {
	const char *ca;      /* authorities, as PEM, and no others; NULL: the system's */
	unsigned quiet_ms;   /* a peer that says nothing for so long is given up; 0: 30 s */
	uint64_t timeout_ms; /* from now on, for everything; 0: 600 s */
};

struct wire_request {
	const char *url;
	const char *accept;        /* NULL: anything */
	const char *authorization; /* "Bearer ...", or NULL */
	uint64_t from;             /* bytes to leave out at the beginning, by Range */
};

struct wire_answer {
	int status;
	int64_t length;     /* Content-Length; -1: not said */
	int64_t range_from; /* Content-Range; -1: not said */
	uint64_t retry_ms;  /* Retry-After; 0: not said */
	char location[4096], challenge[4096];
	char digest[80]; /* Docker-Content-Digest */
};

struct wire;
struct wire *wire_create(const struct wire_options *options, struct error *err) MUST_CHECK;
void wire_destroy(struct wire *wire);
/* Sends it and waits for the answer's head; the answer stays until the next one. NULL: see
 * wire_broken(). ERROR_TIMEOUT, ERROR_INTERRUPTED, ERROR_UNAVAILABLE. */
const struct wire_answer *wire_get(struct wire *wire, const struct wire_request *request,
		struct error *err) MUST_CHECK;
/* The next piece of the body, valid until the next call; of size 0 at its end. */
bool wire_read(struct wire *wire, struct bytes *piece, struct error *err) MUST_CHECK;
/* The rest of the body, if it is short: then the connection can be used again. Appended to `out`
 * (may be NULL) as far as its limit allows. */
void wire_rest(struct wire *wire, struct buf *out);
/* The last failure was one of the connection, and another try may go better. */
bool wire_broken(const struct wire *wire);
/* Waits so long; false when the time is over or it is cancelled. */
bool wire_pause(struct wire *wire, uint64_t ms, struct error *err) MUST_CHECK;
/* False when the time is over or it is cancelled. */
bool wire_may_wait(struct wire *wire, struct error *err) MUST_CHECK;
void wire_cancel(struct wire *wire);
