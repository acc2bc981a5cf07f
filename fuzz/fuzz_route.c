/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request line from anybody: the method, a newline, the path. What matches has decoded
 * parameters without control characters; what has only another method says which.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "http/route.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct http_route routes[] = {
	{ .method = "GET", .pattern = "/tasks" },
	{ .method = "POST", .pattern = "/tasks" },
	{ .method = "GET", .pattern = "/tasks/{id}" },
	{ .method = "POST", .pattern = "/tasks/{id}/start" },
	{ .method = "GET", .pattern = "/v2/{a}/{b}/{c}/{d}", .exact = true },
};

static void must(bool holds) {
	if (!holds) {
		abort();
	}
}

static void check_found(const struct route_match *match) {
	must(match->route != NULL && match->param_count <= ROUTE_PARAMS_MAX);
	for (size_t i = 0; i < match->param_count; i++) {
		const char *value = match->params[i].value;
		must(memchr(value, '\0', ROUTE_TEXT_MAX) != NULL && value[0] != '\0');
		for (const char *c = value; *c != '\0'; c++) {
			must((unsigned char)*c >= 0x20 && *c != 0x7f);
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	CLEANUP(mem_freep) char *method = mem_copy(data, size);
	char *path = strchr(method, '\n');
	if (path == NULL) {
		return 0;
	}
	*path++ = '\0';
	struct route_match match;
	switch (route_find(routes, sizeof(routes) / sizeof(routes[0]), method, path, &match)) {
	case ROUTE_FOUND: check_found(&match); break;
	case ROUTE_NO_METHOD: must(match.allow[0] != '\0'); break;
	case ROUTE_NO_PATH: must(match.allow[0] == '\0' && match.route == NULL); break;
	}
	return 0;
}
