/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A registry of a few answers, each one connection long, and what it was asked. Tests only. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"

enum { ANSWERS = 16, ASKED_MAX = 64 * 1024 };

/* The answers to requests that have `ask` in them are given in the order in which they stand here,
 * each once, but for one that `stays`. */
struct canned {
	const char *ask;  /* "GET /v2/a/manifests/latest " or some header; NULL: the end */
	const char *head; /* without Connection and the empty line; NULL: silence */
	const void *body;
	size_t size; /* of the body; 0: as a string has it */
	bool stays;
	bool used;
};

struct registry_peer {
	int listener;
	unsigned port;
	struct canned answers[ANSWERS];
	struct buf asked; /* everything; read it after peer_end() */
	pthread_t thread;
};

static inline struct canned *peer_choose(struct registry_peer *peer, const char *request) {
	for (size_t i = 0; i < ANSWERS && peer->answers[i].ask != NULL; i++) {
		struct canned *it = &peer->answers[i];
		if (!it->used && strstr(request, it->ask) != NULL) {
			it->used = !it->stays;
			return it;
		}
	}
	return NULL;
}

static inline void peer_send(int fd, const void *bytes, size_t size) {
	for (size_t at = 0; at < size;) {
		ssize_t sent = send(fd, (const uint8_t *)bytes + at, size - at, MSG_NOSIGNAL);
		if (sent <= 0) {
			return;
		}
		at += (size_t)sent;
	}
}

static inline void peer_answer(struct registry_peer *peer, int fd, const char *request) {
	static const char missing[] = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n"
				      "Connection: close\r\n\r\n";
	char end;
	const struct canned *it = peer_choose(peer, request);
	if (it == NULL) {
		peer_send(fd, missing, strlen(missing));
	} else if (it->head == NULL) {
		(void)!read(fd, &end, 1);
	} else {
		CLEANUP(mem_freep)
		char *head = str_format("HTTP/1.1 %s\r\nConnection: close\r\n\r\n", it->head);
		peer_send(fd, head, strlen(head));
		peer_send(fd, it->body,
				it->size != 0      ? it->size
				: it->body != NULL ? strlen(it->body)
						   : 0);
	}
}

static inline void *peer_serve(void *context) {
	struct registry_peer *peer = context;
	for (;;) {
		char request[8192] = { 0 };
		size_t have = 0;
		int fd = accept(peer->listener, NULL, NULL);
		if (fd < 0) {
			return NULL;
		}
		while (have < sizeof(request) - 1 && strstr(request, "\r\n\r\n") == NULL) {
			ssize_t got = read(fd, request + have, sizeof(request) - 1 - have);
			if (got <= 0) {
				break;
			}
			have += (size_t)got;
			if (request[0] != 'G') {
				break; /* it speaks TLS to us */
			}
		}
		(void)buf_append_some(&peer->asked, request, have);
		peer_answer(peer, fd, request);
		(void)shutdown(fd, SHUT_WR);
		(void)close(fd);
	}
}

static inline void peer_begin(struct registry_peer *peer) {
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(address);
	peer->asked = BUF_INIT(ASKED_MAX);
	peer->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(peer->listener, (struct sockaddr *)&address, size), 0);
	assert_int_equal(listen(peer->listener, 8), 0);
	assert_int_equal(getsockname(peer->listener, (struct sockaddr *)&address, &size), 0);
	peer->port = ntohs(address.sin_port);
}

/* After the answers are written: they may need the port. */
static inline void peer_run(struct registry_peer *peer) {
	assert_int_equal(pthread_create(&peer->thread, NULL, peer_serve, peer), 0);
}

static inline void peer_end(struct registry_peer *peer) {
	(void)shutdown(peer->listener, SHUT_RDWR);
	(void)pthread_join(peer->thread, NULL);
	(void)close(peer->listener);
}
