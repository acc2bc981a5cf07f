/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * TLS of the server, and who is at the other end of it. libmicrohttpd asks for a certificate and
 * takes whatever comes, even nothing: it is looked at here, once per connection, before its first
 * request. Then the answer can say in words what is wrong with it.
 */
#include <microhttpd.h>
#include <stdbool.h>

#include "base/attr.h"
#include "base/error.h"
#include "base/tls.h"

enum { PEER_OPTIONS = 6 };

/* What the daemon needs for HTTPS; false and nothing for HTTP. The items borrow the parts. */
bool peer_options(const struct tls_parts *tls, struct MHD_OptionItem items[PEER_OPTIONS]);
/* ERROR_DENIED unless the certificate comes from an authority that the server trusts. */
bool peer_trusted(struct MHD_Connection *connection, struct error *err) MUST_CHECK;
