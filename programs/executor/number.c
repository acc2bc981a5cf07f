/* SPDX-License-Identifier: Apache-2.0 */
#include "executor/number.h"

#include <string.h>

#include "base/base64.h"

/* The longest exact double has some 1100 digits. */
enum { TEXT_MAX = 4096 };

static bool read_text(const char *text, enum value_type type, size_t number, struct value *value,
		struct error *err) {
	bool plus = text[0] == '+' && text[1] != '+' && text[1] != '-';
	return value_read(text + plus, type, number, value, err);
}

static bool read_encoded(
		const char *text, enum value_type type, size_t number, struct value *value) {
	struct error ignored;
	struct buf plain = BUF_INIT(TEXT_MAX);
	bool ok = base64_decode(text, strlen(text), &plain, &ignored) && plain.size != 0 &&
		  memchr(plain.data, 0, plain.size) == NULL &&
		  read_text(buf_text(&plain), type, number, value, &ignored);
	buf_finish(&plain);
	return ok;
}

bool number_read(const char *text, enum value_type type, size_t number, struct value *value,
		struct error *err) {
	if (strlen(text) > 2 * (size_t)TEXT_MAX) {
		return error_set(err, ERROR_INVALID,
				"argument %zu has %zu characters, more than %d", number,
				strlen(text), 2 * TEXT_MAX);
	}
	return read_text(text, type, number, value, err) || read_encoded(text, type, number, value);
}
