/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "rpc/inside.h"

enum {
	READS_AT_ONCE = 4, /* then the others have their turn */
	LINGER_MS = 1000,  /* for the client to close first, so that it reads all that we sent */
	LINGER_BYTES = 256 * 1024, /* are read meanwhile */
	NOTICE_MS = 1000,          /* for the answer to the PING behind the notice */
	FRAME_MAX = RPC_SCRATCH / 2
};

struct rpc_connection *rpc_connection_create(struct rpc_loop *loop, int fd, const char *peer) {
	struct rpc_connection *connection = MEM_NEW(struct rpc_connection);
	connection->loop = loop;
	connection->fd = fd;
	connection->last_stream = -1;
	connection->created_ms = connection->read_ms = connection->wrote_ms = clock_ms();
	connection->used_ms = connection->phase_ms = connection->created_ms;
	connection->nuisance_ms = connection->created_ms;
	memcpy(connection->peer, peer, sizeof(connection->peer));
	return connection;
}

static bool start_tls(struct rpc_connection *connection) {
	SSL_CTX *tls = connection->loop->server->tls;
	connection->phase = tls != NULL ? RPC_PHASE_TLS : RPC_PHASE_PREFACE;
	if (tls == NULL) {
		return true;
	}
	connection->ssl = SSL_new(tls);
	if (connection->ssl == NULL || SSL_set_fd(connection->ssl, connection->fd) != 1) {
		return false;
	}
	SSL_set_accept_state(connection->ssl);
	return true;
}

bool rpc_connection_start(struct rpc_connection *connection) {
	if (!start_tls(connection) || !rpc_stream_session(connection)) {
		return false;
	}
	if (connection->phase == RPC_PHASE_PREFACE) {
		rpc_connection_flush(connection);
	}
	return !connection->dead;
}

/* Every call whose handler is still at work goes on alone. */
static void release_calls(struct rpc_connection *connection) {
	while (connection->calls != NULL) {
		struct rpc_call *call = connection->calls;
		connection->calls = call->behind;
		if (call->behind != NULL) {
			call->behind->before = NULL;
		}
		call->before = call->behind = NULL;
		call->connection = NULL;
		call->open = false;
		rpc_timers_remove(&call->loop->timers, call);
		rpc_call_cancel(call);
		rpc_call_settle(call);
	}
}

void rpc_connection_destroy(struct rpc_connection *connection) {
	struct rpc_server *server = connection->loop->server;
	release_calls(connection);
	nghttp2_session_del(connection->session);
	SSL_free(connection->ssl);
	(void)close(connection->fd);
	(void)atomic_fetch_sub(&connection->loop->connection_count, 1);
	(void)atomic_fetch_sub(&server->connections, 1);
	free(connection->pending);
	free(connection);
	rpc_server_settle(server);
}

/* --- out ------------------------------------------------------------------------------------- */

static void linger(struct rpc_connection *connection) {
	if (connection->ssl != NULL) {
		(void)SSL_shutdown(connection->ssl);
	}
	(void)shutdown(connection->fd, SHUT_WR);
	connection->phase = RPC_PHASE_LINGERING;
	connection->phase_ms = clock_ms();
}

/* False when the socket takes no more for now, or never again. */
static bool write_pending(struct rpc_connection *connection) {
	while (connection->pending_at < connection->pending_size) {
		long sent = rpc_transport_write(connection,
				connection->pending + connection->pending_at,
				connection->pending_size - connection->pending_at);
		if (sent <= 0) {
			connection->dead = connection->dead || sent != RPC_AGAIN;
			return false;
		}
		connection->pending_at += (size_t)sent;
		connection->wrote_ms = clock_ms();
	}
	free(connection->pending);
	connection->pending = NULL;
	connection->pending_size = connection->pending_at = 0;
	return true;
}

/* Frames side by side, so that many small ones are one write; how many bytes they are. */
static size_t collect(struct rpc_connection *connection) {
	uint8_t *scratch = connection->loop->scratch;
	size_t used = 0;
	while (used < FRAME_MAX) {
		const uint8_t *frame;
		ssize_t size = nghttp2_session_mem_send(connection->session, &frame);
		if (size < 0 || (size_t)size > RPC_SCRATCH - used) {
			connection->dead = true;
			return 0;
		}
		if (size == 0) {
			break;
		}
		memcpy(scratch + used, frame, (size_t)size);
		used += (size_t)size;
	}
	return used;
}

static bool write_scratch(struct rpc_connection *connection, size_t size) {
	const uint8_t *scratch = connection->loop->scratch;
	long sent = rpc_transport_write(connection, scratch, size);
	if (sent < 0 && sent != RPC_AGAIN) {
		connection->dead = true;
		return false;
	}
	size_t done = sent > 0 ? (size_t)sent : 0;
	if (connection->pending_size == 0) {
		connection->wrote_ms = clock_ms(); /* from now on it has to move */
	}
	if (done < size) {
		connection->pending = mem_copy(scratch + done, size - done);
		connection->pending_size = size - done;
	}
	return done == size;
}

void rpc_connection_flush(struct rpc_connection *connection) {
	if (connection->phase == RPC_PHASE_TLS || connection->phase == RPC_PHASE_LINGERING) {
		return;
	}
	bool goes_on = write_pending(connection);
	while (goes_on) {
		size_t size = collect(connection);
		if (size == 0) {
			break;
		}
		goes_on = write_scratch(connection, size);
	}
	if (!connection->dead && goes_on && !nghttp2_session_want_read(connection->session) &&
			!nghttp2_session_want_write(connection->session)) {
		linger(connection);
	}
}

/* --- in -------------------------------------------------------------------------------------- */

static void take(struct rpc_connection *connection, size_t size) {
	connection->read_ms = clock_ms();
	if (connection->phase == RPC_PHASE_LINGERING) {
		connection->lingered += size;
		connection->dead = connection->lingered > LINGER_BYTES;
		return;
	}
	ssize_t used = nghttp2_session_mem_recv(
			connection->session, connection->loop->scratch, size);
	if (used < 0) {
		log_debug("a client does not speak HTTP/2 peer=%s reason=\"%s\"", connection->peer,
				nghttp2_strerror((int)used));
		connection->dead = true;
	}
}

static void read_some(struct rpc_connection *connection) {
	for (int i = 0; i < READS_AT_ONCE && !connection->dead; i++) {
		long size = rpc_transport_read(connection, connection->loop->scratch, RPC_SCRATCH);
		if (size == RPC_AGAIN) {
			return;
		}
		if (size <= 0) {
			connection->dead = true;
			return;
		}
		take(connection, (size_t)size);
		if (connection->ssl == NULL && size < RPC_SCRATCH) {
			return;
		}
	}
}

static bool shake_hands(struct rpc_connection *connection) {
	int code = rpc_transport_handshake(connection);
	if (code == RPC_BROKEN) {
		connection->dead = true;
	} else if (code == 1) {
		connection->phase = RPC_PHASE_PREFACE;
	}
	return code == 1;
}

void rpc_connection_event(struct rpc_connection *connection, uint32_t events) {
	connection->wants_write = false;
	if (connection->phase == RPC_PHASE_TLS && !shake_hands(connection)) {
		return;
	}
	if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) {
		read_some(connection);
	}
}

/* --- time ------------------------------------------------------------------------------------ */

void rpc_connection_drain(struct rpc_connection *connection) {
	nghttp2_session *session = connection->session;
	if (connection->phase < RPC_PHASE_OPEN) {
		connection->dead = true;
	} else if (connection->phase == RPC_PHASE_OPEN) {
		(void)nghttp2_submit_shutdown_notice(session);
		(void)nghttp2_submit_ping(session, NGHTTP2_FLAG_NONE, NULL);
		connection->phase = RPC_PHASE_NOTICE;
		connection->phase_ms = clock_ms();
	} else if (connection->phase == RPC_PHASE_NOTICE) {
		(void)nghttp2_submit_goaway(session, NGHTTP2_FLAG_NONE,
				nghttp2_session_get_last_proc_stream_id(session), NGHTTP2_NO_ERROR,
				NULL, 0);
		connection->phase = RPC_PHASE_LEAVING;
	}
}

static uint64_t ms(unsigned seconds) {
	return (uint64_t)seconds * 1000;
}

/* A request that does not arrive, or an answer that nobody takes. */
static void check_call(struct rpc_call *call, uint64_t now) {
	unsigned limit = call->server->options.stall_seconds;
	if (!call->open || now - call->moved_ms < ms(limit)) {
		return;
	}
	bool arriving = !call->finished && !call->ended &&
			(call->route == NULL || !call->route->many || !framer_empty(&call->framer));
	bool leaving = call->began && (call->finished || call->out.size != 0);
	if (arriving) {
		rpc_answer_failure(call, RPC_DEADLINE_EXCEEDED,
				"the request did not come within %u s", limit);
	} else if (leaving) {
		(void)nghttp2_submit_rst_stream(call->connection->session, NGHTTP2_FLAG_NONE,
				call->stream, NGHTTP2_CANCEL);
	}
}

static void check_alive(struct rpc_connection *connection, uint64_t now) {
	uint64_t limit = ms(connection->loop->server->options.keepalive_seconds);
	if (connection->ping_ms != 0 && now - connection->ping_ms >= limit) {
		connection->dead = true;
	} else if (connection->ping_ms == 0 && now - connection->read_ms >= limit) {
		connection->ping_ms = now;
		(void)nghttp2_submit_ping(connection->session, NGHTTP2_FLAG_NONE, NULL);
	}
}

static void check_open(struct rpc_connection *connection, uint64_t now) {
	const struct rpc_server_options *options = &connection->loop->server->options;
	if (connection->pending_size != 0 &&
			now - connection->wrote_ms >= ms(options->stall_seconds)) {
		connection->dead = true;
		return;
	}
	if (connection->open_calls == 0 && connection->phase == RPC_PHASE_OPEN &&
			now - connection->used_ms >= ms(options->idle_seconds)) {
		rpc_connection_drain(connection);
	}
	if (connection->phase == RPC_PHASE_NOTICE && now - connection->phase_ms >= NOTICE_MS) {
		rpc_connection_drain(connection);
	}
	for (struct rpc_call *call = connection->calls; call != NULL; call = call->behind) {
		check_call(call, now);
	}
	check_alive(connection, now);
	rpc_connection_flush(connection);
}

void rpc_connection_tick(struct rpc_connection *connection, uint64_t now) {
	if (connection->dead) {
		return;
	}
	if (connection->phase < RPC_PHASE_OPEN) {
		connection->dead = now - connection->created_ms >=
				   ms(connection->loop->server->options.handshake_seconds);
	} else if (connection->phase == RPC_PHASE_LINGERING) {
		connection->dead = now - connection->phase_ms >= LINGER_MS;
	} else {
		check_open(connection, now);
	}
}
