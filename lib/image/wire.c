/* SPDX-License-Identifier: Apache-2.0 */
#include "image/wire.h"

#include <curl/curl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "http/direct.h"

enum {
	TIMEOUT_MS = 600000,
	QUIET_MS = 30000,
	CONNECT_MS = 10000,
	REST_MAX = 64 * 1024,
	HEADERS_MAX = 256 * 1024,
	PLACE_MAX = 400,
	RECEIVE = 64 * 1024, /* libcurl's own 16 KiB make four times as many calls */
};

struct wire {
	CURL *curl;
	CURLM *multi;
	char *ca, *place; /* place: host and path of the URL, to be shown */
	uint64_t timeout_ms, until_ms, quiet_ms, heard_ms;
	atomic_bool cancelled;
	bool active, headed, paused, done, broken;
	CURLcode result;
	size_t headers_size; /* bytes of heads of this request */
	struct buf in;       /* of the body, not given yet */
	bool given;          /* what is in it was */
	struct wire_answer answer;
	struct curl_slist *headers;
	char said[CURL_ERROR_SIZE];
};

/* --- what the peer sends -----------------------------------------------------------------------
 */

static size_t on_body(char *data, size_t size, size_t count, void *context) {
	struct wire *wire = context;
	struct error ignored;
	wire->heard_ms = clock_ms();
	if (!buf_append(&wire->in, data, size * count, &ignored)) {
		wire->paused = true;
		return CURL_WRITEFUNC_PAUSE;
	}
	return size * count;
}

/* The value of a header line of that name, without spaces around it; NULL: another one. */
static char *header_value(const char *line, size_t size, const char *name) {
	size_t length = strlen(name);
	if (size <= length || line[length] != ':' || strncasecmp(line, name, length) != 0) {
		return NULL;
	}
	const char *from = line + length + 1, *end = line + size;
	while (from < end && strchr(" \t", *from) != NULL) {
		from++;
	}
	while (end > from && strchr(" \t\r\n", end[-1]) != NULL) {
		end--;
	}
	return mem_copy(from, (size_t)(end - from));
}

/* What does not fit counts as not said. */
static void take_location(struct wire_answer *answer, const char *value) {
	if (strlen(value) < sizeof(answer->location)) {
		memcpy(answer->location, value, strlen(value) + 1);
	}
}

static void take_challenge(struct wire_answer *answer, const char *value) {
	size_t have = strlen(answer->challenge), room = sizeof(answer->challenge) - have;
	if (strlen(value) + 3 < room) {
		(void)snprintf(answer->challenge + have, room, "%s%s", have != 0 ? ", " : "",
				value);
	}
}

static void take_digest(struct wire_answer *answer, const char *value) {
	if (strlen(value) < sizeof(answer->digest)) {
		memcpy(answer->digest, value, strlen(value) + 1);
	}
}

/* "bytes 10-99/100" */
static void take_range(struct wire_answer *answer, const char *value) {
	struct error ignored;
	uint64_t from;
	const char *hyphen = strchr(value, '-');
	if (!str_starts(value, "bytes ") || hyphen == NULL) {
		return;
	}
	CLEANUP(mem_freep) char *first = mem_copy(value + 6, (size_t)(hyphen - value) - 6);
	if (str_to_u64(first, &from, &ignored) && from <= INT64_MAX) {
		answer->range_from = (int64_t)from;
	}
}

/* Seconds, or a date. */
static void take_retry(struct wire_answer *answer, const char *value) {
	struct error ignored;
	uint64_t seconds = 0;
	if (!str_to_u64(value, &seconds, &ignored)) {
		time_t at = curl_getdate(value, NULL);
		int64_t left = at > 0 ? (int64_t)at - clock_wall_ns() / 1000000000 : 0;
		seconds = left > 0 ? (uint64_t)left : 0;
	}
	answer->retry_ms = seconds < UINT64_MAX / 1000 ? seconds * 1000 : UINT64_MAX;
}

static size_t on_header(char *data, size_t size, size_t count, void *context) {
	static const struct {
		const char *name;
		void (*take)(struct wire_answer *answer, const char *value);
	} rows[] = { { "Location", take_location }, { "WWW-Authenticate", take_challenge },
		{ "Docker-Content-Digest", take_digest }, { "Content-Range", take_range },
		{ "Retry-After", take_retry } };
	struct wire *wire = context;
	size_t length = size * count;
	long status = 0;
	wire->heard_ms = clock_ms();
	wire->headers_size += length;
	if (wire->headers_size > HEADERS_MAX) {
		return 0;
	}
	if (length > 5 && strncmp(data, "HTTP/", 5) == 0) {
		wire->answer = (struct wire_answer){ .length = -1, .range_from = -1 };
	}
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		CLEANUP(mem_freep) char *value = header_value(data, length, rows[i].name);
		if (value != NULL) {
			rows[i].take(&wire->answer, value);
		}
	}
	(void)curl_easy_getinfo(wire->curl, CURLINFO_RESPONSE_CODE, &status);
	if (length == 2 && data[0] == '\r' && status >= 200) {
		wire->headed = true;
	}
	return length;
}

/* --- one transfer ------------------------------------------------------------------------------
 */

static void end_transfer(struct wire *wire) {
	if (wire->active) {
		(void)curl_multi_remove_handle(wire->multi, wire->curl);
	}
	for (struct curl_slist *at = wire->headers; at != NULL; at = at->next) {
		explicit_bzero(at->data, strlen(at->data)); /* one may hold a credential */
	}
	curl_slist_free_all(wire->headers);
	wire->headers = NULL;
	wire->active = false;
}

static void add_header(struct wire *wire, const char *name, const char *value) {
	if (value != NULL) {
		char *line = str_format("%s: %s", name, value);
		wire->headers = curl_slist_append(wire->headers, line);
		explicit_bzero(line, strlen(line));
		free(line);
	}
}

static void set_headers(struct wire *wire, const struct wire_request *request) {
	CLEANUP(mem_freep)
	char *range = request->from == 0 ? NULL
					 : str_format("bytes=%llu-",
							   (unsigned long long)request->from);
	add_header(wire, "Accept", request->accept);
	add_header(wire, "Authorization", request->authorization);
	add_header(wire, "Range", range);
	(void)curl_easy_setopt(wire->curl, CURLOPT_HTTPHEADER, wire->headers);
}

static void set_up(struct wire *wire, const struct wire_request *request) {
	CURL *curl = wire->curl;
	curl_easy_reset(curl);
	wire->said[0] = 0;
	(void)curl_easy_setopt(curl, CURLOPT_URL, request->url);
	(void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
	/* HTTP/2 would keep what we do not read yet in memory, up to its window of 32 MiB. */
	(void)curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	(void)curl_easy_setopt(curl, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	(void)curl_easy_setopt(curl, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	(void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	direct_hosts(curl);
	(void)curl_easy_setopt(curl, CURLOPT_USERAGENT, "airscrew/" AIRSCREW_VERSION);
	(void)curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
	(void)curl_easy_setopt(curl, CURLOPT_BUFFERSIZE, (long)RECEIVE);
	(void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
	(void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, wire);
	(void)curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
	(void)curl_easy_setopt(curl, CURLOPT_HEADERDATA, wire);
	(void)curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, wire->said);
	(void)curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	if (wire->ca != NULL) {
		struct curl_blob blob = { wire->ca, strlen(wire->ca), CURL_BLOB_NOCOPY };
		(void)curl_easy_setopt(curl, CURLOPT_CAINFO_BLOB, &blob);
		(void)curl_easy_setopt(curl, CURLOPT_CAPATH, NULL); /* nor the system's */
	}
	set_headers(wire, request);
}

/* Host and path; a query may hold a signature. */
static void set_place(struct wire *wire, const char *url) {
	const char *scheme = strstr(url, "://");
	const char *from = scheme != NULL ? scheme + 3 : url;
	free(wire->place);
	size_t length = strcspn(from, "?#");
	wire->place = str_format("%.*s", length < PLACE_MAX ? (int)length : PLACE_MAX, from);
}

static bool check_time(struct wire *wire, uint64_t now, struct error *err) {
	if (atomic_load(&wire->cancelled)) {
		return error_set(err, ERROR_INTERRUPTED, "stopped while %s was fetched",
				wire->place != NULL ? wire->place : "an image");
	}
	if (now >= wire->until_ms) {
		return error_set(err, ERROR_TIMEOUT, "%s did not come within %llu s",
				wire->place != NULL ? wire->place : "an image",
				(unsigned long long)(wire->timeout_ms / 1000));
	}
	return true;
}

static bool check_quiet(struct wire *wire, uint64_t now, struct error *err) {
	if (now < wire->heard_ms + wire->quiet_ms) {
		return true;
	}
	wire->broken = true;
	return error_set(err, ERROR_TIMEOUT, "%s: nothing came for %llu s", wire->place,
			(unsigned long long)(wire->quiet_ms + 999) / 1000);
}

static void note_end(struct wire *wire) {
	int left;
	const CURLMsg *message = curl_multi_info_read(wire->multi, &left);
	wire->done = true;
	wire->result = message != NULL && message->msg == CURLMSG_DONE ? message->data.result
								       : CURLE_OK;
}

/* Lets the transfer go on, until there is something new or it is at its end. */
static bool step(struct wire *wire, struct error *err) {
	int running = 1;
	size_t before = wire->in.size;
	(void)curl_multi_perform(wire->multi, &running);
	uint64_t now = clock_ms();
	if (running == 0) {
		note_end(wire);
		return true;
	}
	if (!check_time(wire, now, err) || !check_quiet(wire, now, err)) {
		return false;
	}
	if (wire->in.size == before && !wire->headed) {
		uint64_t quiet = wire->heard_ms + wire->quiet_ms - now, left = wire->until_ms - now;
		uint64_t wait = quiet < left ? quiet : left;
		(void)curl_multi_poll(wire->multi, NULL, 0, wait < 1000 ? (int)wait : 1000, NULL);
	}
	return true;
}

/* Nothing that another try would change. */
static bool is_final(CURLcode code) {
	return code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE ||
	       code == CURLE_SSL_CONNECT_ERROR || code == CURLE_URL_MALFORMAT ||
	       code == CURLE_UNSUPPORTED_PROTOCOL || code == CURLE_COULDNT_RESOLVE_HOST;
}

static bool transfer_failed(struct wire *wire, struct error *err) {
	wire->broken = !is_final(wire->result);
	return error_set(err, ERROR_UNAVAILABLE, "%s: %s%s", wire->place,
			wire->said[0] != 0 ? wire->said : curl_easy_strerror(wire->result),
			wire->result == CURLE_SSL_CONNECT_ERROR
					? " (a registry that speaks plain HTTP has to be named for "
					  "that)"
					: "");
}

static bool await_head(struct wire *wire, struct error *err) {
	long status = 0;
	curl_off_t length = -1;
	while (!wire->headed && !wire->done) {
		if (!step(wire, err)) {
			return false;
		}
	}
	if (!wire->headed) {
		if (wire->result == CURLE_OK) {
			wire->result = CURLE_GOT_NOTHING;
		}
		return transfer_failed(wire, err);
	}
	(void)curl_easy_getinfo(wire->curl, CURLINFO_RESPONSE_CODE, &status);
	(void)curl_easy_getinfo(wire->curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
	wire->answer.status = (int)status;
	wire->answer.length = length;
	return true;
}

const struct wire_answer *wire_get(
		struct wire *wire, const struct wire_request *request, struct error *err) {
	end_transfer(wire);
	buf_clear(&wire->in);
	wire->answer = (struct wire_answer){ .length = -1, .range_from = -1 };
	wire->given = wire->headed = wire->paused = wire->done = wire->broken = false;
	wire->result = CURLE_OK;
	wire->headers_size = 0;
	set_place(wire, request->url);
	set_up(wire, request);
	wire->heard_ms = clock_ms();
	(void)curl_multi_add_handle(wire->multi, wire->curl);
	wire->active = true;
	if (!await_head(wire, err)) {
		end_transfer(wire);
		return NULL;
	}
	return &wire->answer;
}

static void make_room(struct wire *wire) {
	if (wire->given) {
		buf_clear(&wire->in);
		wire->given = false;
	}
	wire->heard_ms = clock_ms(); /* until now it was us who did not read */
	if (wire->paused && wire->in.size == 0) {
		wire->paused = false;
		(void)curl_easy_pause(wire->curl, CURLPAUSE_CONT);
	}
}

bool wire_read(struct wire *wire, struct bytes *piece, struct error *err) {
	wire->broken = false;
	*piece = (struct bytes){ 0 };
	make_room(wire);
	wire->headed = false; /* from here on only the body is news */
	while (wire->in.size == 0 && !wire->done) {
		if (!step(wire, err)) {
			return false;
		}
	}
	if (wire->in.size != 0) {
		*piece = (struct bytes){ wire->in.data, wire->in.size };
		wire->given = true;
		return true;
	}
	return wire->result == CURLE_OK || transfer_failed(wire, err);
}

void wire_rest(struct wire *wire, struct buf *out) {
	struct error ignored;
	struct bytes piece;
	for (size_t all = 0;
			all <= REST_MAX && wire_read(wire, &piece, &ignored) && piece.size != 0;
			all += piece.size) {
		if (out != NULL) {
			(void)buf_append_some(out, piece.data, piece.size);
		}
	}
	end_transfer(wire);
}

bool wire_broken(const struct wire *wire) {
	return wire->broken;
}

bool wire_pause(struct wire *wire, uint64_t ms, struct error *err) {
	uint64_t now = clock_ms(), until = now + ms;
	end_transfer(wire);
	if (until >= wire->until_ms) {
		return error_set(err, ERROR_TIMEOUT, "%s: there is no time left for another try",
				wire->place != NULL ? wire->place : "an image");
	}
	for (; now < until; now = clock_ms()) {
		uint64_t wait = until - now;
		if (!check_time(wire, now, err)) {
			return false;
		}
		(void)curl_multi_poll(wire->multi, NULL, 0, wait < 1000 ? (int)wait : 1000, NULL);
	}
	return true;
}

bool wire_may_wait(struct wire *wire, struct error *err) {
	return check_time(wire, clock_ms(), err);
}

void wire_cancel(struct wire *wire) {
	atomic_store(&wire->cancelled, true);
	(void)curl_multi_wakeup(wire->multi);
}

struct wire *wire_create(const struct wire_options *options, struct error *err) {
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		error_set(err, ERROR_INTERNAL, "the HTTP library does not start");
		return NULL;
	}
	struct wire *wire = MEM_NEW(struct wire);
	wire->curl = curl_easy_init();
	wire->multi = curl_multi_init();
	wire->ca = str_copy(options->ca);
	wire->quiet_ms = options->quiet_ms != 0 ? options->quiet_ms : QUIET_MS;
	wire->timeout_ms = options->timeout_ms != 0 ? options->timeout_ms : TIMEOUT_MS;
	wire->until_ms = clock_ms() + wire->timeout_ms;
	wire->in = BUF_INIT(WIRE_PIECE_MAX);
	return wire;
}

void wire_destroy(struct wire *wire) {
	if (wire != NULL) {
		end_transfer(wire);
		curl_easy_cleanup(wire->curl);
		(void)curl_multi_cleanup(wire->multi);
		buf_finish(&wire->in);
		free(wire->ca);
		free(wire->place);
		free(wire);
	}
}
