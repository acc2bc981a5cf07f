/* SPDX-License-Identifier: Apache-2.0 */
#include "base/listen.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int connect_to(uint16_t port) {
	const struct sockaddr_in there = { .sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(fd, (const struct sockaddr *)&there, sizeof(there)), 0);
	return fd;
}

static void test_a_free_port(void **state) {
	(void)state;
	struct error err;
	int on = 0, fd = listen_tcp("localhost", 0, &err);
	socklen_t size = sizeof(on);
	assert_true(fd >= 0);
	assert_true(listen_port(fd) != 0);
	assert_true((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
	assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
	int client = connect_to(listen_port(fd)), accepted = accept(fd, NULL, NULL);
	assert_true(accepted >= 0);
	assert_int_equal(getsockopt(accepted, IPPROTO_TCP, TCP_NODELAY, &on, &size), 0);
	assert_true(on != 0);
	(void)close(accepted);
	(void)close(client);
	(void)close(fd);
}

static void test_a_port_in_use(void **state) {
	(void)state;
	struct error err;
	int first = listen_tcp("127.0.0.1", 0, &err);
	assert_int_equal(listen_tcp("127.0.0.1", listen_port(first), &err), -1);
	assert_int_equal(err.code, ERROR_UNAVAILABLE);
	assert_non_null(strstr(err.message, "choose another port"));
	(void)close(first);
}

static void test_no_name(void **state) {
	(void)state;
	struct error err;
	assert_int_equal(listen_tcp("no such host", 0, &err), -1);
	assert_int_equal(err.code, ERROR_INVALID);
	assert_non_null(strstr(err.message, "no such host"));
	assert_int_equal(listen_port(-1), 0);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_free_port),
		cmocka_unit_test(test_a_port_in_use),
		cmocka_unit_test(test_no_name),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
