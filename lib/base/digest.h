/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* SHA-256, in one go or piece by piece (FIPS 180-4, through OpenSSL). */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

enum { DIGEST_SIZE = 32, DIGEST_HEX_SIZE = 65 }; /* 64 hex digits and the zero byte */

struct digest;
struct digest *digest_create(void); /* never NULL */
void digest_update(struct digest *digest, const void *bytes, size_t size);
void digest_finish(struct digest *digest, uint8_t out[DIGEST_SIZE]); /* and starts anew */
void digest_destroy(struct digest *digest);
void digest_of(const void *bytes, size_t size, uint8_t out[DIGEST_SIZE]);
void digest_hex(const void *bytes, size_t size, char out[DIGEST_HEX_SIZE]);
/* 64 lower-case hex digits. */
bool digest_text_valid(const char *text);
