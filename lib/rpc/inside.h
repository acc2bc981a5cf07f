/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What the parts of the server know of each other.
 *
 *   server.c      the socket, the table of methods, begin and end
 *   loop.c        a thread: epoll, its mailbox, its clock
 *   connection.c  a client: bytes in and out (transport.c), its limits of time
 *   stream.c      HTTP/2's events (nghttp2) become calls
 *   request.c     what a request has to be like before a handler sees it
 *   answer.c      what goes back
 *   call.c        what a handler may do, from any thread
 *   health.c, reflection.c   the two services that are always there
 *
 * A connection and its streams belong to one loop; only its thread touches them. What crosses
 * threads is in the mailbox (under the loop's lock), in a call's `shared` part (under the call's
 * lock) and in the server's atomic counts.
 */
#include <nghttp2/nghttp2.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "base/map.h"
#include "rpc/framer.h"
#include "rpc/rpc.h"

enum {
	RPC_HEADERS_MAX = 16 * 1024,     /* names, values and 32 each, as HTTP/2 counts */
	RPC_MESSAGE_TEXT_MAX = 2 * 1024, /* of grpc-message, encoded */
	RPC_REFUSAL_MS = 100,            /* see request.c */
	RPC_CALL_COST = 4 * 1024,        /* what a call costs beside its messages */
	RPC_GAPS_MAX = 8,
	RPC_SCRATCH = 64 * 1024,
	RPC_PEER_MAX = 64
};

struct rpc_call;
struct rpc_connection;
struct rpc_loop;

/* --- methods --------------------------------------------------------------------------------- */

/* A method of the users or one of our own, which also may stream. Ours are called in the loop's
 * thread for each message and answer with answer.c's functions. */
struct rpc_route {
	void (*handler)(void *context, struct rpc_call *call);
	void (*message)(struct rpc_call *call, struct bytes message);
	bool many; /* a stream of requests; else exactly one */
};

/* --- calls ----------------------------------------------------------------------------------- */

struct rpc_header {
	char *name;
	uint8_t *value; /* a zero byte behind */
	size_t size;
};

struct rpc_headers {
	struct rpc_header *items;
	size_t count, capacity;
	size_t cost; /* as HTTP/2 counts, also of what was not kept */
};

/* The answer as a handler gave it, on its way to the loop. */
struct rpc_answer {
	enum rpc_status status;
	char *text;       /* of an error, encoded; or NULL */
	uint8_t *message; /* with its prefix; NULL for an error */
	size_t size;
};

struct rpc_call {
	struct rpc_call *next_done;       /* in the mailbox */
	struct rpc_call *before, *behind; /* of its connection */
	struct rpc_server *server;
	struct rpc_loop *loop;
	struct rpc_connection *connection; /* NULL: that is gone */
	int32_t stream;
	bool open;    /* the stream is */
	bool handled; /* a handler has it: it stays until that has answered */

	/* the request */
	struct rpc_headers headers;
	char peer[RPC_PEER_MAX];
	char *path;
	const struct rpc_route *route;
	struct bytes method, content_type, te, timeout, encoding; /* in headers */
	bool bad_metadata;
	const char *refusal; /* of HTTP, to be sent in a moment */
	bool ended;          /* the client has sent all */
	struct framer framer;
	size_t charged;        /* of the memory budgets, for what came in */
	size_t answer_charged; /* of the server's, for the answer */
	size_t delivered;      /* of the connection's, for the answer */
	uint64_t deadline_ns;
	size_t timer; /* its place among the loop's deadlines + 1; 0: none */
	uint64_t moved_ms;

	/* the answer */
	bool began, finished; /* headers are sent; status and text are final */
	bool deferred;        /* nghttp2 waits for more */
	struct buf out;
	size_t out_at;
	enum rpc_status status;
	char *text;
	char *watched; /* of Health.Watch: the service */
	int told;      /* and what it was told last */

	struct {
		pthread_mutex_t lock; /* recursive: an on_cancel function may answer */
		bool answered, cancelled;
		void (*on_cancel)(void *context);
		void *context;
	} shared;
	struct rpc_header trailers[RPC_TRAILERS_MAX]; /* the handler's until the answer */
	size_t trailer_count;
	struct rpc_answer answer;
};

/* call.c */
struct rpc_call *rpc_call_create(struct rpc_connection *connection, int32_t stream);
/* Nobody waits any more: tells the handler, once. */
void rpc_call_cancel(struct rpc_call *call);
/* Frees it if neither stream nor handler has it. */
void rpc_call_settle(struct rpc_call *call);
/* More of the memory budget; false (and err) if there is none left. */
bool rpc_call_charge(struct rpc_call *call, size_t size, struct error *err);

/* request.c */
int rpc_request_header(struct rpc_call *call, struct bytes name, struct bytes value);
void rpc_request_begin(struct rpc_call *call); /* the headers are there */
void rpc_request_data(struct rpc_call *call, struct bytes piece);
void rpc_request_end(struct rpc_call *call); /* the client has sent all */

/* answer.c: in the loop's thread */
void rpc_answer_message(struct rpc_call *call, struct bytes message);
void rpc_answer_finish(struct rpc_call *call, enum rpc_status status, const char *text);
void rpc_answer_failure(struct rpc_call *call, enum rpc_status status, const char *format, ...)
		PRINTF(3, 4);
/* For who does not speak gRPC: "415", and a word about it. */
void rpc_answer_http(struct rpc_call *call, const char *status);
/* What the handler gave; frees it. */
void rpc_answer_deliver(struct rpc_call *call);
int rpc_status_of(const struct error *err);

/* --- connections ----------------------------------------------------------------------------- */

enum rpc_phase {
	RPC_PHASE_TLS,     /* shaking hands */
	RPC_PHASE_PREFACE, /* until the client's SETTINGS */
	RPC_PHASE_OPEN,
	RPC_PHASE_NOTICE,   /* told that it ends; new calls may be under way */
	RPC_PHASE_LEAVING,  /* told which call is the last */
	RPC_PHASE_LINGERING /* all is sent; waiting for the client to close */
};

struct rpc_connection {
	struct rpc_connection *before, *behind; /* of the loop, or in the mailbox */
	struct rpc_loop *loop;
	int fd;
	SSL *ssl;
	nghttp2_session *session;
	enum rpc_phase phase;
	bool dead; /* to be closed and freed by the loop */
	bool stirred;
	struct rpc_connection *next_stirred;
	bool wants_write, watches_write;
	char peer[RPC_PEER_MAX];
	struct rpc_call *calls; /* all that are alive, also those whose stream is closed */
	size_t open_calls, held_calls;
	size_t memory;
	uint8_t *pending; /* what the socket did not take */
	size_t pending_size, pending_at;
	uint64_t created_ms, read_ms, wrote_ms, used_ms, phase_ms;
	uint64_t ping_ms; /* one is out since then; 0: none */
	uint64_t nuisance, nuisance_ms;
	size_t lingered;
	int32_t last_stream; /* begins at -1, so that 1 leaves none out */
	struct rpc_gap {
		int32_t first, last;
	} gaps[RPC_GAPS_MAX]; /* numbers of streams that the client left out */
	size_t gap_count;
};

/* Its descriptor is the connection's from now on. Also to be called from another thread. */
struct rpc_connection *rpc_connection_create(struct rpc_loop *loop, int fd, const char *peer);
bool rpc_connection_start(struct rpc_connection *connection); /* in its loop */
void rpc_connection_event(struct rpc_connection *connection, uint32_t events);
/* Sends what there is to send. */
void rpc_connection_flush(struct rpc_connection *connection);
void rpc_connection_tick(struct rpc_connection *connection, uint64_t now_ms);
void rpc_connection_drain(struct rpc_connection *connection);
void rpc_connection_destroy(struct rpc_connection *connection);

/* transport.c: bytes moved, 0 for the end, RPC_AGAIN or RPC_BROKEN. */
enum { RPC_AGAIN = -1, RPC_BROKEN = -2 };
long rpc_transport_read(struct rpc_connection *connection, uint8_t *bytes, size_t size);
long rpc_transport_write(struct rpc_connection *connection, const uint8_t *bytes, size_t size);
/* 1: done, RPC_AGAIN, RPC_BROKEN. */
int rpc_transport_handshake(struct rpc_connection *connection);
SSL_CTX *rpc_transport_tls(const struct tls_parts *parts, struct error *err);

/* stream.c */
bool rpc_stream_session(struct rpc_connection *connection);
/* The client did something that costs more than it brings. False: too often. */
bool rpc_stream_nuisance(struct rpc_connection *connection);

/* --- loops ----------------------------------------------------------------------------------- */

struct rpc_timers {
	struct rpc_call **heap;
	size_t count, capacity;
};
void rpc_timers_add(struct rpc_timers *timers, struct rpc_call *call);
void rpc_timers_remove(struct rpc_timers *timers, struct rpc_call *call);
struct rpc_call *rpc_timers_first(const struct rpc_timers *timers);
void rpc_timers_finish(struct rpc_timers *timers);

struct rpc_loop {
	struct rpc_server *server;
	pthread_t thread, self; /* the latter is set by the thread itself, for its handlers */
	int epoll, wake;
	bool listens, accepting; /* has the socket; and is not out of descriptors */
	bool draining;
	unsigned cancel_round, serving_round; /* of the server, as last seen */
	struct rpc_call *handling;            /* its handler runs and has not answered yet */
	bool own_mail; /* something came from the loop's own thread: do not wait */
	struct rpc_connection *connections;
	struct rpc_connection *stirred; /* something happened: see what there is to send */
	atomic_uint connection_count;   /* also those in the mailbox */
	struct rpc_timers timers;
	uint8_t *scratch;
	uint64_t tick_ms;
	struct {
		pthread_mutex_t lock;
		struct rpc_call *done, **done_end;
		struct rpc_connection *arrived;
		bool woken;
	} mail;
};

bool rpc_loop_create(struct rpc_loop *loop, struct rpc_server *server, struct error *err);
bool rpc_loop_start(struct rpc_loop *loop, struct error *err);
/* A connection that was counted among the server's. In the loop's thread. */
void rpc_loop_adopt(struct rpc_loop *loop, int fd, const char peer[RPC_PEER_MAX]);
void rpc_loop_round(struct rpc_loop *loop); /* waits for something and does all that it needs */
void rpc_loop_wake(struct rpc_loop *loop);
/* A handler has answered. Any thread. */
void rpc_loop_put(struct rpc_loop *loop, struct rpc_call *call);
void rpc_loop_stir(struct rpc_connection *connection);
void rpc_loop_finish(struct rpc_loop *loop); /* after its thread has ended, or before it began */
uint64_t rpc_now_ns(void);

/* --- the server ------------------------------------------------------------------------------ */

enum { RPC_LOOPS_MAX = 64 };

struct rpc_server {
	struct rpc_server_options options; /* with the defaults filled in */
	SSL_CTX *tls;
	int listener;
	uint16_t port;
	struct map *routes; /* path: struct rpc_route * */
	struct rpc_route *user_routes;
	struct descriptors *descriptors; /* for reflection, or NULL */
	struct rpc_loop loops[RPC_LOOPS_MAX];
	size_t loop_count, started;
	atomic_bool quiet, stopped, serving;
	atomic_uint cancel_round, serving_round; /* so that each loop sees each of them once */
	atomic_size_t memory, connections, calls;
	pthread_mutex_t lock;
	pthread_cond_t emptied; /* on the monotonic clock */
};

/* All but the socket and the threads; for tests, which turn the loops themselves. */
struct rpc_server *rpc_server_prepare(
		const struct rpc_server_options *options, struct error *err) MUST_CHECK;
/* After a connection or a call has ended. */
void rpc_server_settle(struct rpc_server *server);
