/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/api.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "base/version.h"
#include "manager/backup.h"
#include "manager/dashboard.h"
#include "manager/etag.h"
#include "manager/events.h"
#include "manager/openapi.h"
#include "manager/tasks.h"
#include "manager/tokens.h"
#include "manager/upload.h"
#include "manager/widen.h"

enum { BODY_MAX = 4 * 1024 * 1024, HISTORY_MAX = 1000 };

static void health(void *context, struct http_request *request) {
	const struct manager *m = context;
	CLEANUP(mem_freep)
	char *text = str_format("{\"status\":\"pass\",\"version\":\"%s\",\"commit\":\"\","
				"\"description\":\"manager service\","
				"\"build_time\":\"\",\"instance_id\":\"%s\"}\n",
			AIRSCREW_VERSION, m->settings->client_id);
	const struct http_response response = { .status = 200,
		.type = "application/health+json",
		.body = { (const uint8_t *)text, strlen(text) } };
	http_reply(request, &response);
}

static void describe(void *context, struct http_request *request) {
	const struct http_response response = {
		.status = 200, .type = "application/yaml", .body = { openapi, openapi_size }
	};
	(void)context;
	http_reply(request, &response);
}

/* For clients that leave out what they would only be refused. */
static void whoami(void *context, struct http_request *request) {
	CLEANUP(mem_freep)
	char *text = str_format("{\"role\":\"%s\"}\n", tokens_role_name(http_rank(request)));
	const struct http_response response = { .status = 200,
		.type = "application/json",
		.body = { (const uint8_t *)text, strlen(text) } };
	(void)context;
	http_reply(request, &response);
}

/* Each is open or names a rank: api_test.c; one that forgot it would be for MANAGER_HTTP_TOKEN
 * alone. */
static const struct http_route table[] = {
	{ .method = "GET", .pattern = "/health", .handler = health, .open = true },
	{ .method = "GET", .pattern = "/whoami", .handler = whoami, .rank = ROLE_VIEWER },
	{ .method = "GET", .pattern = "/metrics", .handler = api_figures, .rank = ROLE_VIEWER },
	{ .method = "GET", .pattern = "/events", .handler = api_events, .rank = ROLE_VIEWER },
	{ .method = "GET", .pattern = "/backup", .handler = api_backup, .rank = ROLE_ADMIN },
	{ .method = "GET", .pattern = "/openapi.yaml", .handler = describe, .open = true },
	{ .method = "GET", .pattern = "/", .handler = dashboard_move, .open = true, .exact = true },
	{ .method = "GET",
			.pattern = "/dashboard",
			.handler = dashboard_move,
			.open = true,
			.exact = true },
	{ .method = "GET",
			.pattern = "/dashboard/",
			.handler = dashboard_page,
			.open = true,
			.exact = true },
	{ .method = "GET",
			.pattern = "/dashboard/{file}",
			.handler = dashboard_page,
			.open = true,
			.exact = true },
	{ .method = "POST",
			.pattern = "/tasks",
			.handler = api_tasks_create,
			.rank = ROLE_OPERATOR,
			.sink = &upload_sink },
	{ .method = "GET", .pattern = "/tasks", .handler = api_tasks_list, .rank = ROLE_VIEWER },
	{ .method = "GET",
			.pattern = "/tasks/{id}",
			.handler = api_tasks_view,
			.rank = ROLE_VIEWER },
	{ .method = "PUT",
			.pattern = "/tasks/{id}",
			.handler = api_tasks_update,
			.rank = ROLE_OPERATOR,
			.sink = &upload_sink },
	{ .method = "DELETE",
			.pattern = "/tasks/{id}",
			.handler = api_tasks_delete,
			.rank = ROLE_OPERATOR },
	{ .method = "PUT",
			.pattern = "/tasks/{id}/upload",
			.handler = api_tasks_upload,
			.rank = ROLE_OPERATOR,
			.sink = &upload_sink },
	{ .method = "POST",
			.pattern = "/tasks/{id}/start",
			.handler = api_tasks_start,
			.rank = ROLE_OPERATOR },
	{ .method = "POST",
			.pattern = "/tasks/{id}/stop",
			.handler = api_tasks_stop,
			.rank = ROLE_OPERATOR },
	{ .method = "GET",
			.pattern = "/tasks/{id}/results",
			.handler = api_tasks_results,
			.rank = ROLE_VIEWER },
	{ .method = "GET",
			.pattern = "/tasks/{id}/placement",
			.handler = api_tasks_placement,
			.rank = ROLE_VIEWER },
	{ .method = "GET",
			.pattern = "/tasks/{id}/metrics",
			.handler = api_tasks_metrics,
			.rank = ROLE_VIEWER },
	{ .method = "GET",
			.pattern = "/proplets",
			.handler = api_proplets_list,
			.rank = ROLE_VIEWER },
	{ .method = "GET",
			.pattern = "/proplets/{id}",
			.handler = api_proplets_view,
			.rank = ROLE_VIEWER },
	{ .method = "GET",
			.pattern = "/proplets/{id}/alive-history",
			.handler = api_proplets_history,
			.rank = ROLE_VIEWER },
	{ .method = "GET",
			.pattern = "/proplets/{id}/metrics",
			.handler = api_proplets_metrics,
			.rank = ROLE_VIEWER },
	{ .method = "DELETE",
			.pattern = "/proplets/{id}",
			.handler = api_proplets_delete,
			.rank = ROLE_ADMIN },
};

enum { ROUTES = sizeof(table) / sizeof(table[0]) };

/* Uploads may be as long as the longest module in base64, and what stands around it. */
const struct http_route *api_routes(const struct manager_settings *settings, size_t *count) {
	struct http_route *routes = mem_copy(table, sizeof(table));
	for (size_t i = 0; i < ROUTES; i++) {
		if (routes[i].sink != NULL) {
			routes[i].body_max = (size_t)settings->module_max / 3 * 4 + BODY_MAX;
		}
	}
	*count = ROUTES;
	return routes;
}

static void free_moves(struct move *moves, size_t count) {
	for (size_t i = 0; i < count; i++) {
		free(moves[i].cause);
	}
	free(moves);
}

/* The whole view; NULL with err. */
static json_t *view_task(struct manager *m, const struct task *task, struct error *err) {
	struct move *moves = NULL;
	size_t count = 0;
	if (!store_moves(m->store, task->id, HISTORY_MAX, &moves, &count, err)) {
		return NULL;
	}
	json_t *view = task_view(task, moves, count);
	free_moves(moves, count);
	return view;
}

void api_answer_task(struct manager *m, struct deed *deed, const char *id, int status) {
	const struct task *task = tasks_get(m, id, &deed->err);
	json_t *view = task != NULL ? view_task(m, task, &deed->err) : NULL;
	if (view == NULL) {
		deed->status = 0;
		return;
	}
	deed_answer(deed, status, view);
	deed->tagged = true;
}

bool api_matches(struct deed *deed, const char *what, const char *id, json_t *view) {
	const char *wanted = http_header(deed->request, "If-Match");
	char tag[ETAG_SIZE], packed[ETAG_SIZE];
	CLEANUP(mem_freep) char *text = deed_text(view);
	json_decref(view);
	etag_of(text, tag);
	memcpy(packed, tag, sizeof(packed));
	etag_pack(packed);
	if (wanted != NULL && !etag_listed(wanted, tag, false) &&
			!etag_listed(wanted, packed, false)) {
		deed_fail(deed, ERROR_STALE,
				"%s %s is not what If-Match says: it is %s now; read it again",
				what, id, tag);
		return false;
	}
	return true;
}

bool api_is_current(struct manager *m, struct deed *deed, const struct task *task) {
	if (http_header(deed->request, "If-Match") == NULL) {
		return true;
	}
	json_t *view = view_task(m, task, &deed->err);
	return view != NULL && api_matches(deed, "task", task->id, view);
}

json_t *api_parse(struct bytes text, json_error_t *where) {
	const char *bytes = (const char *)text.data;
	json_t *json = json_loadb(bytes, text.size, JSON_ALLOW_NUL, where);
	if (json == NULL && json_error_code(where) == json_error_numeric_overflow) {
		struct buf wide = BUF_INIT(text.size + text.size / 8 + 2);
		struct error ignored;
		if (widen_numbers(text, &wide, &ignored)) {
			json = json_loadb(buf_text(&wide), wide.size, JSON_ALLOW_NUL, where);
		}
		buf_finish(&wide);
	}
	return json;
}

static bool number(struct http_request *request, const char *name, uint64_t *value,
		struct error *err) {
	const char *text = http_query(request, name);
	return text == NULL || str_to_u64(text, value, err) ||
	       error_wrap(err, "invalid query parameters: %s", name) ||
	       error_of(err, ERROR_IN_QUERY, name);
}

bool api_page(struct http_request *request, uint64_t limit_max, uint64_t *offset, uint64_t *limit,
		struct error *err) {
	*offset = 0;
	*limit = 100;
	if (!number(request, "offset", offset, err) || !number(request, "limit", limit, err)) {
		return false;
	}
	if (*offset > INT64_MAX) {
		return error_set(err, ERROR_INVALID,
				"invalid query parameters: offset: at most %lld",
				(long long)INT64_MAX);
	}
	if (*limit == 0 || *limit > limit_max) {
		return error_set(err, ERROR_INVALID,
				       "invalid limit size: limit must be within 1 to %llu",
				       (unsigned long long)limit_max) ||
		       error_of(err, ERROR_IN_QUERY, *offset > INT64_MAX ? "offset" : "limit");
	}
	return true;
}

static void free_data(struct deed *deed) {
	free(deed->data);
}

void api_submit_page(void *context, struct http_request *request,
		void (*apply)(struct manager *m, struct deed *deed)) {
	const char *id = http_param(request, "id");
	struct error err;
	struct page *page = mem_zero(1, sizeof(*page) + strlen(id) + 1);
	memcpy(page->id, id, strlen(id) + 1);
	if (!api_page(request, API_PAGE_MAX, &page->offset, &page->limit, &err)) {
		free(page);
		http_reply_error(request, &err);
		return;
	}
	deed_submit(context, request, apply, free_data, page, true);
}
