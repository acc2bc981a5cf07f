/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The REST API: each route makes a deed in an HTTP thread, the loop applies it.
 */
#include "manager/deed.h"
#include "manager/manager.h"

enum { API_PAGE_MAX = 100000 }; /* of what is in memory anyway */

/* All routes with the limits of the settings; valid as long as the process. */
const struct http_route *api_routes(const struct manager_settings *settings, size_t *count);

/* The task with its outcome and history as the answer, or the error why not. */
void api_answer_task(struct manager *m, struct deed *deed, const char *id, int status);

/* True unless the request has an If-Match that does not name the task as it is now: then the answer
 * is 412. */
bool api_is_current(struct manager *m, struct deed *deed, const struct task *task);

/* The same of anything: `view`, which it takes over, is what a GET of it answers now; `what` and
 * `id` are for the message. */
bool api_matches(struct deed *deed, const char *what, const char *id, json_t *view);

/* JSON of a client. A whole number that does not fit 64 bits becomes a real one (widen.h). */
json_t *api_parse(struct bytes text, json_error_t *where);

/* Query numbers; an error names the parameter. */
bool api_page(struct http_request *request, uint64_t limit_max, uint64_t *offset, uint64_t *limit,
		struct error *err) MUST_CHECK;

/* A page of somebody's something: the deed's data, for apply(); or the answer why not. */
struct page {
	uint64_t offset, limit;
	char id[]; /* as long as it is */
};
void api_submit_page(void *context, struct http_request *request,
		void (*apply)(struct manager *m, struct deed *deed));
/* NULL with the answer that there is none. */
struct worker *api_find_worker(struct manager *m, struct deed *deed, const char *id);

/* api_tasks.c, api_proplets.c, api_metrics.c: the handlers. */
void api_tasks_create(void *context, struct http_request *request);
void api_tasks_list(void *context, struct http_request *request);
void api_tasks_view(void *context, struct http_request *request);
void api_tasks_update(void *context, struct http_request *request);
void api_tasks_upload(void *context, struct http_request *request);
void api_tasks_delete(void *context, struct http_request *request);
void api_tasks_start(void *context, struct http_request *request);
void api_tasks_stop(void *context, struct http_request *request);
void api_tasks_results(void *context, struct http_request *request);
void api_tasks_placement(void *context, struct http_request *request);
void api_proplets_list(void *context, struct http_request *request);
void api_proplets_view(void *context, struct http_request *request);
void api_proplets_history(void *context, struct http_request *request);
void api_tasks_metrics(void *context, struct http_request *request);
void api_proplets_metrics(void *context, struct http_request *request);
void api_proplets_delete(void *context, struct http_request *request);
