/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/ghcb.h"

#include <string.h>

enum { GUID_BYTES = 16, ENTRY_BYTES = 24, ENTRIES_MAX = 32 };

static const uint8_t guids[CERTIFICATES][GUID_BYTES] = {
	[CERTIFICATE_VCEK] = { 0x63, 0xda, 0x75, 0x8d, 0xe6, 0x64, 0x45, 0x64, 0xad, 0xc5, 0xf4,
			0xb9, 0x3b, 0xe8, 0xac, 0xcd },
	[CERTIFICATE_VLEK] = { 0xa8, 0x07, 0x4b, 0xc2, 0xa2, 0x5a, 0x48, 0x3e, 0xaa, 0xe6, 0x39,
			0xc0, 0x45, 0xa0, 0xb8, 0xa1 },
	[CERTIFICATE_ASK] = { 0x4a, 0xb7, 0xb3, 0x79, 0xbb, 0xac, 0x4f, 0xe4, 0xa0, 0x2f, 0x05,
			0xae, 0xf3, 0x27, 0xc7, 0x82 },
	[CERTIFICATE_ARK] = { 0xc0, 0xb4, 0x06, 0xa4, 0xa8, 0x03, 0x49, 0x52, 0x97, 0x43, 0x3f,
			0xb6, 0x01, 0x4c, 0xd0, 0xae },
};

static uint32_t little32(const uint8_t *bytes) {
	return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
	       (uint32_t)bytes[3] << 24;
}

static bool take(struct bytes table, const uint8_t *entry, struct certificates *out,
		struct error *err) {
	size_t at = little32(entry + GUID_BYTES), size = little32(entry + GUID_BYTES + 4);
	if (at > table.size || size > table.size - at) {
		return error_set(err, ERROR_INTEGRITY,
				"the host's table of certificates points outside of itself");
	}
	for (enum certificate i = 0; i < CERTIFICATES; i++) {
		if (memcmp(entry, guids[i], GUID_BYTES) == 0) {
			return certificates_set(
					out, i, (struct bytes){ table.data + at, size }, err);
		}
	}
	return true;
}

bool ghcb_parse(struct bytes table, struct certificates *out, struct error *err) {
	static const uint8_t end[ENTRY_BYTES];
	for (size_t i = 0; i < ENTRIES_MAX && (i + 1) * ENTRY_BYTES <= table.size; i++) {
		const uint8_t *entry = table.data + i * ENTRY_BYTES;
		if (memcmp(entry, end, ENTRY_BYTES) == 0) {
			return true;
		}
		if (!take(table, entry, out, err)) {
			return false;
		}
	}
	return table.size == 0 ||
	       error_set(err, ERROR_INTEGRITY, "the host's table of certificates has no end");
}
