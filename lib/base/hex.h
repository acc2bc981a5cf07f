/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Lower-case hexadecimal. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

/* Writes 2 * size characters and a zero byte to text. */
void hex_encode(const uint8_t *bytes, size_t size, char *text);
/* Exactly 2 * size hex digits of either case, else false. */
bool hex_decode(const char *text, uint8_t *bytes, size_t size) MUST_CHECK;
