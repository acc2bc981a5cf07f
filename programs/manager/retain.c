/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/retain.h"

#include "base/log.h"
#include "manager/events.h"
#include "manager/keep.h"

enum { TURN_MS = 60 * 1000, STEP_MS = 100 };

static void remove_all(
		struct manager *m, const struct strings *ids, const struct strings *digests) {
	struct error err;
	for (size_t i = 0; i < ids->count; i++) {
		if (!manager_write(m) ||
				!manager_wrote(m, store_task_delete(m->store, ids->items[i], &err),
						&err)) {
			return;
		}
		keep_forget(m, METRICS_TASK, ids->items[i]);
		events_task_deleted(m, ids->items[i]);
		if (digests->items[i][0] != 0) {
			strings_add(&m->orphans, digests->items[i]);
		}
	}
	if (ids->count != 0) {
		log_info("removed tasks that ended long ago count=%zu", ids->count);
	}
}

void retain_tick(struct manager *m) {
	struct error err;
	struct strings ids = { 0 }, digests = { 0 };
	uint64_t retention_ms = m->settings->retention_ms;
	if (retention_ms == 0 || m->failed || m->now_ms < m->next_retain_ms) {
		m->next_retain_ms = retention_ms == 0 ? UINT64_MAX : m->next_retain_ms;
		return;
	}
	int64_t before = m->wall_ns - (int64_t)retention_ms * 1000000;
	if (store_task_expired(m->store, before, &m->retain_cursor, &ids, &digests, &err)) {
		remove_all(m, &ids, &digests);
	} else {
		log_warn("old tasks cannot be looked for error=\"%s\"", err.message);
		m->retain_cursor = 0;
	}
	m->next_retain_ms = m->now_ms + (m->retain_cursor == 0 ? TURN_MS : STEP_MS);
	strings_finish(&ids);
	strings_finish(&digests);
}
