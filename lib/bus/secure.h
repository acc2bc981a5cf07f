/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * TLS for one bus: an OpenSSL context that libmosquitto connects with, and why a connection did
 * not come to be, in words. TLS 1.2 at least; the broker's certificate and its name are always
 * verified, and the name is the one in the address: libmosquitto only knows the number that it
 * connects to. Used with the bus's lock held.
 */
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/error.h"
#include "base/tls.h"

struct secure {
	SSL_CTX *context;
	char *host; /* a name or a number, as the broker's certificate has to have it */
	bool number;
	bool asked;       /* the broker wants a certificate of ours */
	char reason[200]; /* the first thing that went wrong on this connection, or "" */
};

/* Without authorities in `parts` (which may be NULL) those of the system are trusted. */
struct secure *secure_create(
		const struct tls_parts *parts, const char *host, struct error *err) MUST_CHECK;
void secure_destroy(struct secure *secure);
/* Why a broker may have hung up before it answered, when it did not say. */
const char *secure_hung_up(const struct secure *secure);
/* A line that libmosquitto logs: OpenSSL's own words, when nothing better was known. */
void secure_hear(struct secure *secure, const char *line);
/*
 * One step of the handshake, which libmosquitto would only make when there is something to read,
 * and again and again after an error of the socket. True unless it failed; then the reason is set.
 */
bool secure_shake(struct secure *secure, SSL *connection) MUST_CHECK;
/* Makes sure that libmosquitto, too, finds the connection broken, and closes its socket. */
void secure_break(SSL *connection);
