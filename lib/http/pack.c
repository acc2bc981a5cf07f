/* SPDX-License-Identifier: Apache-2.0 */
#include "http/pack.h"

#include <string.h>
#include <strings.h>
#include <zlib.h>

#include "base/str.h"

/* The fastest level: of a page of tasks it leaves a ninth. 16 more than the bits of the window:
 * gzip. */
enum { LEVEL = 1, WINDOW = 15 + 16, MEMORY = 8 };

static bool is_text(const char *type) {
	static const char *const heads[] = { "text/", "application/json", "application/yaml",
		"application/problem+json", "application/health+json",
		"application/openmetrics-text" };
	for (size_t i = 0; type != NULL && i < sizeof(heads) / sizeof(heads[0]); i++) {
		if (str_starts(type, heads[i])) {
			return true;
		}
	}
	return false;
}

static bool is_settled(const struct http_response *response) {
	static const char *const names[] = { "Content-Encoding", "Content-Range", "Vary" };
	for (size_t i = 0; i < HTTP_HEADERS_MAX && response->headers[i].name != NULL; i++) {
		for (size_t k = 0; k < sizeof(names) / sizeof(names[0]); k++) {
			if (strcasecmp(response->headers[i].name, names[k]) == 0) {
				return true;
			}
		}
	}
	return false;
}

bool pack_suits(const struct http_response *response) {
	return response->body.size >= PACK_MIN && is_text(response->type) && !is_settled(response);
}

/* One call does it: there is room for whatever comes. */
static bool deflate_all(z_stream *stream, struct bytes body, struct buf *out) {
	struct error ignored;
	size_t most = deflateBound(stream, (uLong)body.size);
	*out = BUF_INIT(most);
	if (body.size > UINT32_MAX / 2 || !buf_reserve(out, most, &ignored)) {
		return false;
	}
	stream->next_in = (Bytef *)(uintptr_t)body.data;
	stream->avail_in = (uInt)body.size;
	stream->next_out = out->data;
	stream->avail_out = (uInt)most;
	bool whole = deflate(stream, Z_FINISH) == Z_STREAM_END;
	out->size = whole ? most - stream->avail_out : 0;
	return whole;
}

bool pack_gzip(struct bytes body, struct buf *out) {
	z_stream stream = { 0 };
	if (deflateInit2(&stream, LEVEL, Z_DEFLATED, WINDOW, MEMORY, Z_DEFAULT_STRATEGY) != Z_OK) {
		return false;
	}
	bool done = deflate_all(&stream, body, out);
	(void)deflateEnd(&stream);
	return done;
}
