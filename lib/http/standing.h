/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What every server answers beside its own routes, without a token:
 *
 *   GET /healthz          the process is there and answers
 *   GET /readyz           it can do its work now; 503 with the reason while it cannot
 *   GET /version          which program it is, as JSON
 *   GET /problems/{name}  what a problem of that type means: the page that the `type` of every
 *                         problem+json leads to (RFC 9457, 3.1.1)
 *
 * A route of the server with the same path goes first.
 */
#include <stddef.h>

#include "http/server.h"

/* The routes; valid for ever. The context of their handlers is the server's options. */
const struct http_route *standing_routes(size_t *count);
