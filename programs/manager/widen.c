/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/widen.h"

#include <ctype.h>
#include <string.h>

static bool in_number(char c) {
	return isdigit((unsigned char)c) || (c != 0 && strchr("+-.eE", c) != NULL);
}

static bool is_too_large(const char *number, size_t size) {
	static const char most[] = "9223372036854775807", least[] = "9223372036854775808";
	bool negative = size != 0 && number[0] == '-';
	size_t digits = size - negative;
	for (size_t i = negative; i < size; i++) {
		if (!isdigit((unsigned char)number[i])) {
			return false; /* a real one already, or none */
		}
	}
	return digits > strlen(most) ||
	       (digits == strlen(most) &&
			       memcmp(number + negative, negative ? least : most, digits) > 0);
}

static size_t string_size(const char *text, size_t size) {
	size_t at = 1;
	while (at < size && text[at] != '"') {
		at += text[at] == '\\' ? 2 : 1;
	}
	return at < size ? at + 1 : size;
}

static size_t other_size(const char *text, size_t size) {
	size_t at = 0;
	while (at < size && text[at] != '"' && !in_number(text[at])) {
		at++;
	}
	return at;
}

static size_t number_size(const char *text, size_t size) {
	size_t at = 0;
	while (at < size && in_number(text[at])) {
		at++;
	}
	return at;
}

bool widen_numbers(struct bytes bytes, struct buf *out, struct error *err) {
	const char *text = (const char *)bytes.data;
	for (size_t left = bytes.size; left != 0;) {
		bool number = in_number(*text);
		size_t size = number         ? number_size(text, left)
			      : *text == '"' ? string_size(text, left)
					     : other_size(text, left);
		if (!buf_append(out, text, size, err) ||
				(number && is_too_large(text, size) &&
						!buf_append(out, "e0", 2, err))) {
			return false;
		}
		text += size;
		left -= size;
	}
	return true;
}
