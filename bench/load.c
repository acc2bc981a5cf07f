/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The load of `make bench`: clients that create, start and wait for tasks over keep-alive
 * connections, as fast as one machine can; a client in an interpreter would measure itself.
 *
 *   load PORT latency COUNT MODULE        COUNT tasks one after the other, timed from start to
 * Completed load PORT tasks COUNT CLIENTS MODULE  COUNT tasks, each created, started and waited for
 *
 * Prints one number per line: microseconds per start→Completed, or tasks per second.
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"

enum { ANSWER_MAX = 64 * 1024 };

static NORETURN void fail(const char *what) {
	(void)fprintf(stderr, "load: %s\n", what);
	exit(1);
}

static int connect_to(const char *port) {
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)strtoul(port, NULL, 10)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
		fail("cannot connect");
	}
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return fd;
}

/* The whole answer: headers, and as many bytes as Content-Length says. */
static void read_answer(int fd, char answer[ANSWER_MAX]) {
	size_t used = 0, want = SIZE_MAX;
	while (used < want) {
		ssize_t got = read(fd, answer + used, ANSWER_MAX - 1 - used);
		if (got <= 0) {
			fail("the connection ended");
		}
		used += (size_t)got;
		answer[used] = 0;
		const char *end = strstr(answer, "\r\n\r\n");
		const char *length = strcasestr(answer, "Content-Length:");
		if (end != NULL && want == SIZE_MAX) {
			want = (size_t)(end + 4 - answer) +
			       (length != NULL ? strtoul(length + 15, NULL, 10) : 0);
		}
	}
}

static void call(int fd, const char *method, const char *path, const char *body,
		char answer[ANSWER_MAX]) {
	CLEANUP(mem_freep)
	char *text = str_format("%s %s HTTP/1.1\r\nHost: localhost\r\n"
				"Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
			method, path, strlen(body), body);
	size_t size = strlen(text);
	if (write(fd, text, size) != (ssize_t)size) {
		fail("cannot write");
	}
	read_answer(fd, answer);
	if (strncmp(answer, "HTTP/1.1 2", 10) != 0) {
		fail(answer);
	}
}

static void run_task(int fd, const char *id, char answer[ANSWER_MAX]) {
	CLEANUP(mem_freep) char *start = str_format("/tasks/%s/start", id);
	CLEANUP(mem_freep) char *wait = str_format("/tasks/%s?wait=30", id);
	call(fd, "POST", start, "", answer);
	call(fd, "GET", wait, "", answer);
	if (strstr(answer, "\"state\":3") == NULL) {
		fail(answer);
	}
}

/* The create call's body for a module. */
static char *describe(const char *file) {
	struct buf wasm = BUF_INIT(1024 * 1024);
	struct error err;
	if (!file_read(file, &wasm, &err)) {
		fail(err.message);
	}
	CLEANUP(mem_freep) char *encoded = base64_encode(wasm.data, wasm.size);
	buf_finish(&wasm);
	return str_format("{\"name\":\"add\",\"inputs\":[\"1\",\"2\"],\"file\":\"%s\"}", encoded);
}

static void create(int fd, const char *body, char id[37], char answer[ANSWER_MAX]) {
	call(fd, "POST", "/tasks", body, answer);
	const char *found = strstr(answer, "\"id\":\"");
	if (found == NULL) {
		fail("no id in the answer");
	}
	memcpy(id, found + 6, 36);
	id[36] = 0;
}

static void latency(const char *port, unsigned long count, const char *file) {
	static char answer[ANSWER_MAX];
	char id[37];
	int fd = connect_to(port);
	CLEANUP(mem_freep) char *body = describe(file);
	for (unsigned long i = 0; i < count; i++) {
		create(fd, body, id, answer);
		uint64_t began = clock_us();
		run_task(fd, id, answer);
		(void)printf("%llu\n", (unsigned long long)(clock_us() - began));
	}
	(void)close(fd);
}

struct client {
	const char *port, *body;
	atomic_ulong *left;
};

static void *client(void *context) {
	const struct client *self = context;
	char *answer = mem_zero(ANSWER_MAX, 1);
	int fd = connect_to(self->port);
	while (atomic_fetch_sub(self->left, 1) - 1 < ~0UL / 2) {
		char id[37];
		create(fd, self->body, id, answer);
		run_task(fd, id, answer);
	}
	(void)close(fd);
	free(answer);
	return NULL;
}

static void tasks(const char *port, unsigned long count, unsigned long clients, const char *file) {
	CLEANUP(mem_freep) char *body = describe(file);
	atomic_ulong left = count;
	struct client self = { port, body, &left };
	pthread_t *threads = mem_zero(clients, sizeof(*threads));
	uint64_t began = clock_us();
	for (unsigned long i = 0; i < clients; i++) {
		if (pthread_create(&threads[i], NULL, client, &self) != 0) {
			fail("no thread");
		}
	}
	for (unsigned long i = 0; i < clients; i++) {
		(void)pthread_join(threads[i], NULL);
	}
	(void)printf("%.1f\n", (double)count * 1e6 / (double)(clock_us() - began));
	free(threads);
}

int main(int argc, char **argv) {
	if (argc == 5 && str_equal(argv[2], "latency")) {
		latency(argv[1], strtoul(argv[3], NULL, 10), argv[4]);
	} else if (argc == 6 && str_equal(argv[2], "tasks")) {
		tasks(argv[1], strtoul(argv[3], NULL, 10), strtoul(argv[4], NULL, 10), argv[5]);
	} else {
		fail("usage: load PORT latency COUNT MODULE | load PORT tasks COUNT CLIENTS "
		     "MODULE");
	}
	return 0;
}
