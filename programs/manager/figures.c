/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/figures.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/version.h"
#include "base/vitals.h"
#include "bus/bus.h"
#include "manager/deed.h"
#include "manager/manager.h"

enum { TEXT_MAX = 8 * 1024 * 1024, PROPLETS_MAX = 10000 };

static const double bounds[FIGURES_BUCKETS] = { 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
	0.1, 0.25, 0.5, 1, 5, 15, 60 };

static size_t bucket_of(double seconds) {
	size_t i = 0;
	while (i < FIGURES_BUCKETS && seconds > bounds[i]) {
		i++;
	}
	return i;
}

void figures_observe(struct histogram *histogram, double seconds) {
	histogram->buckets[bucket_of(seconds)]++;
	histogram->count++;
	histogram->sum += seconds;
}

void figures_answered(struct figures *figures, double seconds, const char *trace, int64_t wall_ns) {
	figures_observe(&figures->answer, seconds);
	if (trace[0] != 0) {
		struct exemplar *exemplar = &figures->examples[bucket_of(seconds)];
		(void)snprintf(exemplar->trace, sizeof(exemplar->trace), "%s", trace);
		exemplar->seconds = seconds;
		exemplar->at = (double)wall_ns / 1e9;
	}
}

/* --- the form ---------------------------------------------------------------------------------
 */

struct page {
	struct buf text;
	bool open_metrics;
};

static void put(struct page *page, const char *format, ...) PRINTF(2, 3);
static void put(struct page *page, const char *format, ...) {
	struct error ignored;
	va_list args;
	va_start(args, format);
	char *text = NULL;
	int size = vasprintf(&text, format, args);
	va_end(args);
	if (size >= 0) {
		(void)!buf_append(&page->text, text, (size_t)size, &ignored);
		free(text);
	}
}

/* A counter's family has no _total in OpenMetrics, and has it in the older form. */
static void family(struct page *page, const char *name, const char *type, const char *help) {
	const char *suffix = strcmp(type, "counter") == 0 && !page->open_metrics ? "_total" : "";
	put(page, "# TYPE %s%s %s\n# HELP %s%s %s\n", name, suffix, type, name, suffix, help);
}

static void label_text(const char *text, char *to, size_t size) {
	size_t used = 0;
	for (; *text != 0 && used + 3 < size; text++) {
		if (*text == '"' || *text == '\\') {
			to[used++] = '\\';
		}
		to[used++] = *text;
	}
	to[used] = 0;
}

/* The older form has none. */
static void put_exemplar(struct page *page, const struct exemplar *exemplar) {
	if (page->open_metrics && exemplar != NULL && exemplar->trace[0] != 0) {
		put(page, " # {trace_id=\"%s\"} %.9g %.3f", exemplar->trace, exemplar->seconds,
				exemplar->at);
	}
	put(page, "\n");
}

/* `examples`: one for each bucket, or NULL. */
static void put_histogram(struct page *page, const char *name, const char *label,
		const struct histogram *histogram, const struct exemplar *examples) {
	uint64_t below = 0;
	const char *comma = label[0] != 0 ? "," : "";
	for (size_t i = 0; i < FIGURES_BUCKETS; i++) {
		below += histogram->buckets[i];
		put(page, "%s_bucket{%s%sle=\"%g\"} %llu", name, label, comma, bounds[i],
				(unsigned long long)below);
		put_exemplar(page, examples != NULL ? &examples[i] : NULL);
	}
	const char *open = label[0] != 0 ? "{" : "", *close = label[0] != 0 ? "}" : "";
	put(page, "%s_bucket{%s%sle=\"+Inf\"} %llu", name, label, comma,
			(unsigned long long)histogram->count);
	put_exemplar(page, examples != NULL ? &examples[FIGURES_BUCKETS] : NULL);
	put(page, "%s_sum%s%s%s %.9g\n%s_count%s%s%s %llu\n", name, open, label, close,
			histogram->sum, name, open, label, close,
			(unsigned long long)histogram->count);
}

/* --- the manager ------------------------------------------------------------------------------
 */

static void lower(const char *name, char *to) {
	for (; *name != 0; name++) {
		*to++ = (char)tolower((unsigned char)*name);
	}
	*to = 0;
}

static void put_tasks(struct page *page, struct manager *m) {
	uint64_t live[FIGURES_STATES] = { 0 };
	const char *id;
	void *value;
	char name[32];
	for (size_t at = 0; map_next(m->live, &at, &id, &value);) {
		live[((const struct live *)value)->task->state]++;
	}
	family(page, "propeller_tasks", "gauge", "Live tasks: queued, scheduled or running.");
	for (int i = TASK_PENDING; i <= TASK_RUNNING; i++) {
		lower(task_state_name((enum task_state)i), name);
		put(page, "propeller_tasks{state=\"%s\"} %llu\n", name,
				(unsigned long long)live[i]);
	}
	family(page, "propeller_task_ends", "counter", "Attempts that ended, by their state.");
	for (int i = TASK_COMPLETED; i < FIGURES_STATES; i++) {
		lower(task_state_name((enum task_state)i), name);
		put(page, "propeller_task_ends_total{state=\"%s\"} %llu\n", name,
				(unsigned long long)m->figures.ends[i]);
	}
}

static void put_proplets(struct page *page, struct manager *m) {
	const char *id;
	void *value;
	char label[300];
	size_t count = 0;
	family(page, "propeller_proplet_up", "gauge", "1 for a worker that is alive.");
	for (size_t at = 0; map_next(m->workers, &at, &id, &value) && count < PROPLETS_MAX;
			count++) {
		label_text(id, label, sizeof(label));
		put(page, "propeller_proplet_up{proplet=\"%s\"} %d\n", label,
				proplet_alive(((struct worker *)value)->proplet, m->now_ms));
	}
	count = 0;
	family(page, "propeller_proplet_tasks", "gauge", "Attempts that are placed on a worker.");
	for (size_t at = 0; map_next(m->workers, &at, &id, &value) && count < PROPLETS_MAX;
			count++) {
		label_text(id, label, sizeof(label));
		put(page, "propeller_proplet_tasks{proplet=\"%s\"} %llu\n", label,
				(unsigned long long)((struct worker *)value)->proplet->running);
	}
}

static void put_rest(struct page *page, struct manager *m) {
	static const char *const stages[] = { "stage=\"queue\"", "stage=\"dispatch\"" };
	family(page, "propeller_task_start_seconds", "histogram",
			"From a start to a worker (queue), and from there to its word that it "
			"runs.");
	for (size_t i = 0; i < STAGES; i++) {
		put_histogram(page, "propeller_task_start_seconds", stages[i], &m->figures.start[i],
				NULL);
	}
	family(page, "propeller_store_commit_seconds", "histogram", "Commits of the store.");
	put_histogram(page, "propeller_store_commit_seconds", "", &m->figures.commit, NULL);
	family(page, "propeller_request_seconds", "histogram",
			"Requests through the loop, from their last byte to their answer.");
	put_histogram(page, "propeller_request_seconds", "", &m->figures.answer,
			m->figures.examples);
	family(page, "propeller_engine_fuel", "counter", "Fuel of attempts that ended.");
	put(page, "propeller_engine_fuel_total %llu\n", (unsigned long long)m->figures.fuel);
	family(page, "propeller_requests", "counter", "Requests that the loop has seen.");
	put(page, "propeller_requests_total %llu\n", (unsigned long long)m->figures.requests);
	family(page, "propeller_mqtt_up", "gauge", "1 while there is a connection to the broker.");
	put(page, "propeller_mqtt_up %d\n", bus_connected(m->bus));
	family(page, "propeller_mqtt_inflight", "gauge",
			"Messages that the broker has not acknowledged yet.");
	put(page, "propeller_mqtt_inflight %zu\n", bus_inflight(m->bus));
	family(page, "propeller_build_info", "gauge", "Its version.");
	put(page, "propeller_build_info{version=\"%s\"} 1\n", AIRSCREW_VERSION);
}

/* --- the request ------------------------------------------------------------------------------
 */

static void apply(struct manager *m, struct deed *deed) {
	const char *accept = http_header(deed->request, "Accept");
	struct page page = { .text = BUF_INIT(TEXT_MAX) };
	size_t size;
	page.open_metrics =
			accept != NULL && strstr(accept, "application/openmetrics-text") != NULL;
	put_tasks(&page, m);
	put_proplets(&page, m);
	put_rest(&page, m);
	vitals_write(&page.text, page.open_metrics);
	put(&page, "%s", page.open_metrics ? "# EOF\n" : "");
	put(&page, "%c", 0);
	deed_answer(deed, 200, NULL);
	free(deed->text);
	deed->text = (char *)buf_take(&page.text, &size);
	deed->type = page.open_metrics
				     ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
				     : "text/plain; version=0.0.4; charset=utf-8";
}

void api_figures(void *context, struct http_request *request) {
	deed_submit(context, request, apply, NULL, NULL, true);
}
