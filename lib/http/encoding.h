/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What forms of an answer a client takes. Pure. */
#include <stdbool.h>

/* Whether Accept-Encoding takes gzip (RFC 9110, 12.5.3); false for NULL. */
bool encoding_takes_gzip(const char *accept);
