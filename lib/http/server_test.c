/* SPDX-License-Identifier: Apache-2.0 */
/* The server and our own client against each other, and raw bytes for what no client would send. */
#include "http/server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/tls_fixture.h"
#include "base/version.h"
#include "http/client.h"

enum { BODY_MAX = 1000, PATIENCE_MS = 60000 };

/* --- routes ------------------------------------------------------------------------------------
 */

static void reply_text(struct http_request *request, int status, const char *text) {
	const struct http_response response = { .status = status,
		.type = "text/plain",
		.body = { (const uint8_t *)text, strlen(text) },
		.headers = { { "Location", "/there" } } };
	http_reply(request, &response);
}

static void echo(void *context, struct http_request *request) {
	(void)context;
	struct bytes body = http_body(request);
	const char *id = http_param(request, "id"), *word = http_query(request, "word");
	const char *header = http_header(request, "X-Word");
	CLEANUP(mem_freep)
	char *text = str_format("%s %s id=%s word=%s header=%s body=%.*s", http_method(request),
			http_path(request), id != NULL ? id : "-", word != NULL ? word : "-",
			header != NULL ? header : "-", (int)body.size,
			body.data != NULL ? (const char *)body.data : "");
	reply_text(request, 200, text);
}

static void refuse(void *context, struct http_request *request) {
	(void)context;
	struct error err;
	error_set(&err, ERROR_BUSY, "too much \"of\" it\n");
	(void)error_in(&err, "field");
	http_reply_error(request, &err);
}

static void same(void *context, struct http_request *request) {
	(void)context;
	reply_text(request, 304, "what it is");
}

/* Answers in another thread, once the gate is open. */
struct late {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct http_request *kept[64];
	size_t count;
};

static struct late late = { .lock = PTHREAD_MUTEX_INITIALIZER,
	.changed = PTHREAD_COND_INITIALIZER };

static void keep(void *context, struct http_request *request) {
	(void)context;
	(void)pthread_mutex_lock(&late.lock);
	late.kept[late.count++] = request;
	(void)pthread_cond_broadcast(&late.changed);
	(void)pthread_mutex_unlock(&late.lock);
}

static void wait_for_kept(size_t count) {
	struct timespec deadline;
	(void)clock_gettime(CLOCK_REALTIME, &deadline);
	deadline.tv_sec += PATIENCE_MS / 1000;
	(void)pthread_mutex_lock(&late.lock);
	while (late.count < count) {
		assert_int_equal(pthread_cond_timedwait(&late.changed, &late.lock, &deadline), 0);
	}
	(void)pthread_mutex_unlock(&late.lock);
}

static void answer_kept(void) {
	(void)pthread_mutex_lock(&late.lock);
	for (size_t i = 0; i < late.count; i++) {
		reply_text(late.kept[i], 200, "late");
	}
	late.count = 0;
	(void)pthread_mutex_unlock(&late.lock);
}

/* A sink that counts bytes and dislikes the letter x. */
struct count {
	size_t bytes;
};
static atomic_int sinks_open, sinks_begun;

static void *count_begin(void *context, struct http_request *request, struct error *err) {
	(void)context;
	if (http_header(request, "X-Refuse") != NULL) {
		error_set(err, ERROR_MEDIA_TYPE, "not with this header");
		return NULL;
	}
	sinks_open++;
	sinks_begun++;
	return MEM_NEW(struct count);
}

static bool count_data(void *sink, struct bytes piece, struct error *err) {
	struct count *count = sink;
	if (memchr(piece.data, 'x', piece.size) != NULL) {
		return error_set(err, ERROR_MODULE, "no x, please");
	}
	count->bytes += piece.size;
	return true;
}

static void count_end(void *sink) {
	sinks_open--;
	free(sink);
}

static const struct http_sink count_sink = { count_begin, count_data, count_end };

static void counted(void *context, struct http_request *request) {
	(void)context;
	const struct count *count = http_sink_context(request);
	CLEANUP(mem_freep) char *text = str_format("%zu", count->bytes);
	reply_text(request, 200, text);
}

static const struct http_route routes[] = {
	{ .method = "GET", .pattern = "/echo/{id}", .handler = echo, .open = true },
	{ .method = "POST", .pattern = "/echo/{id}", .handler = echo, .body_max = BODY_MAX },
	{ .method = "GET", .pattern = "/refuse", .handler = refuse },
	{ .method = "GET", .pattern = "/late", .handler = keep },
	{ .method = "GET", .pattern = "/ranked", .handler = refuse, .rank = 2 },
	{ .method = "GET", .pattern = "/same", .handler = same },
	{ .method = "PUT",
			.pattern = "/count",
			.handler = counted,
			.body_max = 10 * 1024 * 1024,
			.sink = &count_sink },
};

static struct http_server *server;
static struct tls_parts tls; /* {0}: plain */
static char url[64];

static atomic_bool ready = true;
static int (*ranks)(void *context, const char *token);

static bool is_ready(void *context, struct error *err) {
	(void)context;
	return ready || error_set(err, ERROR_UNAVAILABLE, "not before noon");
}

static void begin_until(unsigned idle_seconds, const char *token, unsigned connections) {
	struct error err;
	const struct http_server_options options = { .host = "127.0.0.1",
		.token = token,
		.rank_of = ranks,
		.tls = &tls,
		.threads = 2,
		.connections_max = connections,
		.idle_seconds = idle_seconds,
		.program = "a-program",
		.ready = is_ready,
		.routes = routes,
		.route_count = sizeof(routes) / sizeof(routes[0]) };
	server = http_server_create(&options, &err);
	if (server == NULL) {
		fail_msg("%s", err.message);
	}
	(void)snprintf(url, sizeof(url), "%s://127.0.0.1:%u", tls.cert != NULL ? "https" : "http",
			http_server_port(server));
}

static void begin(const char *token, unsigned connections) {
	begin_until(0, token, connections);
}

static int set_up(void **state) {
	(void)state;
	begin(NULL, 0);
	return 0;
}

/* Who goes in the middle is noticed soon; who is only slow, too. */
static int set_up_hasty(void **state) {
	(void)state;
	begin_until(1, NULL, 0);
	return 0;
}

static struct tls_parts trusted; /* by our clients; {0}: plain */

static int make_certificates(void **state) {
	(void)state;
	struct made ca = make_certificate(&(struct wish){ .name = "ca" });
	struct made own = make_certificate(
			&(struct wish){ .name = "server", .issuer = &ca, .hosts = "IP:127.0.0.1" });
	tls = (struct tls_parts){ .cert = made_cert(&own), .key = made_key(&own, NULL) };
	trusted.ca = made_cert(&ca);
	made_finish(&ca);
	made_finish(&own);
	return 0;
}

static int forget_certificates(void **state) {
	(void)state;
	tls_finish(&tls);
	tls_finish(&trusted);
	return 0;
}

static int tear_down(void **state) {
	(void)state;
	http_server_destroy(server);
	return sinks_open == 0 ? 0 : -1;
}

/* --- asking ------------------------------------------------------------------------------------
 */

struct got {
	int status;
	char text[4096];
	char location[256];
	unsigned retry_after;
};

static struct got ask_as(const char *token, struct http_call call) {
	struct error err;
	const struct http_client_options options = {
		.base_url = url, .token = token, .tls = &trusted
	};
	struct http_client *client = http_client_create(&options, &err);
	struct http_answer answer = { .body = BUF_INIT(4095) };
	struct got got = { 0 };
	call.timeout_ms = PATIENCE_MS;
	if (!http_client_send(client, &call, &answer, &err)) {
		fail_msg("%s", err.message);
	}
	got.status = answer.status;
	got.retry_after = answer.retry_after_seconds;
	(void)snprintf(got.text, sizeof(got.text), "%s", buf_text(&answer.body));
	(void)snprintf(got.location, sizeof(got.location), "%s", answer.location);
	buf_finish(&answer.body);
	http_client_destroy(client);
	return got;
}

static struct got ask(const char *method, const char *path, const char *body, size_t size) {
	return ask_as(NULL, (struct http_call){ .method = method,
					    .path = path,
					    .body = { (const uint8_t *)body, size } });
}

/* A connection without a client of ours: TCP, or TLS that believes everything. */
struct line {
	int fd;
	SSL_CTX *context;
	SSL *tls; /* NULL: plain */
};

static void dial(struct line *line) {
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_port = htons(http_server_port(server)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct timeval patience = { .tv_sec = PATIENCE_MS / 1000 };
	*line = (struct line){ .fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) };
	assert_int_equal(connect(line->fd, (struct sockaddr *)&address, sizeof(address)), 0);
	(void)setsockopt(line->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (tls.cert != NULL) {
		line->context = SSL_CTX_new(TLS_client_method());
		line->tls = SSL_new(line->context);
		assert_int_equal(SSL_set_fd(line->tls, line->fd), 1);
		assert_int_equal(SSL_connect(line->tls), 1);
	}
}

static void say(const struct line *line, const char *bytes, size_t size) {
	if (line->tls != NULL) {
		(void)!SSL_write(line->tls, bytes, (int)size);
	} else {
		(void)!send(line->fd, bytes, size, MSG_NOSIGNAL);
	}
}

static ssize_t hear(const struct line *line, char *text, size_t room) {
	return line->tls != NULL ? SSL_read(line->tls, text, (int)room)
				 : read(line->fd, text, room);
}

static void drop(struct line *line) {
	SSL_free(line->tls);
	SSL_CTX_free(line->context);
	(void)close(line->fd);
}

/* Sends bytes as they are; what comes back until the server hangs up or says enough. */
static void raw(const char *bytes, size_t size, char *answer, size_t room) {
	struct line line;
	size_t used = 0;
	dial(&line);
	say(&line, bytes, size);
	if (line.tls == NULL) { /* a TLS connection is closed as a whole */
		(void)shutdown(line.fd, SHUT_WR);
	}
	for (ssize_t n; used < room - 1 && (n = hear(&line, answer + used, room - 1 - used)) > 0;) {
		used += (size_t)n;
	}
	answer[used] = 0;
	drop(&line);
}

static void raw_text(const char *text, char *answer, size_t room) {
	raw(text, strlen(text), answer, room);
}

static void assert_problem(const struct got *got, int status, const char *says) {
	assert_int_equal(got->status, status);
	if (strstr(got->text, "\"error\":") == NULL || strstr(got->text, says) == NULL) {
		fail_msg("%s", got->text);
	}
}

/* --- the tests ---------------------------------------------------------------------------------
 */

static void parts_of_a_request(void **state) {
	(void)state;
	struct got got = ask("GET", "/echo/a%20b?word=c%26d&other=1", NULL, 0);
	assert_int_equal(got.status, 200);
	assert_string_equal(got.text, "GET /echo/a%20b id=a b word=c&d header=- body=");
	assert_string_equal(got.location, "/there");
	got = ask("POST", "/echo/7?word=", "hello", 5);
	assert_string_equal(got.text, "POST /echo/7 id=7 word= header=- body=hello");
}

static void what_is_not_there(void **state) {
	(void)state;
	struct got got = ask("GET", "/nothing", NULL, 0);
	assert_problem(&got, 404, "not-found");
	got = ask("DELETE", "/echo/7", NULL, 0);
	assert_problem(&got, 405, "method");
	char answer[4096];
	raw_text("DELETE /echo/7 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", answer,
			sizeof(answer));
	assert_non_null(strstr(answer, "Allow: GET, HEAD, POST, OPTIONS"));
}

/* What asks for methods gets them, and whoever asks for a body that he has gets its length. */
static void answers_without_a_body(void **state) {
	(void)state;
	static const struct {
		const char *method, *path, *status, *header;
	} rows[] = {
		{ "OPTIONS", "/echo/7", "HTTP/1.1 204 ",
				"\r\nAllow: GET, HEAD, POST, OPTIONS\r\n" },
		{ "OPTIONS", "/count", "HTTP/1.1 204 ", "\r\nAllow: PUT, OPTIONS\r\n" },
		{ "OPTIONS", "/healthz", "HTTP/1.1 204 ", "\r\nAllow: GET, HEAD, OPTIONS\r\n" },
		{ "GET", "/same", "HTTP/1.1 304 ", "\r\nContent-Length: 10\r\n" },
		{ "HEAD", "/echo/7", "HTTP/1.1 200 ", "\r\nContent-Length: 39\r\n" },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char answer[4096];
		CLEANUP(mem_freep)
		char *text = str_format("%s %s HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
				rows[i].method, rows[i].path);
		raw_text(text, answer, sizeof(answer));
		if (strncmp(answer, rows[i].status, strlen(rows[i].status)) != 0 ||
				strstr(answer, rows[i].header) == NULL ||
				!str_equal(strstr(answer, "\r\n\r\n"), "\r\n\r\n")) {
			fail_msg("%s %s: %s", rows[i].method, rows[i].path, answer);
		}
	}
	struct got got = ask("OPTIONS", "/nothing", NULL, 0);
	assert_problem(&got, 404, "not-found");
}

static void what_every_server_answers(void **state) {
	(void)state;
	http_server_destroy(server);
	begin("s3cret", 0); /* which none of these needs */
	assert_string_equal(ask("GET", "/healthz", NULL, 0).text, "ok\n");
	assert_string_equal(ask("GET", "/readyz", NULL, 0).text, "ready\n");
	assert_string_equal(ask("GET", "/version", NULL, 0).text,
			"{\"program\":\"a-program\",\"version\":\"" AIRSCREW_VERSION "\"}\n");
	ready = false;
	struct got got = ask("GET", "/readyz", NULL, 0);
	ready = true;
	assert_problem(&got, 503, "not before noon");
	assert_int_equal(ask("GET", "/healthz", NULL, 0).status, 200);
	got = ask("GET", "/problems/not-found", NULL, 0);
	assert_int_equal(got.status, 200);
	assert_non_null(strstr(got.text, "not-found: no such thing\n"));
	got = ask("GET", "/problems/none-such", NULL, 0);
	assert_problem(&got, 404, "none-such");
	got = ask("PUT", "/version", NULL, 0);
	assert_problem(&got, 405, "GET, HEAD, OPTIONS");
}

static void problems_are_problems(void **state) {
	(void)state;
	char answer[4096];
	struct got got = ask("GET", "/refuse", NULL, 0);
	assert_problem(&got, 429, "too much \\\"of\\\" it\\n");
	assert_int_equal(got.retry_after, 1);
	raw_text("GET /refuse HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", answer,
			sizeof(answer));
	assert_non_null(strstr(answer, "application/problem+json"));
	assert_non_null(strstr(answer, "\"field\":\"field\""));
}

static void bodies_have_a_limit(void **state) {
	(void)state;
	CLEANUP(mem_freep) char *large = mem_zero(1024 * 1024, 1);
	memset(large, 'a', 1024 * 1024);
	assert_int_equal(ask("POST", "/echo/1", large, BODY_MAX).status, 200);
	struct got got = ask("POST", "/echo/1", large, BODY_MAX + 1);
	assert_problem(&got, 413, "too-large");
	got = ask("POST", "/echo/1", large, 1024 * 1024);
	assert_problem(&got, 413, "too-large");
	got = ask("GET", "/refuse", large, 10); /* a body where there is none */
	assert_true(got.status == 429 || got.status == 413);
}

static void a_sink_takes_pieces(void **state) {
	(void)state;
	enum { SIZE = 3 * 1024 * 1024 };
	int before = sinks_begun;
	CLEANUP(mem_freep) char *large = mem_zero(SIZE, 1);
	memset(large, 'a', SIZE);
	assert_string_equal(ask("PUT", "/count", large, SIZE).text, "3145728");
	large[SIZE / 2] = 'x';
	struct got got = ask("PUT", "/count", large, SIZE);
	assert_problem(&got, 422, "no x, please");
	assert_string_equal(ask("PUT", "/count", "abc", 3).text, "3");
	assert_int_equal(sinks_begun, before + 3);
}

static void a_sink_that_refuses_at_once(void **state) {
	(void)state;
	char answer[4096];
	static const char request[] = "PUT /count HTTP/1.1\r\nHost: h\r\nX-Refuse: 1\r\n"
				      "Connection: close\r\nContent-Length: 3\r\n\r\nabc";
	int before = sinks_begun;
	raw(request, sizeof(request) - 1, answer, sizeof(answer));
	assert_non_null(strstr(answer, "HTTP/1.1 415"));
	assert_int_equal(sinks_begun, before);
}

/* A client that goes in the middle of its body: the sink is ended all the same. */
static void a_client_that_goes(void **state) {
	(void)state;
	char answer[4096];
	static const char request[] =
			"PUT /count HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\nabc";
	int before = sinks_begun;
	raw(request, sizeof(request) - 1, answer, sizeof(answer));
	uint64_t deadline = clock_ms() + PATIENCE_MS;
	while (sinks_open != 0 || sinks_begun == before) {
		assert_true(clock_ms() < deadline);
		(void)poll(NULL, 0, 2);
	}
}

static void what_no_client_sends(void **state) {
	(void)state;
	static const char *const bad[] = { "\r\n\r\n\r\n", "GET\r\n\r\n", "hello\r\n\r\n",
		"GET /echo/%zz HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
		"GET /echo/%00 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
		"POST /echo/1 HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n",
		"POST /echo/1 HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999999999999\r\n\r\n",
		"POST /echo/1 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
		"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" };
	char answer[4096];
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		raw(bad[i], strlen(bad[i]), answer, sizeof(answer));
		if (strstr(answer, " 200 ") != NULL || strstr(answer, " 500 ") != NULL) {
			fail_msg("%zu: %s", i, answer);
		}
	}
	struct buf large = BUF_INIT(200 * 1024);
	struct error err;
	assert_true(buf_printf(&large, &err, "GET /echo/1 HTTP/1.1\r\nHost: h\r\nX-Word: "));
	for (int i = 0; i < 100; i++) {
		CLEANUP(mem_freep) char *kilobyte = mem_zero(1024, 1);
		memset(kilobyte, 'h', 1024);
		assert_true(buf_append(&large, kilobyte, 1024, &err));
	}
	assert_true(buf_printf(&large, &err, "\r\n\r\n"));
	raw(buf_text(&large), large.size, answer, sizeof(answer));
	assert_null(strstr(answer, " 200 "));
	buf_finish(&large);
	assert_int_equal(ask("GET", "/echo/1", NULL, 0).status, 200); /* nothing of it hurt */
}

static void pipelined_requests(void **state) {
	(void)state;
	char answer[8192];
	static const char two[] = "GET /echo/1 HTTP/1.1\r\nHost: h\r\n\r\n"
				  "GET /echo/2 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
	raw(two, sizeof(two) - 1, answer, sizeof(answer));
	const char *first = strstr(answer, "id=1"), *second = strstr(answer, "id=2");
	assert_true(first != NULL && second != NULL && first < second);
}

/* Every wrong token is told apart from the right one, and an open route needs none. */
static void tokens(void **state) {
	(void)state;
	http_server_destroy(server);
	begin("s3cret", 0);
	const struct http_call call = { .method = "GET", .path = "/refuse" };
	static const char *const wrong[] = { NULL, "", "s3cre", "s3cret ", "S3CRET", "s3cret0" };
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct got got = ask_as(wrong[i], call);
		assert_int_equal(got.status, 401);
		assert_null(strstr(got.text, "s3cret"));
	}
	assert_int_equal(ask_as("s3cret", call).status, 429);
	assert_int_equal(ask("GET", "/echo/1", NULL, 0).status, 200);
	char answer[4096];
	raw_text("GET /refuse HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", answer,
			sizeof(answer));
	assert_non_null(strstr(answer, "WWW-Authenticate: Bearer"));
	static const char basic[] = "GET /refuse HTTP/1.1\r\nHost: h\r\nConnection: close\r\n"
				    "Authorization: Basic s3cret\r\n\r\n";
	raw(basic, sizeof(basic) - 1, answer, sizeof(answer));
	assert_non_null(strstr(answer, " 401 "));
}

static int digit_of(void *context, const char *token) {
	(void)context;
	return token[0] >= '1' && token[0] <= '9' ? token[0] - '0' : 0;
}

/* A route that names no rank is for nobody but the token that may do everything. */
static void ranks_of_tokens(void **state) {
	(void)state;
	http_server_destroy(server);
	ranks = digit_of;
	begin("s3cret", 0);
	ranks = NULL;
	const struct http_call ranked = { .method = "GET", .path = "/ranked" };
	const struct http_call unranked = { .method = "GET", .path = "/refuse" };
	assert_int_equal(ask_as("0", ranked).status, 401);
	assert_int_equal(ask_as("1", ranked).status, 403);
	assert_int_equal(ask_as("2", ranked).status, 429);
	assert_int_equal(ask_as("9", ranked).status, 429);
	assert_int_equal(ask_as("9", unranked).status, 403);
	assert_int_equal(ask_as("s3cret", ranked).status, 429);
	assert_int_equal(ask_as("s3cret", unranked).status, 429);
}

static void *ask_late(void *context) {
	(void)context;
	struct got got = ask("GET", "/late", NULL, 0);
	return got.status == 200 && str_equal(got.text, "late") ? NULL : &late; /* any address */
}

static void answers_may_come_later(void **state) {
	(void)state;
	enum { WAITING = 16 };
	pthread_t threads[WAITING];
	for (int i = 0; i < WAITING; i++) {
		assert_int_equal(pthread_create(&threads[i], NULL, ask_late, NULL), 0);
	}
	wait_for_kept(WAITING);
	assert_int_equal(ask("GET", "/echo/1", NULL, 0).status, 200); /* meanwhile */
	answer_kept();
	for (int i = 0; i < WAITING; i++) {
		void *wrong;
		(void)pthread_join(threads[i], &wrong);
		assert_null(wrong);
	}
}

/* The client is gone when the answer comes: the request is valid until then. */
static void an_answer_to_nobody(void **state) {
	(void)state;
	static const char request[] = "GET /late HTTP/1.1\r\nHost: h\r\n\r\n";
	struct line line;
	const struct linger abort_it = { 1, 0 };
	dial(&line);
	say(&line, request, sizeof(request) - 1);
	wait_for_kept(1);
	(void)setsockopt(line.fd, SOL_SOCKET, SO_LINGER, &abort_it, sizeof(abort_it));
	drop(&line);
	answer_kept();
	assert_int_equal(ask("GET", "/echo/1", NULL, 0).status, 200);
}

static void a_port_that_is_taken(void **state) {
	(void)state;
	struct error err;
	char port[16];
	const struct http_server_options options = { .host = "127.0.0.1",
		.port = http_server_port(server),
		.routes = routes,
		.route_count = 1 };
	assert_null(http_server_create(&options, &err));
	(void)snprintf(port, sizeof(port), "%u", options.port);
	assert_non_null(strstr(err.message, port));
	const struct http_server_options nowhere = { .host = "no.such.host.invalid",
		.routes = routes };
	assert_null(http_server_create(&nowhere, &err));
	assert_non_null(strstr(err.message, "no.such.host.invalid"));
}

static void quiet_servers_say_so(void **state) {
	(void)state;
	struct error err;
	const struct http_client_options options = { .base_url = url, .tls = &trusted };
	struct http_client *client = http_client_create(&options, &err);
	const struct http_call call = {
		.method = "GET", .path = "/echo/1", .timeout_ms = PATIENCE_MS
	};
	struct http_answer answer = { .body = BUF_INIT(4095) };
	assert_true(http_client_send(client, &call, &answer, &err)); /* opens a connection */
	http_server_quiesce(server);
	buf_clear(&answer.body);
	assert_true(http_client_send(client, &call, &answer, &err));
	assert_int_equal(answer.status, 503);
	assert_true(http_server_drained(server, clock_ms() + PATIENCE_MS));
	buf_finish(&answer.body);
	http_client_destroy(client);
}

#define WITH_SERVER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
	const struct CMUnitTest tests[] = {
		WITH_SERVER(parts_of_a_request),
		WITH_SERVER(what_is_not_there),
		WITH_SERVER(answers_without_a_body),
		WITH_SERVER(what_every_server_answers),
		WITH_SERVER(problems_are_problems),
		WITH_SERVER(bodies_have_a_limit),
		WITH_SERVER(a_sink_takes_pieces),
		WITH_SERVER(a_sink_that_refuses_at_once),
		cmocka_unit_test_setup_teardown(a_client_that_goes, set_up_hasty, tear_down),
		cmocka_unit_test_setup_teardown(what_no_client_sends, set_up_hasty, tear_down),
		WITH_SERVER(pipelined_requests),
		WITH_SERVER(tokens),
		WITH_SERVER(ranks_of_tokens),
		WITH_SERVER(answers_may_come_later),
		WITH_SERVER(an_answer_to_nobody),
		WITH_SERVER(a_port_that_is_taken),
		WITH_SERVER(quiet_servers_say_so),
	};
	(void)signal(SIGPIPE, SIG_IGN);
	int failed = cmocka_run_group_tests_name("http/server", tests, NULL, NULL);
	return failed + cmocka_run_group_tests_name("http/server over TLS", tests,
					make_certificates, forget_certificates);
}
