/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * An HTTP/1.1 server: a table of routes, handlers that may answer later from any thread.
 *
 * It runs a few threads of its own (epoll). For each request the route's handler is called in one
 * of them, once, when the body is complete. The handler either answers at once or keeps the
 * pointer and calls http_reply() later from any thread, exactly once; until then the request is
 * valid, whatever the client does. Bodies are bounded per route (413) and read whole into memory,
 * unless the route has a `sink`, which takes them piece by piece. Everything that is refused is an
 * RFC 9457 problem+json that also has Propeller's `error` member. HEAD is answered as GET without
 * the body, OPTIONS with the methods of the path.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/tls.h"
#include "http/trace.h"

struct http_request;
struct http_server;

/* Takes a body while it arrives. All calls for one request come in order from one thread at a time.
 */
struct http_sink {
	/* At the headers. A context for this request, or NULL with err set: answered at once. */
	void *(*begin)(void *server_context, struct http_request *request, struct error *err);
	/* A piece. The first false ends it: err is the answer, the rest of the body is dropped. */
	bool (*data)(void *sink_context, struct bytes piece, struct error *err);
	/* Always called exactly once after begin() gave a context: frees it, after the answer is
	 * sent or the client is gone. */
	void (*end)(void *sink_context);
};

struct http_route {
	const char *method;  /* "GET" */
	const char *pattern; /* "/tasks/{id}/start": parts in braces match one segment */
	void (*handler)(void *context, struct http_request *request);
	size_t body_max;              /* 0: a body is refused */
	const struct http_sink *sink; /* or NULL */
	bool open;                    /* needs no token */
	int rank;                     /* that a token of `rank_of` needs; 0: none of them does */
	bool exact;                   /* a trailing slash is another path; else both forms match */
};

struct http_server_options {
	const char *host; /* address or name to listen on */
	uint16_t port;    /* 0: a free one */
	/* A socket of listen_tcp(), in place of the two, for who has to know that it has its port
	 * before it begins something else; the server's from the call on. 0: none. */
	int listener;
	const char *token; /* NULL: no authentication; else "Authorization: Bearer TOKEN", compared
			    * in constant time */
	/* The rank of other tokens, from 1; 0 for one that is none; any thread. NULL: there are no
	 * others. `token` may do everything. */
	int (*rank_of)(void *context, const char *token);
	/* With a certificate: HTTPS, TLS 1.2 at least; with authorities as well, every client needs
	 * a certificate of theirs. It has to outlive the server. NULL or none: plain HTTP. */
	const struct tls_parts *tls;
	unsigned threads;         /* 0: as many as there are cores, at most 4 */
	unsigned connections_max; /* 0: 10,000 */
	unsigned idle_seconds;    /* 0: 60 */
	const struct http_route *routes;
	size_t route_count;
	void *context; /* for handlers and sinks */
	/* For what every server answers (http/standing.h): the program's name, and whether it can
	 * do its work now; any thread. NULL: as soon as it answers. */
	const char *program;
	bool (*ready)(void *context, struct error *err);
};

struct http_server *http_server_create(
		const struct http_server_options *options, struct error *err) MUST_CHECK;
uint16_t http_server_port(const struct http_server *server);
/* Refuses new connections at once (503 on open ones), so that a drain can begin. */
void http_server_quiesce(struct http_server *server);
/* After quiesce: waits until what was answered has been sent, too, which http_server_destroy() does
 * not. False if something is still open at deadline_ms (clock_ms()). */
bool http_server_drained(struct http_server *server, uint64_t deadline_ms) MUST_CHECK;
/* Every kept request must have been answered before. */
void http_server_destroy(struct http_server *server);

/* What came in; all of it is valid until the answer. */
const char *http_method(const struct http_request *request);
const char *http_path(const struct http_request *request);
/* A part of the pattern by its name ("id"), percent-decoded; NULL if the pattern has none such. */
const char *http_param(const struct http_request *request, const char *name);
/* A query parameter, decoded; NULL if absent, "" if empty. */
const char *http_query(const struct http_request *request, const char *name);
const char *http_header(const struct http_request *request, const char *name); /* NULL if absent */
struct bytes http_body(const struct http_request *request);
void *http_sink_context(const struct http_request *request); /* of the route's sink, or NULL */
/* Of the connection: to see whether its other side is still there (POLLRDHUP), and nothing else. */
int http_socket(const struct http_request *request);
/* What the token of the request may do (`rank_of`); INT_MAX for `token` itself, and where none is
 * asked for. */
int http_rank(const struct http_request *request);
/* The trace that the request is part of (trace.h), which its answer names as well; false for none.
 */
bool http_trace(const struct http_request *request, char id[TRACE_ID_SIZE]);

enum { HTTP_HEADERS_MAX = 8 };

struct http_response {
	int status;
	const char *type;  /* content type; NULL with an empty body */
	struct bytes body; /* copied; with 304 only its length is told */
	struct {
		const char *name, *value;
	} headers[HTTP_HEADERS_MAX]; /* copied; ended by a NULL name */
};
/* The answer; any thread; exactly once per request. The request is not to be touched afterwards. */
void http_reply(struct http_request *request, const struct http_response *response);

/* The server packs what suits it (pack.h) for who takes gzip, in a thread of its own and not in
 * that of http_reply(), and says so: Content-Encoding, and Vary also where it is plain. */
enum http_form {
	HTTP_AS_IS,  /* as plain as it is for everybody */
	HTTP_PLAIN,  /* who asks gets it packed */
	HTTP_PACKED, /* and this one asks: an ETag of it is another one than that of the plain form
		      */
};
enum http_form http_form(const struct http_request *request, const struct http_response *response);
/* The answer as problem+json (problem.h). BUSY gets Retry-After: 1, DENIED gets WWW-Authenticate.
 */
void http_reply_error(struct http_request *request, const struct error *err);

/* Where the bytes of an answer come from that goes on for as long as it likes. */
struct http_source {
	/* In a thread of the server, one call at a time: up to `size` bytes, and how many. 0: none
	 * now, it is asked again after http_stream_wake(); HTTP_STREAM_END: that was all;
	 * HTTP_STREAM_BROKEN: it was not, and the client is to see that it was not. */
	long (*read)(void *context, uint8_t *to, size_t size);
	/* Exactly once, when nothing is read any more: the client has all, or is gone. Who has left
	 * without a word is only noticed by writing to him. */
	void (*end)(void *context);
};

enum { HTTP_STREAM_END = -1, HTTP_STREAM_BROKEN = -2 };

struct http_stream;
/* An answer without an end yet; to be called in the handler, before it returns. The body of the
 * response is not looked at. The stream is valid until end(); that comes before the server is
 * destroyed only if read() says HTTP_STREAM_END, so every stream has to be ended before that. */
struct http_stream *http_reply_stream(struct http_request *request,
		const struct http_response *response, const struct http_source *source,
		void *context);
/* There is something to read. Any thread, not in read() or end(), and with no lock held that those
 * take, but for one that end() takes so that the stream is there until this returns. */
void http_stream_wake(struct http_stream *stream);
