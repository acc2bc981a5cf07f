/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/2's events, as nghttp2 tells them, become calls. */
#include "base/clock.h"
#include "base/log.h"
#include "rpc/inside.h"

enum {
	STREAM_WINDOW = 256 * 1024,
	CONNECTION_WINDOW = 1024 * 1024,
	NUISANCES_MAX = 1000,      /* at once */
	NUISANCES_PER_SECOND = 100 /* that are forgiven */
};

/* --- what costs more than it brings ---------------------------------------------------------- */

bool rpc_stream_nuisance(struct rpc_connection *connection) {
	uint64_t now = clock_ms();
	uint64_t forgiven = (now - connection->nuisance_ms) * NUISANCES_PER_SECOND / 1000;
	if (forgiven != 0) {
		connection->nuisance -=
				forgiven < connection->nuisance ? forgiven : connection->nuisance;
		connection->nuisance_ms = now;
	}
	if (++connection->nuisance <= NUISANCES_MAX) {
		return true;
	}
	if (connection->nuisance == NUISANCES_MAX + 1) {
		log_warn("a gRPC client makes work without asking for anything, its connection "
			 "ends peer=%s",
				connection->peer);
	}
	(void)nghttp2_session_terminate_session(connection->session, NGHTTP2_ENHANCE_YOUR_CALM);
	return false;
}

/* --- frames ---------------------------------------------------------------------------------- */

static struct rpc_call *call_of(nghttp2_session *session, int32_t stream) {
	return nghttp2_session_get_stream_user_data(session, stream);
}

/*
 * A new stream whose number is below one seen before is a connection error (RFC 9113 section
 * 5.1.1), which nghttp2 lets pass, since it does not know it from trailers of a stream that it has
 * forgotten. Clients hardly ever leave numbers out; so remember the last few that were.
 */
static bool number_skipped(struct rpc_connection *connection, int32_t stream) {
	for (size_t i = 0; i < RPC_GAPS_MAX; i++) {
		if (stream >= connection->gaps[i].first && stream <= connection->gaps[i].last) {
			return true;
		}
	}
	return false;
}

static int begin_frame(nghttp2_session *session, const nghttp2_frame_hd *head, void *context) {
	struct rpc_connection *connection = context;
	if (head->type != NGHTTP2_HEADERS || head->stream_id % 2 == 0) {
		return 0;
	}
	if (head->stream_id > connection->last_stream) {
		if (head->stream_id > connection->last_stream + 2) {
			struct rpc_gap *gap =
					&connection->gaps[connection->gap_count++ % RPC_GAPS_MAX];
			*gap = (struct rpc_gap){ connection->last_stream + 1, head->stream_id - 1 };
		}
		connection->last_stream = head->stream_id;
	} else if (number_skipped(connection, head->stream_id)) {
		(void)nghttp2_session_terminate_session(session, NGHTTP2_PROTOCOL_ERROR);
	}
	return 0;
}

static int begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *context) {
	struct rpc_connection *connection = context;
	if (frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
		struct rpc_call *call = rpc_call_create(connection, frame->hd.stream_id);
		(void)nghttp2_session_set_stream_user_data(session, frame->hd.stream_id, call);
	}
	return 0;
}

static int take_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
		size_t name_size, const uint8_t *value, size_t value_size, uint8_t flags,
		void *context) {
	(void)flags, (void)context;
	struct rpc_call *call = call_of(session, frame->hd.stream_id);
	if (call == NULL || frame->headers.cat != NGHTTP2_HCAT_REQUEST) {
		return 0; /* gRPC's clients send no trailers */
	}
	return rpc_request_header(call, (struct bytes){ name, name_size },
			(struct bytes){ value, value_size });
}

static int take_data(nghttp2_session *session, uint8_t flags, int32_t stream, const uint8_t *data,
		size_t size, void *context) {
	(void)flags, (void)context;
	struct rpc_call *call = call_of(session, stream);
	if (call != NULL) {
		rpc_request_data(call, (struct bytes){ data, size });
	}
	/* Its memory was granted at the prefix, or it was dropped: the client may go on. */
	return nghttp2_session_consume(session, stream, size) == 0 ? 0
								   : NGHTTP2_ERR_CALLBACK_FAILURE;
}

static bool is_nuisance(const nghttp2_frame *frame) {
	switch (frame->hd.type) {
	case NGHTTP2_RST_STREAM:
	case NGHTTP2_PRIORITY:
	case NGHTTP2_SETTINGS: return (frame->hd.flags & NGHTTP2_FLAG_ACK) == 0;
	case NGHTTP2_PING: return (frame->hd.flags & NGHTTP2_FLAG_ACK) == 0;
	case NGHTTP2_DATA:
		return frame->hd.length == 0 && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0;
	default: return false;
	}
}

/* The client has heard the notice: what it sends from now on comes after it. */
static void take_pong(struct rpc_connection *connection) {
	connection->ping_ms = 0;
	if (connection->phase == RPC_PHASE_NOTICE) {
		rpc_connection_drain(connection);
	}
}

static void take_request(struct rpc_call *call, const nghttp2_frame *frame) {
	bool headers = frame->hd.type == NGHTTP2_HEADERS;
	if (headers && frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
		call->connection->used_ms = clock_ms();
		rpc_request_begin(call);
	}
	if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) {
		rpc_request_end(call);
	}
}

static int take_frame(nghttp2_session *session, const nghttp2_frame *frame, void *context) {
	struct rpc_connection *connection = context;
	if (is_nuisance(frame) && !rpc_stream_nuisance(connection)) {
		return 0;
	}
	if (frame->hd.type == NGHTTP2_SETTINGS && connection->phase == RPC_PHASE_PREFACE) {
		connection->phase = RPC_PHASE_OPEN;
		connection->phase_ms = clock_ms();
	}
	if (frame->hd.type == NGHTTP2_PING && (frame->hd.flags & NGHTTP2_FLAG_ACK) != 0) {
		take_pong(connection);
	}
	if (frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS) {
		struct rpc_call *call = call_of(session, frame->hd.stream_id);
		if (call != NULL) {
			take_request(call, frame);
		}
	}
	return 0;
}

/* A frame of an answer pays for a nuisance: clients measure their line by a PING for each piece. */
static void forgive(struct rpc_connection *connection) {
	connection->nuisance -= connection->nuisance != 0;
}

/* An answer before the request's end: the client need not send the rest (RFC 9113 section 8.1). */
static int frame_sent(nghttp2_session *session, const nghttp2_frame *frame, void *context) {
	if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) {
		return 0;
	}
	forgive(context);
	struct rpc_call *call = call_of(session, frame->hd.stream_id);
	if (call != NULL && !call->ended && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) {
		(void)nghttp2_submit_rst_stream(
				session, NGHTTP2_FLAG_NONE, frame->hd.stream_id, NGHTTP2_NO_ERROR);
	}
	return 0;
}

static int stream_closed(nghttp2_session *session, int32_t stream, uint32_t code, void *context) {
	struct rpc_connection *connection = context;
	struct rpc_call *call = call_of(session, stream);
	(void)code;
	if (call == NULL) {
		return 0;
	}
	connection->open_calls--;
	connection->used_ms = clock_ms();
	call->open = false;
	rpc_timers_remove(&call->loop->timers, call);
	rpc_call_cancel(call);
	rpc_call_settle(call);
	return 0;
}

/* --- the session ----------------------------------------------------------------------------- */

static nghttp2_session_callbacks *make_callbacks(void) {
	nghttp2_session_callbacks *all;
	if (nghttp2_session_callbacks_new(&all) != 0) {
		return NULL;
	}
	nghttp2_session_callbacks_set_on_begin_frame_callback(all, begin_frame);
	nghttp2_session_callbacks_set_on_begin_headers_callback(all, begin_headers);
	nghttp2_session_callbacks_set_on_header_callback(all, take_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(all, take_data);
	nghttp2_session_callbacks_set_on_frame_recv_callback(all, take_frame);
	nghttp2_session_callbacks_set_on_frame_send_callback(all, frame_sent);
	nghttp2_session_callbacks_set_on_stream_close_callback(all, stream_closed);
	return all;
}

static bool submit_settings(struct rpc_connection *connection) {
	const nghttp2_settings_entry settings[] = {
		{ NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS,
				connection->loop->server->options.streams_max },
		{ NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, STREAM_WINDOW },
		{ NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, RPC_HEADERS_MAX },
	};
	return nghttp2_submit_settings(connection->session, NGHTTP2_FLAG_NONE, settings,
			       sizeof(settings) / sizeof(settings[0])) == 0 &&
	       nghttp2_session_set_local_window_size(
			       connection->session, NGHTTP2_FLAG_NONE, 0, CONNECTION_WINDOW) == 0;
}

/* nghttp2 counts all resets alike; we let those pass who also wait for answers. */
static void leave_resets_to_us(nghttp2_option *option) {
	(void)option;
#ifdef RPC_RESETS_ARE_LIMITED
	nghttp2_option_set_stream_reset_rate_limit(option, UINT32_MAX, UINT32_MAX);
#endif
}

bool rpc_stream_session(struct rpc_connection *connection) {
	nghttp2_session_callbacks *callbacks = make_callbacks();
	nghttp2_option *option = NULL;
	bool ok = callbacks != NULL && nghttp2_option_new(&option) == 0;
	if (ok) {
		nghttp2_option_set_no_auto_window_update(option, 1);
		nghttp2_option_set_max_settings(option, 32);
		leave_resets_to_us(option);
		ok = nghttp2_session_server_new2(
				     &connection->session, callbacks, connection, option) == 0;
	}
	nghttp2_option_del(option);
	nghttp2_session_callbacks_del(callbacks);
	return ok && submit_settings(connection);
}
