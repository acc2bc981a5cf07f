/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * An HTTP client for a program that asks one thing after the other (libcurl easy). One client is
 * used by one thread at a time and keeps its connection.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/tls.h"

struct http_client_options {
	const char *base_url; /* "http://localhost:7070" */
	const char *token;    /* NULL: none */
	unsigned connect_ms;  /* 0: 5000 */
	/* For https: authorities (none: those of the system) and an own certificate (none: none).
	 * It has to outlive the client. */
	const struct tls_parts *tls;
};

struct http_client;
struct http_client *http_client_create(
		const struct http_client_options *options, struct error *err) MUST_CHECK;
void http_client_destroy(struct http_client *client);

struct http_call {
	const char *method;
	const char *path; /* "/tasks?limit=10" */
	const char *type; /* content type of the body, or NULL */
	struct bytes body;
	int file; /* > 0: the body is this file descriptor's content, streamed, from its start */
	uint64_t file_size;
	unsigned timeout_ms; /* 0: 60 s; for the whole call */
	/* Called now and then while a body is sent; may be NULL. */
	void (*progress)(void *context, uint64_t sent, uint64_t total);
	/*
	 * For answers that go on (Server-Sent Events): takes what comes of one whose status is
	 * below 400, instead of the answer's body; NULL: the body. `tick` is called about once a
	 * second all the while. Both may use other clients; false ends the call
	 * (ERROR_INTERRUPTED).
	 */
	bool (*take)(void *context, const void *bytes, size_t size);
	bool (*tick)(void *context);
	unsigned silence_seconds; /* an answer of which nothing comes for so long is over; 0: no
				     limit */
	void *context;
};
struct http_answer {
	int status;
	struct buf body;     /* the caller sets its limit before and finishes it after */
	char location[1024]; /* a registry writes the state of an upload into it */
	unsigned retry_after_seconds;
};
/*
 * True for every complete answer, whatever its status. False: ERROR_UNAVAILABLE (nobody listens, or
 * nobody that TLS trusts; with the address), ERROR_TIMEOUT, ERROR_TOO_LARGE (the answer),
 * ERROR_INVALID (URL).
 */
bool http_client_send(struct http_client *client, const struct http_call *call,
		struct http_answer *answer, struct error *err) MUST_CHECK;
/* Makes err from an answer >= 400: the code from the problem's type, else from the status; the
 * message from its detail or error. Returns false. */
bool http_answer_error(const struct http_answer *answer, struct error *err);
/* For parts of a path: percent-encoded, freed by the caller. */
char *http_escape(const char *text) MUST_CHECK;
