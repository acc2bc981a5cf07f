/* SPDX-License-Identifier: Apache-2.0 */
/* What operators see, asked for over loopback. */
#include "proxy/fixture.h"

#include "http/client.h"
#include "http/server.h"

enum { LIMIT = 64 * 1024 };

static char host[] = "127.0.0.1", broker[] = "broker.example:1883";

static int ask(struct http_server *server, const char *path, struct buf *body) {
	char url[64];
	struct error err;
	(void)snprintf(url, sizeof(url), "http://127.0.0.1:%u", http_server_port(server));
	const struct http_client_options options = { .base_url = url };
	struct http_client *client = http_client_create(&options, &err);
	assert_non_null(client);
	struct http_answer answer = { .body = BUF_INIT(LIMIT) };
	const struct http_call call = { .method = "GET", .path = path, .timeout_ms = 20000 };
	if (!http_client_send(client, &call, &answer, &err)) {
		fail_msg("%s", err.message);
	}
	http_client_destroy(client);
	*body = answer.body;
	return answer.status;
}

static struct http_server *open_health(struct desk *desk) {
	struct error err;
	desk->settings.http_host = host;
	desk->settings.mqtt_address = broker;
	desk->settings.http_port = 0;
	int listener = health_listen(&desk->settings, &err);
	struct http_server *server =
			listener >= 0 ? health_open(&desk->proxy, listener, &err) : NULL;
	if (server == NULL) {
		fail_msg("%s", err.message);
	}
	return server;
}

static void expect(struct http_server *server, const char *path, int status, const char *words) {
	struct buf body;
	assert_int_equal(ask(server, path, &body), status);
	if (strstr(buf_text(&body), words) == NULL) {
		fail_msg("%s: no \"%s\" in %s", path, words, buf_text(&body));
	}
	buf_finish(&body);
}

static void without_the_broker_it_can_do_nothing(void **state) {
	struct desk *desk = *state;
	struct http_server *server = open_health(desk);
	expect(server, "/health", 200, "{\"status\":\"ok\",\"service\":\"proxy\"}");
	expect(server, "/readyz", 200, "");
	desk->proxy.bus->down = true;
	expect(server, "/health", 503, "\"status\":\"no connection to the broker\"");
	expect(server, "/readyz", 503, broker);
	expect(server, "/metrics", 200, "propeller_proxy_images 0\n");
	expect(server, "/nothing", 404, "");
	http_server_destroy(server);
}

/* Each number is that of its counter, and has a help and a type. */
static void metrics_are_those_of_their_counters(void **state) {
	struct desk *desk = *state;
	struct counters *c = &desk->proxy.counters;
	const struct {
		atomic_ullong *counter;
		const char *name;
	} rows[] = { { &c->requests, "propeller_proxy_requests_total" },
		{ &c->pulls, "propeller_proxy_pulls_total" },
		{ &c->pull_failures, "propeller_proxy_pull_failures_total" },
		{ &c->cache_hits, "propeller_proxy_cache_hits_total" },
		{ &c->chunks, "propeller_proxy_chunks_sent_total" },
		{ &c->bytes, "propeller_proxy_sent_bytes_total" } };
	struct http_server *server = open_health(desk);
	struct job *job = make_job(desk, "r/app", NULL, 0);
	struct buf body;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		atomic_store(rows[i].counter, 1000 + i);
	}
	assert_int_equal(ask(server, "/metrics", &body), 200);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		CLEANUP(mem_freep)
		char *line = str_format("\n# TYPE %s counter\n%s %zu\n", rows[i].name, rows[i].name,
				1000 + i);
		CLEANUP(mem_freep) char *help = str_format("# HELP %s ", rows[i].name);
		assert_non_null(strstr(buf_text(&body), line));
		assert_non_null(strstr(buf_text(&body), help));
	}
	assert_non_null(strstr(buf_text(&body), "\npropeller_proxy_images 1\n"));
	assert_non_null(strstr(buf_text(&body), "\npropeller_proxy_cache_bytes 0\n"));
	buf_finish(&body);
	http_server_destroy(server);
	(void)map_remove(desk->proxy.jobs, job->key);
	free(job->key);
	free(job->name);
	free(job);
}

static void a_place_that_cannot_be_had(void **state) {
	struct desk *desk = *state;
	struct http_server *first = open_health(desk);
	struct error err;
	desk->settings.http_port = http_server_port(first);
	assert_int_equal(health_listen(&desk->settings, &err), -1);
	assert_non_null(strstr(err.message, "PROXY_HTTP_HOST and PROXY_HTTP_PORT"));
	http_server_destroy(first);
}

int main(void) {
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		TEST(without_the_broker_it_can_do_nothing),
		TEST(metrics_are_those_of_their_counters),
		TEST(a_place_that_cannot_be_had),
	};
	return cmocka_run_group_tests_name("proxy/health", tests, NULL, NULL);
}
