/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Sockets that servers listen on. Any thread; the caller owns what it gets. */
#include <stdint.h>

#include "base/attr.h"
#include "base/error.h"

/*
 * A TCP socket that listens, does not block, is closed at exec, and whose connections send at once
 * (TCP_NODELAY). "localhost" is 127.0.0.1; port 0 is a free one. -1 with ERROR_INVALID for a name
 * that is none, with ERROR_UNAVAILABLE for a port that cannot be had (in use: says what to do).
 */
int listen_tcp(const char *host, uint16_t port, struct error *err) MUST_CHECK;
/* The port that it has; 0 for what is no such socket. */
uint16_t listen_port(int fd);
