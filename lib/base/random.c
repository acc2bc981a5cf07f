/* SPDX-License-Identifier: Apache-2.0 */
#include "base/random.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/hex.h"

void random_bytes(void *bytes, size_t size) {
	uint8_t *at = bytes;
	while (size > 0) {
		ssize_t got = getrandom(at, size, 0);
		if (got < 0 && errno == EINTR) {
			continue;
		}
		if (got < 0) {
			/* Going on with bytes that can be guessed would be worse than ending. */
			(void)fprintf(stderr, "no random bytes from the kernel: %s; ending\n",
					strerror(errno));
			abort();
		}
		at += got;
		size -= (size_t)got;
	}
}

void random_uuid(char text[UUID_SIZE]) {
	uint8_t bytes[16];
	random_bytes(bytes, sizeof(bytes));
	bytes[6] = (uint8_t)((bytes[6] & 0x0f) | 0x40); /* version 4 */
	bytes[8] = (uint8_t)((bytes[8] & 0x3f) | 0x80); /* the RFC's variant */

	char hex[2 * sizeof(bytes) + 1];
	hex_encode(bytes, sizeof(bytes), hex);
	(void)snprintf(text, UUID_SIZE, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12,
			hex + 16, hex + 20);
}

bool uuid_valid(const char *text) {
	static const char shape[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
	for (size_t i = 0; i < sizeof(shape) - 1; i++) {
		bool fits = shape[i] == '-' ? text[i] == '-'
					    : text[i] != '\0' && strchr("0123456789abcdefABCDEF",
										 text[i]) != NULL;
		if (!fits) {
			return false;
		}
	}
	return text[sizeof(shape) - 1] == '\0';
}
