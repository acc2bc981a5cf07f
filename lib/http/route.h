/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Matching a request's path against the table of routes; decoding what clients put into URLs. */
#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "http/server.h"

enum { ROUTE_PARAMS_MAX = 4, ROUTE_TEXT_MAX = 256 };

struct route_param {
	char name[16];
	char value[ROUTE_TEXT_MAX];
};

struct route_match {
	const struct http_route *route;
	struct route_param params[ROUTE_PARAMS_MAX];
	size_t param_count;
	char allow[64]; /* methods that the path has, with those of the server itself (HEAD where
			 * there is GET, OPTIONS), when only the method does not fit */
};

enum route_outcome { ROUTE_FOUND, ROUTE_NO_PATH, ROUTE_NO_METHOD };

enum route_outcome route_find(const struct http_route *routes, size_t count, const char *method,
		const char *path, struct route_match *match);
