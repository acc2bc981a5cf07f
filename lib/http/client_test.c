/* SPDX-License-Identifier: Apache-2.0 */
/* Against a server of one answer: each test says in bytes what it gets. */
#include "http/client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"

struct peer {
	int listener;
	char url[64];
	const char *answer; /* NULL: none, the connection stays open until the test ends it */
	char request[8192];
	size_t size, body; /* bytes of the body that came */
	pthread_t thread;
};

static size_t body_of(const char *request) {
	const char *length = strcasestr(request, "\r\nContent-Length: ");
	return length != NULL ? strtoul(length + 18, NULL, 10) : 0;
}

static void *serve(void *context) {
	struct peer *peer = context;
	int fd = accept(peer->listener, NULL, NULL);
	const char *end = NULL;
	size_t want = SIZE_MAX, got = 0;
	char piece[4096];
	for (ssize_t n; got < want && (n = read(fd, piece, sizeof(piece))) > 0;) {
		size_t keep = sizeof(peer->request) - 1 - peer->size;
		keep = (size_t)n < keep ? (size_t)n : keep;
		memcpy(peer->request + peer->size, piece, keep);
		peer->size += keep;
		got += (size_t)n;
		end = end != NULL ? end : strstr(peer->request, "\r\n\r\n");
		if (end != NULL) {
			want = (size_t)(end + 4 - peer->request) + body_of(peer->request);
			peer->body = got - (size_t)(end + 4 - peer->request);
		}
	}
	if (peer->answer != NULL) {
		(void)!send(fd, peer->answer, strlen(peer->answer), MSG_NOSIGNAL);
	} else {
		(void)!read(fd, piece, sizeof(piece)); /* until the client gives up */
	}
	(void)close(fd);
	return NULL;
}

static void peer_begin(struct peer *peer, const char *answer) {
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(address);
	*peer = (struct peer){ .listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0),
		.answer = answer };
	assert_int_equal(bind(peer->listener, (struct sockaddr *)&address, size), 0);
	assert_int_equal(listen(peer->listener, 1), 0);
	assert_int_equal(getsockname(peer->listener, (struct sockaddr *)&address, &size), 0);
	(void)snprintf(peer->url, sizeof(peer->url), "http://127.0.0.1:%u",
			ntohs(address.sin_port));
	assert_int_equal(pthread_create(&peer->thread, NULL, serve, peer), 0);
}

static void peer_end(struct peer *peer) {
	(void)shutdown(peer->listener, SHUT_RDWR); /* who gave up early has perhaps never come */
	(void)pthread_join(peer->thread, NULL);
	(void)close(peer->listener);
}

/* One call to a peer with that answer. */
static bool call_peer(struct peer *peer, const char *bytes, struct http_call call, size_t limit,
		struct http_answer *answer, struct error *err) {
	peer_begin(peer, bytes);
	const struct http_client_options options = { .base_url = peer->url, .token = "t0ken" };
	struct http_client *client = http_client_create(&options, err);
	assert_non_null(client);
	*answer = (struct http_answer){ .body = BUF_INIT(limit) };
	bool ok = http_client_send(client, &call, answer, err);
	http_client_destroy(client);
	peer_end(peer);
	return ok;
}

static void what_is_sent_and_received(void **state) {
	(void)state;
	struct peer peer;
	struct http_answer answer;
	struct error err;
	const struct http_call call = { .method = "POST",
		.path = "/tasks?a=b",
		.type = "application/json",
		.body = { (const uint8_t *)"{\"a\":1}", 7 } };
	assert_true(call_peer(&peer,
			"HTTP/1.1 201 Created\r\nLocation: /tasks/7\r\nRetry-After: 5\r\n"
			"Content-Length: 5\r\n\r\nhello",
			call, 100, &answer, &err));
	assert_int_equal(answer.status, 201);
	assert_string_equal(buf_text(&answer.body), "hello");
	assert_string_equal(answer.location, "/tasks/7");
	assert_int_equal(answer.retry_after_seconds, 5);
	assert_non_null(strstr(peer.request, "POST /tasks?a=b HTTP/1.1\r\n"));
	assert_non_null(strstr(peer.request, "Authorization: Bearer t0ken\r\n"));
	assert_non_null(strstr(peer.request, "Content-Type: application/json\r\n"));
	assert_non_null(strstr(peer.request, "\r\n\r\n{\"a\":1}"));
	buf_finish(&answer.body);
}

static void a_file_is_streamed(void **state) {
	(void)state;
	struct peer peer;
	struct http_answer answer;
	struct error err;
	enum { SIZE = 5 * 1000 * 1000 };
	int fd = memfd_create("body", MFD_CLOEXEC);
	assert_int_equal(ftruncate(fd, SIZE), 0);
	const struct http_call call = {
		.method = "PUT", .path = "/m", .file = fd, .file_size = SIZE
	};
	assert_true(call_peer(&peer, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", call, 100,
			&answer, &err));
	assert_int_equal(peer.body, SIZE);
	buf_finish(&answer.body);
	(void)close(fd);
}

static void nobody_listens(void **state) {
	(void)state;
	struct peer peer;
	struct error err;
	peer_begin(&peer, "");
	const struct http_client_options options = { .base_url = peer.url };
	struct http_client *client = http_client_create(&options, &err);
	const struct http_call call = { .method = "GET", .path = "/" };
	struct http_answer answer = { .body = BUF_INIT(100) };
	assert_false(http_client_send(
			client, &call, &answer, &err)); /* it hangs up without a word */
	peer_end(&peer);
	assert_false(http_client_send(client, &call, &answer, &err));
	assert_int_equal(err.code, ERROR_UNAVAILABLE);
	assert_non_null(strstr(err.message, peer.url));
	http_client_destroy(client);
}

static void too_slow(void **state) {
	(void)state;
	struct peer peer;
	struct http_answer answer;
	struct error err;
	uint64_t begin = clock_ms();
	const struct http_call call = { .method = "GET", .path = "/", .timeout_ms = 200 };
	assert_false(call_peer(&peer, NULL, call, 100, &answer, &err));
	assert_int_equal(err.code, ERROR_TIMEOUT);
	assert_true(clock_ms() - begin >= 200 && clock_ms() - begin < 60000);
}

static void too_much(void **state) {
	(void)state;
	struct peer peer;
	struct http_answer answer;
	struct error err;
	const struct http_call call = { .method = "GET", .path = "/" };
	assert_false(call_peer(&peer, "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n123456", call, 5,
			&answer, &err));
	assert_int_equal(err.code, ERROR_TOO_LARGE);
	buf_finish(&answer.body);
}

static void half_an_answer(void **state) {
	(void)state;
	static const char *const bad[] = { "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n123",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz", "nonsense\r\n\r\n" };
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct peer peer;
		struct http_answer answer;
		struct error err;
		const struct http_call call = { .method = "GET", .path = "/" };
		assert_false(call_peer(&peer, bad[i], call, 100, &answer, &err));
		assert_true(err.message[0] != 0);
		buf_finish(&answer.body);
	}
}

static void redirects_are_not_followed(void **state) {
	(void)state;
	struct peer peer;
	struct http_answer answer;
	struct error err;
	const struct http_call call = { .method = "GET", .path = "/" };
	assert_true(call_peer(&peer,
			"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: "
			"0\r\n\r\n",
			call, 100, &answer, &err));
	assert_int_equal(answer.status, 302);
	assert_string_equal(answer.location, "http://127.0.0.1:1/");
	buf_finish(&answer.body);
}

static void urls_that_cannot_be(void **state) {
	(void)state;
	static const char *const bad[] = { "", "ftp://host", "file:///etc/passwd", "http://",
		"nonsense", "http:///x", "http://:80", "https://?x" };
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct error err;
		struct http_answer answer = { .body = BUF_INIT(100) };
		const struct http_client_options options = { .base_url = bad[i] };
		struct http_client *client = http_client_create(&options, &err);
		const struct http_call call = { .method = "GET", .path = "/" };
		assert_false(client != NULL && http_client_send(client, &call, &answer, &err));
		http_client_destroy(client);
	}
}

static void tokens_that_cannot_be(void **state) {
	(void)state;
	static const char *const bad[] = { "a\nX-More: b", "a\r", "\x7f" };
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct error err;
		const struct http_client_options options = { .base_url = "http://127.0.0.1:1",
			.token = bad[i] };
		assert_null(http_client_create(&options, &err));
		assert_int_equal(err.code, ERROR_INVALID);
	}
}

/* Nobody listens at port 1 of another loopback address: it is asked directly, or the peer is. */
static bool reaches_proxy(const char *variable, const char *hosts) {
	struct peer peer;
	struct error err;
	struct http_answer answer = { .body = BUF_INIT(100) };
	const struct http_client_options options = { .base_url = "http://me:secret@127.0.0.2:1" };
	const struct http_call call = { .method = "GET", .path = "/x" };
	peer_begin(&peer, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
	assert_int_equal(setenv("http_proxy", peer.url, 1), 0);
	assert_int_equal(setenv(variable, hosts, 1), 0);
	struct http_client *client = http_client_create(&options, &err);
	assert_non_null(client);
	bool proxied = http_client_send(client, &call, &answer, &err);
	http_client_destroy(client);
	assert_true(proxied || strcmp(err.message, "http://127.0.0.2:1: connection refused") == 0);
	(void)unsetenv(variable);
	if (!proxied) { /* the peer waits for somebody */
		const struct http_client_options own = { .base_url = peer.url };
		client = http_client_create(&own, &err);
		assert_true(http_client_send(client, &call, &answer, &err)); /* never by a proxy */
		http_client_destroy(client);
	}
	(void)unsetenv("http_proxy");
	peer_end(&peer);
	return proxied;
}

static void hosts_without_a_proxy(void **state) {
	(void)state;
	assert_true(reaches_proxy("no_proxy", ""));
	assert_true(reaches_proxy("no_proxy", "example.org"));
	assert_false(reaches_proxy("no_proxy", "127.0.0.2"));
	assert_false(reaches_proxy("NO_PROXY", "example.org,127.0.0.2"));
	assert_false(reaches_proxy("no_proxy", "*"));
}

static struct http_answer answer_with(int status, const char *text) {
	struct http_answer answer = { .status = status, .body = BUF_INIT(1000) };
	struct error err;
	assert_true(buf_append(&answer.body, text, strlen(text), &err));
	return answer;
}

static void answers_become_errors(void **state) {
	(void)state;
	static const struct {
		int status;
		const char *text;
		enum error_code code;
		const char *says;
	} rows[] = {
		{ 409, "{\"type\":\"/problems/conflict\",\"detail\":\"it runs\"}", ERROR_CONFLICT,
				"it runs" },
		{ 400, "{\"error\":\"old form\"}", ERROR_INVALID, "old form" },
		{ 404, "404 page not found", ERROR_NOT_FOUND, "404" },
		{ 500, "", ERROR_INTERNAL, "500" },
		{ 502, "<html>gateway</html>", ERROR_UNAVAILABLE, "502" },
		{ 422, "{\"type\":\"/problems/unsupported\",\"detail\":\"latent\"}",
				ERROR_UNSUPPORTED, "latent" },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct error err = { 0 };
		struct http_answer answer = answer_with(rows[i].status, rows[i].text);
		assert_false(http_answer_error(&answer, &err));
		if (err.code != rows[i].code || strstr(err.message, rows[i].says) == NULL) {
			fail_msg("%d %s: code %d, %s", rows[i].status, rows[i].text, (int)err.code,
					err.message);
		}
		buf_finish(&answer.body);
	}
}

static void escaping(void **state) {
	(void)state;
	CLEANUP(mem_freep) char *text = http_escape("a b/c?d&e\xc3\xbc%");
	assert_string_equal(text, "a%20b%2Fc%3Fd%26e%C3%BC%25");
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_sent_and_received),
		cmocka_unit_test(a_file_is_streamed),
		cmocka_unit_test(nobody_listens),
		cmocka_unit_test(too_slow),
		cmocka_unit_test(too_much),
		cmocka_unit_test(half_an_answer),
		cmocka_unit_test(redirects_are_not_followed),
		cmocka_unit_test(urls_that_cannot_be),
		cmocka_unit_test(tokens_that_cannot_be),
		cmocka_unit_test(hosts_without_a_proxy),
		cmocka_unit_test(answers_become_errors),
		cmocka_unit_test(escaping),
	};
	return cmocka_run_group_tests_name("http/client", tests, NULL, NULL);
}
