/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/deed.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "manager/etag.h"
#include "manager/manager.h"

/* Messages that wait for the loop; more of them wait at the broker. */
enum { HEARD_MAX = 65536 };

static void discard(struct deed *deed) {
	if (deed->finish != NULL) {
		deed->finish(deed);
	}
	json_decref(deed->body);
	free(deed->text);
	free(deed);
}

static struct deed *make(struct http_request *request,
		void (*apply)(struct manager *m, struct deed *deed),
		void (*finish)(struct deed *deed), void *data) {
	struct deed *deed = MEM_NEW(struct deed);
	deed->request = request;
	deed->apply = apply;
	deed->finish = finish;
	deed->data = data;
	return deed;
}

void deed_submit(struct manager *m, struct http_request *request,
		void (*apply)(struct manager *m, struct deed *deed),
		void (*finish)(struct deed *deed), void *data, bool reads) {
	struct deed *deed = make(request, apply, finish, data);
	deed->reads = reads;
	deed->asked_us = clock_us();
	if (queue_try_put(m->queue, &deed->link)) {
		return;
	}
	if (queue_is_closed(m->queue)) {
		deed_fail(deed, ERROR_UNAVAILABLE, "the server is ending; try again in a moment");
	} else {
		deed_fail(deed, ERROR_BUSY, "too many requests at once; try again in a second");
	}
	deed_close(deed);
}

void deed_note(struct manager *m, void (*apply)(struct manager *m, struct deed *deed),
		void (*finish)(struct deed *deed), void *data) {
	struct deed *deed = make(NULL, apply, finish, data);
	if (!queue_put(m->queue, &deed->link)) {
		discard(deed);
	}
}

void deed_hear(struct manager *m, void (*apply)(struct manager *m, struct deed *deed),
		void (*finish)(struct deed *deed), void *data) {
	struct deed *deed = make(NULL, apply, finish, data);
	if (!queue_put_patiently(m->queue, &deed->link, HEARD_MAX)) {
		discard(deed);
	}
}

void deed_answer(struct deed *deed, int status, json_t *body) {
	json_decref(deed->body);
	deed->status = status;
	deed->body = body;
}

void deed_fail(struct deed *deed, enum error_code code, const char *format, ...) {
	char text[ERROR_MESSAGE_MAX];
	va_list args;
	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	error_set(&deed->err, code, "%s", text);
	deed->status = 0;
}

char *deed_text(const json_t *body) {
	CLEANUP(mem_freep) char *compact = json_dumps(body, JSON_COMPACT | JSON_ENCODE_ANY);
	return str_format("%s\n", compact != NULL ? compact : "");
}

static void add_header(struct http_response *response, const char *name, const char *value) {
	size_t at = 0;
	while (response->headers[at].name != NULL) {
		at++;
	}
	response->headers[at].name = name;
	response->headers[at].value = value;
}

/* The tag, and what follows from it for who has the same already. */
static void tag(const struct deed *deed, struct http_response *response, const char *text,
		char value[ETAG_SIZE]) {
	const char *known = http_header(deed->request, "If-None-Match");
	bool reads = strcmp(http_method(deed->request), "GET") == 0 ||
		     strcmp(http_method(deed->request), "HEAD") == 0;
	etag_of(text, value);
	if (http_form(deed->request, response) == HTTP_PACKED) {
		etag_pack(value);
	}
	add_header(response, "ETag", value);
	if (reads && known != NULL && etag_listed(known, value, true)) {
		response->status = 304; /* the server leaves the body away, and says its length */
	}
}

static void reply(struct deed *deed) {
	CLEANUP(mem_freep) char *text = NULL;
	char value[ETAG_SIZE];
	struct http_response response = { .status = deed->status };
	if (deed->body != NULL) {
		text = deed_text(deed->body);
		response.type = "application/json";
		response.body = (struct bytes){ (const uint8_t *)text, strlen(text) };
	} else if (deed->text != NULL) {
		response.type = deed->type;
		response.body = (struct bytes){ (const uint8_t *)deed->text, strlen(deed->text) };
	}
	if (deed->tagged && text != NULL) {
		tag(deed, &response, text, value);
	}
	if (deed->next_page[0] != 0) {
		add_header(&response, "Link", deed->next_page);
	}
	if (deed->replayed) {
		add_header(&response, "Idempotency-Replayed", "true");
	}
	if (deed->location[0] != 0) {
		add_header(&response, "Location", deed->location);
	}
	http_reply(deed->request, &response);
}

void deed_close(struct deed *deed) {
	if (deed->request != NULL && deed->status == 0) {
		http_reply_error(deed->request, &deed->err);
	} else if (deed->request != NULL && deed->status > 0) {
		reply(deed);
	}
	discard(deed);
}
