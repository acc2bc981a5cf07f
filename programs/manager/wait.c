/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/wait.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "manager/api.h"
#include "manager/deed.h"
#include "manager/tasks.h"

enum { PREFERRED_DIGITS = 12 };

uint64_t wait_preferred(const char *header) {
	for (const char *at = header; at != NULL && *at != 0; at += strcspn(at, ",")) {
		at += strspn(at, ", \t");
		size_t name = strcspn(at, "=, \t");
		bool waits = name == 4 && strncasecmp(at, "wait", name) == 0;
		at += name + strspn(at + name, " \t");
		at += strspn(at, "= \t\"");
		size_t digits = strspn(at, "0123456789");
		if (waits && digits != 0 && digits <= PREFERRED_DIGITS) {
			return strtoull(at, NULL, 10) * 1000;
		}
	}
	return 0;
}

void wait_add(struct manager *m, struct http_request *request, const char *task_id,
		uint64_t deadline_ms) {
	struct waiter *waiter = MEM_NEW(struct waiter);
	waiter->request = request;
	memcpy(waiter->task_id, task_id, UUID_SIZE);
	waiter->deadline_ms = deadline_ms;
	waiter->next = m->waiters;
	m->waiters = waiter;
	if (deadline_ms < m->next_wait_ms) {
		m->next_wait_ms = deadline_ms;
	}
}

/* A deed of its own, so that the answer is built like any other. */
static void answer(struct manager *m, const struct waiter *waiter) {
	struct deed *deed = MEM_NEW(struct deed);
	deed->request = waiter->request;
	api_answer_task(m, deed, waiter->task_id, 200);
	deed_close(deed);
}

static bool is_over(const struct manager *m, const struct waiter *waiter) {
	return waiter->deadline_ms <= m->now_ms || map_get(m->live, waiter->task_id) == NULL;
}

static void sweep(struct manager *m) {
	struct waiter **place = &m->waiters;
	m->next_wait_ms = UINT64_MAX;
	while (*place != NULL) {
		struct waiter *waiter = *place;
		if (is_over(m, waiter)) {
			*place = waiter->next;
			answer(m, waiter);
			free(waiter);
			continue;
		}
		if (waiter->deadline_ms < m->next_wait_ms) {
			m->next_wait_ms = waiter->deadline_ms;
		}
		place = &waiter->next;
	}
}

void wait_answer(struct manager *m, bool committed) {
	if (m->finished.count != 0 || !committed || m->now_ms >= m->next_wait_ms) {
		sweep(m);
	}
}

void wait_cancel(struct manager *m) {
	for (struct waiter *waiter = m->waiters; waiter != NULL; waiter = waiter->next) {
		waiter->deadline_ms = 0;
	}
	sweep(m);
}
