/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The content of the part named "file" out of multipart/form-data (RFC 7578) that arrives piece by
 * piece. Other parts are skipped. Part headers are bounded. Two such parts are an error.
 */
#include <stdbool.h>

#include "base/buf.h"
#include "base/bytes.h"

enum { MULTIPART_BOUNDARY_MAX = 70 }; /* RFC 2046 */

struct multipart {
	bool (*file)(void *context, struct bytes piece, struct error *err);
	void *context;
	char delimiter[MULTIPART_BOUNDARY_MAX + 8]; /* "\r\n--boundary" */
	struct buf held; /* bytes that may be the beginning of a delimiter, or part headers */
	enum { MULTIPART_PREAMBLE, MULTIPART_HEADERS, MULTIPART_BODY, MULTIPART_END } place;
	bool in_file, seen_file;
};

/* From the Content-Type header; ERROR_INVALID without a sound boundary. */
bool multipart_init(struct multipart *multipart, const char *content_type,
		struct error *err) MUST_CHECK;
bool multipart_feed(struct multipart *multipart, struct bytes piece, struct error *err) MUST_CHECK;
/* Whether the last boundary has come. */
bool multipart_is_whole(const struct multipart *multipart, struct error *err) MUST_CHECK;
void multipart_finish(struct multipart *multipart);
