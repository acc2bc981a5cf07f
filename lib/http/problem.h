/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Errors as RFC 9457 problem+json, with Propeller's `error` member beside `detail`. */
#include "base/attr.h"
#include "base/error.h"

/* One line of JSON with a newline; freed by the caller; never NULL. `field` may be NULL. */
char *problem_text(const struct error *err, const char *field) MUST_CHECK;
/* For people who follow a problem's type, `/problems/SLUG`: what it means, as text; freed by the
 * caller. NULL if there is no such type. */
char *problem_page(const char *slug) MUST_CHECK;
