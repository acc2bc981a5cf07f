/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Errors as RFC 9457 problem+json, with Propeller's `error` member beside `detail`:
 * {"type","title","status","detail","instance","error"}, and where something of the request is at
 * fault "field", its name, and "errors": [{"detail"} and one of "pointer" (of the body, as in the
 * RFC's example), "parameter" (of the query), "header"]. Pure.
 */
#include "base/attr.h"
#include "base/error.h"

enum { PROBLEM_INSTANCE_MAX = 512 };

/* One line of JSON with a newline; freed by the caller; never NULL. `path`: what was asked, as it
 * was sent, whatever it is. */
char *problem_text(const struct error *err, const char *path) MUST_CHECK;
/* A path as a reference that leads to this server and nowhere else (RFC 3986, 4.2): what is no
 * character of a path is escaped, and what is too long cut. */
void problem_instance(const char *path, char instance[PROBLEM_INSTANCE_MAX]);
/* For people who follow a problem's type, `/problems/SLUG`: what it means, as text; freed by the
 * caller. NULL if there is no such type. */
char *problem_page(const char *slug) MUST_CHECK;
