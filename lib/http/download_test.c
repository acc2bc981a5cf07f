/* SPDX-License-Identifier: Apache-2.0 */
/* Against servers of a few answers, each one connection long. */
#include "http/download.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

enum { ANSWERS = 8 };

struct peer {
	int listener;
	unsigned port;
	const char *answers[ANSWERS]; /* NULL: silence until the client has gone */
	char request[2048];           /* the first one */
	pthread_t thread;
};

static void *serve(void *context) {
	struct peer *peer = context;
	for (size_t i = 0; i < ANSWERS; i++) {
		char piece[2048];
		int fd = accept(peer->listener, NULL, NULL);
		ssize_t got = fd >= 0 ? read(fd, piece, sizeof(piece) - 1) : -1;
		if (fd < 0) {
			break;
		}
		if (i == 0 && got > 0) {
			memcpy(peer->request, piece, (size_t)got);
		}
		if (peer->answers[i] != NULL) {
			(void)!send(fd, peer->answers[i], strlen(peer->answers[i]), MSG_NOSIGNAL);
		} else {
			(void)!read(fd, piece, sizeof(piece));
		}
		(void)close(fd);
	}
	return NULL;
}

static void peer_begin(struct peer *peer) {
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(address);
	peer->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(peer->listener, (struct sockaddr *)&address, size), 0);
	assert_int_equal(listen(peer->listener, 1), 0);
	assert_int_equal(getsockname(peer->listener, (struct sockaddr *)&address, &size), 0);
	peer->port = ntohs(address.sin_port);
	assert_int_equal(pthread_create(&peer->thread, NULL, serve, peer), 0);
}

static void peer_end(struct peer *peer) {
	(void)shutdown(peer->listener, SHUT_RDWR);
	(void)pthread_join(peer->thread, NULL);
	(void)close(peer->listener);
}

/* What comes of an address, with this list of hosts; %u in both is the peer's port. */
struct try {
	const char *url, *hosts;
	size_t limit;
	bool ok;
	struct error err;
	struct buf out;
};

static void try_it(const struct peer *peer, struct try *it) {
	char url[256], hosts[256];
	struct strings list = { 0 };
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	(void)snprintf(url, sizeof(url), it->url, peer->port);
	(void)snprintf(hosts, sizeof(hosts), it->hosts, peer->port);
#pragma GCC diagnostic pop
	strings_split(&list, hosts, ',');
	const struct download_options options = { .url = url, .hosts = &list };
	struct download *download = download_create(&options, &it->err);
	it->out = BUF_INIT(it->limit != 0 ? it->limit : 1000);
	it->ok = download != NULL && download_run(download, &it->out, &it->err);
	download_destroy(download);
	strings_finish(&list);
}

static void expect_error(struct peer *peer, struct try it, enum error_code code, const char *says) {
	try_it(peer, &it);
	assert_false(it.ok);
	if (it.err.code != code || strstr(it.err.message, says) == NULL) {
		fail_msg("%s: %d %s", it.url, it.err.code, it.err.message);
	}
	buf_finish(&it.out);
}

static void a_file_comes(void **state) {
	(void)state;
	struct peer peer = { .answers = { "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello" } };
	peer_begin(&peer);
	struct try it = { .url = "http://127.0.0.1:%u/a.wasm?sign=x",
		.hosts = "example.com,127.0.0.1:%u" };
	try_it(&peer, &it);
	peer_end(&peer);
	assert_true(it.ok);
	assert_string_equal(buf_text(&it.out), "hello");
	assert_non_null(strstr(peer.request, "GET /a.wasm?sign=x HTTP/1.1\r\n"));
	buf_finish(&it.out);
}

/* A redirect's own text is not part of the file. */
static void a_redirect_is_followed(void **state) {
	(void)state;
	struct peer peer = {
		.answers = { "HTTP/1.1 302 Found\r\nLocation: /b\r\nContent-Length: 4\r\n"
			     "Connection: close\r\n\r\nover",
				"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: "
				"close\r\n\r\nhi" }
	};
	peer_begin(&peer);
	struct try it = { .url = "http://127.0.0.1:%u/a", .hosts = "127.0.0.1:*" };
	try_it(&peer, &it);
	peer_end(&peer);
	assert_true(it.ok);
	assert_string_equal(buf_text(&it.out), "hi");
	buf_finish(&it.out);
}

static void hosts_that_are_not_on_the_list(void **state) {
	(void)state;
	struct peer peer = { .answers = { "HTTP/1.1 302 Found\r\nLocation: http://localhost:1/\r\n"
					  "Content-Length: 0\r\nConnection: close\r\n\r\n" } };
	static const char *const lists[] = { "", "example.com", "127.0.0.1", "127.0.0.1:1",
		"*.0.0.1", "localhost:%u" };
	peer_begin(&peer);
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		expect_error(&peer,
				(struct try){ .url = "http://127.0.0.1:%u/?q=secret",
						.hosts = lists[i] },
				ERROR_DENIED, "nothing may be fetched from 127.0.0.1:");
	}
	assert_string_equal(peer.request, ""); /* nobody was asked */
	expect_error(&peer, (struct try){ .url = "http://127.0.0.1:%u/", .hosts = "127.0.0.1:%u" },
			ERROR_DENIED, "nothing may be fetched from localhost:1");
	peer_end(&peer);
}

static void addresses_that_are_none(void **state) {
	(void)state;
	static const char *const urls[] = { "ftp://127.0.0.1/", "http://", "http://a b/",
		"/etc/passwd", "file:///etc/passwd", "http://user:key@127.0.0.1/" };
	struct peer peer = { 0 };
	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
		struct try it = { .url = urls[i], .hosts = "127.0.0.1:*" };
		try_it(&peer, &it);
		assert_false(it.ok);
		assert_int_equal(it.err.code, ERROR_INVALID);
		assert_null(strstr(it.err.message, "key"));
		buf_finish(&it.out);
	}
}

static void what_servers_do_wrong(void **state) {
	(void)state;
	static const struct {
		const char *answer, *says;
		enum error_code code;
	} rows[] = {
		{ "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "the server answered 404",
				ERROR_NOT_FOUND },
		{ "HTTP/1.1 500 No\r\nContent-Length: 4000\r\n\r\n", "127.0.0.1/m",
				ERROR_UNAVAILABLE },
		{ "HTTP/1.1 206 Part\r\nContent-Length: 1\r\n\r\nx", "answered 206",
				ERROR_UNAVAILABLE },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n12345678901",
				"larger than 10 bytes", ERROR_TOO_LARGE },
		{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: "
		  "chunked\r\n\r\nb\r\n12345678901\r\n0\r\n\r\n",
				"larger than 10 bytes", ERROR_TOO_LARGE },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", "127.0.0.1/m",
				ERROR_UNAVAILABLE },
		{ "nonsense\r\n\r\n", "127.0.0.1/m", ERROR_UNAVAILABLE },
		{ "HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n",
				"not an http", ERROR_INVALID },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct peer peer = { .answers = { rows[i].answer } };
		peer_begin(&peer);
		expect_error(&peer,
				(struct try){ .url = "http://127.0.0.1:%u/m?sign=no",
						.hosts = "127.0.0.1:%u",
						.limit = 10 },
				rows[i].code, rows[i].says);
		peer_end(&peer);
	}
}

static void redirects_come_to_an_end(void **state) {
	(void)state;
	struct peer peer = { 0 };
	for (size_t i = 0; i < ANSWERS; i++) {
		peer.answers[i] = "HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 0\r\n"
				  "Connection: close\r\n\r\n";
	}
	peer_begin(&peer);
	expect_error(&peer, (struct try){ .url = "http://127.0.0.1:%u/", .hosts = "127.0.0.1:*" },
			ERROR_UNAVAILABLE, "more than 5 redirects");
	peer_end(&peer);
}

static void *cancel(void *context) {
	download_cancel(context);
	return NULL;
}

static void a_stop_ends_it(void **state) {
	(void)state;
	struct peer peer = { 0 };
	struct strings hosts = { 0 };
	struct error err;
	struct buf out = BUF_INIT(10);
	pthread_t thread;
	peer_begin(&peer);
	CLEANUP(mem_freep) char *url = str_format("http://127.0.0.1:%u/", peer.port);
	strings_add(&hosts, "127.0.0.1:*");
	const struct download_options options = { .url = url, .hosts = &hosts };
	struct download *download = download_create(&options, &err);
	assert_non_null(download);
	assert_int_equal(pthread_create(&thread, NULL, cancel, download), 0);
	assert_false(download_run(download, &out, &err));
	assert_int_equal(err.code, ERROR_INTERRUPTED); /* not its time: that is minutes */
	(void)pthread_join(thread, NULL);
	download_destroy(download);
	peer_end(&peer);
	strings_finish(&hosts);
	buf_finish(&out);
}

static void time_is_bounded(void **state) {
	(void)state;
	struct peer peer = { 0 };
	struct strings hosts = { 0 };
	struct error err;
	struct buf out = BUF_INIT(10);
	peer_begin(&peer);
	CLEANUP(mem_freep) char *url = str_format("http://127.0.0.1:%u/", peer.port);
	strings_add(&hosts, "127.0.0.1:*");
	const struct download_options options = { .url = url, .hosts = &hosts, .timeout_ms = 50 };
	struct download *download = download_create(&options, &err);
	assert_non_null(download);
	assert_false(download_run(download, &out, &err));
	assert_int_equal(err.code, ERROR_TIMEOUT);
	download_destroy(download);
	peer_end(&peer);
	strings_finish(&hosts);
	buf_finish(&out);
}

static void lists_are_checked(void **state) {
	(void)state;
	static const struct {
		const char *list;
		bool ok;
	} rows[] = { { "a", true }, { "a:1,*.b.c:*,[::1]:8080,[::1]", true }, { "a:0", false },
		{ "a:65536", false }, { "a:x", false }, { "http://a", false }, { "a/b", false },
		{ "u@a", false }, { "*a.b", false }, { "a.*", false }, { "*", false } };
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct strings list = { 0 };
		struct error err;
		strings_split(&list, rows[i].list, ',');
		if (download_check_hosts(&list, &err) != rows[i].ok) {
			fail_msg("%s", rows[i].list);
		}
		strings_finish(&list);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_comes),
		cmocka_unit_test(a_redirect_is_followed),
		cmocka_unit_test(hosts_that_are_not_on_the_list),
		cmocka_unit_test(addresses_that_are_none),
		cmocka_unit_test(what_servers_do_wrong),
		cmocka_unit_test(redirects_come_to_an_end),
		cmocka_unit_test(a_stop_ends_it),
		cmocka_unit_test(time_is_bounded),
		cmocka_unit_test(lists_are_checked),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
