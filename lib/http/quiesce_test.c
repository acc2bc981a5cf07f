/* SPDX-License-Identifier: Apache-2.0 */
/* The end of a server, while clients come that know nothing of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/tls_fixture.h"
#include "http/server.h"

enum { PATIENCE_MS = 60000 };

static struct http_server *server;
static struct tls_parts tls; /* {0}: plain */

static void begin(void) {
	struct error err;
	const struct http_server_options options = {
		.host = "127.0.0.1", .tls = &tls, .threads = 2, .program = "a-program"
	};
	server = http_server_create(&options, &err);
	if (server == NULL) {
		fail_msg("%s", err.message);
	}
}

static int set_up(void **state) {
	(void)state;
	begin();
	return 0;
}

static int tear_down(void **state) {
	(void)state;
	http_server_destroy(server);
	return 0;
}

static int make_certificates(void **state) {
	(void)state;
	struct made ca = make_certificate(&(struct wish){ .name = "ca" });
	struct made own = make_certificate(
			&(struct wish){ .name = "server", .issuer = &ca, .hosts = "IP:127.0.0.1" });
	tls = (struct tls_parts){ .cert = made_cert(&own), .key = made_key(&own, NULL) };
	made_finish(&ca);
	made_finish(&own);
	return 0;
}

static int forget_certificates(void **state) {
	(void)state;
	tls_finish(&tls);
	return 0;
}

enum { ENDS = 50, COMERS = 4 };

/* Comes and goes as long as there is a port (0: enough). Who is refused or cut off is content. */
static void *come_and_go(void *context) {
	static const char request[] = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
	const atomic_uint *port = context;
	for (unsigned at; (at = *port) != 0;) {
		struct sockaddr_in address = { .sin_family = AF_INET,
			.sin_port = htons((uint16_t)at),
			.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0) {
			(void)!send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL);
		}
		(void)close(fd);
	}
	return NULL;
}

/* Servers are ended while connections come in. */
static void ends_while_clients_come(void **state) {
	(void)state;
	atomic_uint port = http_server_port(server);
	pthread_t comers[COMERS];
	for (int i = 0; i < COMERS; i++) {
		assert_int_equal(pthread_create(&comers[i], NULL, come_and_go, &port), 0);
	}
	for (int i = 0; i < ENDS; i++) {
		http_server_quiesce(server);
		assert_true(http_server_drained(server, clock_ms() + PATIENCE_MS));
		http_server_destroy(server);
		begin();
		port = http_server_port(server);
	}
	port = 0;
	for (int i = 0; i < COMERS; i++) {
		(void)pthread_join(comers[i], NULL);
	}
}

static bool is_refused(void) {
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_port = htons(http_server_port(server)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool refused = connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0;
	assert_true(!refused || errno == ECONNREFUSED);
	(void)close(fd);
	return refused;
}

/* Nobody is left waiting for an answer that does not come. */
static void who_comes_after_the_end_is_refused(void **state) {
	(void)state;
	uint64_t deadline = clock_ms() + PATIENCE_MS;
	http_server_quiesce(server);
	http_server_quiesce(server);
	assert_true(tls.cert != NULL || is_refused());
	while (!is_refused()) { /* a thread in poll() holds the socket until it wakes */
		assert_true(clock_ms() < deadline);
	}
}

#define WITH_SERVER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
	const struct CMUnitTest tests[] = {
		WITH_SERVER(ends_while_clients_come),
		WITH_SERVER(who_comes_after_the_end_is_refused),
	};
	(void)signal(SIGPIPE, SIG_IGN);
	int failed = cmocka_run_group_tests_name("http/quiesce", tests, NULL, NULL);
	return failed + cmocka_run_group_tests_name("http/quiesce over TLS", tests,
					make_certificates, forget_certificates);
}
