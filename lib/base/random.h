/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Random bytes from the kernel, and identifiers made of them. Safe from any thread. */
#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"

enum { UUID_SIZE = 37 }; /* 36 characters and the zero byte */

void random_bytes(void *bytes, size_t size);
void random_uuid(char text[UUID_SIZE]); /* version 4, RFC 9562 */
bool uuid_valid(const char *text);      /* any version, either case */
