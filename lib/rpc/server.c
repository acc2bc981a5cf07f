/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/listen.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "rpc/builtin.h"
#include "rpc/descriptors.h"
#include "rpc/inside.h"

static bool open_socket(struct rpc_server *server, struct error *err) {
	server->listener = listen_tcp(server->options.host, server->options.port, err);
	server->port = server->listener >= 0 ? listen_port(server->listener) : 0;
	return server->listener >= 0;
}

/* --- what was asked for ---------------------------------------------------------------------- */

static unsigned or_default(unsigned value, unsigned standard) {
	return value != 0 ? value : standard;
}

/* The handlers need processors, too; and the fewer loops, the more answers leave in one round: with
 * four on four cores the executor's calls took a sixth more of processor time. */
static unsigned thread_count(unsigned wanted) {
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	if (wanted != 0) {
		return wanted < RPC_LOOPS_MAX ? wanted : RPC_LOOPS_MAX;
	}
	return cores < 4 ? 1 : cores > 8 ? 4 : (unsigned)cores / 2;
}

static void set_options(struct rpc_server *server, const struct rpc_server_options *given) {
	struct rpc_server_options *options = &server->options;
	*options = *given;
	options->tls = NULL; /* only read by create() */
	if (options->message_max == 0) {
		options->message_max = (size_t)16 * 1024 * 1024;
	}
	if (options->memory_max == 0) {
		options->memory_max = (size_t)256 * 1024 * 1024;
	}
	if (options->connection_memory == 0) {
		size_t quarter = options->memory_max / 4,
		       least = options->message_max + RPC_CALL_COST;
		options->connection_memory = quarter > least ? quarter : least;
	}
	options->threads = thread_count(options->threads);
	options->connections_max = or_default(options->connections_max, 10000);
	options->streams_max = or_default(options->streams_max, 128);
	options->handshake_seconds = or_default(options->handshake_seconds, 10);
	options->idle_seconds = or_default(options->idle_seconds, 300);
	options->stall_seconds = or_default(options->stall_seconds, 60);
	options->keepalive_seconds = or_default(options->keepalive_seconds, 60);
}

static void add_builtin(struct rpc_server *server, const struct rpc_builtin *methods) {
	for (; methods->path != NULL; methods++) {
		(void)map_put(server->routes, methods->path,
				(struct rpc_route *)(uintptr_t)&methods->route);
	}
}

static bool add_reflection(struct rpc_server *server, struct error *err) {
	struct bytes own = { rpc_builtin_set, rpc_builtin_set_size };
	if (server->options.descriptors.size == 0) {
		return true;
	}
	server->descriptors = descriptors_create();
	add_builtin(server, rpc_reflection_methods);
	return descriptors_add(server->descriptors, server->options.descriptors, err) &&
	       descriptors_add(server->descriptors, own, err);
}

bool rpc_service_known(const struct rpc_server *server, struct bytes service) {
	size_t at = 0;
	const char *path;
	void *route;
	while (map_next(server->routes, &at, &path, &route)) {
		if (strncmp(path + 1, (const char *)service.data, service.size) == 0 &&
				path[service.size + 1] == '/') {
			return true;
		}
	}
	return false;
}

static void set_routes(struct rpc_server *server) {
	const struct rpc_server_options *options = &server->options;
	server->routes = map_create();
	add_builtin(server, rpc_health_methods);
	server->user_routes = mem_zero(options->method_count + 1, sizeof(struct rpc_route));
	for (size_t i = 0; i < options->method_count; i++) {
		server->user_routes[i].handler = options->methods[i].handler;
		(void)map_put(server->routes, options->methods[i].path, &server->user_routes[i]);
	}
}

static struct rpc_server *make(const struct rpc_server_options *options) {
	struct rpc_server *server = MEM_NEW(struct rpc_server);
	pthread_condattr_t monotonic;
	(void)pthread_condattr_init(&monotonic);
	(void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&server->emptied, &monotonic);
	(void)pthread_condattr_destroy(&monotonic);
	(void)pthread_mutex_init(&server->lock, NULL);
	server->listener = -1;
	atomic_store(&server->serving, true);
	set_options(server, options);
	set_routes(server);
	return server;
}

static bool make_loops(struct rpc_server *server, struct error *err) {
	for (size_t i = 0; i < server->options.threads; i++) {
		server->loop_count++;
		if (!rpc_loop_create(&server->loops[i], server, err)) {
			return false;
		}
	}
	return true;
}

static bool start(struct rpc_server *server, struct error *err) {
	server->loops[0].listens = true;
	for (; server->started < server->loop_count; server->started++) {
		if (!rpc_loop_start(&server->loops[server->started], err)) {
			return false;
		}
	}
	return true;
}

struct rpc_server *rpc_server_prepare(const struct rpc_server_options *options, struct error *err) {
	struct rpc_server *server = make(options);
	bool secure = options->tls != NULL && options->tls->cert != NULL;
	if (secure) {
		server->tls = rpc_transport_tls(options->tls, err);
	}
	if ((secure && server->tls == NULL) || !add_reflection(server, err) ||
			!make_loops(server, err)) {
		rpc_server_destroy(server);
		return NULL;
	}
	return server;
}

struct rpc_server *rpc_server_create(const struct rpc_server_options *options, struct error *err) {
	struct rpc_server *server = rpc_server_prepare(options, err);
	if (server != NULL && (!open_socket(server, err) || !start(server, err))) {
		rpc_server_destroy(server);
		return NULL;
	}
	return server;
}

uint16_t rpc_server_port(const struct rpc_server *server) {
	return server->port;
}

/* --- its end --------------------------------------------------------------------------------- */

static void wake_all(struct rpc_server *server) {
	for (size_t i = 0; i < server->started; i++) {
		rpc_loop_wake(&server->loops[i]);
	}
}

void rpc_server_set_serving(struct rpc_server *server, bool serving) {
	if (atomic_exchange(&server->serving, serving) != serving) {
		(void)atomic_fetch_add(&server->serving_round, 1);
		wake_all(server);
	}
}

void rpc_server_quiesce(struct rpc_server *server) {
	rpc_server_set_serving(server, false);
	atomic_store(&server->quiet, true);
	wake_all(server);
}

void rpc_server_cancel(struct rpc_server *server) {
	(void)atomic_fetch_add(&server->cancel_round, 1);
	wake_all(server);
}

static bool is_empty(struct rpc_server *server) {
	return atomic_load(&server->connections) == 0 && atomic_load(&server->calls) == 0;
}

void rpc_server_settle(struct rpc_server *server) {
	if (atomic_load(&server->quiet) && is_empty(server)) {
		(void)pthread_mutex_lock(&server->lock);
		(void)pthread_cond_broadcast(&server->emptied);
		(void)pthread_mutex_unlock(&server->lock);
	}
}

bool rpc_server_drained(struct rpc_server *server, uint64_t deadline_ms) {
	struct timespec deadline = clock_timespec(deadline_ms);
	bool in_time = true;
	(void)pthread_mutex_lock(&server->lock);
	while (!is_empty(server) && in_time) {
		in_time = pthread_cond_timedwait(&server->emptied, &server->lock, &deadline) == 0;
	}
	bool empty = is_empty(server);
	(void)pthread_mutex_unlock(&server->lock);
	return empty;
}

void rpc_server_destroy(struct rpc_server *server) {
	if (server == NULL) {
		return;
	}
	atomic_store(&server->stopped, true);
	wake_all(server);
	for (size_t i = 0; i < server->started; i++) {
		(void)pthread_join(server->loops[i].thread, NULL);
	}
	for (size_t i = 0; i < server->loop_count; i++) {
		rpc_loop_finish(&server->loops[i]);
	}
	if (server->listener >= 0) {
		(void)close(server->listener);
	}
	SSL_CTX_free(server->tls);
	map_destroy(server->routes);
	descriptors_destroy(server->descriptors);
	free(server->user_routes);
	(void)pthread_cond_destroy(&server->emptied);
	(void)pthread_mutex_destroy(&server->lock);
	free(server);
}
