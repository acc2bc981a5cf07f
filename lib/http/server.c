/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libmicrohttpd calls answer() several times per request: at the headers, for each piece of the
 * body, at its end, and once more after a resume. A request is suspended before its handler is
 * called, so that an answer from another thread finds it suspended; http_reply() keeps the answer
 * and resumes, and the next call of answer() queues it. That also covers handlers that answer at
 * once, at the price of one trip through the connection's epoll thread.
 */
#include "http/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/listen.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "http/encoding.h"
#include "http/pack.h"
#include "http/peer.h"
#include "http/problem.h"
#include "http/route.h"
#include "http/standing.h"
#include "http/stream.h"

enum {
	IGNORED_BODY_MAX = 64 * 1024,
	DRAIN_MAX = 512 * 1024 * 1024,
	CONNECTIONS = 10000,
	IDLE_SECONDS = 60,
	CONNECTION_MEMORY = 32 * 1024,
	NOT_MODIFIED = 304,
};

struct http_server {
	struct http_server_options options;
	struct MHD_Daemon *daemon;
	int listener; /* libmicrohttpd's */
	bool polls;   /* else its threads wait in epoll */
	uint16_t port;
	bool has_token;
	bool mutual; /* clients need a certificate */
	uint8_t token[DIGEST_SIZE];
	atomic_bool quiet;
	pthread_mutex_t lock;
	pthread_cond_t left; /* the last request that was open is closed */
	size_t open;         /* begun, and not sent to the end yet */
};

enum phase { PHASE_BODY, PHASE_DROP, PHASE_HANDLED };

struct http_request {
	struct http_server *server;
	struct MHD_Connection *connection;
	char *method, *path;
	struct route_match match;
	bool standing; /* the route is one that every server has */
	enum phase phase;
	struct buf body;
	uint64_t received;
	bool last; /* of its connection */
	int rank;
	void *sink;
	struct MHD_Response *response; /* once there is an answer */
	struct bytes plain;            /* of the response, which is to be packed; or nothing */
	int status;
	struct http_stream stream; /* of an answer that goes on */
};

const char *http_method(const struct http_request *request) {
	return request->method;
}

const char *http_path(const struct http_request *request) {
	return request->path;
}

int http_socket(const struct http_request *request) {
	return MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_CONNECTION_FD)
			->connect_fd;
}

const char *http_param(const struct http_request *request, const char *name) {
	for (size_t i = 0; i < request->match.param_count; i++) {
		if (strcmp(request->match.params[i].name, name) == 0) {
			return request->match.params[i].value;
		}
	}
	return NULL;
}

struct query {
	const char *name, *value;
};

/* A value with a zero in it counts as empty: it would hide what is behind it. */
static enum MHD_Result see_query(void *context, enum MHD_ValueKind kind, const char *key,
		size_t key_size, const char *value, size_t size) {
	struct query *query = context;
	(void)kind;
	if (query->value == NULL && key_size == strlen(query->name) &&
			memcmp(key, query->name, key_size) == 0) {
		query->value = value != NULL && strlen(value) == size ? value : "";
	}
	return MHD_YES;
}

const char *http_query(const struct http_request *request, const char *name) {
	struct query query = { .name = name };
	(void)MHD_get_connection_values_n(
			request->connection, MHD_GET_ARGUMENT_KIND, see_query, &query);
	return query.value;
}

const char *http_header(const struct http_request *request, const char *name) {
	return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
}

struct bytes http_body(const struct http_request *request) {
	return (struct bytes){ request->body.data, request->body.size };
}

void *http_sink_context(const struct http_request *request) {
	return request->sink;
}

int http_rank(const struct http_request *request) {
	return request->rank;
}

bool http_trace(const struct http_request *request, char id[TRACE_ID_SIZE]) {
	return trace_read(http_header(request, "traceparent"), id);
}

/* We record no spans of our own: the caller's is the parent of whatever comes of it. */
static void name_trace(struct http_request *request) {
	char id[TRACE_ID_SIZE];
	if (http_trace(request, id)) {
		char parent[TRACE_PARENT_SIZE];
		(void)snprintf(parent, sizeof(parent), "00%s",
				http_header(request, "traceparent") + 2);
		(void)MHD_add_response_header(request->response, "traceparent", parent);
	}
}

/* Status, type and headers. */
static void set_head(struct http_request *request, const struct http_response *response) {
	request->status = response->status;
	if (request->response == NULL) {
		return; /* out of memory: answer() then closes the connection */
	}
	if (response->type != NULL && response->status != NOT_MODIFIED) {
		(void)MHD_add_response_header(request->response, "Content-Type", response->type);
	}
	name_trace(request);
	for (size_t i = 0; i < HTTP_HEADERS_MAX && response->headers[i].name != NULL; i++) {
		(void)MHD_add_response_header(request->response, response->headers[i].name,
				response->headers[i].value);
	}
}

enum http_form http_form(const struct http_request *request, const struct http_response *response) {
	if (!pack_suits(response)) {
		return HTTP_AS_IS;
	}
	return encoding_takes_gzip(http_header(request, "Accept-Encoding")) ? HTTP_PACKED
									    : HTTP_PLAIN;
}

static void set_response(struct http_request *request, const struct http_response *response) {
	enum http_form form = http_form(request, response);
	struct bytes body = response->body;
	if (form == HTTP_PACKED) {
		body.data = mem_copy(body.data, body.size);
		request->plain = body;
	}
	request->response = MHD_create_response_from_buffer(body.size, (void *)(uintptr_t)body.data,
			form == HTTP_PACKED ? MHD_RESPMEM_MUST_FREE : MHD_RESPMEM_MUST_COPY);
	if (request->response == NULL && form == HTTP_PACKED) {
		free((void *)(uintptr_t)body.data);
		request->plain.size = 0;
	}
	set_head(request, response);
	if (form != HTTP_AS_IS && request->response != NULL) {
		(void)MHD_add_response_header(request->response, "Vary", "Accept-Encoding");
	}
}

static enum MHD_Result copy_header(
		void *context, enum MHD_ValueKind kind, const char *name, const char *value) {
	(void)kind;
	return MHD_add_response_header(context, name, value);
}

/* In a thread of the server: who answers has other things to do. */
static void pack_response(struct http_request *request) {
	struct buf packed = BUF_INIT(0);
	struct MHD_Response *plain = request->response, *response = NULL;
	if (pack_gzip(request->plain, &packed)) {
		response = MHD_create_response_from_buffer(
				packed.size, packed.data, MHD_RESPMEM_MUST_FREE);
	}
	if (response != NULL) {
		(void)MHD_get_response_headers(plain, copy_header, response);
		if (request->status != NOT_MODIFIED) { /* which only tells the length */
			(void)MHD_add_response_header(response, "Content-Encoding", "gzip");
		}
	} else {
		buf_finish(&packed);
	}
	MHD_destroy_response(plain);
	request->response = response;
	request->plain = (struct bytes){ 0 };
}

struct http_stream *http_reply_stream(struct http_request *request,
		const struct http_response *response, const struct http_source *source,
		void *context) {
	request->response = stream_open(&request->stream, request->connection, source, context);
	set_head(request, response);
	MHD_resume_connection(request->connection);
	return &request->stream;
}

void http_reply(struct http_request *request, const struct http_response *response) {
	set_response(request, response);
	MHD_resume_connection(request->connection);
}

static void set_error(struct http_request *request, const struct error *err) {
	struct http_response response = { .status = error_http_status(err->code),
		.type = "application/problem+json" };
	CLEANUP(mem_freep) char *text = problem_text(err, request->path);
	response.body = (struct bytes){ (const uint8_t *)text, strlen(text) };
	if (err->code == ERROR_BUSY) {
		response.headers[0].name = "Retry-After";
		response.headers[0].value = "1";
	} else if (err->code == ERROR_DENIED) {
		response.headers[0].name = "WWW-Authenticate";
		response.headers[0].value = "Bearer";
	} else if (err->code == ERROR_METHOD) {
		response.headers[0].name = "Allow";
		response.headers[0].value = request->match.allow;
	}
	set_response(request, &response);
	if (request->last && request->response != NULL) {
		(void)MHD_add_response_header(request->response, "Connection", "close");
	}
}

void http_reply_error(struct http_request *request, const struct error *err) {
	set_error(request, err);
	MHD_resume_connection(request->connection);
}

/* --- one request's way ------------------------------------------------------------------------ */

/* What the token in the header may do, 0 for none. */
static int rank_of(const struct http_server *server, const char *header) {
	const struct http_server_options *options = &server->options;
	uint8_t digest[DIGEST_SIZE];
	if (header == NULL || strncasecmp(header, "Bearer ", 7) != 0) {
		return 0;
	}
	digest_of(header + 7, strlen(header + 7), digest);
	if (server->has_token && CRYPTO_memcmp(digest, server->token, DIGEST_SIZE) == 0) {
		return INT_MAX;
	}
	return options->rank_of != NULL ? options->rank_of(options->context, header + 7) : 0;
}

static bool may(const struct http_server *server, struct http_request *request, struct error *err) {
	const struct http_route *route = request->match.route;
	request->rank = INT_MAX;
	if ((!server->has_token && server->options.rank_of == NULL) || route->open) {
		return true;
	}
	request->rank = rank_of(server, http_header(request, "Authorization"));
	if (request->rank <= 0) {
		return error_set(err, ERROR_DENIED,
				"send the manager's token as \"Authorization: Bearer TOKEN\"");
	}
	bool enough = route->rank > 0 && request->rank >= route->rank;
	return enough || request->rank == INT_MAX ||
	       error_set(err, ERROR_FORBIDDEN, "this token does not allow %.16s %.200s",
			       request->method, request->path);
}

static uint64_t announced_size(const struct http_request *request) {
	const char *text = http_header(request, "Content-Length");
	struct error ignored;
	uint64_t size = 0;
	return text != NULL && str_to_u64(text, &size, &ignored) ? size : 0;
}

static size_t body_limit(const struct http_route *route) {
	return route->body_max != 0 ? route->body_max : IGNORED_BODY_MAX;
}

/* What says where a request ends, and whom it is for. */
struct framing {
	unsigned lengths, encodings, hosts;
	bool odd;
};

static enum MHD_Result see_framing(
		void *context, enum MHD_ValueKind kind, const char *name, const char *value) {
	struct framing *framing = context;
	(void)kind;
	bool length = strcasecmp(name, "Content-Length") == 0;
	bool encoding = strcasecmp(name, "Transfer-Encoding") == 0;
	framing->lengths += length;
	framing->encodings += encoding;
	framing->hosts += strcasecmp(name, "Host") == 0;
	framing->odd = framing->odd || strpbrk(name, " \t\v\f\r\n") != NULL || value == NULL ||
		       (length && (value[0] == 0 || value[strspn(value, "0123456789")] != 0)) ||
		       (encoding && strcasecmp(value, "chunked") != 0);
	return MHD_YES;
}

/* Where two readers could disagree about its end, whoever stands between us and the client could
 * be made to hand on a request that he has not seen (RFC 9112, 11.2): so it is the last one. */
static bool is_framed_clearly(struct http_request *request, struct error *err) {
	struct framing framing = { 0 };
	(void)MHD_get_connection_values(
			request->connection, MHD_HEADER_KIND, see_framing, &framing);
	if (!framing.odd && framing.lengths + framing.encodings <= 1 && framing.hosts <= 1) {
		return true;
	}
	request->last = true;
	return error_set(err, ERROR_INVALID, "%s",
			framing.hosts > 1 ? "there is more than one Host: send one"
					  : "the headers do not say clearly where the request "
					    "ends: send one Content-Length, or "
					    "Transfer-Encoding: chunked");
}

static void tell_methods(void *context, struct http_request *request) {
	(void)context;
	http_reply(request, &(const struct http_response){ .status = 204,
					    .headers = { { "Allow", request->match.allow } } });
}

static const struct http_route options_route = { .handler = tell_methods, .open = true };

/* The server's own routes, else those that every server has. */
static enum route_outcome find_route(struct http_request *request) {
	const struct http_server_options *options = &request->server->options;
	enum route_outcome outcome = route_find(options->routes, options->route_count,
			request->method, request->path, &request->match);
	if (outcome == ROUTE_NO_PATH) {
		size_t count;
		const struct http_route *routes = standing_routes(&count);
		outcome = route_find(
				routes, count, request->method, request->path, &request->match);
		request->standing = outcome == ROUTE_FOUND;
	}
	if (outcome == ROUTE_NO_METHOD && strcmp(request->method, "OPTIONS") == 0) {
		request->match.route = &options_route;
		return ROUTE_FOUND;
	}
	return outcome;
}

/* At the headers: everything that can be refused without the body. */
static bool admit(struct http_server *server, struct http_request *request, struct error *err) {
	if (!is_framed_clearly(request, err)) {
		return false;
	}
	if (server->mutual && !peer_trusted(request->connection, err)) {
		return false;
	}
	enum route_outcome outcome = find_route(request);
	if (outcome == ROUTE_NO_PATH) {
		return error_set(err, ERROR_NOT_FOUND, "there is nothing at %.200s", request->path);
	}
	if (outcome == ROUTE_NO_METHOD) {
		return error_set(err, ERROR_METHOD, "%.16s is not a method of %.200s; it has %s",
				request->method, request->path, request->match.allow);
	}
	if (!may(server, request, err)) {
		return false;
	}
	if (atomic_load(&server->quiet)) {
		return error_set(err, ERROR_UNAVAILABLE,
				"the server is ending; try again in a moment");
	}
	size_t limit = body_limit(request->match.route);
	if (announced_size(request) > limit) {
		return error_set(err, ERROR_TOO_LARGE, "the body has %llu bytes, the limit is %zu",
				(unsigned long long)announced_size(request), limit);
	}
	return true;
}

static bool open_sink(struct http_request *request, struct error *err) {
	const struct http_sink *sink = request->match.route->sink;
	if (sink == NULL) {
		return true;
	}
	request->sink = sink->begin(request->server->options.context, request, err);
	return request->sink != NULL;
}

static void refuse(struct http_request *request, const struct error *err) {
	set_error(request, err);
	request->phase = PHASE_DROP;
}

static void count_open(struct http_server *server, bool more) {
	(void)pthread_mutex_lock(&server->lock);
	server->open = more ? server->open + 1 : server->open - 1;
	if (server->open == 0) {
		(void)pthread_cond_broadcast(&server->left);
	}
	(void)pthread_mutex_unlock(&server->lock);
}

/* A client that takes us for its proxy names us in front of the path (RFC 9112, 3.2.2). */
static const char *behind_authority(const char *uri) {
	size_t scheme = strncasecmp(uri, "http://", 7) == 0    ? 7
			: strncasecmp(uri, "https://", 8) == 0 ? 8
							       : 0;
	return scheme == 0 ? uri : uri + scheme + strcspn(uri + scheme, "/?");
}

static void *begin_request(void *context, const char *uri, struct MHD_Connection *connection) {
	struct http_request *request = MEM_NEW(struct http_request);
	const char *path = behind_authority(uri);
	size_t size = strcspn(path, "?");
	request->path = size != 0 ? mem_copy(path, size) : str_copy("/"); /* route.c decodes it */
	request->server = context;
	request->connection = connection;
	count_open(request->server, true);
	return request;
}

static void start(struct http_request *request, const char *method) {
	struct error err;
	request->method = str_copy(method);
	request->phase = PHASE_BODY;
	bool admitted = admit(request->server, request, &err);
	if (admitted) {
		request->body = BUF_INIT(body_limit(request->match.route));
	}
	if (!admitted || !open_sink(request, &err)) {
		refuse(request, &err);
	}
}

static bool take(struct http_request *request, struct bytes piece, struct error *err) {
	const struct http_route *route = request->match.route;
	if (request->received > body_limit(route)) {
		return error_set(err, ERROR_TOO_LARGE, "the body is over the limit of %zu bytes",
				body_limit(route));
	}
	if (request->sink != NULL) {
		return route->sink->data(request->sink, piece, err);
	}
	return route->body_max == 0 || buf_append(&request->body, piece.data, piece.size, err);
}

/* False when a refused body goes on for too long: then the connection is closed. */
static bool body_piece(struct http_request *request, struct bytes piece) {
	struct error err;
	request->received += piece.size;
	if (request->phase == PHASE_DROP) {
		return request->received < DRAIN_MAX;
	}
	if (!take(request, piece, &err)) {
		request->received = 0;
		refuse(request, &err);
	}
	return true;
}

static enum MHD_Result send_answer(struct http_request *request) {
	if (request->plain.size != 0) {
		pack_response(request);
	}
	if (request->response == NULL) {
		return MHD_NO;
	}
	return MHD_queue_response(
			request->connection, (unsigned)request->status, request->response);
}

static enum MHD_Result handle(struct http_request *request) {
	if (request->phase == PHASE_DROP || request->response != NULL) {
		return send_answer(request);
	}
	request->phase = PHASE_HANDLED;
	MHD_suspend_connection(request->connection);
	struct http_server_options *options = &request->server->options;
	request->match.route->handler(request->standing ? options : options->context, request);
	return MHD_YES;
}

static enum MHD_Result answer(void *context, struct MHD_Connection *connection, const char *url,
		const char *method, const char *version, const char *data, size_t *size,
		void **place) {
	struct http_request *request = *place;
	(void)context, (void)connection, (void)url, (void)version;
	if (request->method == NULL) {
		start(request, method);
		/* Refused with no body to come, or a client that waits for "100 Continue": answer
		 * now. */
		bool waits = http_header(request, "Expect") != NULL;
		bool large = announced_size(request) > DRAIN_MAX;
		return request->phase == PHASE_DROP && (waits || large) ? send_answer(request)
									: MHD_YES;
	}
	if (*size != 0) {
		bool goes_on = body_piece(request, (struct bytes){ (const uint8_t *)data, *size });
		*size = 0;
		return goes_on ? MHD_YES : MHD_NO;
	}
	return handle(request);
}

static void completed(void *context, struct MHD_Connection *connection, void **place,
		enum MHD_RequestTerminationCode why) {
	struct http_request *request = *place;
	(void)context, (void)connection, (void)why;
	if (request == NULL) {
		return;
	}
	if (request->sink != NULL) {
		request->match.route->sink->end(request->sink);
	}
	stream_finish(&request->stream);
	if (request->response != NULL) {
		MHD_destroy_response(request->response);
	}
	buf_finish(&request->body);
	free(request->method);
	free(request->path);
	count_open(request->server, false);
	free(request);
	*place = NULL;
}

/* --- the server ------------------------------------------------------------------------------- */

static unsigned thread_count(const struct http_server_options *options) {
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	if (options->threads != 0) {
		return options->threads;
	}
	return cores < 2 ? 2 : cores > 4 ? 4 : (unsigned)cores;
}

static struct MHD_Daemon *open_daemon(struct http_server *server, int fd) {
	const struct http_server_options *o = &server->options;
	struct MHD_OptionItem more[PEER_OPTIONS];
	unsigned flags = MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ITC;
	/* Its epoll loop turns in circles while a handshake waits for its other half. */
	server->polls = peer_options(o->tls, more);
	flags |= server->polls ? MHD_USE_POLL_INTERNAL_THREAD | MHD_USE_TLS
			       : MHD_USE_EPOLL_INTERNAL_THREAD;
	server->mutual = o->tls != NULL && o->tls->cert != NULL && o->tls->ca != NULL;
	return MHD_start_daemon(flags, 0, NULL, NULL, answer, server, MHD_OPTION_LISTEN_SOCKET, fd,
			MHD_OPTION_THREAD_POOL_SIZE, thread_count(o), MHD_OPTION_CONNECTION_LIMIT,
			o->connections_max != 0 ? o->connections_max : (unsigned)CONNECTIONS,
			MHD_OPTION_CONNECTION_TIMEOUT,
			o->idle_seconds != 0 ? o->idle_seconds : (unsigned)IDLE_SECONDS,
			MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
			(size_t)CONNECTION_MEMORY, MHD_OPTION_URI_LOG_CALLBACK, begin_request,
			server, MHD_OPTION_NOTIFY_COMPLETED, completed, server, MHD_OPTION_ARRAY,
			more, MHD_OPTION_END);
}

static struct http_server *make_server(void) {
	struct http_server *server = MEM_NEW(struct http_server);
	pthread_condattr_t monotonic;
	(void)pthread_mutex_init(&server->lock, NULL);
	(void)pthread_condattr_init(&monotonic);
	(void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&server->left, &monotonic);
	(void)pthread_condattr_destroy(&monotonic);
	return server;
}

static void free_server(struct http_server *server) {
	(void)pthread_cond_destroy(&server->left);
	(void)pthread_mutex_destroy(&server->lock);
	free(server);
}

struct http_server *http_server_create(
		const struct http_server_options *options, struct error *err) {
	int fd = options->listener > 0 ? options->listener
				       : listen_tcp(options->host, options->port, err);
	if (fd < 0) {
		return NULL;
	}
	struct http_server *server = make_server();
	server->options = *options;
	server->listener = fd;
	server->port = listen_port(fd);
	server->has_token = options->token != NULL && options->token[0] != 0;
	if (server->has_token) {
		digest_of(options->token, strlen(options->token), server->token);
	}
	server->daemon = open_daemon(server, fd);
	if (server->daemon == NULL) {
		error_set(err, ERROR_INTERNAL, "the HTTP server did not start on port %u%s",
				server->port,
				options->tls != NULL && options->tls->cert != NULL
						? "; GnuTLS may not take its certificate or key"
						: "");
		(void)close(fd);
		free_server(server);
		return NULL;
	}
	return server;
}

uint16_t http_server_port(const struct http_server *server) {
	return server->port;
}

/*
 * Nobody listens behind the descriptor any more; what is in its place stays silent. Closing the
 * socket takes it out of the epoll sets. MHD_quiesce_daemon() does that by hand, at the same time
 * as the threads of those sets (libmicrohttpd 0.9.75), and whoever comes second aborts the program.
 */
static void stop_listening(int listener) {
	int silent = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (silent >= 0) { /* else they are let in, and told 503 */
		(void)dup3(silent, listener, O_CLOEXEC);
		(void)close(silent);
	}
}

void http_server_quiesce(struct http_server *server) {
	bool again = atomic_exchange(&server->quiet, true);
	if (!server->polls) {
		stop_listening(server->listener);
	} else if (!again) {
		(void)close(MHD_quiesce_daemon(server->daemon));
	}
}

bool http_server_drained(struct http_server *server, uint64_t deadline_ms) {
	struct timespec until = clock_timespec(deadline_ms);
	(void)pthread_mutex_lock(&server->lock);
	while (server->open != 0 && clock_ms() < deadline_ms) {
		(void)pthread_cond_timedwait(&server->left, &server->lock, &until);
	}
	bool drained = server->open == 0;
	(void)pthread_mutex_unlock(&server->lock);
	return drained;
}

void http_server_destroy(struct http_server *server) {
	if (server != NULL) {
		MHD_stop_daemon(server->daemon);
		free_server(server);
	}
}
