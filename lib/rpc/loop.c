/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "rpc/builtin.h"
#include "rpc/inside.h"

enum { EVENTS = 128, TICK_MS = 200, ACCEPTS_AT_ONCE = 64 };

uint64_t rpc_now_ns(void) {
	struct timespec now;
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

/* --- the mailbox ----------------------------------------------------------------------------- */

static void ring(struct rpc_loop *loop) {
	const uint64_t one = 1;
	(void)!write(loop->wake, &one, sizeof(one));
}

void rpc_loop_wake(struct rpc_loop *loop) {
	ring(loop);
}

void rpc_loop_put(struct rpc_loop *loop, struct rpc_call *call) {
	bool own = pthread_equal(pthread_self(), loop->self) != 0;
	if (own && loop->handling == call) {
		loop->handling =
				NULL; /* its handler is still in there: it is delivered behind it */
		return;
	}
	call->next_done = NULL;
	(void)pthread_mutex_lock(&loop->mail.lock);
	/* The loop looks into its mailbox before it waits; so do not ring for itself, or twice. */
	if (own) {
		loop->own_mail = true;
	}
	*loop->mail.done_end = call;
	loop->mail.done_end = &call->next_done;
	if (!own && !loop->mail.woken) {
		loop->mail.woken = true;
		ring(loop); /* under the lock: afterwards the loop may be gone */
	}
	(void)pthread_mutex_unlock(&loop->mail.lock);
}

static void put_connection(struct rpc_loop *loop, struct rpc_connection *connection) {
	(void)pthread_mutex_lock(&loop->mail.lock);
	connection->behind = loop->mail.arrived;
	loop->mail.arrived = connection;
	(void)pthread_mutex_unlock(&loop->mail.lock);
	ring(loop);
}

static void start_connection(struct rpc_loop *loop, struct rpc_connection *connection) {
	const struct rpc_server *server = loop->server;
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = connection };
	connection->behind = loop->connections;
	if (loop->connections != NULL) {
		loop->connections->before = connection;
	}
	loop->connections = connection;
	connection->dead = atomic_load(&server->quiet) || !rpc_connection_start(connection) ||
			   epoll_ctl(loop->epoll, EPOLL_CTL_ADD, connection->fd, &event) != 0;
	rpc_loop_stir(connection);
}

static void read_mail(struct rpc_loop *loop) {
	loop->own_mail = false;
	(void)pthread_mutex_lock(&loop->mail.lock);
	struct rpc_call *call = loop->mail.done;
	struct rpc_connection *connection = loop->mail.arrived;
	loop->mail.done = NULL;
	loop->mail.done_end = &loop->mail.done;
	loop->mail.arrived = NULL;
	loop->mail.woken = false;
	(void)pthread_mutex_unlock(&loop->mail.lock);
	while (call != NULL) {
		struct rpc_call *next = call->next_done;
		if (call->connection != NULL) {
			rpc_loop_stir(call->connection);
		}
		rpc_answer_deliver(call);
		call = next;
	}
	while (connection != NULL) {
		struct rpc_connection *next = connection->behind;
		connection->behind = NULL;
		start_connection(loop, connection);
		connection = next;
	}
}

void rpc_loop_stir(struct rpc_connection *connection) {
	if (!connection->stirred) {
		connection->stirred = true;
		connection->next_stirred = connection->loop->stirred;
		connection->loop->stirred = connection;
	}
}

/* --- connections ----------------------------------------------------------------------------- */

static void name_peer(const struct sockaddr_storage *address, char peer[RPC_PEER_MAX]) {
	char host[INET6_ADDRSTRLEN] = "?";
	if (address->ss_family == AF_INET6) {
		const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)address;
		(void)inet_ntop(AF_INET6, &six->sin6_addr, host, sizeof(host));
		(void)snprintf(peer, RPC_PEER_MAX, "[%s]:%u", host, ntohs(six->sin6_port));
		return;
	}
	const struct sockaddr_in *four = (const struct sockaddr_in *)address;
	(void)inet_ntop(AF_INET, &four->sin_addr, host, sizeof(host));
	(void)snprintf(peer, RPC_PEER_MAX, "%s:%u", host, ntohs(four->sin_port));
}

static struct rpc_loop *least_busy(struct rpc_server *server) {
	struct rpc_loop *best = &server->loops[0];
	for (size_t i = 1; i < server->loop_count; i++) {
		if (atomic_load(&server->loops[i].connection_count) <
				atomic_load(&best->connection_count)) {
			best = &server->loops[i];
		}
	}
	return best;
}

/* SETTINGS (none) and GOAWAY (ENHANCE_YOUR_CALM), so that the client reads why. */
static void turn_away(struct rpc_server *server, int fd) {
	static const uint8_t frames[] = "\0\0\0\4\0\0\0\0\0"
					"\0\0\34\7\0\0\0\0\0\0\0\0\0\0\0\0\13"
					"too many connections";
	if (server->tls == NULL) {
		(void)send(fd, frames, sizeof(frames) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
	}
	(void)close(fd);
}

void rpc_loop_adopt(struct rpc_loop *loop, int fd, const char peer[RPC_PEER_MAX]) {
	(void)atomic_fetch_add(&loop->connection_count, 1);
	start_connection(loop, rpc_connection_create(loop, fd, peer));
}

static void hand_over(struct rpc_loop *loop, int fd, const char peer[RPC_PEER_MAX]) {
	(void)atomic_fetch_add(&loop->connection_count, 1);
	put_connection(loop, rpc_connection_create(loop, fd, peer));
}

static bool accept_one(struct rpc_loop *loop) {
	struct rpc_server *server = loop->server;
	struct sockaddr_storage address = { 0 };
	socklen_t size = sizeof(address);
	char peer[RPC_PEER_MAX] = "";
	int fd = accept4(server->listener, (struct sockaddr *)&address, &size,
			SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0) {
		/* Out of descriptors or memory: look again at the next tick. */
		loop->accepting = errno == EAGAIN || errno == ECONNABORTED || errno == EINTR;
		return false;
	}
	if (atomic_fetch_add(&server->connections, 1) >= server->options.connections_max) {
		(void)atomic_fetch_sub(&server->connections, 1);
		turn_away(server, fd);
		return true;
	}
	name_peer(&address, peer);
	struct rpc_loop *target = least_busy(server);
	if (target == loop) {
		rpc_loop_adopt(loop, fd, peer);
	} else {
		hand_over(target, fd, peer);
	}
	return true;
}

static void watch_listener(struct rpc_loop *loop, bool watch) {
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = loop->server };
	(void)epoll_ctl(loop->epoll, watch ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, loop->server->listener,
			&event);
}

static void accept_some(struct rpc_loop *loop) {
	for (int i = 0; i < ACCEPTS_AT_ONCE && accept_one(loop); i++) {
	}
	if (!loop->accepting) {
		log_warn("no more connections can be accepted for now: %s", strerror(errno));
		watch_listener(loop, false);
	}
}

static void remove_connection(struct rpc_loop *loop, struct rpc_connection *connection) {
	if (connection->before != NULL) {
		connection->before->behind = connection->behind;
	} else {
		loop->connections = connection->behind;
	}
	if (connection->behind != NULL) {
		connection->behind->before = connection->before;
	}
	rpc_connection_destroy(connection);
}

static void watch_writing(struct rpc_connection *connection) {
	bool wanted = connection->wants_write || connection->pending_size != 0;
	struct epoll_event event = { .events = wanted ? EPOLLIN | EPOLLOUT : EPOLLIN,
		.data.ptr = connection };
	if (wanted != connection->watches_write) {
		connection->watches_write = wanted;
		(void)epoll_ctl(connection->loop->epoll, EPOLL_CTL_MOD, connection->fd, &event);
	}
}

/* --- around ---------------------------------------------------------------------------------- */

static void each_open_call(struct rpc_loop *loop, void (*fn)(struct rpc_call *call)) {
	for (struct rpc_connection *c = loop->connections; c != NULL; c = c->behind) {
		for (struct rpc_call *call = c->calls, *next; call != NULL; call = next) {
			next = call->behind;
			if (call->open) {
				fn(call);
			}
		}
		rpc_loop_stir(c);
	}
}

static void end_call(struct rpc_call *call) {
	rpc_call_cancel(call);
	rpc_answer_finish(call, RPC_UNAVAILABLE, "the server is ending");
}

static void end_stream(struct rpc_call *call) {
	if (call->route != NULL && call->route->message != NULL) {
		end_call(call);
	}
}

static void begin_drain(struct rpc_loop *loop) {
	loop->draining = true;
	if (loop->listens) {
		watch_listener(loop, false);
		(void)shutdown(loop->server->listener,
				SHUT_RDWR); /* refuse, instead of letting wait */
	}
	each_open_call(loop, end_stream); /* those that would never end */
	for (struct rpc_connection *c = loop->connections; c != NULL; c = c->behind) {
		if (c->phase <= RPC_PHASE_OPEN) {
			rpc_connection_drain(c);
			rpc_loop_stir(c);
		}
	}
}

/* What the users of the server asked for since the last time. */
static void see_wishes(struct rpc_loop *loop) {
	struct rpc_server *server = loop->server;
	bool quiet = atomic_load(&server->quiet); /* first: who watches hears before the end */
	unsigned round = atomic_load(&server->cancel_round);
	if (round != loop->cancel_round) {
		loop->cancel_round = round;
		each_open_call(loop, end_call);
	}
	round = atomic_load(&server->serving_round);
	if (round != loop->serving_round) {
		loop->serving_round = round;
		each_open_call(loop, rpc_health_refresh);
	}
	if (!loop->draining && quiet) {
		begin_drain(loop);
	}
}

static void end_in_time(struct rpc_call *call) {
	if (call->refusal != NULL) {
		rpc_answer_http(call, call->refusal);
		return;
	}
	rpc_call_cancel(call);
	rpc_answer_finish(call, RPC_DEADLINE_EXCEEDED, "the call's time is over");
}

static void expire(struct rpc_loop *loop) {
	uint64_t now = rpc_now_ns();
	struct rpc_call *call;
	while ((call = rpc_timers_first(&loop->timers)) != NULL && call->deadline_ns <= now) {
		rpc_timers_remove(&loop->timers, call);
		rpc_loop_stir(call->connection);
		end_in_time(call);
	}
}

static void tick(struct rpc_loop *loop) {
	uint64_t now = clock_ms();
	if (now < loop->tick_ms) {
		return;
	}
	loop->tick_ms = now + TICK_MS;
	if (loop->listens && !loop->accepting && !loop->draining) {
		loop->accepting = true;
		watch_listener(loop, true);
	}
	for (struct rpc_connection *c = loop->connections; c != NULL; c = c->behind) {
		rpc_connection_tick(c, now);
		watch_writing(c);
		if (c->dead) {
			rpc_loop_stir(c);
		}
	}
}

/* Sends what the last round made, and buries the dead. */
static void settle(struct rpc_loop *loop) {
	struct rpc_connection *c = loop->stirred;
	loop->stirred = NULL;
	for (struct rpc_connection *next; c != NULL; c = next) {
		next = c->next_stirred;
		c->stirred = false;
		if (!c->dead) {
			rpc_connection_flush(c);
			watch_writing(c);
		}
		if (c->dead) {
			remove_connection(loop, c);
		}
	}
}

static int patience(const struct rpc_loop *loop) {
	const struct rpc_call *first = rpc_timers_first(&loop->timers);
	uint64_t now = rpc_now_ns();
	bool idle = loop->connections == NULL && !(loop->listens && !loop->accepting);
	int wait = loop->own_mail ? 0 : idle ? -1 : TICK_MS;
	if (first == NULL) {
		return wait;
	}
	uint64_t left = first->deadline_ns > now ? (first->deadline_ns - now + 999999) / 1000000
						 : 0;
	return wait >= 0 && left > (uint64_t)wait ? wait : (int)left; /* calls have connections */
}

static void see_event(struct rpc_loop *loop, const struct epoll_event *event) {
	uint64_t ignored;
	if (event->data.ptr == loop) {
		(void)!read(loop->wake, &ignored, sizeof(ignored));
	} else if (event->data.ptr == loop->server) {
		accept_some(loop);
	} else {
		struct rpc_connection *connection = event->data.ptr;
		rpc_loop_stir(connection);
		if (!connection->dead) {
			rpc_connection_event(connection, event->events);
		}
	}
}

void rpc_loop_round(struct rpc_loop *loop) {
	struct epoll_event events[EVENTS];
	int count = epoll_wait(loop->epoll, events, EVENTS, patience(loop));
	for (int i = 0; i < count; i++) {
		see_event(loop, &events[i]);
	}
	read_mail(loop);
	see_wishes(loop);
	expire(loop);
	tick(loop);
	settle(loop);
}

static void *run(void *context) {
	struct rpc_loop *loop = context;
	loop->self = pthread_self();
	while (!atomic_load(&loop->server->stopped)) {
		rpc_loop_round(loop);
	}
	return NULL;
}

/* --- begin and end --------------------------------------------------------------------------- */

bool rpc_loop_create(struct rpc_loop *loop, struct rpc_server *server, struct error *err) {
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = loop };
	loop->server = server;
	loop->accepting = true;
	loop->mail.done_end = &loop->mail.done;
	(void)pthread_mutex_init(&loop->mail.lock, NULL);
	loop->scratch = mem_zero(1, RPC_SCRATCH);
	loop->epoll = epoll_create1(EPOLL_CLOEXEC);
	loop->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (loop->epoll < 0 || loop->wake < 0 ||
			epoll_ctl(loop->epoll, EPOLL_CTL_ADD, loop->wake, &event) != 0) {
		return error_errno(err, errno, "the gRPC server cannot make its event loop");
	}
	return true;
}

bool rpc_loop_start(struct rpc_loop *loop, struct error *err) {
	sigset_t all, before;
	if (loop->listens) {
		watch_listener(loop, true);
	}
	/* Signals are for other threads; OpenSSL writes without MSG_NOSIGNAL. */
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	int code = pthread_create(&loop->thread, NULL, run, loop);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	return code == 0 || error_errno(err, code, "the gRPC server cannot start a thread");
}

void rpc_loop_finish(struct rpc_loop *loop) {
	read_mail(loop);
	while (loop->connections != NULL) {
		remove_connection(loop, loop->connections);
	}
	read_mail(loop); /* what handlers answered when they heard of that */
	rpc_timers_finish(&loop->timers);
	free(loop->scratch);
	(void)close(loop->epoll);
	(void)close(loop->wake);
	(void)pthread_mutex_destroy(&loop->mail.lock);
}
