/* SPDX-License-Identifier: Apache-2.0 */
/* Reading, starting and stopping tasks; creating and changing them is in admit.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "manager/api.h"
#include "manager/events.h"
#include "manager/keep.h"
#include "manager/once.h"
#include "manager/tasks.h"
#include "manager/tickets.h"
#include "manager/wait.h"

enum { PAGE_MAX = 100, WAIT_MAX_MS = 300 * 1000 };

struct viewing {
	char *id;
	uint64_t wait_ms;
};

static void free_data(struct deed *deed) {
	free(deed->data);
}

static void free_viewing(struct deed *deed) {
	struct viewing *viewing = deed->data;
	free(viewing->id);
	free(viewing);
}

static bool is_waiting_for(const struct manager *m, const struct task *task) {
	return map_get(m->live, task->id) != NULL;
}

static void apply_view(struct manager *m, struct deed *deed) {
	const struct viewing *viewing = deed->data;
	struct task *task = tasks_get(m, viewing->id, &deed->err);
	if (task == NULL) {
		return;
	}
	if (viewing->wait_ms != 0 && is_waiting_for(m, task)) {
		wait_add(m, deed->request, task->id, m->now_ms + viewing->wait_ms);
		deed->status = -1;
		return;
	}
	api_answer_task(m, deed, viewing->id, 200);
}

static bool read_wait(struct http_request *request, uint64_t *wait_ms, struct error *err) {
	const char *text = http_query(request, "wait");
	*wait_ms = 0;
	if (text == NULL) {
		*wait_ms = wait_preferred(http_header(request, "Prefer"));
	} else if (!str_to_duration_ms(text, wait_ms, err)) {
		return error_wrap(err, "invalid query parameters: wait") ||
		       error_of(err, ERROR_IN_QUERY, "wait");
	}
	*wait_ms = *wait_ms < WAIT_MAX_MS ? *wait_ms : WAIT_MAX_MS;
	return true;
}

void api_tasks_view(void *context, struct http_request *request) {
	struct error err;
	uint64_t wait_ms;
	if (!read_wait(request, &wait_ms, &err)) {
		http_reply_error(request, &err);
		return;
	}
	struct viewing *viewing = MEM_NEW(struct viewing);
	viewing->id = str_copy(http_param(request, "id"));
	viewing->wait_ms = wait_ms;
	deed_submit(context, request, apply_view, free_viewing, viewing, true);
}

struct listing {
	uint64_t offset, limit, cursor;
	bool by_cursor;
	json_t *metadata;
};

static void free_listing(struct deed *deed) {
	struct listing *listing = deed->data;
	json_decref(listing->metadata);
	free(listing);
}

struct collecting {
	struct manager *m;
	json_t *views;
};

static void collect(void *context, const struct task *task) {
	const struct collecting *collecting = context;
	json_array_append_new(collecting->views, task_view_short(task));
}

static void apply_list(struct manager *m, struct deed *deed) {
	const struct listing *listing = deed->data;
	struct collecting collecting = { m, json_array() };
	uint64_t total = 0;
	if (!store_task_list(m->store, listing->offset, listing->limit, listing->metadata, collect,
			    &collecting, &total, &deed->err)) {
		json_decref(collecting.views);
		return;
	}
	deed_answer(deed, 200,
			json_pack("{s:I,s:I,s:I,s:o}", "offset", (json_int_t)listing->offset,
					"limit", (json_int_t)listing->limit, "total",
					(json_int_t)total, "tasks", collecting.views));
}

static void apply_cursor(struct manager *m, struct deed *deed) {
	const struct listing *listing = deed->data;
	struct collecting collecting = { m, json_array() };
	uint64_t next = 0;
	if (!store_task_after(m->store, listing->cursor, listing->limit, collect, &collecting,
			    &next, &deed->err)) {
		json_decref(collecting.views);
		return;
	}
	char text[24] = "";
	if (next != 0) {
		(void)snprintf(text, sizeof(text), "%llu", (unsigned long long)next);
		(void)snprintf(deed->next_page, sizeof(deed->next_page),
				"</tasks?cursor=%s&limit=%llu>; rel=\"next\"", text,
				(unsigned long long)listing->limit);
	}
	deed_answer(deed, 200,
			json_pack("{s:I,s:s*,s:o}", "limit", (json_int_t)listing->limit,
					"next_cursor", next != 0 ? text : NULL, "tasks",
					collecting.views));
}

static bool read_cursor(struct http_request *request, struct listing *listing, struct error *err) {
	const char *text = http_query(request, "cursor");
	listing->by_cursor = text != NULL;
	listing->cursor = 0;
	if (text == NULL) {
		return true;
	}
	if (http_query(request, "offset") != NULL || http_query(request, "metadata") != NULL) {
		return error_set(err, ERROR_CLASH,
				       "invalid query parameters: cursor goes neither with offset "
				       "nor "
				       "with "
				       "metadata") ||
		       error_of(err, ERROR_IN_QUERY, "cursor");
	}
	return ticket_cursor(text, &listing->cursor, err) ||
	       error_wrap(err, "invalid query parameters: cursor") ||
	       error_of(err, ERROR_IN_QUERY, "cursor");
}

static bool read_filter(struct http_request *request, json_t **metadata, struct error *err) {
	const char *text = http_query(request, "metadata");
	*metadata = NULL;
	if (text == NULL) {
		return true;
	}
	json_error_t where;
	*metadata = api_parse((struct bytes){ (const uint8_t *)text, strlen(text) }, &where);
	if (!json_is_object(*metadata)) {
		json_decref(*metadata);
		*metadata = NULL;
		return error_set(err, ERROR_INVALID,
				       "invalid query parameters: metadata is a JSON object") ||
		       error_of(err, ERROR_IN_QUERY, "metadata");
	}
	return true;
}

void api_tasks_list(void *context, struct http_request *request) {
	struct listing listing;
	struct error err;
	if (!api_page(request, PAGE_MAX, &listing.offset, &listing.limit, &err) ||
			!read_cursor(request, &listing, &err) ||
			!read_filter(request, &listing.metadata, &err)) {
		http_reply_error(request, &err);
		return;
	}
	deed_submit(context, request, listing.by_cursor ? apply_cursor : apply_list, free_listing,
			mem_copy(&listing, sizeof(listing)), true);
}

struct starting {
	struct once once;
	char id[]; /* as long as it is */
};

static void answer_started(struct deed *deed, uint64_t attempt) {
	deed_answer(deed, 200,
			json_pack("{s:b,s:I}", "started", 1, "attempt", (json_int_t)attempt));
}

/* Unless that was done before under the same key. */
static void start(struct manager *m, struct deed *deed, struct task *task, struct once *once) {
	struct live *live = tasks_live(m, task->id);
	if (live != NULL && !task->queued) {
		deed_fail(deed, ERROR_CONFLICT,
				"task %s is %s already (attempt %llu); stop it first", task->id,
				task->state == TASK_RUNNING ? "running" : "starting",
				(unsigned long long)task->attempt);
		return;
	}
	if (live != NULL) {
		tasks_hurry(m, live);
	}
	if ((live != NULL || tasks_start(m, task, "all workers are busy", &deed->err)) &&
			once_keep(m, once, task->id, task->attempt)) {
		answer_started(deed, task->attempt);
	}
}

static void apply_start(struct manager *m, struct deed *deed) {
	struct starting *starting = deed->data;
	struct task *task = tasks_get(m, starting->id, &deed->err);
	bool before;
	if (task == NULL || !once_find(m, deed, &starting->once, &before)) {
		return;
	}
	if (before) {
		answer_started(deed, starting->once.done.attempt);
		deed->replayed = true;
	} else if (api_is_current(m, deed, task)) {
		start(m, deed, task, &starting->once);
	}
}

static void apply_stop(struct manager *m, struct deed *deed) {
	struct task *task = tasks_get(m, deed->data, &deed->err);
	if (task == NULL || !api_is_current(m, deed, task)) {
		return;
	}
	struct live *live = tasks_live(m, task->id);
	if (live == NULL) {
		deed_fail(deed, ERROR_CONFLICT, "task %s is not running: it is %s", task->id,
				task_state_name(task->state));
		return;
	}
	tasks_stop(m, live);
	deed_answer(deed, 200, json_pack("{s:b}", "stopped", 1));
}

static void apply_delete(struct manager *m, struct deed *deed) {
	struct error err;
	struct task *task = tasks_get(m, deed->data, &deed->err);
	if (task == NULL || !api_is_current(m, deed, task)) {
		return;
	}
	if (tasks_live(m, task->id) != NULL) {
		deed_fail(deed, ERROR_CONFLICT, "task %s is %s; stop it first", task->id,
				task_state_name(task->state));
		return;
	}
	if (manager_write(m) &&
			manager_wrote(m, store_task_delete(m->store, task->id, &err), &err)) {
		keep_forget(m, METRICS_TASK, task->id);
		events_task_deleted(m, task->id);
		if (task->work.digest[0] != 0) {
			strings_add(&m->orphans, task->work.digest);
		}
		deed_answer(deed, 204, NULL);
	}
}

/* Propeller answers an empty body while there are no results; clients stumble over that, so: null.
 */
static void apply_results(struct manager *m, struct deed *deed) {
	struct task *task = tasks_get(m, deed->data, &deed->err);
	if (task != NULL) {
		json_t *results = task->outcome.results;
		deed_answer(deed, 200,
				json_pack("{s:o}", "results",
						results != NULL ? json_incref(results)
								: json_null()));
	}
}

static void apply_placement(struct manager *m, struct deed *deed) {
	struct task *task = tasks_get(m, deed->data, &deed->err);
	if (task != NULL) {
		deed_answer(deed, 200, place_explain(m, task));
	}
}

static void submit(void *context, struct http_request *request,
		void (*apply)(struct manager *m, struct deed *deed), bool reads) {
	deed_submit(context, request, apply, free_data, str_copy(http_param(request, "id")), reads);
}

void api_tasks_start(void *context, struct http_request *request) {
	const char *id = http_param(request, "id");
	struct starting *starting = mem_zero(1, sizeof(*starting) + strlen(id) + 1);
	struct error err;
	memcpy(starting->id, id, strlen(id) + 1);
	if (!once_read(&starting->once, request, NULL, "", &err)) {
		free(starting);
		http_reply_error(request, &err);
		return;
	}
	deed_submit(context, request, apply_start, free_data, starting, false);
}

void api_tasks_stop(void *context, struct http_request *request) {
	submit(context, request, apply_stop, false);
}

void api_tasks_delete(void *context, struct http_request *request) {
	submit(context, request, apply_delete, false);
}

void api_tasks_results(void *context, struct http_request *request) {
	submit(context, request, apply_results, true);
}

void api_tasks_placement(void *context, struct http_request *request) {
	submit(context, request, apply_placement, true);
}
