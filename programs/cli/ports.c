/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/ports.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/file.h"

static struct sockaddr_in loopback(uint16_t port) {
	return (struct sockaddr_in){ .sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
}

bool port_free(uint16_t *port) {
	struct sockaddr_in address = loopback(*port);
	socklen_t size = sizeof(address);
	CLEANUP(file_closep) int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int on = 1;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) != 0 || listen(fd, 1) != 0 ||
			getsockname(fd, (struct sockaddr *)&address, &size) != 0) {
		return false;
	}
	*port = ntohs(address.sin_port);
	return true;
}

bool port_claim(uint16_t port) {
	/* An abstract name: of this machine like the port, and gone with the process. */
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int size = snprintf(address.sun_path + 1, sizeof(address.sun_path) - 1,
			"airscrew-up-port-%u", port);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && bind(fd, (struct sockaddr *)&address,
				       (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1) +
						       (socklen_t)size) != 0) {
		(void)close(fd);
		return false;
	}
	return fd >= 0; /* and it stays open */
}

bool port_answers(uint16_t port) {
	struct sockaddr_in address = loopback(port);
	CLEANUP(file_closep) int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	return fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0;
}
