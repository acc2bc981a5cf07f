/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/multipart.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "manager/media.h"

enum { HELD_MAX = 1024 * 1024, HEADERS_MAX = 16 * 1024 };

bool multipart_init(struct multipart *m, const char *content_type, struct error *err) {
	char boundary[MULTIPART_BOUNDARY_MAX + 1];
	if (!media_parameter(content_type, "boundary", boundary, sizeof(boundary)) ||
			boundary[0] == 0) {
		return error_set(err, ERROR_INVALID,
				"Content-Type: multipart/form-data has no sound boundary");
	}
	(void)snprintf(m->delimiter, sizeof(m->delimiter), "\r\n--%s", boundary);
	m->held = BUF_INIT(HELD_MAX);
	m->place = MULTIPART_PREAMBLE;
	struct error ignored;
	return buf_append(&m->held, "\r\n", 2,
			&ignored); /* the first delimiter has no line before it */
}

static void drop(struct multipart *m, size_t size) {
	m->held.size -= size;
	memmove(m->held.data, m->held.data + size, m->held.size);
}

static const uint8_t *find(const struct multipart *m, const char *what) {
	return m->held.size == 0 ? NULL : memmem(m->held.data, m->held.size, what, strlen(what));
}

static bool names_file(char *headers) {
	static const char disposition[] = "Content-Disposition:";
	char *more = headers;
	for (char *line; (line = strsep(&more, "\n")) != NULL;) {
		char name[sizeof("file")];
		line[strcspn(line, "\r")] = 0;
		if (strncasecmp(line, disposition, strlen(disposition)) == 0 &&
				media_parameter(line, "name", name, sizeof(name)) &&
				strcmp(name, "file") == 0) {
			return true;
		}
	}
	return false;
}

/* Behind a delimiter: "--" ends it all, else headers up to an empty line. */
static bool read_headers(struct multipart *m, bool *more, struct error *err) {
	*more = false;
	if (m->held.size < 2) {
		return true;
	}
	if (memcmp(m->held.data, "--", 2) == 0) {
		m->place = MULTIPART_END;
		return true;
	}
	const uint8_t *end = find(m, "\r\n\r\n");
	if (end == NULL) {
		return m->held.size <= HEADERS_MAX ||
		       error_set(err, ERROR_INVALID, "multipart: a part has too long headers");
	}
	m->held.data[end - m->held.data] = 0;
	m->in_file = names_file((char *)m->held.data);
	if (m->in_file && m->seen_file) {
		return error_set(err, ERROR_INVALID, "multipart: there are two parts \"file\"");
	}
	m->seen_file = m->seen_file || m->in_file;
	drop(m, (size_t)(end - m->held.data) + 4);
	m->place = MULTIPART_BODY;
	*more = true;
	return true;
}

static bool give(struct multipart *m, size_t size, struct error *err) {
	if (m->place == MULTIPART_BODY && m->in_file && size != 0 &&
			!m->file(m->context, (struct bytes){ m->held.data, size }, err)) {
		return false;
	}
	drop(m, size);
	return true;
}

/* The content up to a delimiter, or up to what may be the beginning of one. */
static bool read_body(struct multipart *m, bool *more, struct error *err) {
	const uint8_t *end = find(m, m->delimiter);
	size_t tail = strlen(m->delimiter) - 1;
	*more = end != NULL;
	if (end == NULL) {
		return m->held.size <= tail || give(m, m->held.size - tail, err);
	}
	if (!give(m, (size_t)(end - m->held.data), err)) {
		return false;
	}
	drop(m, strlen(m->delimiter));
	m->place = MULTIPART_HEADERS;
	return true;
}

static bool advance(struct multipart *m, struct error *err) {
	bool more = true;
	while (more && m->place != MULTIPART_END) {
		bool ok = m->place == MULTIPART_HEADERS ? read_headers(m, &more, err)
							: read_body(m, &more, err);
		if (!ok) {
			return false;
		}
	}
	return true;
}

bool multipart_feed(struct multipart *m, struct bytes piece, struct error *err) {
	enum { STEP = 256 * 1024 };
	for (size_t at = 0; at < piece.size && m->place != MULTIPART_END;) {
		size_t size = piece.size - at < STEP ? piece.size - at : STEP;
		if (!buf_append(&m->held, piece.data + at, size, err) || !advance(m, err)) {
			return false;
		}
		at += size;
	}
	return true;
}

bool multipart_is_whole(const struct multipart *m, struct error *err) {
	return m->place == MULTIPART_END ||
	       error_set(err, ERROR_INVALID, "multipart: the body ends before its last boundary");
}

void multipart_finish(struct multipart *m) {
	buf_finish(&m->held);
}
