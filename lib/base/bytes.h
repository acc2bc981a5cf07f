/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A borrowed run of bytes; whoever made it says how long it stays. */
#include <stddef.h>
#include <stdint.h>

struct bytes {
	const uint8_t *data;
	size_t size;
};
