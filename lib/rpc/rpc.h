/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A gRPC server over HTTP/2: a table of unary methods, handlers that may answer later from any
 * thread.
 *
 * It runs a few loop threads of its own (epoll). For each call the method's handler is called in
 * one of them, once, when the request message is complete. The handler must not block: it either
 * answers at once or keeps the pointer and answers later from any thread, exactly once; until then
 * the call and all that it gives out are valid, whatever the client does. What the client
 * does wrong (sizes, encodings, unknown methods, too much at once) is answered here and reaches no
 * handler. Beside the methods there are always the health service (grpc.health.v1: Check, Watch)
 * and, with descriptors, reflection (v1 and v1alpha). docs/grpc.md says what is spoken and where
 * the limits are.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/tls.h"
#include "rpc/status.h"

struct rpc_call;
struct rpc_server;

struct rpc_method {
	const char *path; /* "/dtvm.WASMVMTeeService/Execute"; several paths may share a handler */
	void (*handler)(void *context, struct rpc_call *call);
};

/* Every number may be 0: then it is the default that stands beside it. */
struct rpc_server_options {
	const char *host; /* address or name to listen on */
	uint16_t port;    /* 0: a free one */
	/* With a certificate: TLS 1.3 with ALPN "h2"; with authorities as well, every client needs
	 * a certificate of theirs. Only read by rpc_server_create(). NULL or none: HTTP/2 with
	 * prior knowledge. */
	const struct tls_parts *tls;
	size_t message_max;         /* bytes of a request message; 16 MiB */
	size_t memory_max;          /* bytes of all calls together, requests and answers; 256 MiB */
	size_t connection_memory;   /* of one connection; a quarter of that, message_max at least */
	unsigned threads;           /* loops; one for each two cores, at most 4 */
	unsigned connections_max;   /* 10,000 */
	unsigned streams_max;       /* calls of one connection at once; 128 */
	unsigned handshake_seconds; /* until TLS and HTTP/2 have begun; 10 */
	unsigned idle_seconds;      /* a connection without a call; 300 */
	unsigned stall_seconds;     /* a call or an answer that does not move; 60 */
	unsigned keepalive_seconds; /* silence until a PING, and from there until the end; 60 */
	/* These have to outlive the server. */
	const struct rpc_method *methods;
	size_t method_count;
	struct bytes descriptors; /* a google.protobuf.FileDescriptorSet with its imports (protoc
				     --include_imports --descriptor_set_out); empty: no reflection
				   */
	void *context;            /* for handlers */
};

/* ERROR_INVALID: an address, certificate or descriptor set that cannot work; ERROR_UNAVAILABLE:
 * the port is taken. */
struct rpc_server *rpc_server_create(
		const struct rpc_server_options *options, struct error *err) MUST_CHECK;
uint16_t rpc_server_port(const struct rpc_server *server);
/* What the health service says of all services; SERVING at first. */
void rpc_server_set_serving(struct rpc_server *server, bool serving);
/*
 * Begins to end: nothing new is accepted, health says NOT_SERVING, clients are told (GOAWAY) and
 * take new calls elsewhere, those that run go on. Allowed twice.
 */
void rpc_server_quiesce(struct rpc_server *server);
/* After quiesce: waits until all calls are answered and all connections closed. False when that
 * is not so at deadline_ms (clock_ms()). */
bool rpc_server_drained(struct rpc_server *server, uint64_t deadline_ms) MUST_CHECK;
/* Ends every open call with UNAVAILABLE; its handler hears of it by rpc_on_cancel(). */
void rpc_server_cancel(struct rpc_server *server);
/* Closes what is open. Every kept call must have been answered before; accepts NULL. */
void rpc_server_destroy(struct rpc_server *server);

/* --- a call ---------------------------------------------------------------------------------- */

/* What came in; valid until the answer. */
struct bytes rpc_request(const struct rpc_call *call); /* the message, without its prefix */
const char *rpc_path(const struct rpc_call *call);
const char *rpc_peer(const struct rpc_call *call); /* "127.0.0.1:40312", "[::1]:40312" */
/*
 * Metadata by its lower-case name; the first of several; data is NULL if there is none. Names that
 * end in "-bin" are decoded. A zero byte follows the value (not counted).
 */
struct bytes rpc_metadata(const struct rpc_call *call, const char *name);
/* When the client gives up, by CLOCK_MONOTONIC in nanoseconds; UINT64_MAX: never. */
uint64_t rpc_deadline_ns(const struct rpc_call *call);
/* True once nobody waits for the answer any more. */
bool rpc_cancelled(const struct rpc_call *call);
/*
 * Calls fn(context) once when that becomes so before the answer: the client is gone, has reset the
 * stream, or its time is over. In the loop's thread, or at once here, if it is so already. Once
 * rpc_reply() has returned, fn neither runs nor will. fn must not block; it may answer. Who
 * answers must not hold a lock that fn takes.
 */
void rpc_on_cancel(struct rpc_call *call, void (*fn)(void *context), void *context);

/*
 * Metadata behind the answer, also behind an error; copied. The name is lower-case without "grpc-"
 * at its begin; the value is printable ASCII (other bytes become '?'). The second one takes any
 * bytes, its name ends in "-bin". From one thread at a time, before the answer; at most
 * RPC_TRAILERS_MAX.
 */
enum { RPC_TRAILERS_MAX = 16 };
void rpc_trailer(struct rpc_call *call, const char *name, const char *value);
void rpc_trailer_bytes(struct rpc_call *call, const char *name, struct bytes value);

/* The answer; any thread; exactly one of these per call, which is not to be touched afterwards.
 * The message is copied; the text of an error may hold any UTF-8. */
void rpc_reply(struct rpc_call *call, struct bytes message);
void rpc_reply_error(struct rpc_call *call, enum rpc_status status, const char *message);
/* By the code's gRPC column in spec/errors.def. */
void rpc_reply_failure(struct rpc_call *call, const struct error *err);
