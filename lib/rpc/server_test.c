/* SPDX-License-Identifier: Apache-2.0 */
/* What the server says before anybody calls; tests/test_r_grpc*.py call it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/tls_fixture.h"
#include "rpc/inside.h"

static void no_call(void *context, struct rpc_call *call) {
	(void)context, (void)call;
	fail();
}

static const struct rpc_method methods[] = { { "/a.B/C", no_call } };

static struct rpc_server_options plain(void) {
	return (struct rpc_server_options){
		.host = "127.0.0.1", .threads = 2, .methods = methods, .method_count = 1
	};
}

static void refused(
		const struct rpc_server_options *options, enum error_code code, const char *words) {
	struct error err;
	assert_null(rpc_server_create(options, &err));
	assert_int_equal(err.code, code);
	if (strstr(err.message, words) == NULL) {
		fail_msg("\"%s\" does not say \"%s\"", err.message, words);
	}
}

static void test_what_cannot_work(void **state) {
	struct rpc_server_options options = plain();
	struct made one = make_certificate(&(struct wish){ .name = "one" });
	struct made other = make_certificate(&(struct wish){ .name = "other" });
	struct tls_parts tls = { .cert = made_cert(&one), .key = made_key(&other, NULL) };
	(void)state;
	options.host = "not an address";
	refused(&options, ERROR_INVALID, "cannot listen on not an address");

	options = plain();
	options.descriptors = (struct bytes){ (const uint8_t *)"nonsense", 8 };
	refused(&options, ERROR_INVALID, "FileDescriptorSet");

	options = plain();
	options.tls = &tls;
	refused(&options, ERROR_INVALID, "certificate");
	char *text = tls.key;
	tls.key = NULL;
	refused(&options, ERROR_INVALID, "certificate");
	tls.key = text;
	tls_finish(&tls);
	made_finish(&one);
	made_finish(&other);
}

/* For a moment the kernel may have given the port to somebody's connection. */
static struct rpc_server *create_patiently(const struct rpc_server_options *options) {
	struct error err;
	uint64_t deadline = clock_ms() + 60000;
	struct rpc_server *server = rpc_server_create(options, &err);
	while (server == NULL && clock_ms() < deadline) {
		(void)poll(NULL, 0, 10);
		server = rpc_server_create(options, &err);
	}
	return server;
}

static void test_port(void **state) {
	struct rpc_server_options options = plain();
	struct error err;
	(void)state;
	struct rpc_server *server = rpc_server_create(&options, &err);
	assert_non_null(server);
	options.port = rpc_server_port(server);
	assert_int_not_equal(options.port, 0);
	refused(&options, ERROR_UNAVAILABLE, "choose another port");

	rpc_server_quiesce(server);
	rpc_server_quiesce(server);
	assert_true(rpc_server_drained(server, clock_ms() + 60000));
	rpc_server_destroy(server);
	server = create_patiently(&options); /* the port is free again */
	assert_non_null(server);
	rpc_server_destroy(server);
	rpc_server_destroy(NULL);
}

/* A connection that has not even begun does not hold up the end. */
static void test_drain_of_a_silent_client(void **state) {
	const struct rpc_server_options options = plain();
	struct error err;
	struct rpc_server *server = rpc_server_create(&options, &err);
	(void)state;
	assert_non_null(server);
	const struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_port = htons(rpc_server_port(server)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	char byte;
	assert_int_equal(recv(fd, &byte, 1, 0), 1); /* of its SETTINGS */
	assert_false(rpc_server_drained(server, clock_ms()));
	rpc_server_quiesce(server);
	assert_true(rpc_server_drained(server, clock_ms() + 60000));
	rpc_server_destroy(server);
	(void)close(fd);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_cannot_work),
		cmocka_unit_test(test_port),
		cmocka_unit_test(test_drain_of_a_silent_client),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
