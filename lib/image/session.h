/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Asking one registry about one repository (the OCI distribution API): with a credential when it
 * wants one, behind redirects, again when it is busy or the connection breaks. A credential goes
 * to the registry that it is for, and to the token service that this registry names; never behind
 * a redirect to somebody else, never from https to http. http is spoken only to those on the
 * operator's list. As wire.h: one thread.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/str.h"
#include "image/credentials.h"
#include "image/reference.h"
#include "image/wire.h"

struct session_options {
	const struct image_reference *reference; /* all of these are borrowed */
	const struct credentials *credentials;
	const struct strings *plain; /* "HOST:PORT" (or HOST: port 80) that are spoken to by http */
};

struct session;
/* `wire` is borrowed. Never NULL. */
struct session *session_create(struct wire *wire, const struct session_options *options);
void session_destroy(struct session *session);
/*
 * GET of "/manifests/latest" and the like; the body is there to be read from the wire. With `from`
 * the answer may still be the whole (range_from < 0). ERROR_NOT_FOUND, ERROR_DENIED, ERROR_BUSY
 * (429, after a few tries), ERROR_UNAVAILABLE, ERROR_TIMEOUT, ERROR_INTERRUPTED.
 */
const struct wire_answer *session_get(struct session *session, const char *path, const char *accept,
		uint64_t from, struct error *err) MUST_CHECK;
/* The same with a small body, whole: at most `out`'s limit (ERROR_TOO_LARGE). */
const struct wire_answer *session_read(struct session *session, const char *path,
		const char *accept, struct buf *out, struct error *err) MUST_CHECK;
/* The operator's list can be used. */
bool session_check_plain(const struct strings *plain, struct error *err) MUST_CHECK;
