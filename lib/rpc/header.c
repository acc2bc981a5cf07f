/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/header.h"

#include <string.h>

#include "base/base64.h"
#include "base/mem.h"
#include "base/str.h"

enum { TIMEOUT_DIGITS = 8 };

static const struct {
	char unit;
	uint64_t ns;
} units[] = { { 'H', 3600000000000 }, { 'M', 60000000000 }, { 'S', 1000000000 }, { 'm', 1000000 },
	{ 'u', 1000 }, { 'n', 1 } };

bool header_timeout(struct bytes text, uint64_t *ns) {
	uint64_t value = 0;
	if (text.size < 2 || text.size > TIMEOUT_DIGITS + 1) {
		return false;
	}
	for (size_t i = 0; i + 1 < text.size; i++) {
		if (text.data[i] < '0' || text.data[i] > '9') {
			return false;
		}
		value = value * 10 + (uint64_t)(text.data[i] - '0');
	}
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (text.data[text.size - 1] == (uint8_t)units[i].unit) {
			*ns = value * units[i].ns; /* 10^8 hours are 3.6 * 10^20 ns: too many */
			if (value > UINT64_MAX / units[i].ns) {
				*ns = UINT64_MAX;
			}
			return true;
		}
	}
	return false;
}

bool header_content_type(struct bytes text) {
	static const char wanted[] = "application/grpc";
	const size_t size = sizeof(wanted) - 1;
	if (text.size < size || strncasecmp((const char *)text.data, wanted, size) != 0) {
		return false;
	}
	static const char proto[] = "+proto";
	if (text.size >= size + sizeof(proto) - 1 &&
			memcmp(text.data + size, proto, sizeof(proto) - 1) == 0) {
		text.data += sizeof(proto) - 1;
		text.size -= sizeof(proto) - 1;
	}
	return text.size == size || text.data[size] == ';' || text.data[size] == ' ';
}

static bool is_plain(char c) {
	return c >= 0x20 && c <= 0x7e && c != '%';
}

char *header_percent_encode(const char *text, size_t max) {
	static const char digits[] = "0123456789ABCDEF";
	size_t size = 0;
	CLEANUP(mem_freep) char *clean = str_utf8(text, strlen(text), &size);
	char *out = mem_zero(max + 1, 1);
	size_t used = 0;
	for (size_t i = 0; i < size;) {
		size_t character = str_utf8_next(clean + i, size - i);
		size_t needed = is_plain(clean[i]) ? 1 : 3 * character;
		if (character == 0 || needed > max - used) {
			break;
		}
		for (size_t end = i + character; i < end; i++) {
			uint8_t c = (uint8_t)clean[i];
			if (is_plain(clean[i])) {
				out[used++] = clean[i];
			} else {
				out[used++] = '%';
				out[used++] = digits[c >> 4];
				out[used++] = digits[c & 15];
			}
		}
	}
	return out;
}

bool header_bin_decode(struct bytes text, struct buf *out) {
	const uint8_t *comma = text.size != 0 ? memchr(text.data, ',', text.size) : NULL;
	size_t size = comma != NULL ? (size_t)(comma - text.data) : text.size;
	struct error ignored;
	if (size % 4 == 1 || (size % 4 != 0 && text.data[size - 1] == '=')) {
		return false; /* no such group, or half of a padding */
	}
	CLEANUP(mem_freep) char *padded = mem_zero(size + 4, 1);
	if (size != 0) {
		memcpy(padded, text.data, size);
	}
	for (; size % 4 != 0; size++) {
		padded[size] = '=';
	}
	return base64_decode(padded, size, out, &ignored);
}

char *header_bin_encode(struct bytes value) {
	char *text = base64_encode(value.data, value.size);
	char *padding = strchr(text, '=');
	if (padding != NULL) {
		*padding = '\0';
	}
	return text;
}

bool header_name_valid(const char *name) {
	size_t size = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-.");
	return size != 0 && name[size] == '\0' && !str_starts(name, "grpc-");
}

bool header_name_binary(struct bytes name) {
	return name.size > 4 && memcmp(name.data + name.size - 4, "-bin", 4) == 0;
}
