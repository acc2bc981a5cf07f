/* SPDX-License-Identifier: Apache-2.0 */
#include "base/notify.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* A socket in the abstract namespace, as a service manager has one; its name is in the variable. */
static int listen_here(void) {
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	char name[64];
	int length = snprintf(name, sizeof(name), "@airscrew-notify-test-%d", (int)getpid());
	memcpy(address.sun_path, name, (size_t)length);
	address.sun_path[0] = '\0';
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address,
					 (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
							 (size_t)length)),
			0);
	(void)setenv("NOTIFY_SOCKET", name, 1);
	return fd;
}

/* What was said; "" if nothing was. */
static const char *heard(int fd, char text[256]) {
	ssize_t size = recv(fd, text, 255, 0);
	text[size > 0 ? size : 0] = '\0';
	return text;
}

static void test_ready(void **state) {
	(void)state;
	char text[256];
	int fd = listen_here();
	notify_ready("serving");
	assert_string_equal(heard(fd, text), "READY=1\nSTATUS=serving");
	notify_stopping();
	assert_string_equal(heard(fd, text), "STOPPING=1");
	(void)close(fd);
	notify_stopping(); /* nobody listens: nothing happens */
}

static void test_bad_sockets(void **state) {
	(void)state;
	char longest[200];
	memset(longest, 'x', sizeof(longest) - 1);
	longest[0] = '/';
	longest[sizeof(longest) - 1] = '\0';
	const char *const names[] = { "", "relative", "vsock:2:1", "/nowhere/socket", longest };
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		(void)setenv("NOTIFY_SOCKET", names[i], 1);
		notify_ready("serving");
	}
	(void)unsetenv("NOTIFY_SOCKET");
	notify_ready("serving");
}

static void test_watchdog(void **state) {
	(void)state;
	char text[256];
	int fd = listen_here();
	struct watchdog watchdog;
	(void)setenv("WATCHDOG_USEC", "30000000", 1);
	watchdog_init(&watchdog);
	assert_int_equal(watchdog_due_ms(&watchdog), 0); /* the first at once */
	watchdog_tick(&watchdog, 5000);
	assert_string_equal(heard(fd, text), "WATCHDOG=1");
	assert_int_equal(watchdog_due_ms(&watchdog), 15000);
	watchdog_tick(&watchdog, 14999);
	assert_string_equal(heard(fd, text), "");
	watchdog_tick(&watchdog, 15000);
	assert_string_equal(heard(fd, text), "WATCHDOG=1");
	(void)close(fd);
}

/* No watchdog: none was asked for, it is another process's, or what was said makes no sense. */
static void test_no_watchdog(void **state) {
	(void)state;
	static const struct {
		const char *usec, *pid;
	} cases[] = { { NULL, NULL }, { "30000000", "1" }, { "soon", NULL }, { "0", NULL } };
	char text[256];
	int fd = listen_here();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct watchdog watchdog;
		(void)unsetenv("WATCHDOG_USEC");
		(void)unsetenv("WATCHDOG_PID");
		if (cases[i].usec != NULL) {
			(void)setenv("WATCHDOG_USEC", cases[i].usec, 1);
		}
		if (cases[i].pid != NULL) {
			(void)setenv("WATCHDOG_PID", cases[i].pid, 1);
		}
		watchdog_init(&watchdog);
		assert_true(watchdog_due_ms(&watchdog) == UINT64_MAX);
		watchdog_tick(&watchdog, 1000000);
		assert_string_equal(heard(fd, text), "");
	}
	(void)close(fd);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ready),
		cmocka_unit_test(test_bad_sockets),
		cmocka_unit_test(test_watchdog),
		cmocka_unit_test(test_no_watchdog),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
