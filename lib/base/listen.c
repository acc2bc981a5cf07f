/* SPDX-License-Identifier: Apache-2.0 */
#include "base/listen.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/str.h"

enum { BACKLOG = 1024 };

static int listen_at(const struct addrinfo *address) {
	int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int on = 1;
	if (fd < 0) {
		return -1;
	}
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on,
			sizeof(on)); /* inherited by connections */
	if (bind(fd, address->ai_addr, address->ai_addrlen) != 0 || listen(fd, BACKLOG) != 0) {
		int reason = errno;
		(void)close(fd);
		errno = reason;
		return -1;
	}
	return fd;
}

uint16_t listen_port(int fd) {
	struct sockaddr_storage address;
	socklen_t size = sizeof(address);
	if (getsockname(fd, (struct sockaddr *)&address, &size) != 0) {
		return 0;
	}
	return ntohs(address.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&address)->sin6_port
						   : ((struct sockaddr_in *)&address)->sin_port);
}

int listen_tcp(const char *host, uint16_t port, struct error *err) {
	const struct addrinfo hints = { .ai_family = str_equal(host, "localhost") ? AF_INET
										  : AF_UNSPEC,
		.ai_socktype = SOCK_STREAM,
		.ai_flags = AI_PASSIVE | AI_NUMERICSERV };
	struct addrinfo *found = NULL;
	char service[8];
	(void)snprintf(service, sizeof(service), "%u", (unsigned)port);
	int code = getaddrinfo(host, service, &hints, &found);
	if (code != 0) {
		error_set(err, ERROR_INVALID, "cannot listen on %s: %s", host, gai_strerror(code));
		return -1;
	}
	int fd = listen_at(found);
	int reason = errno;
	freeaddrinfo(found);
	if (fd < 0) {
		error_set(err, ERROR_UNAVAILABLE, "cannot listen on %s port %u: %s%s", host,
				(unsigned)port, strerror(reason),
				reason == EADDRINUSE ? "; end the program that uses it, or choose "
						       "another port"
						     : "");
	}
	return fd;
}
