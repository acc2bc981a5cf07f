/* SPDX-License-Identifier: Apache-2.0 */
#include "http/stream.h"

enum { PIECE_MAX = 16 * 1024 };

static ssize_t read_piece(void *context, uint64_t position, char *to, size_t size) {
	struct http_stream *stream = context;
	(void)position;
	(void)pthread_mutex_lock(&stream->lock);
	long count = stream->source->read(stream->context, (uint8_t *)to, size);
	if (count == 0) {
		stream->waiting = true;
		MHD_suspend_connection(stream->connection);
	}
	(void)pthread_mutex_unlock(&stream->lock);
	if (count == HTTP_STREAM_BROKEN) {
		return MHD_CONTENT_READER_END_WITH_ERROR;
	}
	return count < 0 ? MHD_CONTENT_READER_END_OF_STREAM : count;
}

struct MHD_Response *stream_open(struct http_stream *stream, struct MHD_Connection *connection,
		const struct http_source *source, void *context) {
	stream->connection = connection;
	stream->source = source;
	stream->context = context;
	(void)pthread_mutex_init(&stream->lock, NULL);
	return MHD_create_response_from_callback(
			MHD_SIZE_UNKNOWN, PIECE_MAX, read_piece, stream, NULL);
}

void http_stream_wake(struct http_stream *stream) {
	(void)pthread_mutex_lock(&stream->lock);
	if (stream->waiting) {
		stream->waiting = false;
		MHD_resume_connection(stream->connection);
	}
	(void)pthread_mutex_unlock(&stream->lock);
}

void stream_finish(struct http_stream *stream) {
	if (stream->source != NULL) {
		stream->source->end(stream->context);
		(void)pthread_mutex_destroy(&stream->lock);
	}
}
