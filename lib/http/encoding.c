/* SPDX-License-Identifier: Apache-2.0 */
#include "http/encoding.h"

#include <string.h>
#include <strings.h>

/* "q=0", "q=0.000" in the parameters of an element. */
static bool is_refused(const char *parameters, size_t size) {
	for (const char *end = parameters + size, *at = parameters; at < end; at++) {
		at += strspn(at, "; \t");
		if (at + 2 < end && strncasecmp(at, "q=0", 3) == 0) {
			at += 3;
			return strspn(at, ".0") >= strcspn(at, ",; \t");
		}
		at += strcspn(at, ";,");
	}
	return false;
}

bool encoding_takes_gzip(const char *accept) {
	bool any = false;
	for (const char *at = accept; at != NULL && *at != 0;) {
		at += strspn(at, ", \t");
		size_t name = strcspn(at, ",; \t"), all = strcspn(at, ",");
		bool taken = !is_refused(at + name, all - name);
		if ((name == 4 && strncasecmp(at, "gzip", name) == 0) ||
				(name == 6 && strncasecmp(at, "x-gzip", name) == 0)) {
			return taken;
		}
		any = any || (name == 1 && *at == '*' && taken);
		at += all;
	}
	return any;
}
