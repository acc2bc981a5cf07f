/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "rpc/header.h"
#include "rpc/inside.h"

/* --- its life -------------------------------------------------------------------------------- */

struct rpc_call *rpc_call_create(struct rpc_connection *connection, int32_t stream) {
	struct rpc_call *call = MEM_NEW(struct rpc_call);
	call->connection = connection;
	call->loop = connection->loop;
	call->server = call->loop->server;
	call->stream = stream;
	call->open = true;
	call->deadline_ns = UINT64_MAX;
	call->moved_ms = clock_ms();
	memcpy(call->peer, connection->peer, sizeof(call->peer));

	pthread_mutexattr_t recursive;
	(void)pthread_mutexattr_init(&recursive);
	(void)pthread_mutexattr_settype(&recursive, PTHREAD_MUTEX_RECURSIVE);
	(void)pthread_mutex_init(&call->shared.lock, &recursive);
	(void)pthread_mutexattr_destroy(&recursive);

	call->behind = connection->calls;
	if (connection->calls != NULL) {
		connection->calls->before = call;
	}
	connection->calls = call;
	connection->open_calls++;
	(void)atomic_fetch_add(&call->server->calls, 1);
	return call;
}

static void finish_header(struct rpc_header *header) {
	free(header->name);
	free(header->value);
}

static void unlink_call(struct rpc_call *call) {
	struct rpc_connection *connection = call->connection;
	if (connection == NULL) {
		return;
	}
	if (call->before != NULL) {
		call->before->behind = call->behind;
	} else {
		connection->calls = call->behind;
	}
	if (call->behind != NULL) {
		call->behind->before = call->before;
	}
	connection->memory -= call->charged + call->delivered;
}

static void destroy(struct rpc_call *call) {
	struct rpc_server *server = call->server;
	unlink_call(call);
	for (size_t i = 0; i < call->headers.count; i++) {
		finish_header(&call->headers.items[i]);
	}
	for (size_t i = 0; i < call->trailer_count; i++) {
		finish_header(&call->trailers[i]);
	}
	free(call->headers.items);
	free(call->path);
	free(call->text);
	free(call->watched);
	free(call->answer.text);
	free(call->answer.message);
	framer_next(&call->framer);
	buf_finish(&call->out);
	(void)pthread_mutex_destroy(&call->shared.lock);
	(void)atomic_fetch_sub(&server->memory, call->charged + call->answer_charged);
	(void)atomic_fetch_sub(&server->calls, 1);
	free(call);
	rpc_server_settle(server);
}

void rpc_call_settle(struct rpc_call *call) {
	if (!call->open && !call->handled) {
		destroy(call);
	}
}

bool rpc_call_charge(struct rpc_call *call, size_t size, struct error *err) {
	const struct rpc_server_options *options = &call->server->options;
	if (call->connection->memory + size > options->connection_memory) {
		return error_set(err, ERROR_BUSY,
				"the calls of this connection need more than %zu bytes; wait for "
				"answers, and read them",
				options->connection_memory);
	}
	if (atomic_fetch_add(&call->server->memory, size) + size > options->memory_max) {
		(void)atomic_fetch_sub(&call->server->memory, size);
		return error_set(err, ERROR_BUSY,
				"the calls that wait need more than %zu bytes; try again in a "
				"moment",
				options->memory_max);
	}
	call->charged += size;
	call->connection->memory += size;
	return true;
}

/* --- what came in ---------------------------------------------------------------------------- */

struct bytes rpc_request(const struct rpc_call *call) {
	return (struct bytes){ call->framer.data, call->framer.size };
}

const char *rpc_path(const struct rpc_call *call) {
	return call->path;
}

const char *rpc_peer(const struct rpc_call *call) {
	return call->peer;
}

struct bytes rpc_metadata(const struct rpc_call *call, const char *name) {
	for (size_t i = 0; i < call->headers.count; i++) {
		const struct rpc_header *header = &call->headers.items[i];
		if (str_equal(header->name, name)) {
			return (struct bytes){ header->value, header->size };
		}
	}
	return (struct bytes){ 0 };
}

uint64_t rpc_deadline_ns(const struct rpc_call *call) {
	return call->deadline_ns;
}

/* --- its end before the answer --------------------------------------------------------------- */

bool rpc_cancelled(const struct rpc_call *call) {
	struct rpc_call *shared = (struct rpc_call *)(uintptr_t)call;
	(void)pthread_mutex_lock(&shared->shared.lock);
	bool cancelled = call->shared.cancelled;
	(void)pthread_mutex_unlock(&shared->shared.lock);
	return cancelled;
}

/* Whoever registers holds the call, so the case of "already" needs no lock: fn may answer, and then
 * the lock would be gone. */
void rpc_on_cancel(struct rpc_call *call, void (*fn)(void *context), void *context) {
	(void)pthread_mutex_lock(&call->shared.lock);
	bool already = call->shared.cancelled;
	call->shared.on_cancel = already ? NULL : fn;
	call->shared.context = context;
	(void)pthread_mutex_unlock(&call->shared.lock);
	if (already && fn != NULL) {
		fn(context);
	}
}

void rpc_call_cancel(struct rpc_call *call) {
	(void)pthread_mutex_lock(&call->shared.lock);
	void (*fn)(void *context) = call->shared.on_cancel;
	call->shared.cancelled = true;
	call->shared.on_cancel = NULL;
	if (fn != NULL) {
		fn(call->shared.context); /* with the lock: who answers waits until it is over */
	}
	(void)pthread_mutex_unlock(&call->shared.lock);
}

/* --- the answer ------------------------------------------------------------------------------ */

static void add_trailer(struct rpc_call *call, const char *name, char *value) {
	if (call->trailer_count == RPC_TRAILERS_MAX || !header_name_valid(name)) {
		free(value);
		return;
	}
	call->trailers[call->trailer_count++] =
			(struct rpc_header){ str_copy(name), (uint8_t *)value, strlen(value) };
}

void rpc_trailer(struct rpc_call *call, const char *name, const char *value) {
	char *copy = str_copy(value);
	for (char *c = copy; *c != '\0'; c++) {
		if (*c < 0x20 || *c > 0x7e) {
			*c = '?';
		}
	}
	add_trailer(call, name, copy);
}

void rpc_trailer_bytes(struct rpc_call *call, const char *name, struct bytes value) {
	add_trailer(call, name, header_bin_encode(value));
}

/* The handler's thread; the call is the loop's afterwards. */
static void give(struct rpc_call *call) {
	(void)pthread_mutex_lock(&call->shared.lock);
	call->shared.answered = true;
	call->shared.on_cancel = NULL;
	(void)pthread_mutex_unlock(&call->shared.lock);
	rpc_loop_put(call->loop, call);
}

void rpc_reply(struct rpc_call *call, struct bytes message) {
	uint8_t *copy = message.size <= UINT32_MAX ? malloc(FRAMER_PREFIX + message.size) : NULL;
	if (copy == NULL) {
		rpc_reply_error(call, RPC_RESOURCE_EXHAUSTED, "no memory for the answer");
		return;
	}
	framer_write_prefix(copy, (uint32_t)message.size);
	if (message.size != 0) {
		memcpy(copy + FRAMER_PREFIX, message.data, message.size);
	}
	call->answer = (struct rpc_answer){
		.status = RPC_OK, .message = copy, .size = FRAMER_PREFIX + message.size
	};
	/* An answer is never too much; it leaves less for the calls to come. */
	call->answer_charged = call->answer.size;
	(void)atomic_fetch_add(&call->server->memory, call->answer_charged);
	give(call);
}

void rpc_reply_error(struct rpc_call *call, enum rpc_status status, const char *message) {
	call->answer = (struct rpc_answer){ .status = status == RPC_OK ? RPC_UNKNOWN : status,
		.text = header_percent_encode(message, RPC_MESSAGE_TEXT_MAX) };
	give(call);
}

void rpc_reply_failure(struct rpc_call *call, const struct error *err) {
	rpc_reply_error(call, (enum rpc_status)error_grpc_status(err->code), err->message);
}
