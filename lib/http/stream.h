/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The inside of an answer whose body goes on (http/server.h, http_reply_stream()): libmicrohttpd
 * asks for bytes when the client takes some; while there are none its connection is suspended.
 *
 * A resume that finds the connection not suspended would make the next suspension void, and nobody
 * would ask again: so whether it waits is known under a lock, which is held while it is asked.
 */
#include <microhttpd.h>
#include <pthread.h>
#include <stdbool.h>

#include "http/server.h"

struct http_stream {
	struct MHD_Connection *connection;
	const struct http_source *source; /* NULL: no stream */
	void *context;
	pthread_mutex_t lock;
	bool waiting; /* suspended for want of bytes */
};

/* The response for MHD; NULL when out of memory. The stream stays where it is until its end. */
struct MHD_Response *stream_open(struct http_stream *stream, struct MHD_Connection *connection,
		const struct http_source *source, void *context);
/* The request is over: tells the source, if there is one. */
void stream_finish(struct http_stream *stream);
