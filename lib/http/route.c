/* SPDX-License-Identifier: Apache-2.0 */
#include "http/route.h"

#include <stdio.h>
#include <string.h>

static int hex(char c) {
	if (c >= '0' && c <= '9') {
		return c - '0';
	}
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* One segment, percent-decoded; false for control characters, bad escapes and what is too long. */
static bool decode(const char *text, size_t size, char out[ROUTE_TEXT_MAX]) {
	size_t used = 0;
	for (size_t i = 0; i < size; i++) {
		int c = (unsigned char)text[i];
		if (c == '%') {
			int high = i + 2 < size ? hex(text[i + 1]) : -1;
			int low = high >= 0 ? hex(text[i + 2]) : -1;
			if (low < 0) {
				return false;
			}
			c = high << 4 | low;
			i += 2;
		}
		if (c < 0x20 || c == 0x7f || used + 1 >= ROUTE_TEXT_MAX) {
			return false;
		}
		out[used++] = (char)c;
	}
	out[used] = 0;
	return used != 0;
}

static bool take_param(struct route_match *match, const char *pattern, size_t pattern_size,
		const char *text, size_t size) {
	struct route_param *param = &match->params[match->param_count];
	if (match->param_count == ROUTE_PARAMS_MAX || !decode(text, size, param->value)) {
		return false;
	}
	(void)snprintf(param->name, sizeof(param->name), "%.*s", (int)(pattern_size - 2),
			pattern + 1);
	match->param_count++;
	return true;
}

static bool matches(const struct http_route *route, const char *path, struct route_match *match) {
	const char *pattern = route->pattern;
	match->param_count = 0;
	for (;;) {
		size_t want = strcspn(pattern, "/"), have = strcspn(path, "/");
		if (pattern[0] == '{') {
			if (!take_param(match, pattern, want, path, have)) {
				return false;
			}
		} else if (want != have || memcmp(pattern, path, want) != 0) {
			return false;
		}
		pattern += want;
		path += have;
		if (*pattern == 0 || *path == 0) {
			break;
		}
		pattern++;
		path++;
	}
	return *pattern == 0 && (*path == 0 || (!route->exact && strcmp(path, "/") == 0));
}

static bool fits_method(const struct http_route *route, const char *method) {
	return strcmp(route->method, method) == 0 ||
	       (strcmp(method, "HEAD") == 0 && strcmp(route->method, "GET") == 0);
}

static void allow(struct route_match *match, const char *method) {
	size_t used = strlen(match->allow);
	(void)snprintf(match->allow + used, sizeof(match->allow) - used, "%s%s",
			used != 0 ? ", " : "", method);
}

enum route_outcome route_find(const struct http_route *routes, size_t count, const char *method,
		const char *path, struct route_match *match) {
	bool path_exists = false;
	memset(match, 0, sizeof(*match));
	for (size_t i = 0; i < count; i++) {
		if (!matches(&routes[i], path, match)) {
			continue;
		}
		if (fits_method(&routes[i], method)) {
			match->route = &routes[i];
			return ROUTE_FOUND;
		}
		path_exists = true;
		allow(match, routes[i].method);
		if (strcmp(routes[i].method, "GET") == 0) {
			allow(match, "HEAD");
		}
	}
	if (path_exists) {
		allow(match, "OPTIONS");
	}
	return path_exists ? ROUTE_NO_METHOD : ROUTE_NO_PATH;
}
