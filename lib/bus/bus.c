/* SPDX-License-Identifier: Apache-2.0 */
#include "bus/bus.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "bus/session.h"

enum {
	KEEPALIVE_MIN = 5,       /* libmosquitto's */
	PAYLOAD_MAX = 268435455, /* what MQTT's remaining length can say */
	/* Packet ids are 16 bits, and libmosquitto does not look whether one is free. */
	UNACKNOWLEDGED_MAX = 50000,
};

static void wake(struct bus *bus) {
	uint64_t one = 1;
	(void)!write(bus->wake, &one, sizeof(one));
}

/* libmosquitto writes with write(): without this a broker that goes away ends the program. */
static void ignore_sigpipe(void) {
	struct sigaction action;
	if (sigaction(SIGPIPE, NULL, &action) == 0 && action.sa_handler == SIG_DFL) {
		action.sa_handler = SIG_IGN;
		(void)sigaction(SIGPIPE, &action, NULL);
	}
}

static int configure_will(struct mosquitto *client, const struct bus_options *options) {
	if (options->will_topic == NULL) {
		return MOSQ_ERR_SUCCESS;
	}
	const char *payload = options->will_payload != NULL ? options->will_payload : "";
	return mosquitto_will_set(client, options->will_topic, (int)strlen(payload), payload,
			options->qos, false);
}

/* mosquitto, as it is configured by default, hangs up on who has more than 20 messages of QoS 2 on
 * their way. */
enum { EXACTLY_ONCE_INFLIGHT = 20 };

static unsigned in_flight(const struct bus_options *options) {
	unsigned wanted = options->inflight < UINT16_MAX ? options->inflight : UINT16_MAX;
	bool too_many = wanted == 0 || wanted > EXACTLY_ONCE_INFLIGHT;
	return options->qos == 2 && too_many ? EXACTLY_ONCE_INFLIGHT : wanted;
}

static bool configure(
		struct mosquitto *client, const struct bus_options *options, struct error *err) {
	int code = configure_will(client, options);
	if (code == MOSQ_ERR_SUCCESS && options->username != NULL) {
		code = mosquitto_username_pw_set(client, options->username, options->password);
	}
	if (code == MOSQ_ERR_SUCCESS) {
		code = mosquitto_int_option(client, MOSQ_OPT_TCP_NODELAY, 1);
	}
	if (code == MOSQ_ERR_SUCCESS) {
		code = mosquitto_int_option(client, MOSQ_OPT_SEND_MAXIMUM, (int)in_flight(options));
	}
	if (code != MOSQ_ERR_SUCCESS) {
		return error_set(err, ERROR_INVALID,
				"the MQTT settings (will topic, user name, QoS) are not valid: %s",
				mosquitto_strerror(code));
	}
	return true;
}

static bool wants_tls(const struct bus *bus, const struct tls_parts *parts) {
	return bus->address.tls || (parts != NULL && (parts->ca != NULL || parts->cert != NULL));
}

static bool configure_tls(struct bus *bus, struct mosquitto *client,
		const struct bus_options *options, struct error *err) {
	if (!wants_tls(bus, options->tls)) {
		return true;
	}
	bus->secure = secure_create(options->tls, bus->address.host, err);
	if (bus->secure == NULL) {
		return false;
	}
	int code = mosquitto_int_option(client, MOSQ_OPT_SSL_CTX_WITH_DEFAULTS, 0);
	if (code == MOSQ_ERR_SUCCESS) {
		code = mosquitto_void_option(client, MOSQ_OPT_SSL_CTX, bus->secure->context);
	}
	return code == MOSQ_ERR_SUCCESS ||
	       error_set(err, ERROR_INTERNAL, "the MQTT library takes no TLS: %s",
			       mosquitto_strerror(code));
}

static struct mosquitto *create_client(
		struct bus *bus, const struct bus_options *options, struct error *err) {
	struct mosquitto *client = mosquitto_new(options->client_id, true, bus);
	if (client == NULL) {
		(void)error_set(err, ERROR_INVALID, "the MQTT client id is not valid: %s",
				strerror(errno));
		return NULL;
	}
	if (!configure(client, options, err) || !configure_tls(bus, client, options, err)) {
		mosquitto_destroy(client);
		return NULL;
	}
	return client;
}

static void free_bus(struct bus *bus) {
	mosquitto_destroy(bus->client);
	for (size_t i = 0; i < bus->subscription_count; i++) {
		free(bus->subscriptions[i].topic);
	}
	free(bus->subscriptions);
	bus_free_inbox(bus);
	bus_free_spare(bus);
	(void)close(bus->wake);
	(void)pthread_cond_destroy(&bus->acknowledged);
	(void)pthread_mutex_destroy(&bus->lock);
	secure_destroy(bus->secure);
	free(bus);
	(void)mosquitto_lib_cleanup();
}

/* Signals are for the program's own threads. */
static int start_thread(struct bus *bus) {
	sigset_t all, before;
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	int code = pthread_create(&bus->thread, NULL, bus_run, bus);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (code == 0) {
		(void)pthread_setname_np(bus->thread, "bus");
	}
	return code;
}

static unsigned keepalive_of(const struct bus_options *options) {
	unsigned seconds = options->keepalive_seconds != 0 ? options->keepalive_seconds : 60;
	seconds = seconds < KEEPALIVE_MIN ? KEEPALIVE_MIN : seconds;
	return seconds > UINT16_MAX ? UINT16_MAX : seconds;
}

static void init_locks(struct bus *bus) {
	pthread_condattr_t monotonic;
	(void)pthread_condattr_init(&monotonic);
	(void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&bus->acknowledged, &monotonic);
	(void)pthread_condattr_destroy(&monotonic);
	(void)pthread_mutex_init(&bus->lock, NULL);
}

struct bus *bus_create(const struct bus_options *options, const struct bus_handlers *handlers,
		struct error *err) {
	struct bus_address address;
	if (!bus_address_parse(options->address, &address, err)) {
		return NULL;
	}
	if (options->qos < 0 || options->qos > 2) {
		(void)error_set(err, ERROR_INVALID, "MQTT QoS %d: it is 0, 1 or 2", options->qos);
		return NULL;
	}
	ignore_sigpipe();
	(void)mosquitto_lib_init();
	struct bus *bus = MEM_NEW(struct bus);
	*bus = (struct bus){ .handlers = *handlers,
		.address = address,
		.qos = options->qos,
		.keepalive_seconds = keepalive_of(options),
		.message_max = options->message_max };
	bus->inbox_end = &bus->inbox;
	init_locks(bus);
	bus->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (bus->wake < 0) {
		(void)error_errno(err, errno, "an eventfd for the bus");
		free_bus(bus);
		return NULL;
	}
	bus->client = create_client(bus, options, err);
	if (bus->client == NULL) {
		free_bus(bus);
		return NULL;
	}
	bus_set_callbacks(bus);
	int code = start_thread(bus);
	if (code != 0) {
		(void)error_errno(err, code, "a thread for the bus");
		free_bus(bus);
		return NULL;
	}
	return bus;
}

static struct bus_subscription *remembered(const struct bus *bus, const char *topic) {
	for (size_t i = 0; i < bus->subscription_count; i++) {
		if (str_equal(bus->subscriptions[i].topic, topic)) {
			return &bus->subscriptions[i];
		}
	}
	return NULL;
}

void bus_subscribe(struct bus *bus, const char *topic) {
	(void)pthread_mutex_lock(&bus->lock);
	if (remembered(bus, topic) == NULL) {
		bus->subscriptions = mem_resize(bus->subscriptions, bus->subscription_count + 1,
				sizeof(*bus->subscriptions));
		struct bus_subscription *added = &bus->subscriptions[bus->subscription_count++];
		*added = (struct bus_subscription){ .topic = str_copy(topic) };
		if (bus->granted) {
			bus_make_subscription(bus, added);
			wake(bus);
		}
	}
	(void)pthread_mutex_unlock(&bus->lock);
}

void bus_unsubscribe(struct bus *bus, const char *topic) {
	(void)pthread_mutex_lock(&bus->lock);
	struct bus_subscription *found = remembered(bus, topic);
	if (found != NULL) {
		free(found->topic);
		*found = bus->subscriptions[--bus->subscription_count];
		if (bus->granted) { /* a connection that breaks here has forgotten it as well */
			(void)mosquitto_unsubscribe(bus->client, NULL, topic);
			wake(bus);
		}
	}
	(void)pthread_mutex_unlock(&bus->lock);
}

/* A write that failed: the message is with libmosquitto, the loop will see the broken socket. */
static bool lost(int code) {
	return code == MOSQ_ERR_CONN_LOST || code == MOSQ_ERR_ERRNO || code == MOSQ_ERR_NO_CONN;
}

static bool publish_locked(
		struct bus *bus, const char *topic, struct bytes payload, struct error *err) {
	if (!bus_connected(bus)) {
		return error_set(err, ERROR_UNAVAILABLE, "not connected to the broker at %s:%u",
				bus->address.host, bus->address.port);
	}
	if (bus->unacknowledged >= UNACKNOWLEDGED_MAX) {
		return error_set(err, ERROR_BUSY,
				"the broker has not acknowledged the last %zu messages",
				bus->unacknowledged);
	}
	bus->unacknowledged += bus->qos > 0 ? 1 : 0;
	int code = mosquitto_publish(
			bus->client, NULL, topic, (int)payload.size, payload.data, bus->qos, false);
	if (mosquitto_want_write(bus->client)) {
		wake(bus);
	}
	if (code == MOSQ_ERR_SUCCESS) {
		return true;
	}
	if (lost(code)) {
		return error_set(err, ERROR_UNAVAILABLE, "the connection to the broker just broke");
	}
	bus->unacknowledged -= bus->qos > 0 ? 1 : 0;
	return error_set(err, code == MOSQ_ERR_NOMEM ? ERROR_NO_MEMORY : ERROR_INVALID,
			"a message to \"%s\" was not sent: %s", topic, mosquitto_strerror(code));
}

bool bus_publish(struct bus *bus, const char *topic, const void *payload, size_t size,
		struct error *err) {
	if (size > PAYLOAD_MAX) {
		return error_set(err, ERROR_TOO_LARGE,
				"an MQTT message of %zu bytes; MQTT takes %d", size, PAYLOAD_MAX);
	}
	(void)pthread_mutex_lock(&bus->lock);
	bool sent = publish_locked(bus, topic, (struct bytes){ payload, size }, err);
	(void)pthread_mutex_unlock(&bus->lock);
	return sent;
}

bool bus_wait(struct bus *bus, size_t left, uint64_t until_ms) {
	const struct timespec until = clock_timespec(until_ms);
	(void)pthread_mutex_lock(&bus->lock);
	while (bus->unacknowledged > left && clock_ms() < until_ms) {
		(void)pthread_cond_timedwait(&bus->acknowledged, &bus->lock, &until);
	}
	bool enough = bus->unacknowledged <= left;
	(void)pthread_mutex_unlock(&bus->lock);
	return enough;
}

bool bus_connected(const struct bus *bus) {
	return atomic_load(&bus->connected);
}

size_t bus_inflight(struct bus *bus) {
	(void)pthread_mutex_lock(&bus->lock);
	size_t count = bus->unacknowledged;
	(void)pthread_mutex_unlock(&bus->lock);
	return count;
}

void bus_destroy(struct bus *bus, unsigned wait_ms) {
	if (bus == NULL) {
		return;
	}
	(void)pthread_mutex_lock(&bus->lock);
	bus->end_deadline = clock_ms() + wait_ms;
	atomic_store(&bus->ending, true);
	wake(bus);
	(void)pthread_mutex_unlock(&bus->lock);
	(void)pthread_join(bus->thread, NULL);
	free_bus(bus);
}
