/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * One connection to an MQTT 3.1.1 broker that comes back by itself.
 *
 * bus_create() starts one thread of its own, which connects, reconnects with growing pauses (250
 * ms to 5 s) and calls the handlers; handlers must be quick, must not call bus_destroy(), and may
 * publish. The first calls may come before bus_create() has returned, so what they use has to be
 * there before it. Subscriptions are remembered and made anew at every connection; `connected` is
 * called after the broker has granted them. Nothing is queued while there is no connection:
 * publishing then fails with ERROR_UNAVAILABLE, and who publishes says it again when `connected`
 * comes (everything important in our protocol is repeated until it is answered). Messages of one
 * connection arrive in the order in which they were published, as long as they use one QoS.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/tls.h"

struct bus_options {
	const char *address; /* as in bus/address.h */
	/* Authorities and own certificate, used during bus_create(); NULL: none. When there are
	 * any, it is TLS whatever the address says; when there are none, an address that says TLS
	 * trusts the authorities of the system. */
	const struct tls_parts *tls;
	const char *client_id;
	const char *username; /* NULL: none */
	const char *password; /* NULL: none */
	unsigned keepalive_seconds;
	int qos;           /* 0..2, for publish and subscribe alike */
	unsigned inflight; /* unacknowledged messages on their way out; 0: as many as there are (QoS
			      2: 20) */
	const char *will_topic; /* NULL: no last will */
	const char *will_payload;
	size_t message_max; /* longer messages are dropped with a log line */
};

struct bus_handlers {
	void (*connected)(void *context);
	void (*disconnected)(void *context, const char *reason);
	/* topic and payload are borrowed for the call. */
	void (*message)(void *context, const char *topic, struct bytes payload);
	void *context;
};

struct bus;
/* ERROR_INVALID for an address or certificates that cannot be; an absent broker is no error (it
 * keeps trying). */
struct bus *bus_create(const struct bus_options *options, const struct bus_handlers *handlers,
		struct error *err) MUST_CHECK;
/* Remembers the subscription and makes it, now or at the next connection. Any thread. */
void bus_subscribe(struct bus *bus, const char *topic);
/* Forgets it. What is on its way may still arrive. Any thread. */
void bus_unsubscribe(struct bus *bus, const char *topic);
/* Any thread; copies the payload; does not wait. */
bool bus_publish(struct bus *bus, const char *topic, const void *payload, size_t size,
		struct error *err) MUST_CHECK;
/* Waits until at most `left` of what was published is not acknowledged yet: how bulk keeps from
 * piling up in memory. False at `until_ms` (clock_ms()). Any thread but the handlers'; with QoS 0
 * there is nothing to wait for. */
bool bus_wait(struct bus *bus, size_t left, uint64_t until_ms) MUST_CHECK;
bool bus_connected(const struct bus *bus);
/* Messages published that the broker has not acknowledged yet; any thread. 0 with QoS 0. */
size_t bus_inflight(struct bus *bus);
/* Sends what was published (at most `wait_ms`), disconnects cleanly (no last will), ends the
 * thread. */
void bus_destroy(struct bus *bus, unsigned wait_ms);
