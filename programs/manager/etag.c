/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/etag.h"

#include <stdio.h>
#include <string.h>

#include "base/digest.h"

void etag_of(const char *text, char tag[ETAG_SIZE]) {
	uint8_t digest[DIGEST_SIZE];
	char hex[DIGEST_HEX_SIZE];
	digest_of(text, strlen(text), digest);
	digest_hex(digest, DIGEST_SIZE, hex);
	(void)snprintf(tag, ETAG_SIZE, "\"%.32s\"", hex);
}

void etag_pack(char tag[ETAG_SIZE]) {
	memcpy(tag + strlen(tag) - 1, "-gzip\"", sizeof("-gzip\""));
}

bool etag_listed(const char *list, const char *tag, bool weak) {
	size_t size = strlen(tag);
	for (const char *at = list; *at != 0;) {
		at += strspn(at, " \t,");
		if (strcmp(at, "*") == 0) {
			return at == list;
		}
		bool is_weak = strncmp(at, "W/", 2) == 0;
		at += is_weak ? 2 : 0;
		if (*at != '"') {
			return false; /* not such a list */
		}
		size_t length = strcspn(at + 1, "\"") + 2;
		if (length == size && strncmp(at, tag, size) == 0 && (weak || !is_weak)) {
			return true;
		}
		at += strnlen(at, length);
	}
	return false;
}
