/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "manager/api.h"
#include "manager/workers.h"

enum status { ANY, ACTIVE, INACTIVE };

struct listing {
	uint64_t offset, limit;
	enum status status;
};

static void free_data(struct deed *deed) {
	free(deed->data);
}

static int by_id(const void *a, const void *b) {
	const struct worker *const *left = a, *const *right = b;
	return strcmp((*left)->proplet->id, (*right)->proplet->id);
}

static bool matches(const struct manager *m, const struct worker *worker, enum status status) {
	return status == ANY || proplet_alive(worker->proplet, m->now_ms) == (status == ACTIVE);
}

/* All that match, sorted by id; freed by the caller. */
static struct worker **collect(const struct manager *m, enum status status, size_t *count) {
	const char *id;
	void *value;
	struct worker **list = mem_zero(map_count(m->workers), sizeof(*list));
	*count = 0;
	for (size_t at = 0; map_next(m->workers, &at, &id, &value);) {
		if (matches(m, value, status)) {
			list[(*count)++] = value;
		}
	}
	qsort(list, *count, sizeof(*list), by_id);
	return list;
}

/* With a workload key it says whether the worker has it. */
static json_t *view(const struct manager *m, const struct proplet *proplet) {
	json_t *object = proplet_view(proplet, m->now_ms);
	if (m->ring != NULL) {
		json_object_set_new(object, "key",
				json_string(proplet->verified ? "verified" : "key mismatch"));
	}
	return object;
}

static void apply_list(struct manager *m, struct deed *deed) {
	const struct listing *listing = deed->data;
	size_t count;
	struct worker **list = collect(m, listing->status, &count);
	json_t *views = json_array();
	for (size_t i = listing->offset; i < count && i - listing->offset < listing->limit; i++) {
		json_array_append_new(views, view(m, list[i]->proplet));
	}
	free(list);
	deed_answer(deed, 200,
			json_pack("{s:I,s:I,s:I,s:o}", "offset", (json_int_t)listing->offset,
					"limit", (json_int_t)listing->limit, "total",
					(json_int_t)count, "proplets", views));
}

static bool read_status(struct http_request *request, enum status *status, struct error *err) {
	const char *text = http_query(request, "status");
	*status = ANY;
	if (text == NULL || text[0] == 0) { /* propeller-cli says it empty */
		return true;
	}
	*status = str_equal(text, "active") ? ACTIVE : INACTIVE;
	return *status == ACTIVE || str_equal(text, "inactive") ||
	       error_set(err, ERROR_INVALID,
			       "invalid query parameters: status is active or inactive, not "
			       "\"%.40s\"",
			       text) ||
	       error_of(err, ERROR_IN_QUERY, "status");
}

void api_proplets_list(void *context, struct http_request *request) {
	struct listing listing;
	struct error err;
	if (!api_page(request, API_PAGE_MAX, &listing.offset, &listing.limit, &err) ||
			!read_status(request, &listing.status, &err)) {
		http_reply_error(request, &err);
		return;
	}
	deed_submit(context, request, apply_list, free_data, mem_copy(&listing, sizeof(listing)),
			true);
}

struct worker *api_find_worker(struct manager *m, struct deed *deed, const char *id) {
	struct worker *worker = workers_find(m, id);
	if (worker == NULL) {
		deed_fail(deed, ERROR_NOT_FOUND, "there is no proplet %.128s", id);
	}
	return worker;
}

static void apply_view(struct manager *m, struct deed *deed) {
	struct worker *worker = api_find_worker(m, deed, deed->data);
	if (worker != NULL) {
		deed_answer(deed, 200, view(m, worker->proplet));
		deed->tagged = true;
	}
}

static void apply_delete(struct manager *m, struct deed *deed) {
	struct worker *worker = api_find_worker(m, deed, deed->data);
	if (worker != NULL &&
			api_matches(deed, "proplet", worker->proplet->id,
					view(m, worker->proplet)) &&
			workers_delete(m, worker, &deed->err)) {
		deed_answer(deed, 204, NULL);
	}
}

void api_proplets_view(void *context, struct http_request *request) {
	deed_submit(context, request, apply_view, free_data, str_copy(http_param(request, "id")),
			true);
}

void api_proplets_delete(void *context, struct http_request *request) {
	deed_submit(context, request, apply_delete, free_data, str_copy(http_param(request, "id")),
			false);
}

static void apply_history(struct manager *m, struct deed *deed) {
	const struct page *page = deed->data;
	size_t total;
	const struct worker *worker = api_find_worker(m, deed, page->id);
	if (worker != NULL) {
		json_t *times = proplet_history(worker->proplet, page->offset, page->limit, &total);
		deed_answer(deed, 200,
				json_pack("{s:I,s:I,s:I,s:o}", "offset", (json_int_t)page->offset,
						"limit", (json_int_t)page->limit, "total",
						(json_int_t)total, "history", times));
	}
}

void api_proplets_history(void *context, struct http_request *request) {
	api_submit_page(context, request, apply_history);
}
