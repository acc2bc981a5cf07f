/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "manager/api.h"
#include "manager/history.h"
#include "manager/tasks.h"
#include "manager/workers.h"

struct view {
	struct metrics metrics; /* whose they are; borrowed */
	json_t *list;
};

static void see(void *context, const char *proplet_id, const struct sample *sample) {
	struct view *view = context;
	view->metrics.proplet_id = (char *)(uintptr_t)proplet_id;
	view->metrics.sample = *sample;
	json_array_append_new(view->list, metrics_view(&view->metrics));
}

static void answer(const struct history *history, const char *owner, struct view *view,
		struct deed *deed) {
	const struct page *page = deed->data;
	view->list = json_array();
	history_page(history, owner, page->offset, page->limit, see, view);
	deed_answer(deed, 200,
			json_pack("{s:I,s:I,s:I,s:o}", "offset", (json_int_t)page->offset, "limit",
					(json_int_t)page->limit, "total",
					(json_int_t)history_count(history, owner), "metrics",
					view->list));
}

static void apply_proplet(struct manager *m, struct deed *deed) {
	const struct page *page = deed->data;
	const struct worker *worker = api_find_worker(m, deed, page->id);
	if (worker != NULL) {
		struct view view = { .metrics.space = worker->proplet->space };
		answer(m->measured[METRICS_PROPLET], worker->proplet->id, &view, deed);
	}
}

static void apply_task(struct manager *m, struct deed *deed) {
	const struct page *page = deed->data;
	const struct task *task = tasks_get(m, page->id, &deed->err);
	if (task != NULL) {
		struct view view = { 0 };
		memcpy(view.metrics.task_id, task->id, sizeof(task->id));
		answer(m->measured[METRICS_TASK], task->id, &view, deed);
	}
}

void api_proplets_metrics(void *context, struct http_request *request) {
	api_submit_page(context, request, apply_proplet);
}

void api_tasks_metrics(void *context, struct http_request *request) {
	api_submit_page(context, request, apply_task);
}
