/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What one end of a TLS connection brings along, from PEM files: the authorities that it trusts,
 * and its own certificate with its key. Read and checked once, before anything connects, so that
 * a file that cannot work is told at the start and not at each connection. The caller owns what
 * is read; each call is safe from any thread.
 */
#include <stdbool.h>

#include "base/attr.h"
#include "base/error.h"

/* One file: the setting that names it, for messages, and its path; NULL or "": there is none. */
struct tls_file {
	const char *setting;
	const char *path;
};

struct tls_files {
	struct tls_file ca;   /* certificates of authorities */
	struct tls_file cert; /* the own certificate, then those that lead to its authority */
	struct tls_file key;  /* its key, unencrypted; only its owner may use the file */
};

/* PEM texts; NULL where there is no file. */
struct tls_parts {
	char *ca, *cert, *key;
};

/*
 * ERROR_INVALID, naming the setting and the file, for one that cannot be read or is not what it
 * should be, for a key that others may read or that is not the certificate's, and for only one of
 * the two. A certificate outside of its time is only warned of: the clock may be what is wrong.
 */
bool tls_read(const struct tls_files *files, struct tls_parts *parts, struct error *err) MUST_CHECK;
/* Frees; wipes the key. Allowed twice. */
void tls_finish(struct tls_parts *parts);
