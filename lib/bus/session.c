/* SPDX-License-Identifier: Apache-2.0 */
/* The bus's thread: connect, serve the connection until it ends, pause, again. */
#include "bus/session.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"

enum {
	PAUSE_MIN_MS = 250,
	PAUSE_MAX_MS = 5000,
	SETUP_MS = 10000,   /* for TCP, CONNACK and all SUBACKs of one address */
	STEADY_MS = 5000,   /* a connection that lived this long was a good one */
	TAKEN_FAILURES = 3, /* short ones in a row: somebody throws us off */
	HELD_MAX = 1000,    /* messages that wait for `connected` to be told first */
	KEEPALIVE_CHECK_MS = 5000,
};

static bool ending(const struct bus *bus) {
	return atomic_load(&bus->ending);
}

static int wait_ms(uint64_t deadline) {
	uint64_t now = clock_ms();
	return deadline <= now ? 0 : (int)(deadline - now);
}

static void swallow_wake(struct bus *bus) {
	uint64_t count;
	(void)!read(bus->wake, &count, sizeof(count));
}

/* As libmosquitto tells of it. EPROTO is its word for everything that happens below TLS. */
static bool hung_up(int code, int number) {
	return code == MOSQ_ERR_CONN_LOST ||
	       (code == MOSQ_ERR_ERRNO && (number == EPROTO || number == ECONNRESET));
}

static void set_reason(struct bus *bus, int code) {
	int number = errno;
	const char *text = mosquitto_strerror(code);
	if (bus->secure != NULL && bus->secure->reason[0] != '\0') {
		text = bus->secure->reason;
	} else if (code == MOSQ_ERR_CONN_REFUSED) {
		text = mosquitto_connack_string(bus->connack);
	} else if (bus->secure != NULL && !bus->granted && hung_up(code, number)) {
		text = secure_hung_up(bus->secure);
	} else if (code == MOSQ_ERR_ERRNO) {
		text = strerror(number);
	}
	(void)snprintf(bus->reason, sizeof(bus->reason), "%s", text);
}

/* One turn of libmosquitto's loop for what poll() found. */
static int turn(struct bus *bus, short found) {
	int code = MOSQ_ERR_SUCCESS;
	if (found & (POLLIN | POLLERR | POLLHUP)) {
		code = mosquitto_loop_read(bus->client, 1);
	}
	/* Also what callbacks queued: inside of them libmosquitto does not write. */
	if (code == MOSQ_ERR_SUCCESS && mosquitto_want_write(bus->client)) {
		code = mosquitto_loop_write(bus->client, 1);
	}
	if (code == MOSQ_ERR_SUCCESS) {
		code = mosquitto_loop_misc(bus->client);
	}
	if (code != MOSQ_ERR_SUCCESS) {
		set_reason(bus, code);
	}
	return code;
}

/* What step() waits for. */
struct wanted {
	SSL *shaking; /* in the middle of a TLS handshake; else NULL */
	short events;
	bool more; /* bytes that are decrypted already, of which poll() knows nothing */
};

static struct wanted want(struct bus *bus) {
	SSL *tls = bus->secure != NULL ? mosquitto_ssl_get(bus->client) : NULL;
	if (tls != NULL && !SSL_is_init_finished(tls)) {
		return (struct wanted){ tls, SSL_want_read(tls) ? POLLIN : POLLOUT, false };
	}
	short events = mosquitto_want_write(bus->client) ? POLLIN | POLLOUT : POLLIN;
	return (struct wanted){ NULL, events, tls != NULL && SSL_pending(tls) > 0 };
}

/* Of a connect() that failed TLS only sees that it cannot speak: so the socket is asked first. */
static bool reach(struct bus *bus, struct pollfd *fd) {
	int number = 0;
	socklen_t size = sizeof(number);
	if (bus->reached || fd->revents == 0) {
		return true;
	}
	bus->reached = true;
	if (bus->secure == NULL || getsockopt(fd->fd, SOL_SOCKET, SO_ERROR, &number, &size) != 0 ||
			number == 0 || number == ECONNRESET) { /* who resets was reached */
		return true;
	}
	errno = number;
	set_reason(bus, MOSQ_ERR_ERRNO);
	return false;
}

/*
 * When it is done libmosquitto is told, by letting it read. A broker that does not take us has hung
 * up by now, or does soon: what it says is read before a write finds that out, and loses it.
 */
static bool shake(struct bus *bus, SSL *connection) {
	if (!secure_shake(bus->secure, connection)) {
		set_reason(bus, MOSQ_ERR_TLS);
		return false;
	}
	if (!SSL_is_init_finished(connection)) {
		return true;
	}
	int code = mosquitto_loop_read(bus->client, 1);
	if (code != MOSQ_ERR_SUCCESS) {
		set_reason(bus, code);
		return false;
	}
	return turn(bus, POLLIN) == MOSQ_ERR_SUCCESS;
}

/* Waits for the socket or a wake-up, at most until the deadline. False: the connection is over. */
static bool step(struct bus *bus, uint64_t deadline) {
	(void)pthread_mutex_lock(&bus->lock);
	struct wanted wanted = want(bus);
	struct pollfd fds[2] = { { .fd = mosquitto_socket(bus->client), .events = wanted.events },
		{ .fd = bus->wake, .events = POLLIN } };
	(void)pthread_mutex_unlock(&bus->lock);

	bool quiet = poll(fds, 2, wanted.more ? 0 : wait_ms(deadline)) == 0 && !wanted.more;
	if (quiet) {
		bus_free_spare(bus); /* there is no bulk on its way */
	}
	if (fds[1].revents != 0) {
		swallow_wake(bus);
	}
	short found = (short)(fds[0].revents | (wanted.more ? POLLIN : 0));
	if (!reach(bus, &fds[0])) {
		return false;
	}
	(void)pthread_mutex_lock(&bus->lock);
	bool open = wanted.shaking != NULL ? shake(bus, wanted.shaking)
					   : turn(bus, found) == MOSQ_ERR_SUCCESS;
	if (!open) {
		atomic_store(&bus->connected, false);
	}
	(void)pthread_mutex_unlock(&bus->lock);
	return open;
}

static void deliver_inbox(struct bus *bus) {
	for (struct bus_message *m = bus->inbox; m != NULL; m = m->next) {
		if (bus->handlers.message != NULL) {
			bus->handlers.message(bus->handlers.context, m->topic,
					(struct bytes){ m->payload, m->size });
		}
	}
	bus_free_inbox(bus);
}

static size_t inbox_count(const struct bus *bus) {
	size_t count = 0;
	for (const struct bus_message *m = bus->inbox; m != NULL; m = m->next) {
		count++;
	}
	return count;
}

/* True when the broker has answered CONNECT and every SUBSCRIBE; then publishing may begin. */
static bool set_up(struct bus *bus) {
	(void)pthread_mutex_lock(&bus->lock);
	bool done = bus->granted;
	for (size_t i = 0; i < bus->subscription_count; i++) {
		done = done && bus->subscriptions[i].answered;
	}
	atomic_store(&bus->connected, done);
	(void)pthread_mutex_unlock(&bus->lock);
	return done;
}

/* From the first byte to the last SUBACK. */
static bool establish(struct bus *bus) {
	uint64_t deadline = clock_ms() + SETUP_MS;
	while (!set_up(bus)) {
		if (clock_ms() >= deadline) {
			(void)snprintf(bus->reason, sizeof(bus->reason), "no answer within %d s",
					SETUP_MS / 1000);
			return false;
		}
		if (ending(bus) || !step(bus, deadline)) {
			return false;
		}
		if (inbox_count(bus) > HELD_MAX) {
			deliver_inbox(bus);
		}
	}
	return true;
}

/* True while something published is not acknowledged (or not sent) yet and there is time. */
static bool lingering(struct bus *bus) {
	(void)pthread_mutex_lock(&bus->lock);
	bool more = (bus->unacknowledged > 0 || mosquitto_want_write(bus->client)) &&
		    clock_ms() < bus->end_deadline;
	(void)pthread_mutex_unlock(&bus->lock);
	return more;
}

static uint64_t next_check(struct bus *bus) {
	uint64_t check = (uint64_t)bus->keepalive_seconds * 1000 / 4;
	uint64_t deadline = clock_ms() + (check < KEEPALIVE_CHECK_MS ? check : KEEPALIVE_CHECK_MS);
	return ending(bus) && bus->end_deadline < deadline ? bus->end_deadline : deadline;
}

/* Until the connection ends, or the bus does and everything is sent. */
static void serve(struct bus *bus) {
	bus->session_start = clock_ms();
	log_info("connected to the broker host=%s port=%u", bus->address.host, bus->address.port);
	bus->last_logged[0] = '\0';
	if (bus->handlers.connected != NULL) {
		bus->handlers.connected(bus->handlers.context);
	}
	deliver_inbox(bus);
	while (!ending(bus) || lingering(bus)) {
		bool open = step(bus, next_check(bus));
		deliver_inbox(bus);
		if (!open) {
			break;
		}
	}
}

static void flush_disconnect(struct bus *bus) {
	uint64_t deadline = clock_ms() + 100;
	while (mosquitto_socket(bus->client) >= 0 && mosquitto_want_write(bus->client) &&
			clock_ms() < deadline) {
		struct pollfd fd = { .fd = mosquitto_socket(bus->client), .events = POLLOUT };
		(void)poll(&fd, 1, wait_ms(deadline));
		if (mosquitto_loop_write(bus->client, 1) != MOSQ_ERR_SUCCESS) {
			break;
		}
	}
}

/* Leaves no open socket behind: a DISCONNECT when the bus ends, else just the end of TCP. */
static void hang_up(struct bus *bus) {
	(void)pthread_mutex_lock(&bus->lock);
	atomic_store(&bus->connected, false);
	bus->granted = false;
	if (ending(bus)) {
		(void)mosquitto_disconnect(bus->client);
		flush_disconnect(bus);
	}
	if (bus->secure != NULL) {
		secure_break(mosquitto_ssl_get(bus->client));
	}
	while (mosquitto_socket(bus->client) >= 0) {
		(void)shutdown(mosquitto_socket(bus->client), SHUT_RDWR);
		if (mosquitto_loop_read(bus->client, 1) != MOSQ_ERR_SUCCESS) {
			break;
		}
	}
	bus_free_inbox(bus); /* what came while hanging up was not acknowledged */
	(void)pthread_mutex_unlock(&bus->lock);
}

/* One address of the broker. Nobody else calls libmosquitto while `connected` is false and the
 * subscriptions wait, so the lock is not needed to connect; it does not block anyway. */
static bool try_address(struct bus *bus, const struct addrinfo *address) {
	char number[NI_MAXHOST];
	if (getnameinfo(address->ai_addr, address->ai_addrlen, number, sizeof(number), NULL, 0,
			    NI_NUMERICHOST) != 0) {
		return false;
	}
	(void)pthread_mutex_lock(&bus->lock);
	bus->granted = false;
	bus->connack = 0;
	bus->reached = false;
	if (bus->secure != NULL) {
		bus->secure->reason[0] = '\0';
	}
	for (size_t i = 0; i < bus->subscription_count; i++) {
		bus->subscriptions[i].mid = 0;
		bus->subscriptions[i].answered = false;
	}
	int code = mosquitto_connect_async(
			bus->client, number, bus->address.port, (int)bus->keepalive_seconds);
	if (code > 0) {
		set_reason(bus, code);
	}
	(void)pthread_mutex_unlock(&bus->lock);

	bool up = code <= 0 && establish(bus);
	if (up) {
		serve(bus);
	}
	hang_up(bus);
	return up;
}

static void tell_failure(struct bus *bus) {
	bool again = strcmp(bus->reason, bus->last_logged) == 0;
	log_write(again ? LOG_DEBUG : LOG_WARN,
			"no connection to the broker; trying again host=%s port=%u reason=\"%s\"",
			bus->address.host, bus->address.port, bus->reason);
	(void)snprintf(bus->last_logged, sizeof(bus->last_logged), "%s", bus->reason);
}

static void tell_end(struct bus *bus) {
	bool steady = clock_ms() - bus->session_start >= STEADY_MS;
	bus->failures = steady ? 0 : bus->failures + 1;
	if (ending(bus)) {
		return;
	}
	log_warn("the connection to the broker ended host=%s port=%u reason=\"%s\"%s",
			bus->address.host, bus->address.port, bus->reason,
			bus->failures < TAKEN_FAILURES
					? ""
					: " hint=\"does another program use the same client id?\"");
	if (bus->handlers.disconnected != NULL) {
		bus->handlers.disconnected(bus->handlers.context, bus->reason);
	}
}

/* All addresses of the host in turn, until one of them served. */
static void attempt(struct bus *bus) {
	struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
	struct addrinfo *all = NULL;
	bool up = false;
	int code = getaddrinfo(bus->address.host, NULL, &hints, &all);
	if (code != 0) {
		(void)snprintf(bus->reason, sizeof(bus->reason), "%s", gai_strerror(code));
	}
	for (struct addrinfo *one = all; one != NULL && !up && !ending(bus); one = one->ai_next) {
		up = try_address(bus, one);
	}
	if (all != NULL) {
		freeaddrinfo(all);
	}
	if (up) {
		tell_end(bus);
	} else if (!ending(bus)) {
		bus->failures++;
		tell_failure(bus);
	}
}

/* Doubles from attempt to attempt; up to a quarter less, so that a fleet does not come at once. */
static uint64_t pause_ms(const struct bus *bus) {
	unsigned doublings = bus->failures > 5 ? 5 : bus->failures;
	uint64_t pause = (uint64_t)PAUSE_MIN_MS << (doublings > 0 ? doublings - 1 : 0);
	pause = pause > PAUSE_MAX_MS ? PAUSE_MAX_MS : pause;
	uint16_t dice;
	random_bytes(&dice, sizeof(dice));
	return pause - pause * dice / UINT16_MAX / 4;
}

static void pause_thread(struct bus *bus) {
	uint64_t deadline = clock_ms() + pause_ms(bus);
	while (!ending(bus) && clock_ms() < deadline) {
		struct pollfd fd = { .fd = bus->wake, .events = POLLIN };
		if (poll(&fd, 1, wait_ms(deadline)) > 0) {
			swallow_wake(bus);
		}
	}
}

void *bus_run(void *context) {
	struct bus *bus = context;
	while (!ending(bus)) {
		attempt(bus);
		pause_thread(bus);
	}
	return NULL;
}
