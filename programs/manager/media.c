/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/media.h"

#include <string.h>
#include <strings.h>

static const char blank[] = " \t";

bool media_is(const char *value, const char *type) {
	size_t size = strlen(type);
	value += strspn(value, blank);
	return strncasecmp(value, type, size) == 0 &&
	       (value[size] == 0 || strchr("; \t", value[size]) != NULL);
}

/* Copies one value, as far as there is room; returns what is behind it. */
static const char *read_value(const char *at, char *out, size_t room, bool *fits) {
	size_t used = 0;
	bool quoted = *at == '"';
	at += quoted;
	while (*at != 0 && (quoted ? *at != '"' : strchr("; \t", *at) == NULL)) {
		at += quoted && at[0] == '\\' && at[1] != 0;
		if (used + 1 < room) {
			out[used] = *at;
		}
		used++;
		at++;
	}
	*fits = used < room;
	out[*fits ? used : 0] = 0;
	return at + strcspn(at, ";"); /* what stands there else is nobody's */
}

bool media_parameter(const char *value, const char *name, char *out, size_t room) {
	const char *at = value + strcspn(value, ";");
	while (*at != 0) {
		at += strspn(at, "; \t");
		size_t size = strcspn(at, "=; \t");
		bool wanted = size == strlen(name) && strncasecmp(at, name, size) == 0;
		at += size;
		at += strspn(at, blank);
		if (*at == '=') {
			bool fits;
			at++;
			at = read_value(at + strspn(at, blank), out, room, &fits);
			if (wanted) {
				return fits;
			}
		}
	}
	return false;
}
