/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bodies of uploads in pieces: JSON with a base64 file, multipart, bare base64. The first byte
 * chooses the form, the second one how long the pieces are; what comes out must not depend on it.
 */
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "manager/multipart.h"
#include "manager/splitter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { OUT_MAX = 1 << 20 };

static bool collect(void *context, struct bytes piece, struct error *err) {
	return buf_append(context, piece.data, piece.size, err);
}

static bool feed_json(struct bytes body, size_t step, struct buf *out) {
	struct error err;
	struct buf rest = BUF_INIT(OUT_MAX);
	struct splitter splitter = { .rest = &rest, .file = collect, .context = out };
	bool sound = true;
	for (size_t at = 0; sound && at < body.size; at += step) {
		size_t piece = body.size - at < step ? body.size - at : step;
		sound = splitter_feed(&splitter, (struct bytes){ body.data + at, piece }, &err);
	}
	buf_finish(&rest);
	return sound;
}

static bool feed_parts(struct bytes body, size_t step, struct buf *out) {
	struct error err;
	struct multipart multipart = { .file = collect, .context = out };
	bool sound = multipart_init(&multipart, "multipart/form-data; boundary=XX", &err);
	for (size_t at = 0; sound && at < body.size; at += step) {
		size_t piece = body.size - at < step ? body.size - at : step;
		sound = multipart_feed(&multipart, (struct bytes){ body.data + at, piece }, &err);
	}
	multipart_finish(&multipart);
	return sound;
}

static bool feed_base64(struct bytes body, size_t step, struct buf *out) {
	struct error err;
	struct base64_stream stream = { 0 };
	uint8_t decoded[3 * (256 / 4 + 1)];
	for (size_t at = 0; at < body.size; at += step) {
		size_t piece = body.size - at < step ? body.size - at : step, written;
		if (!base64_stream_feed(&stream, (const char *)body.data + at, piece, decoded,
				    &written, &err) ||
				!buf_append(out, decoded, written, &err)) {
			return false;
		}
	}
	return base64_stream_end(&stream, &err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	static bool (*const feeds[])(struct bytes body, size_t step,
			struct buf * out) = { feed_json, feed_parts, feed_base64 };
	if (size < 2) {
		return 0;
	}
	bool (*feed)(struct bytes, size_t, struct buf *) = feeds[data[0] % 3];
	struct bytes body = { data + 2, size - 2 };
	struct buf whole = BUF_INIT(OUT_MAX), pieces = BUF_INIT(OUT_MAX);
	bool sound = feed(body, 256, &whole);
	bool again = feed(body, data[1] % 255 + 1U, &pieces);
	if (sound != again ||
			(sound && (whole.size != pieces.size ||
						  (whole.size != 0 &&
								  memcmp(whole.data, pieces.data,
										  whole.size) !=
										  0)))) {
		abort();
	}
	buf_finish(&whole);
	buf_finish(&pieces);
	return 0;
}
