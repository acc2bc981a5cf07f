/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Where a broker is: "tcp://host:port", "mqtt://host:port", "host:port" or "host"; over TLS
 * "mqtts://host:port", "tls://host:port" or "ssl://host:port". Pure. */
#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/error.h"

enum { BUS_HOST_MAX = 256, BUS_PORT = 1883, BUS_TLS_PORT = 8883 };

struct bus_address {
	char host[BUS_HOST_MAX]; /* a name or a number, IPv6 without its brackets */
	uint16_t port;           /* BUS_PORT or BUS_TLS_PORT where the text has none */
	bool tls;
};

/* ERROR_UNSUPPORTED for a transport that is not spoken (WebSocket, Unix sockets), else
 * ERROR_INVALID. A message never repeats credentials that somebody wrote into the address. */
bool bus_address_parse(const char *text, struct bus_address *address, struct error *err) MUST_CHECK;
