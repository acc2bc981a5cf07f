/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* For the tests of this folder: requests without a server. What http/server.h promises to handlers
 * is here instead of lib/http/server.c, over the real routes; one file of a test includes it. */
#include <ftw.h>
#include <unistd.h>

#include "base/base64.h"
#include "http/problem.h"
#include "http/route.h"
#include "manager/api.h"
#include "manager/fixture.h"
#include "manager/tokens.h"

struct http_request {
	/* What is asked. */
	const char *method, *path, *query[2], *type, *header[2];
	struct bytes body;
	size_t piece; /* the body comes in pieces of so many bytes; 0: at once */

	struct route_match match;
	void *sink;

	/* What was answered. */
	unsigned answers;
	int status;
	char location[64], tag[64];
	json_t *answer; /* NULL: none */
};

const char *http_method(const struct http_request *request) {
	return request->method;
}

const char *http_path(const struct http_request *request) {
	return request->path;
}

const char *http_param(const struct http_request *request, const char *name) {
	for (size_t i = 0; i < request->match.param_count; i++) {
		if (strcmp(request->match.params[i].name, name) == 0) {
			return request->match.params[i].value;
		}
	}
	return NULL;
}

const char *http_query(const struct http_request *request, const char *name) {
	return str_equal(request->query[0], name) ? request->query[1] : NULL;
}

const char *http_header(const struct http_request *request, const char *name) {
	if (strcmp(name, "Content-Type") == 0) {
		return request->type;
	}
	return str_equal(request->header[0], name) ? request->header[1] : NULL;
}

struct bytes http_body(const struct http_request *request) {
	return request->body;
}

void *http_sink_context(const struct http_request *request) {
	return request->sink;
}

void http_reply(struct http_request *request, const struct http_response *response) {
	request->answers++;
	request->status = response->status;
	for (size_t i = 0; response->headers[i].name != NULL; i++) {
		bool tag = strcmp(response->headers[i].name, "ETag") == 0;
		if (tag || strcmp(response->headers[i].name, "Location") == 0) {
			(void)snprintf(tag ? request->tag : request->location,
					sizeof(request->location), "%s",
					response->headers[i].value);
		}
	}
	json_decref(request->answer);
	request->answer = json_loadb((const char *)response->body.data, response->body.size,
			JSON_DECODE_ANY, NULL);
}

void http_reply_error(struct http_request *request, const struct error *err) {
	CLEANUP(mem_freep) char *text = problem_text(err, request->path);
	const struct http_response response = { .status = error_http_status(err->code),
		.body = { (const uint8_t *)text, strlen(text) } };
	http_reply(request, &response);
}

enum http_form http_form(const struct http_request *request, const struct http_response *response) {
	(void)request, (void)response;
	return HTTP_AS_IS;
}

bool http_trace(const struct http_request *request, char id[TRACE_ID_SIZE]) {
	return trace_read(http_header(request, "traceparent"), id);
}

int http_rank(const struct http_request *request) {
	(void)request;
	return ROLE_ADMIN;
}

/* An answer that goes on: the test reads it by itself. */
struct http_stream {
	const struct http_source *source; /* NULL: none, or not any more */
	void *context;
	unsigned woken;
};
static struct http_stream fixture_stream;

struct http_stream *http_reply_stream(struct http_request *request,
		const struct http_response *response, const struct http_source *source,
		void *context) {
	http_reply(request, response);
	fixture_stream = (struct http_stream){ source, context, 0 };
	return &fixture_stream;
}

void http_stream_wake(struct http_stream *stream) {
	stream->woken++;
}

/* As the server: what the sink has said at a piece is the answer. */
static inline bool feed(struct http_request *request, struct error *err) {
	size_t size = request->body.size, step = request->piece != 0 ? request->piece : size;
	for (size_t at = 0; at < size; at += step) {
		const struct bytes piece = { request->body.data + at,
			size - at < step ? size - at : step };
		if (!request->match.route->sink->data(request->sink, piece, err)) {
			return false;
		}
	}
	return true;
}

/* The deeds that wait, applied and closed in the batch at hand. */
static inline void apply_deeds(struct manager *m) {
	struct queue_item *next;
	for (struct queue_item *item = queue_take_all(m->queue, 0); item != NULL; item = next) {
		struct deed *deed = QUEUE_ENTRY(item, struct deed, link);
		next = item->next;
		deed->apply(m, deed);
		deed_close(deed);
	}
}

/* To the handler of its route, and through the loop. */
static inline void serve(struct manager *m, struct http_request *request) {
	size_t count;
	struct error err;
	const struct http_route *routes = api_routes(m->settings, &count);
	assert_int_equal(route_find(routes, count, request->method, request->path, &request->match),
			ROUTE_FOUND);
	const struct http_route *route = request->match.route;
	if (route->sink != NULL) {
		request->sink = route->sink->begin(m, request, &err);
	}
	if (route->sink != NULL && (request->sink == NULL || !feed(request, &err))) {
		http_reply_error(request, &err);
	} else {
		route->handler(m, request);
		apply_deeds(m);
	}
	if (request->sink != NULL) {
		route->sink->end(request->sink);
	}
	free((void *)(uintptr_t)routes);
}

static inline const char *text_of(const struct http_request *request, const char *member) {
	const char *text = json_string_value(json_object_get(request->answer, member));
	return text != NULL ? text : "";
}

static inline const char *modules_folder(void) {
	static char path[64];
	(void)snprintf(path, sizeof(path), "/tmp/manager_test.%d", (int)getpid());
	return path;
}

static inline int request_set_up(void **state) {
	struct error err;
	static const struct manager_settings settings = { .queue_max = 4, .module_max = 100000 };
	(void)manager_set_up(state);
	struct manager *m = *state;
	m->settings = &settings;
	m->queue = queue_create(settings.queue_max);
	m->modules = modules_open(modules_folder(), NULL, &err);
	assert_non_null(m->modules);
	return 0;
}

static inline int request_remove(
		const char *path, const struct stat *info, int kind, struct FTW *where) {
	(void)info, (void)kind, (void)where;
	return remove(path);
}

static inline int request_tear_down(void **state) {
	struct manager *m = *state;
	modules_close(m->modules);
	queue_destroy(m->queue);
	(void)nftw(modules_folder(), request_remove, 16, FTW_DEPTH | FTW_PHYS);
	return manager_tear_down(state);
}

#define WITH_REQUESTS(test) cmocka_unit_test_setup_teardown(test, request_set_up, request_tear_down)

static inline void count_module(void *context, const char *digest) {
	(void)digest;
	++*(unsigned *)context;
}

/* How many module files there are. */
static inline unsigned module_files(struct manager *m) {
	unsigned count = 0;
	struct error err;
	assert_true(modules_each(m->modules, count_module, &count, &err));
	return count;
}
