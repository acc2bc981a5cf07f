/* SPDX-License-Identifier: Apache-2.0 */
/* Answers that go on: a server, and clients on bare sockets. */
#include "http/stream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"

enum { PATIENCE_MS = 60000, CLIENTS = 50, LINES = 2000, LINE = 5 };

/* --- a source: lines with numbers, as far as somebody says ------------------------------------ */

struct teller {
	struct http_stream *stream;
	struct teller *next;
	unsigned told;
};

static struct {
	pthread_mutex_t lock; /* of the list; held while all are woken */
	struct teller *first;
	unsigned count, ended;
	_Atomic unsigned said; /* lines that there are */
	_Atomic bool over, endless, broken;
} all = { .lock = PTHREAD_MUTEX_INITIALIZER };

static long tell(void *context, uint8_t *to, size_t size) {
	struct teller *teller = context;
	unsigned said = all.said;
	size_t used = 0;
	if (all.endless) {
		memset(to, 'x', size);
		return (long)size;
	}
	for (; teller->told < said && used + LINE <= size; used += LINE) {
		char line[LINE + 1];
		(void)snprintf(line, sizeof(line), "%04u\n", teller->told++ % 10000);
		memcpy(to + used, line, LINE);
	}
	if (used == 0 && all.over) {
		return all.broken ? HTTP_STREAM_BROKEN : HTTP_STREAM_END;
	}
	return (long)used;
}

static void tell_no_more(void *context) {
	struct teller *teller = context, **place;
	(void)pthread_mutex_lock(&all.lock);
	for (place = &all.first; *place != teller; place = &(*place)->next) {
	}
	*place = teller->next;
	all.count--;
	all.ended++;
	(void)pthread_mutex_unlock(&all.lock);
	free(teller);
}

static void open_stream(void *context, struct http_request *request) {
	static const struct http_source source = { tell, tell_no_more };
	const struct http_response response = { .status = 200, .type = "text/plain" };
	struct teller *teller = MEM_NEW(struct teller);
	(void)context;
	(void)pthread_mutex_lock(&all.lock);
	teller->next = all.first;
	all.first = teller;
	all.count++;
	teller->stream = http_reply_stream(request, &response, &source, teller);
	(void)pthread_mutex_unlock(&all.lock);
}

static void wake_all(void) {
	(void)pthread_mutex_lock(&all.lock);
	for (struct teller *teller = all.first; teller != NULL; teller = teller->next) {
		http_stream_wake(teller->stream);
	}
	(void)pthread_mutex_unlock(&all.lock);
}

static void wait_for(const unsigned *number, unsigned value) {
	uint64_t deadline = clock_ms() + PATIENCE_MS;
	for (;;) {
		(void)pthread_mutex_lock(&all.lock);
		bool there = *number == value;
		(void)pthread_mutex_unlock(&all.lock);
		if (there) {
			return;
		}
		assert_true(clock_ms() < deadline);
		(void)sched_yield();
	}
}

/* --- the server and its clients --------------------------------------------------------------- */

static struct http_server *server;

static int begin(unsigned idle_seconds) {
	static const struct http_route routes[] = {
		{ .method = "GET", .pattern = "/lines", .handler = open_stream },
	};
	const struct http_server_options options = { .host = "127.0.0.1",
		.threads = 2,
		.idle_seconds = idle_seconds,
		.routes = routes,
		.route_count = 1 };
	struct error err;
	all.said = all.ended = 0;
	all.over = all.endless = all.broken = false;
	server = http_server_create(&options, &err);
	assert_non_null(server);
	return 0;
}

static int set_up(void **state) {
	(void)state;
	return begin(0);
}

static int set_up_hasty(void **state) {
	(void)state;
	return begin(1);
}

static int tear_down(void **state) {
	(void)state;
	all.over = true;
	all.endless = false;
	wake_all();
	wait_for(&all.count, 0);
	http_server_destroy(server);
	return 0;
}

static int ask(const char *method) {
	const struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_port = htons(http_server_port(server)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	const struct timeval patience = { .tv_sec = PATIENCE_MS / 1000 };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	CLEANUP(mem_freep)
	char *text = str_format(
			"%s /lines HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", method);
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
	return fd;
}

/* What comes until the text ends so, or the server hangs up (NULL). Freed by the caller. */
static char *read_until(int fd, const char *end) {
	size_t used = 0, room = 256 * 1024;
	char *text = mem_zero(room, 1);
	while (end == NULL || !str_ends(text, end)) {
		assert_true(used + 1 < room);
		ssize_t got = recv(fd, text + used, room - used - 1, 0);
		assert_true(got >= 0);
		if (got == 0) {
			break;
		}
		used += (size_t)got;
	}
	return text;
}

/* The numbers of the lines in it; the bytes around chunks are none. */
static void expect_lines(const char *text, unsigned first, unsigned count) {
	const char *at = text;
	for (unsigned i = first; i < first + count; i++) {
		char line[16];
		(void)snprintf(line, sizeof(line), "%04u\n", i);
		at = strstr(at, line);
		if (at == NULL) {
			fail_msg("line %u is not in %s", i, text);
		}
		at += LINE;
	}
}

static void lines_come_when_there_are_any(void **state) {
	(void)state;
	int fd = ask("GET");
	wait_for(&all.count, 1);
	all.said = 2;
	wake_all();
	CLEANUP(mem_freep) char *first = read_until(fd, "0001\n\r\n");
	expect_lines(first, 0, 2);
	assert_non_null(strstr(first, "HTTP/1.1 200"));
	assert_non_null(strstr(first, "Content-Type: text/plain"));
	for (unsigned i = 2; i < LINES; i++) { /* waking too often does no harm */
		all.said = i + 1;
		wake_all();
	}
	CLEANUP(mem_freep) char *next = read_until(fd, "1999\n\r\n");
	assert_non_null(strstr(next, "0002\n"));
	all.over = true;
	wake_all();
	CLEANUP(mem_freep) char *last = read_until(fd, NULL);
	assert_string_equal(last, "0\r\n\r\n");
	wait_for(&all.ended, 1);
	(void)close(fd);
}

/* What was chunked has no last chunk. */
static void a_broken_answer_looks_so(void **state) {
	(void)state;
	int fd = ask("GET");
	wait_for(&all.count, 1);
	all.said = 1;
	wake_all();
	free(read_until(fd, "0000\n\r\n"));
	all.broken = all.over = true;
	wake_all();
	CLEANUP(mem_freep) char *last = read_until(fd, NULL);
	assert_string_equal(last, "");
	wait_for(&all.ended, 1);
	(void)close(fd);
}

static void many_listen(void **state) {
	int fds[CLIENTS];
	(void)state;
	for (size_t i = 0; i < CLIENTS; i++) {
		fds[i] = ask("GET");
	}
	wait_for(&all.count, CLIENTS);
	for (unsigned i = 0; i < 100; i++) {
		all.said = i + 1;
		wake_all();
	}
	all.over = true;
	wake_all();
	for (size_t i = 0; i < CLIENTS; i++) {
		CLEANUP(mem_freep) char *text = read_until(fds[i], NULL);
		expect_lines(text, 0, 100);
		(void)close(fds[i]);
	}
	wait_for(&all.ended, CLIENTS);
}

/* Suspended connections are not looked at: writing finds out. */
static void who_has_gone_is_noticed_by_writing(void **state) {
	(void)state;
	int fd = ask("GET");
	wait_for(&all.count, 1);
	all.said = 1;
	wake_all();
	free(read_until(fd, "0000\n\r\n"));
	(void)close(fd);
	uint64_t deadline = clock_ms() + PATIENCE_MS;
	for (unsigned ended = 0; ended == 0;) {
		assert_true(clock_ms() < deadline);
		all.said++;
		wake_all();
		(void)pthread_mutex_lock(&all.lock);
		ended = all.ended;
		(void)pthread_mutex_unlock(&all.lock);
	}
}

static void who_does_not_read_is_hung_up_on(void **state) {
	(void)state;
	all.endless = true;
	int fd = ask("GET");
	wait_for(&all.ended, 1); /* after its second of silence */
	all.endless = false;
	int other = ask("GET");
	wait_for(&all.count, 1);
	all.said = 1;
	wake_all();
	free(read_until(other, "0000\n\r\n"));
	(void)close(other);
	(void)close(fd);
}

static void only_the_head(void **state) {
	(void)state;
	int fd = ask("HEAD");
	CLEANUP(mem_freep) char *text = read_until(fd, NULL);
	assert_non_null(strstr(text, "HTTP/1.1 200"));
	assert_true(str_ends(text, "\r\n\r\n"));
	wait_for(&all.ended, 1);
	(void)close(fd);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(lines_come_when_there_are_any, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_broken_answer_looks_so, set_up, tear_down),
		cmocka_unit_test_setup_teardown(many_listen, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
				who_has_gone_is_noticed_by_writing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
				who_does_not_read_is_hung_up_on, set_up_hasty, tear_down),
		cmocka_unit_test_setup_teardown(only_the_head, set_up, tear_down),
	};
	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
