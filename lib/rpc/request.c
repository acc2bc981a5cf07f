/* SPDX-License-Identifier: Apache-2.0 */
/* What a request has to be like before a handler sees it. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "rpc/builtin.h"
#include "rpc/header.h"
#include "rpc/inside.h"

enum {
	HEADER_COST = 32, /* RFC 9113 section 6.5.2 */
	HEADERS_FATAL = 8 * RPC_HEADERS_MAX
};

static bool is(struct bytes text, const char *word) {
	return text.size == strlen(word) && memcmp(text.data, word, text.size) == 0;
}

/* --- headers --------------------------------------------------------------------------------- */

/* Keeps a value; what it returns stays valid while the call does. */
static struct bytes keep(struct rpc_call *call, struct bytes name, struct bytes value) {
	struct rpc_headers *headers = &call->headers;
	if (headers->count == headers->capacity) {
		headers->capacity = headers->capacity == 0 ? 16 : 2 * headers->capacity;
		headers->items = mem_resize(
				headers->items, headers->capacity, sizeof(headers->items[0]));
	}
	struct rpc_header *header = &headers->items[headers->count++];
	header->name = mem_copy(name.data, name.size);
	header->value = mem_copy(value.data, value.size);
	header->size = value.size;
	return (struct bytes){ header->value, header->size };
}

/* One that stands for the protocol itself. False: it is metadata. */
static bool keep_own(struct rpc_call *call, struct bytes name, struct bytes value) {
	const struct {
		const char *name;
		struct bytes *place;
	} own[] = { { ":method", &call->method }, { "content-type", &call->content_type },
		{ "te", &call->te }, { "grpc-timeout", &call->timeout },
		{ "grpc-encoding", &call->encoding } };
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
		if (is(name, own[i].name)) {
			*own[i].place = keep(call, name, value);
			return true;
		}
	}
	if (is(name, ":path")) {
		free(call->path);
		call->path = mem_copy(value.data, value.size);
	}
	return name.size != 0 && name.data[0] == ':';
}

static void keep_binary(struct rpc_call *call, struct bytes name, struct bytes value) {
	struct buf decoded = BUF_INIT(RPC_HEADERS_MAX);
	if (header_bin_decode(value, &decoded)) {
		(void)keep(call, name, (struct bytes){ decoded.data, decoded.size });
	} else {
		call->bad_metadata = true;
	}
	buf_finish(&decoded);
}

int rpc_request_header(struct rpc_call *call, struct bytes name, struct bytes value) {
	size_t cost = name.size + value.size + HEADER_COST;
	call->headers.cost += cost;
	if (call->headers.cost > HEADERS_FATAL) {
		return NGHTTP2_ERR_CALLBACK_FAILURE; /* unpacking them costs more than hearing it */
	}
	if (call->headers.cost > RPC_HEADERS_MAX || keep_own(call, name, value)) {
		return 0;
	}
	if (header_name_binary(name)) {
		keep_binary(call, name, value);
	} else {
		(void)keep(call, name, value);
	}
	return 0;
}

/* --- may it come in? ------------------------------------------------------------------------- */

/* HTTP's own answers: who asks does not speak gRPC. */
static const char *http_refusal(const struct rpc_call *call) {
	if (!is(call->method, "POST")) {
		return "405";
	}
	return header_content_type(call->content_type) ? NULL : "415";
}

static bool encoding_known(const struct rpc_call *call) {
	return call->encoding.size == 0 || is(call->encoding, "identity");
}

static bool set_deadline(struct rpc_call *call) {
	uint64_t ns, now = rpc_now_ns();
	if (call->timeout.data == NULL) {
		return true;
	}
	if (!header_timeout(call->timeout, &ns)) {
		return false;
	}
	call->deadline_ns = ns < UINT64_MAX - now ? now + ns : UINT64_MAX;
	return true;
}

static bool service_known(const struct rpc_server *server, const char *path) {
	const char *end = path[0] == '/' ? strchr(path + 1, '/') : NULL;
	struct bytes service = { (const uint8_t *)path + 1,
		end != NULL ? (size_t)(end - path) - 1 : 0 };
	return service.size != 0 && rpc_service_known(server, service);
}

static void refuse_path(struct rpc_call *call) {
	rpc_answer_failure(call, RPC_UNIMPLEMENTED, "there is no %s %.200s here",
			service_known(call->server, call->path) ? "method" : "service for",
			call->path);
}

/* False when it was answered. */
static bool admit(struct rpc_call *call) {
	const struct rpc_server *server = call->server;
	const struct rpc_connection *connection = call->connection;
	if (!is(call->te, "trailers")) {
		rpc_answer_failure(call, RPC_INTERNAL,
				"the header \"te: trailers\" is missing; a proxy between us may "
				"not "
				"pass gRPC on");
	} else if (call->bad_metadata) {
		rpc_answer_failure(call, RPC_INVALID_ARGUMENT,
				"metadata whose name ends in -bin is not base64");
	} else if (call->route == NULL) {
		refuse_path(call);
	} else if (atomic_load(&server->quiet)) {
		rpc_answer_failure(call, RPC_UNAVAILABLE,
				"the server is ending; try again elsewhere or in a moment");
	} else if (!set_deadline(call)) {
		rpc_answer_failure(call, RPC_INVALID_ARGUMENT,
				"grpc-timeout is up to 8 digits and one of H M S m u n, not "
				"\"%.32s\"",
				(const char *)call->timeout.data);
	} else if (connection->held_calls >= server->options.streams_max) {
		rpc_answer_failure(call, RPC_RESOURCE_EXHAUSTED,
				"%zu calls of this connection are still being worked on, also of "
				"those that were given up",
				connection->held_calls);
	}
	return !call->finished;
}

/*
 * Who does not speak gRPC is not in a hurry: the answer waits a little, so that whatever else is
 * wrong with the request is judged while its stream is open, and so that asking anew at once does
 * not pay.
 */
static bool refuse_http(struct rpc_call *call) {
	call->refusal = http_refusal(call);
	if (call->refusal != NULL) {
		call->deadline_ns = rpc_now_ns() + (uint64_t)RPC_REFUSAL_MS * 1000000;
		rpc_timers_add(&call->loop->timers, call);
	}
	return call->refusal != NULL;
}

void rpc_request_begin(struct rpc_call *call) {
	struct error err;
	if (call->headers.cost > RPC_HEADERS_MAX) {
		rpc_answer_failure(call, RPC_RESOURCE_EXHAUSTED,
				"the headers have %zu bytes, the limit is %d", call->headers.cost,
				RPC_HEADERS_MAX);
		return;
	}
	if (!rpc_call_charge(call, RPC_CALL_COST, &err)) {
		rpc_answer_failure(call, RPC_RESOURCE_EXHAUSTED, "%s", err.message);
		return;
	}
	if (refuse_http(call)) {
		return;
	}
	call->route = map_get(call->server->routes, call->path);
	if (!admit(call)) {
		return;
	}
	if (call->deadline_ns != UINT64_MAX) {
		rpc_timers_add(&call->loop->timers, call);
	}
}

/* --- messages -------------------------------------------------------------------------------- */

/* At a prefix. False when it was answered. */
static bool take_size(struct rpc_call *call) {
	const struct framer *framer = &call->framer;
	size_t limit = call->server->options.message_max;
	struct error err;
	if (framer_flag(framer) > 1) {
		rpc_answer_failure(call, RPC_INTERNAL, "a message begins with the flag %u",
				framer_flag(framer));
	} else if (framer_flag(framer) == 1 && encoding_known(call)) {
		rpc_answer_failure(call, RPC_INTERNAL,
				"a message is marked as compressed, and grpc-encoding does not say "
				"how");
	} else if (framer_flag(framer) == 1) {
		rpc_answer_failure(call, RPC_UNIMPLEMENTED,
				"the encoding \"%.64s\" is not known here; send messages as they "
				"are (identity)",
				(const char *)call->encoding.data);
	} else if (framer->size > limit) {
		rpc_answer_failure(call, RPC_RESOURCE_EXHAUSTED,
				"the message has %zu bytes, the limit is %zu", framer->size, limit);
	} else if (!rpc_call_charge(call, framer->size, &err)) {
		rpc_answer_failure(call, RPC_RESOURCE_EXHAUSTED, "%s", err.message);
	} else if (!framer_accept(&call->framer)) {
		rpc_answer_failure(call, RPC_RESOURCE_EXHAUSTED, "no memory for the message");
	}
	return !call->finished;
}

static void handle(struct rpc_call *call) {
	struct rpc_loop *loop = call->loop;
	call->handled = true;
	call->connection->held_calls++;
	loop->handling = call;
	call->route->handler(call->server->options.context, call);
	bool answered = loop->handling == NULL;
	loop->handling = NULL;
	if (answered) {
		rpc_answer_deliver(call); /* now, so that its size counts for the next one */
	}
}

/* A stream's messages are used up at once. */
static void take_streamed(struct rpc_call *call) {
	size_t size = call->framer.size;
	call->route->message(call, (struct bytes){ call->framer.data, call->framer.size });
	framer_next(&call->framer);
	call->charged -= size;
	call->connection->memory -= size;
	(void)atomic_fetch_sub(&call->server->memory, size);
}

static bool message_complete(const struct rpc_call *call) {
	return call->framer.data != NULL && call->framer.filled == call->framer.size;
}

/* For messages; else what comes is dropped. */
static bool is_open(const struct rpc_call *call) {
	return !call->finished && !call->handled && call->refusal == NULL;
}

void rpc_request_data(struct rpc_call *call, struct bytes piece) {
	call->moved_ms = clock_ms();
	while (is_open(call)) {
		if (message_complete(call) && !call->route->many) {
			if (piece.size != 0) {
				rpc_answer_failure(call, RPC_UNIMPLEMENTED,
						"%s takes one message, not several", call->path);
			}
			return;
		}
		enum framer_event event = framer_feed(&call->framer, &piece);
		if (event == FRAMER_MORE || (event == FRAMER_SIZE && !take_size(call))) {
			return;
		}
		if (event == FRAMER_MESSAGE && call->route->many) {
			take_streamed(call);
		}
	}
}

void rpc_request_end(struct rpc_call *call) {
	call->ended = true;
	if (!is_open(call)) {
		return;
	}
	if (call->route->many) {
		if (framer_empty(&call->framer)) {
			rpc_answer_finish(call, RPC_OK, NULL);
		} else {
			rpc_answer_failure(call, RPC_INTERNAL, "the last message is cut off");
		}
	} else if (framer_empty(&call->framer)) {
		rpc_answer_failure(call, RPC_UNIMPLEMENTED, "%s takes one message, none came",
				call->path);
	} else if (!message_complete(call)) {
		rpc_answer_failure(call, RPC_INTERNAL, "the message is cut off");
	} else if (call->route->handler != NULL) {
		handle(call);
	} else {
		call->route->message(call, (struct bytes){ call->framer.data, call->framer.size });
	}
}
