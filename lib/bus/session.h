/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Inside of the bus: what its thread and its callers share.
 *
 * libmosquitto may be called from several threads, but a socket that its loop closes can be written
 * to by a publisher at that moment, and its callbacks run under its own locks. So `lock` is held
 * around every call of libmosquitto from a publisher and around every turn of the loop, and no
 * handler of ours is ever called with it held: messages go to `inbox` first.
 */
#include <mosquitto.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bus/address.h"
#include "bus/bus.h"
#include "bus/secure.h"

struct bus_subscription {
	char *topic;
	int mid;       /* of the SUBSCRIBE that is not answered yet, or 0 */
	bool answered; /* on this connection */
};

struct bus_message {
	struct bus_message *next;
	char *topic;
	uint8_t *payload;
	size_t size, room; /* room: of the payload's memory */
};

struct bus {
	struct mosquitto *client;
	struct bus_handlers handlers;
	struct bus_address address;
	struct secure *secure; /* NULL: plain TCP */
	unsigned keepalive_seconds;
	int qos;
	size_t message_max;
	pthread_t thread;
	int wake; /* an eventfd: there is something to write, or the end has come */
	atomic_bool connected;
	atomic_bool ending;

	pthread_mutex_t lock; /* for what follows, and for `client` as said above */
	uint64_t end_deadline;
	struct bus_subscription *subscriptions;
	size_t subscription_count;
	size_t unacknowledged;       /* published with QoS 1 or 2 */
	pthread_cond_t acknowledged; /* it has become less */
	bool granted;                /* CONNACK came */
	int connack;                 /* its code */

	/* The thread's own. */
	struct bus_message *inbox, **inbox_end;
	uint8_t *spare; /* memory of a large payload, for the next; new pages cost more than copying
			 */
	size_t spare_room;
	uint64_t session_start;
	unsigned failures;     /* in a row */
	bool reached;          /* TCP, by this attempt */
	char reason[256];      /* why the last connection or attempt ended */
	char last_logged[256]; /* so that the same failure is told once */
};

/* The thread: connects, serves, pauses, until `ending`. */
void *bus_run(void *bus);
/* Makes one remembered subscription on the open connection; the lock is held. */
void bus_make_subscription(struct bus *bus, struct bus_subscription *subscription);
/* What libmosquitto calls back; all of it runs with the lock held. */
void bus_set_callbacks(struct bus *bus);
void bus_free_inbox(struct bus *bus);
void bus_free_spare(struct bus *bus);
