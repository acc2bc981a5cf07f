/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Requests that wait for a task to become final: GET /tasks/{id}?wait=SECONDS. Loop only,
 * but for wait_preferred(). */
#include "manager/manager.h"

/* The milliseconds of the preference `wait` in a Prefer header (RFC 7240, 4.3), NULL or not; 0 if
 * it has none that can be read: a preference is never an error. Pure. */
uint64_t wait_preferred(const char *header);
/* Keeps the request; it is answered with the task when that is final, or as it is at the deadline.
 */
void wait_add(struct manager *m, struct http_request *request, const char *task_id,
		uint64_t deadline_ms);
/* After the commit: answers whose task ended in this batch, and whose time is over. After a failed
 * batch nothing is known, so all look again. */
void wait_answer(struct manager *m, bool committed);
/* At the end of the program: answers all with what there is. */
void wait_cancel(struct manager *m);
