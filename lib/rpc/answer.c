/* SPDX-License-Identifier: Apache-2.0 */
/* What goes back: headers, messages, trailers; an error alone is one frame with all in it. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "rpc/header.h"
#include "rpc/inside.h"

enum { FIELDS_MAX = RPC_TRAILERS_MAX + 8, NUMBER_MAX = 12 };

struct fields {
	nghttp2_nv items[FIELDS_MAX];
	size_t count;
	char number[NUMBER_MAX];
};

/* nghttp2 copies names and values. */
static void add(struct fields *fields, const char *name, const char *value) {
	fields->items[fields->count++] = (nghttp2_nv){ .name = (uint8_t *)(uintptr_t)name,
		.namelen = strlen(name),
		.value = (uint8_t *)(uintptr_t)value,
		.valuelen = strlen(value) };
}

static void add_begin(struct fields *fields) {
	add(fields, ":status", "200");
	add(fields, "content-type", "application/grpc");
	add(fields, "grpc-accept-encoding", "identity");
}

static void add_end(struct fields *fields, const struct rpc_call *call) {
	(void)snprintf(fields->number, sizeof(fields->number), "%d", (int)call->status);
	add(fields, "grpc-status", fields->number);
	if (call->text != NULL && call->text[0] != '\0') {
		add(fields, "grpc-message", call->text);
	}
	for (size_t i = 0; i < call->trailer_count; i++) {
		add(fields, call->trailers[i].name, (const char *)call->trailers[i].value);
	}
}

/* nghttp2 fails only without memory, or for a stream that it has closed meanwhile. */
static void give_up(struct rpc_call *call, int code) {
	if (code != 0) {
		(void)nghttp2_submit_rst_stream(call->connection->session, NGHTTP2_FLAG_NONE,
				call->stream, NGHTTP2_INTERNAL_ERROR);
	}
}

static size_t copy_out(struct rpc_call *call, uint8_t *bytes, size_t room) {
	size_t left = call->out.size - call->out_at, size = left < room ? left : room;
	if (size != 0) {
		memcpy(bytes, call->out.data + call->out_at, size);
		call->out_at += size;
		call->moved_ms = clock_ms();
	}
	return size;
}

static ssize_t read_out(nghttp2_session *session, int32_t stream, uint8_t *bytes, size_t room,
		uint32_t *flags, nghttp2_data_source *source, void *context) {
	struct rpc_call *call = source->ptr;
	(void)context;
	size_t size = copy_out(call, bytes, room);
	if (call->out_at < call->out.size) {
		return (ssize_t)size;
	}
	buf_clear(&call->out);
	call->out_at = 0;
	if (call->finished) {
		struct fields fields = { .count = 0 };
		add_end(&fields, call);
		*flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
		return nghttp2_submit_trailer(session, stream, fields.items, fields.count) == 0
				       ? (ssize_t)size
				       : NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	}
	call->deferred = size == 0;
	return size == 0 ? NGHTTP2_ERR_DEFERRED : (ssize_t)size;
}

/* There is something new in `out` or at its end. */
static void move(struct rpc_call *call) {
	nghttp2_session *session = call->connection->session;
	nghttp2_data_provider provider = { .source.ptr = call, .read_callback = read_out };
	struct fields fields = { .count = 0 };
	if (!call->began) {
		call->began = true;
		add_begin(&fields);
		give_up(call, nghttp2_submit_response(session, call->stream, fields.items,
					      fields.count, &provider));
	} else if (call->deferred) {
		call->deferred = false;
		give_up(call, nghttp2_session_resume_data(session, call->stream));
	}
}

void rpc_answer_message(struct rpc_call *call, struct bytes message) {
	uint8_t prefix[FRAMER_PREFIX];
	struct error err;
	if (call->finished || !call->open) {
		return;
	}
	call->out.limit = SIZE_MAX;
	framer_write_prefix(prefix, (uint32_t)message.size);
	if (!buf_append(&call->out, prefix, sizeof(prefix), &err) ||
			!buf_append(&call->out, message.data, message.size, &err)) {
		rpc_answer_failure(call, RPC_RESOURCE_EXHAUSTED, "no memory for the answer");
		return;
	}
	move(call);
}

/* `text` is encoded already, and taken. */
static void finish(struct rpc_call *call, enum rpc_status status, char *text) {
	if (call->finished || !call->open) {
		free(text);
		return;
	}
	call->finished = true;
	call->status = status;
	call->text = text;
	call->moved_ms = clock_ms();
	rpc_timers_remove(&call->loop->timers, call);
	if (call->began || call->out.size != 0) {
		move(call);
		return;
	}
	struct fields fields = { .count = 0 };
	call->began = true;
	add_begin(&fields);
	add_end(&fields, call);
	give_up(call, nghttp2_submit_response(call->connection->session, call->stream, fields.items,
				      fields.count, NULL));
}

void rpc_answer_finish(struct rpc_call *call, enum rpc_status status, const char *text) {
	finish(call, status,
			text != NULL ? header_percent_encode(text, RPC_MESSAGE_TEXT_MAX) : NULL);
}

void rpc_answer_failure(struct rpc_call *call, enum rpc_status status, const char *format, ...) {
	char text[ERROR_MESSAGE_MAX];
	va_list args;
	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	rpc_answer_finish(call, status, text);
}

/* Bytes that are no message: all that there are, then the end. */
static ssize_t read_words(nghttp2_session *session, int32_t stream, uint8_t *bytes, size_t room,
		uint32_t *flags, nghttp2_data_source *source, void *context) {
	struct rpc_call *call = source->ptr;
	(void)session, (void)stream, (void)context;
	size_t size = copy_out(call, bytes, room);
	if (call->out_at == call->out.size) {
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	}
	return (ssize_t)size;
}

void rpc_answer_http(struct rpc_call *call, const char *status) {
	static const char words[] = "This is a gRPC server: POST with application/grpc, please.\n";
	const nghttp2_data_provider provider = { .source.ptr = call, .read_callback = read_words };
	struct fields fields = { .count = 0 };
	struct error ignored;
	call->finished = call->began = true;
	call->out.limit = sizeof(words);
	(void)!buf_append(&call->out, words, sizeof(words) - 1, &ignored);
	add(&fields, ":status", status);
	add(&fields, "content-type", "text/plain");
	if (str_equal(status, "405")) {
		add(&fields, "allow", "POST");
	}
	give_up(call, nghttp2_submit_response(call->connection->session, call->stream, fields.items,
				      fields.count, &provider));
}

void rpc_answer_deliver(struct rpc_call *call) {
	struct rpc_answer *answer = &call->answer;
	call->handled = false;
	if (call->connection != NULL) {
		call->connection->held_calls--;
		call->delivered = call->answer_charged;
		call->connection->memory += call->delivered;
	}
	if (call->open && !call->finished) {
		if (answer->message != NULL) {
			call->out = (struct buf){ answer->message, answer->size, answer->size,
				SIZE_MAX };
			answer->message = NULL;
		}
		finish(call, answer->status, answer->text);
		answer->text = NULL;
	}
	rpc_call_settle(call);
}
