/* SPDX-License-Identifier: Apache-2.0 */
/* What operators look at. */
#include <stdlib.h>
#include <string.h>

#include "base/listen.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/vitals.h"
#include "http/server.h"
#include "proxy/proxy.h"

static void reply(struct http_request *request, int status, const char *type, const char *text) {
	http_reply(request, &(const struct http_response){ .status = status,
					    .type = type,
					    .body = { (const uint8_t *)text, strlen(text) } });
}

/* Propeller's members; without the broker it can do nothing. */
static void health(void *context, struct http_request *request) {
	const struct proxy *proxy = context;
	bool ok = bus_connected(proxy->bus);
	reply(request, ok ? 200 : 503, "application/json",
			ok ? "{\"status\":\"ok\",\"service\":\"proxy\"}"
			   : "{\"status\":\"no connection to the broker\",\"service\":\"proxy\"}");
}

static bool is_ready(void *context, struct error *err) {
	const struct proxy *proxy = context;
	return bus_connected(proxy->bus) ||
	       error_set(err, ERROR_UNAVAILABLE, "there is no connection to the broker %s",
			       proxy->settings->mqtt_address);
}

static unsigned long long under_way(struct proxy *proxy) {
	(void)pthread_mutex_lock(&proxy->lock);
	size_t count = map_count(proxy->jobs);
	(void)pthread_mutex_unlock(&proxy->lock);
	return count;
}

static void metrics(void *context, struct http_request *request) {
	struct proxy *proxy = context;
	const struct counters *c = &proxy->counters;
	const struct {
		const char *name, *type, *help;
		unsigned long long value;
	} rows[] = {
		{ "propeller_proxy_requests_total", "counter", "Requests of workers for images.",
				atomic_load(&c->requests) },
		{ "propeller_proxy_pulls_total", "counter", "Modules fetched from registries.",
				atomic_load(&c->pulls) },
		{ "propeller_proxy_pull_failures_total", "counter", "Images that did not come.",
				atomic_load(&c->pull_failures) },
		{ "propeller_proxy_cache_hits_total", "counter", "Images that were in the cache.",
				atomic_load(&c->cache_hits) },
		{ "propeller_proxy_chunks_sent_total", "counter", "Chunks sent to workers.",
				atomic_load(&c->chunks) },
		{ "propeller_proxy_sent_bytes_total", "counter", "Bytes of modules in them.",
				atomic_load(&c->bytes) },
		{ "propeller_proxy_images", "gauge", "Images that are waited for, pulled or sent.",
				under_way(proxy) },
		{ "propeller_proxy_cache_bytes", "gauge", "Bytes of the cache on disk.",
				cache_bytes(proxy->cache) },
	};
	struct buf text = BUF_INIT(16 * 1024);
	struct error ignored;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		(void)!buf_printf(&text, &ignored, "# HELP %s %s\n# TYPE %s %s\n%s %llu\n",
				rows[i].name, rows[i].help, rows[i].name, rows[i].type,
				rows[i].name, rows[i].value);
	}
	vitals_write(&text, false);
	reply(request, 200, "text/plain; version=0.0.4", buf_text(&text));
	buf_finish(&text);
}

static const struct http_route routes[] = {
	{ .method = "GET", .pattern = "/health", .handler = health, .open = true },
	{ .method = "GET", .pattern = "/metrics", .handler = metrics, .open = true },
};

int health_listen(const struct proxy_settings *settings, struct error *err) {
	int listener = listen_tcp(settings->http_host, (uint16_t)settings->http_port, err);
	if (listener < 0) {
		(void)error_wrap(err, "settings PROXY_HTTP_HOST and PROXY_HTTP_PORT");
	}
	return listener;
}

struct http_server *health_open(struct proxy *proxy, int listener, struct error *err) {
	const struct http_server_options options = { .listener = listener,
		.threads = 1,
		.connections_max = 1000, /* who says nothing holds no probe up, and is soon gone */
		.idle_seconds = 10,
		.routes = routes,
		.route_count = sizeof(routes) / sizeof(routes[0]),
		.context = proxy,
		.program = "propeller-proxy",
		.ready = is_ready };
	return http_server_create(&options, err);
}
