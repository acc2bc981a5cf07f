/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Where a broker is: "tcp://host:port", "mqtt://host:port", "host:port" or "host". Pure. */
#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/error.h"

enum { BUS_HOST_MAX = 256, BUS_PORT = 1883 };

struct bus_address {
	char host[BUS_HOST_MAX]; /* a name or a number, IPv6 without its brackets */
	uint16_t port;
};

/* ERROR_UNSUPPORTED for a transport that is not spoken (TLS, WebSocket), else ERROR_INVALID. A
 * message never repeats credentials that somebody wrote into the address. */
bool bus_address_parse(const char *text, struct bus_address *address, struct error *err) MUST_CHECK;
