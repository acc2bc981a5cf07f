/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A deed: one thing that somebody wants of the manager, on its way through the loop.
 *
 * Any thread makes one and puts it on the queue; the loop applies it, commits, answers its request
 * (if it has one) and destroys it. A deed that only reads is applied again if the batch fails.
 */
#include <jansson.h>
#include <stdbool.h>

#include "base/error.h"
#include "base/queue.h"
#include "http/server.h"

struct manager;

struct deed {
	struct queue_item link;
	void (*apply)(struct manager *m, struct deed *deed);
	void (*finish)(struct deed *deed); /* frees `data`; may be NULL */
	void *data;
	bool reads; /* changes nothing */

	struct http_request *request; /* NULL: nobody waits for an answer */
	uint64_t asked_us;            /* when it came: clock_us() */
	int status;                   /* of the answer; 0: error below; -1: answered later */
	json_t *body;                 /* or NULL */
	char *text;                   /* an answer that is no JSON, of this type; or NULL */
	const char *type;
	char location[64];
	char next_page[96]; /* the Link to it */
	bool replayed;      /* it was done before: see once.h */
	bool tagged;        /* the answer has an ETag, and to If-None-Match may be 304 */
	struct error err;
};

/* Puts a deed for a request on the queue, or answers 429 when there is too much at once, 503 at the
 * end. */
void deed_submit(struct manager *m, struct http_request *request,
		void (*apply)(struct manager *m, struct deed *deed),
		void (*finish)(struct deed *deed), void *data, bool reads);
/* Puts a deed that nobody waits for, however full the queue is. */
void deed_note(struct manager *m, void (*apply)(struct manager *m, struct deed *deed),
		void (*finish)(struct deed *deed), void *data);
/* The same for what comes from the broker, in its thread: waits while too much is there already. */
void deed_hear(struct manager *m, void (*apply)(struct manager *m, struct deed *deed),
		void (*finish)(struct deed *deed), void *data);
/* The answer, in apply(): takes the body over. */
void deed_answer(struct deed *deed, int status, json_t *body);
void deed_fail(struct deed *deed, enum error_code code, const char *format, ...) PRINTF(3, 4);
/* JSON as answers have it, with a newline; freed by the caller. */
char *deed_text(const json_t *body);
/* Sends what apply() has left, and frees the deed. */
void deed_close(struct deed *deed);
