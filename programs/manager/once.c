/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/once.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/mem.h"
#include "manager/manager.h"
#include "manager/tickets.h"

const char once_header[] = "Idempotency-Key";

static void add_text(struct digest *digest, const char *text) {
	digest_update(digest, text, strlen(text) + 1);
}

/* The same request in other words (the order of its members) is the same request. */
static void describe(struct http_request *request, const json_t *body, const char *module,
		uint8_t out[DIGEST_SIZE]) {
	struct digest *digest = digest_create();
	CLEANUP(mem_freep) char *text = NULL;
	const char *id = http_param(request, "id");
	add_text(digest, id != NULL ? "start" : "create");
	add_text(digest, id != NULL ? id : "");
	add_text(digest, module);
	if (body != NULL) {
		text = json_dumps(body, JSON_COMPACT | JSON_SORT_KEYS);
		add_text(digest, text != NULL ? text : "");
	}
	digest_finish(digest, out);
	digest_destroy(digest);
}

bool once_read(struct once *once, struct http_request *request, const json_t *body,
		const char *digest, struct error *err) {
	const char *key = http_header(request, once_header);
	*once = (struct once){ .wanted = key != NULL };
	if (key == NULL) {
		return true;
	}
	if (!ticket_key(key)) {
		return error_set(err, ERROR_INVALID,
				       "header Idempotency-Key: expected 1 to %d printable ASCII "
				       "characters",
				       TICKET_KEY_MAX) ||
		       error_of(err, ERROR_IN_HEADER, once_header);
	}
	digest_of(key, strlen(key), once->done.key);
	describe(request, body, digest, once->done.request);
	return true;
}

bool once_find(struct manager *m, struct deed *deed, struct once *once, bool *before) {
	struct store_done found = once->done;
	*before = false;
	if (!once->wanted) {
		return true;
	}
	if (!store_done_find(m->store, &found, before, &deed->err)) {
		deed->status = 0;
		return false;
	}
	int64_t oldest = m->wall_ns - (int64_t)ONCE_HOURS * 3600 * 1000000000;
	*before = *before && found.at >= oldest;
	if (*before && memcmp(found.request, once->done.request, DIGEST_SIZE) != 0) {
		deed_fail(deed, ERROR_CLASH,
				"header Idempotency-Key: another request was done under this key; "
				"take a new one");
		return error_of(&deed->err, ERROR_IN_HEADER, once_header);
	}
	if (*before) {
		once->done = found;
	}
	return true;
}

bool once_keep(struct manager *m, struct once *once, const char *task_id, uint64_t attempt) {
	struct error err;
	if (!once->wanted || m->failed) {
		return !m->failed;
	}
	(void)snprintf(once->done.task_id, sizeof(once->done.task_id), "%s", task_id);
	once->done.attempt = attempt;
	once->done.at = m->wall_ns;
	int64_t oldest = m->wall_ns - (int64_t)ONCE_HOURS * 3600 * 1000000000;
	return manager_write(m) &&
	       manager_wrote(m, store_done_add(m->store, &once->done, oldest, &err), &err);
}
