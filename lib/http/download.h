/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * One file from a web server that the operator has allowed, by GET (libcurl). The address comes
 * from whoever writes tasks, so it is not trusted: only hosts on the list are ever spoken to,
 * redirects are looked at one by one (and never lead from https to http), the size and the time
 * are bounded, and an error names host and path but not the query, which may hold a signature.
 *
 * An entry of the list is HOST (the scheme's own port), HOST:PORT or HOST:* (any); HOST may begin
 * with "*." for everything below a domain. IPv6 addresses stand in brackets. Certificates are
 * always verified.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/str.h"

enum { DOWNLOAD_REDIRECTS = 5 };

struct download_options {
	const char *url;
	const struct strings *hosts;
	const char *ca;      /* authorities, as PEM, and no others; NULL: the system's */
	uint64_t timeout_ms; /* for all of it; 0: 300 s */
};

struct download;
/* Texts are copied. ERROR_INVALID: not such an address, or one with a password. */
struct download *download_create(
		const struct download_options *options, struct error *err) MUST_CHECK;
void download_destroy(struct download *download); /* accepts NULL */
/*
 * Appends the file to `out`, whose limit holds. ERROR_DENIED a host that is not on the list,
 * ERROR_NOT_FOUND, ERROR_TOO_LARGE, ERROR_TIMEOUT, ERROR_INTERRUPTED (download_cancel()),
 * ERROR_UNAVAILABLE with what went wrong.
 */
bool download_run(struct download *download, struct buf *out, struct error *err) MUST_CHECK;
void download_cancel(struct download *download); /* any thread, at any time between the two */

bool download_is_url(const char *text); /* begins with http:// or https:// */
/* The operator's list can be used. */
bool download_check_hosts(const struct strings *hosts, struct error *err) MUST_CHECK;
