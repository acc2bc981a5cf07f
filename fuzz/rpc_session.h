/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A gRPC server without threads: bytes go into a connection as if a client had sent them and
 * hung up. Handlers answer at once, or only when they hear that nobody waits any more.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rpc/inside.h"

enum { RPC_FUZZ_MAX = 64 * 1024, RPC_FUZZ_ROUNDS = 1000 };

static const char rpc_fuzz_preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0";

static inline void rpc_fuzz_must(bool holds) {
	if (!holds) {
		abort();
	}
}

static inline void rpc_fuzz_echo(void *context, struct rpc_call *call) {
	(void)context;
	struct bytes nonce = rpc_metadata(call, "airscrew-nonce-bin");
	if (nonce.data != NULL) {
		rpc_trailer_bytes(call, "airscrew-nonce-bin", nonce);
	}
	rpc_reply(call, rpc_request(call));
}

static inline void rpc_fuzz_give_up(void *context) {
	rpc_reply_error(context, RPC_CANCELLED, "given up");
}

static inline void rpc_fuzz_keep(void *context, struct rpc_call *call) {
	(void)context;
	rpc_on_cancel(call, rpc_fuzz_give_up, call);
}

static const struct rpc_method rpc_fuzz_methods[] = {
	{ "/a.B/Echo", rpc_fuzz_echo },
	{ "/a.B/Keep", rpc_fuzz_keep },
};

/* Once per program. */
static inline struct rpc_server *rpc_fuzz_server(struct bytes descriptors) {
	const struct rpc_server_options options = { .host = "127.0.0.1",
		.message_max = 4096,
		.memory_max = 64 * 1024,
		.threads = 1,
		.methods = rpc_fuzz_methods,
		.method_count = 2,
		.descriptors = descriptors };
	struct error err;
	struct rpc_server *server = rpc_server_prepare(&options, &err);
	rpc_fuzz_must(server != NULL);
	server->loops[0].self = pthread_self();
	return server;
}

/* All that was taken is given back in the end. */
static inline void rpc_fuzz_feed(struct rpc_server *server, struct bytes bytes) {
	int ends[2];
	rpc_fuzz_must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) == 0);
	rpc_fuzz_must(send(ends[1], bytes.data, bytes.size, 0) == (ssize_t)bytes.size);
	rpc_fuzz_must(shutdown(ends[1], SHUT_WR) == 0);
	char peer[RPC_PEER_MAX] = "fuzz";
	(void)atomic_fetch_add(&server->connections, 1);
	rpc_loop_adopt(&server->loops[0], ends[0], peer);
	for (int i = 0; i < RPC_FUZZ_ROUNDS && atomic_load(&server->connections) != 0; i++) {
		rpc_loop_round(&server->loops[0]);
	}
	(void)close(ends[1]);
	for (int i = 0; i < RPC_FUZZ_ROUNDS && atomic_load(&server->calls) != 0; i++) {
		rpc_loop_round(&server->loops[0]);
	}
	rpc_fuzz_must(atomic_load(&server->connections) == 0);
	rpc_fuzz_must(atomic_load(&server->calls) == 0);
	rpc_fuzz_must(atomic_load(&server->memory) == 0);
}
