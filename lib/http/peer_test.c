/* SPDX-License-Identifier: Apache-2.0 */
/* Our server and our client over TLS: who takes whom, and what the other one is told. */
#include "http/peer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "base/tls_fixture.h"
#include "http/client.h"
#include "http/server.h"

enum { PATIENCE_MS = 60000 };

static struct made ca, foreign, good, expired, elsewhere, stranger, worker, old_worker, server_only;

static struct made issue(const struct made *issuer, const char *hosts, long begin, long end) {
	return make_certificate(&(struct wish){ "server", issuer, hosts, begin, end, false, NULL });
}

static int set_up(void **state) {
	(void)state;
	ca = make_certificate(&(struct wish){ .name = "ca" });
	foreign = make_certificate(&(struct wish){ .name = "another ca" });
	good = issue(&ca, "IP:127.0.0.1", 0, 0);
	expired = issue(&ca, "IP:127.0.0.1", -3L * A_DAY, -2L * A_DAY);
	elsewhere = issue(&ca, "DNS:other.test", 0, 0);
	stranger = issue(&foreign, "IP:127.0.0.1", 0, 0);
	worker = make_certificate(&(struct wish){ .name = "worker", .issuer = &ca });
	old_worker = issue(&ca, NULL, -3L * A_DAY, -2L * A_DAY);
	server_only = make_certificate(
			&(struct wish){ .name = "server", .issuer = &ca, .purpose = "serverAuth" });
	return 0;
}

static int tear_down(void **state) {
	(void)state;
	struct made *all[] = { &ca, &foreign, &good, &expired, &elsewhere, &stranger, &worker,
		&old_worker, &server_only };
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		made_finish(all[i]);
	}
	return 0;
}

static struct tls_parts parts_of(const struct made *authority, const struct made *own) {
	return (struct tls_parts){
		.ca = authority != NULL ? made_cert(authority) : NULL,
		.cert = own != NULL ? made_cert(own) : NULL,
		.key = own != NULL ? made_key(own, NULL) : NULL,
	};
}

static void greet(void *context, struct http_request *request) {
	(void)context;
	const struct http_response response = {
		.status = 200, .type = "text/plain", .body = { (const uint8_t *)"hello", 5 }
	};
	http_reply(request, &response);
}

static const struct http_route routes[] = {
	{ .method = "GET", .pattern = "/hello", .handler = greet, .open = true },
};

static struct http_server *serve_until(const struct tls_parts *tls, unsigned idle_seconds) {
	struct error err;
	const struct http_server_options options = { .host = "127.0.0.1",
		.tls = tls,
		.threads = 2,
		.idle_seconds = idle_seconds,
		.routes = routes,
		.route_count = 1 };
	struct http_server *server = http_server_create(&options, &err);
	if (server == NULL) {
		fail_msg("%s", err.message);
	}
	return server;
}

static struct http_server *serve(const struct tls_parts *tls) {
	return serve_until(tls, 0);
}

/* The status, or 0; `text` is the answer, or why there is none. */
static int ask(const char *scheme, uint16_t port, const struct tls_parts *tls, char text[1024]) {
	struct error err;
	char url[64];
	(void)snprintf(url, sizeof(url), "%s://127.0.0.1:%u", scheme, port);
	const struct http_client_options options = { .base_url = url, .tls = tls };
	const struct http_call call = {
		.method = "GET", .path = "/hello", .timeout_ms = PATIENCE_MS
	};
	struct http_client *client = http_client_create(&options, &err);
	assert_non_null(client);
	struct http_answer answer = { .body = BUF_INIT(4095) };
	bool answered = http_client_send(client, &call, &answer, &err);
	assert_true(answered || err.code == ERROR_UNAVAILABLE);
	(void)snprintf(text, 1024, "%s", answered ? buf_text(&answer.body) : err.message);
	/* The second request on the same connection is like the first one. */
	for (int i = 0; i < 3 && answered; i++) {
		int before = answer.status;
		assert_true(http_client_send(client, &call, &answer, &err));
		assert_int_equal(answer.status, before);
	}
	buf_finish(&answer.body);
	http_client_destroy(client);
	return answered ? answer.status : 0;
}

static void assert_asked(size_t row, int status, const char *text, int wanted, const char *says) {
	if (status != wanted || strstr(text, says) == NULL) {
		fail_msg("%zu: %d (%d is right): %s", row, status, wanted, text);
	}
}

static void the_client_verifies_the_server(void **state) {
	(void)state;
	const struct {
		const struct made *server, *trusted;
		int status;
		const char *says;
	} rows[] = {
		{ &good, &ca, 200, "hello" },
		{ &good, NULL, 0, "unable to get local issuer certificate" },
		{ &good, &foreign, 0, "unable to get local issuer certificate" },
		{ &stranger, &ca, 0, "unable to get local issuer certificate" },
		{ &expired, &ca, 0, "certificate has expired" },
		{ &elsewhere, &ca, 0, "127.0.0.1" }, /* "…does not match target host name…" */
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[1024];
		struct tls_parts own = parts_of(NULL, rows[i].server);
		struct tls_parts trusted = parts_of(rows[i].trusted, NULL);
		struct http_server *server = serve(&own);
		int status = ask("https", http_server_port(server), &trusted, text);
		assert_asked(i, status, text, rows[i].status, rows[i].says);
		http_server_destroy(server);
		tls_finish(&own);
		tls_finish(&trusted);
	}
}

static void the_server_may_verify_its_clients(void **state) {
	(void)state;
	const struct {
		const struct made *client;
		int status;
		const char *says;
	} rows[] = {
		{ &worker, 200, "hello" },
		{ NULL, 401, "there is no client certificate" },
		{ &stranger, 401, "issuer is unknown" },
		{ &old_worker, 401, "expired" },
		{ &server_only, 401, "purpose" },
		{ &worker, 200, "hello" },
	};
	struct tls_parts own = parts_of(&ca, &good);
	struct http_server *server = serve(&own);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[1024];
		struct tls_parts parts = parts_of(&ca, rows[i].client);
		int status = ask("https", http_server_port(server), &parts, text);
		assert_asked(i, status, text, rows[i].status, rows[i].says);
		tls_finish(&parts);
	}
	http_server_destroy(server);
	tls_finish(&own);
}

/* The answer is an error of the connection, in both directions, and says what to look at. */
static void plain_and_tls_do_not_mix(void **state) {
	(void)state;
	char text[1024];
	struct tls_parts own = parts_of(NULL, &good), trusted = parts_of(&ca, NULL);
	struct http_server *server = serve(&own);
	int status = ask("http", http_server_port(server), &trusted, text);
	assert_asked(0, status, text, 0, "its address begins with https://");
	http_server_destroy(server);
	server = serve(NULL);
	status = ask("https", http_server_port(server), &trusted, text);
	assert_asked(1, status, text, 0, "its address begins with http://");
	http_server_destroy(server);
	tls_finish(&own);
	tls_finish(&trusted);
}

static int dial(uint16_t port) {
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

/* Who stops in the middle of a handshake keeps nobody busy, and is dropped in the end. */
static void half_a_handshake_costs_nothing(void **state) {
	(void)state;
	struct tls_parts own = parts_of(NULL, &good);
	struct http_server *server = serve(&own);
	int fd = dial(http_server_port(server));
	struct timespec begin, end;
	char byte;
	assert_int_equal(send(fd, "\x16\x03\x01\x00\xff\x01", 6, 0), 6);
	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &begin);
	struct pollfd gone = { .fd = fd, .events = POLLIN };
	assert_int_equal(poll(&gone, 1, 300), 0);
	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
	assert_true((end.tv_sec - begin.tv_sec) * 1000 + (end.tv_nsec - begin.tv_nsec) / 1000000 <
			100);
	(void)close(fd);
	http_server_destroy(server);
	server = serve_until(&own, 1);
	gone.fd = fd = dial(http_server_port(server));
	assert_int_equal(send(fd, "\x16\x03\x01\x00\xff\x01", 6, 0), 6);
	do { /* an alert may come before the end */
		assert_int_equal(poll(&gone, 1, PATIENCE_MS), 1);
	} while (recv(fd, &byte, 1, 0) > 0);
	(void)close(fd);
	http_server_destroy(server);
	tls_finish(&own);
}

/* A handshake of one version; true if it came to an end. */
static bool shake(uint16_t port, int version) {
	int fd = dial(port);
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	SSL_CTX_set_security_level(context, 0); /* else this end refuses already */
	assert_int_equal(SSL_CTX_set_min_proto_version(context, version), 1);
	assert_int_equal(SSL_CTX_set_max_proto_version(context, version), 1);
	SSL *tls = SSL_new(context);
	assert_int_equal(SSL_set_fd(tls, fd), 1);
	bool done = SSL_connect(tls) == 1;
	SSL_free(tls);
	SSL_CTX_free(context);
	(void)close(fd);
	return done;
}

static void old_versions_are_refused(void **state) {
	(void)state;
	struct tls_parts own = parts_of(NULL, &good);
	struct http_server *server = serve(&own);
	assert_true(shake(http_server_port(server), TLS1_3_VERSION));
	assert_true(shake(http_server_port(server), TLS1_2_VERSION));
	assert_false(shake(http_server_port(server), TLS1_1_VERSION));
	assert_false(shake(http_server_port(server), TLS1_VERSION));
	http_server_destroy(server);
	tls_finish(&own);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_client_verifies_the_server),
		cmocka_unit_test(the_server_may_verify_its_clients),
		cmocka_unit_test(plain_and_tls_do_not_mix),
		cmocka_unit_test(half_a_handshake_costs_nothing),
		cmocka_unit_test(old_versions_are_refused),
	};
	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("http/peer", tests, set_up, tear_down);
}
