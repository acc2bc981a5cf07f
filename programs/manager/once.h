/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Idempotency-Key: a creation or a start that comes again under the same key is not done again but
 * answered as the first time, also after a restart of the manager, for ONCE_HOURS and the last
 * STORE_DONE_MAX of them. The same key with another request is ERROR_CLASH. What failed is not
 * noted: it may be tried again.
 *
 * Nothing of the request is stored but digests: of the key, and of what was asked.
 */
#include <jansson.h>

#include "manager/deed.h"
#include "store/store.h"

extern const char once_header[];

enum { ONCE_HOURS = 24 };

struct once {
	bool wanted; /* the request has a key */
	struct store_done done;
};

/* In the HTTP thread, from the request, its JSON (or NULL) and its module's digest (or ""): false
 * with ERROR_INVALID for a key that is none. */
bool once_read(struct once *once, struct http_request *request, const json_t *body,
		const char *digest, struct error *err) MUST_CHECK;
/* In the loop. False when it goes no further: the answer is an error. *before: it was done. */
bool once_find(struct manager *m, struct deed *deed, struct once *once, bool *before) MUST_CHECK;
/* In the loop, when it is done. False when the batch has failed. */
bool once_keep(struct manager *m, struct once *once, const char *task_id, uint64_t attempt);
