/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Values like those of Content-Type and Content-Disposition: a type and parameters. Pure. */
#include <stdbool.h>
#include <stddef.h>

/* Whether it is of this type, whatever its parameters and capitals (RFC 9110, 8.3.1). */
bool media_is(const char *value, const char *type);
/* The first parameter of this name, without its quotes (RFC 9110, 5.6.6), in `out`. False if there
 * is none, or one that does not fit into `room`. */
bool media_parameter(const char *value, const char *name, char *out, size_t room);
