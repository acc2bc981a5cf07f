/* SPDX-License-Identifier: Apache-2.0 */
#include "http/standing.h"

#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "base/version.h"
#include "http/problem.h"

static void reply(struct http_request *request, const char *type, const char *text) {
	const struct http_response response = {
		.status = 200, .type = type, .body = { (const uint8_t *)text, strlen(text) }
	};
	http_reply(request, &response);
}

static void healthz(void *context, struct http_request *request) {
	(void)context;
	reply(request, "text/plain; charset=utf-8", "ok\n");
}

static void readyz(void *context, struct http_request *request) {
	const struct http_server_options *options = context;
	struct error err;
	if (options->ready == NULL || options->ready(options->context, &err)) {
		reply(request, "text/plain; charset=utf-8", "ready\n");
	} else {
		http_reply_error(request, &err);
	}
}

static void version(void *context, struct http_request *request) {
	const struct http_server_options *options = context;
	CLEANUP(mem_freep)
	char *text = str_format("{\"program\":\"%s\",\"version\":\"%s\"}\n", options->program,
			AIRSCREW_VERSION);
	reply(request, "application/json", text);
}

static void problem(void *context, struct http_request *request) {
	const char *name = http_param(request, "name");
	struct error err;
	(void)context;
	CLEANUP(mem_freep) char *text = problem_page(name);
	if (text != NULL) {
		reply(request, "text/plain; charset=utf-8", text);
		return;
	}
	error_set(&err, ERROR_NOT_FOUND, "there is no problem of the type %.64s", name);
	http_reply_error(request, &err);
}

static const struct http_route routes[] = {
	{ .method = "GET", .pattern = "/healthz", .handler = healthz, .open = true },
	{ .method = "GET", .pattern = "/readyz", .handler = readyz, .open = true },
	{ .method = "GET", .pattern = "/version", .handler = version, .open = true },
	{ .method = "GET", .pattern = "/problems/{name}", .handler = problem, .open = true },
};

const struct http_route *standing_routes(size_t *count) {
	*count = sizeof(routes) / sizeof(routes[0]);
	return routes;
}
