/* SPDX-License-Identifier: Apache-2.0 */
#include "executor/rest.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/version.h"
#include "executor/json.h"
#include "executor/embedded.h"
#include "executor/leavers.h"
#include "http/problem.h"

enum { ANSWER_MAX = 2 * EXECUTOR_MESSAGE_MAX, TEXT_MAX = 64 * 1024 };

/* An order that came by REST. */
struct rest_order {
	struct order order;
	struct executor *executor;
	struct http_request *request;
	struct json_request *json;
	struct leaver leaver;
};

static void reply(struct http_request *request, int status, const char *type, struct bytes body) {
	http_reply(request, &(const struct http_response){
					    .status = status, .type = type, .body = body });
}

static void reply_text(struct http_request *request, const char *type, const struct buf *text) {
	reply(request, 200, type, (struct bytes){ text->data, text->size });
}

/* --- POST /v1/dtvm/execute ---------------------------------------------------------------------
 */

static void free_order(struct rest_order *rest) {
	order_finish(&rest->order);
	json_request_destroy(rest->json);
	free(rest);
}

/* The members that a problem has beside RFC 9457's: those of grpc-gateway, and of a call. */
static char *problem_of(const struct order *order, const char *path) {
	CLEANUP(mem_freep) char *text = problem_text(&order->err, path);
	json_t *problem = json_loads(text, 0, NULL);
	json_object_set_new(problem, "code", json_integer(order_grpc_status(order)));
	json_object_set(problem, "message", json_object_get(problem, "detail"));
	if (order->called) {
		CLEANUP(mem_freep)
		char *gas = str_format("%llu", (unsigned long long)order->result.gas_used);
		json_object_set_new(problem, "gasUsed", json_string(gas));
	}
	if (order_trapped(order)) {
		json_object_set_new(problem, "trap", json_string(trap_name(order->result.trap)));
	}
	if (order->receipt_json.size != 0) {
		json_object_set_new(problem, "receipt",
				json_loads(buf_text(&order->receipt_json), 0, NULL));
	}
	char *dumped = json_dumps(problem, JSON_COMPACT);
	json_decref(problem);
	return dumped != NULL ? dumped : str_copy("{}");
}

static void send_answer(struct rest_order *rest, int status, const char *type, struct bytes body) {
	const struct order *order = &rest->order;
	struct http_response response = { .status = status, .type = type, .body = body };
	char gas[24];
	size_t count = 0;
	if (order->called) {
		(void)snprintf(gas, sizeof(gas), "%llu",
				(unsigned long long)order->result.gas_used);
		response.headers[count].name = "gas-used";
		response.headers[count++].value = gas;
	}
	if (!order->ok && order->err.code == ERROR_BUSY) {
		response.headers[count].name = "Retry-After";
		response.headers[count++].value = "1";
	}
	if (str_equal(attestation_tee(rest->executor->attestation), "sample")) {
		response.headers[count].name = "airscrew-attester";
		response.headers[count].value = "sample";
	}
	http_reply(rest->request, &response);
}

static bool write_answer(const struct order *order, struct buf *out, struct error *err) {
	const struct answered answered = { .outputs = order->result.values,
		.output_count = order->result.count,
		.attestation = buf_text(&order->attestation),
		.report_data = order->report_hex };
	return json_answer_write(
			&order->asked, &answered, buf_text(&order->receipt_json), out, err);
}

static void answer(struct order *order) {
	struct rest_order *rest = order->context;
	leavers_forget(rest->executor->leavers, &rest->leaver);
	struct buf body = BUF_INIT(ANSWER_MAX);
	struct error err;
	if (order->ok && !write_answer(order, &body, &err)) {
		(void)order_fail(order, &err);
	}
	metrics_count(rest->executor, order);
	if (order->ok) {
		send_answer(rest, 200, "application/json", (struct bytes){ body.data, body.size });
	} else {
		CLEANUP(mem_freep) char *text = problem_of(order, http_path(rest->request));
		send_answer(rest, error_http_status(order->err.code), "application/problem+json",
				(struct bytes){ (const uint8_t *)text, strlen(text) });
	}
	buf_finish(&body);
	free_order(rest);
}

/* A header, or the same as a query parameter for clients that set no headers. */
static const char *option(
		const struct http_request *request, const char *header, const char *query) {
	const char *value = http_header(request, header);
	return value != NULL ? value : http_query(request, query);
}

/* What is wrong with a header is wrong with the query where that has said it. */
static void name_option(const struct http_request *request, struct error *err) {
	static const char prefix[] = "airscrew-";
	char name[ERROR_PLACE_MAX];
	if (err->part == ERROR_IN_HEADER && http_header(request, err->place) == NULL &&
			str_starts(err->place, prefix)) {
		(void)snprintf(name, sizeof(name), "%s", err->place + strlen(prefix));
		(void)error_of(err, ERROR_IN_QUERY, name);
	}
}

static void execute_post(void *context, struct http_request *request) {
	struct executor *executor = context;
	struct rest_order *rest = MEM_NEW(struct rest_order);
	struct error err;
	order_init(&rest->order, executor->engine);
	rest->executor = executor;
	rest->request = request;
	rest->order.answer = answer;
	rest->order.context = rest;
	rest->order.wants_json = true;
	atomic_fetch_add(&executor->counters.rest, 1);
	rest->json = json_request_read(http_body(request), &rest->order.asked, &err);
	/* A worker may answer as soon as it is submitted: what needs the order comes before. */
	leavers_watch(executor->leavers, &rest->leaver, http_socket(request), rest->order.stop);
	if (rest->json == NULL ||
			!order_set_profile(&rest->order,
					option(request, "airscrew-profile", "profile"),
					option(request, "airscrew-nonce", "nonce"), &err) ||
			!pool_submit(executor->pool, &rest->order, &err)) {
		name_option(request, &err);
		(void)order_fail(&rest->order, &err);
		answer(&rest->order);
	}
}

/* --- and what stands around it -----------------------------------------------------------------
 */

static void health(void *context, struct http_request *request) {
	const struct executor *executor = context;
	struct buf text = BUF_INIT(TEXT_MAX);
	struct error err;
	char now[CLOCK_TEXT_MAX];
	clock_format(clock_wall_ns(), now);
	(void)!buf_printf(&text, &err,
			"{\"status\":\"healthy\",\"service\":\"wasmvm-tee\",\"timestamp\":\"%s\","
			"\"attester\":\"%s\"}\n",
			now, attestation_tee(executor->attestation));
	reply_text(request, "application/json", &text);
	buf_finish(&text);
}

static const char info_format[] =
		"{\"service\":\"wasmvm-tee\",\"program\":\"propeller-executor\","
		"\"version\":\"%s\",\"attester\":\"%s\",\"engine\":\"%s\","
		"\"modes\":[\"WASMVM_MODE_INTERP_UNSPECIFIED\",\"WASMVM_MODE_SINGLEPASS\","
		"\"WASMVM_MODE_MULTIPASS\"],"
		"\"profiles\":[1,2],\"limits\":{\"messageBytes\":%d,\"memoryBytes\":\"%llu\","
		"\"wallSeconds\":%.3f,\"gas\":\"%llu\"},"
		"\"endpoints\":{\"execute\":\"POST /v1/dtvm/execute\",\"health\":\"GET /health\","
		"\"info\":\"GET /api/info\",\"certificates\":\"GET /v1/certificates\","
		"\"openapi\":\"GET /openapi.yaml\",\"metrics\":\"GET /metrics\"},"
		"\"example\":{\"execution\":{\"version\":\"1.0\",\"requestId\":\"fib-1\","
		"\"bytecode\":\"AGFzbQEAAAABCgJgAX8AYAF/AX8DAgEBBQMBAAEHBwEDZmliAAAKHgEcACAAQQJI"
		"BH9BAQUgAEEBaxAAIABBAmsQAGoLCwsHAQBBAAsBeA==\","
		"\"fnName\":\"fib\",\"inputs\":[\"10\"]},"
		"\"runtimeConfig\":{\"mode\":\"WASMVM_MODE_SINGLEPASS\"}}}\n";

static void info(void *context, struct http_request *request) {
	const struct executor *executor = context;
	const struct executor_settings *s = executor->settings;
	struct buf text = BUF_INIT(TEXT_MAX);
	struct error err;
	(void)!buf_printf(&text, &err, info_format, AIRSCREW_VERSION,
			attestation_tee(executor->attestation), engine_version,
			EXECUTOR_MESSAGE_MAX, (unsigned long long)s->memory_bytes,
			(double)s->wall_ms / 1000, (unsigned long long)s->gas_default);
	reply_text(request, "application/json", &text);
	buf_finish(&text);
}

static void certificates(void *context, struct http_request *request) {
	const struct executor *executor = context;
	struct buf text = BUF_INIT(TEXT_MAX);
	struct error err;
	if (attestation_certificates(executor->attestation, &text, &err)) {
		reply_text(request, "application/json", &text);
	} else {
		http_reply_error(request, &err);
	}
	buf_finish(&text);
}

static void openapi(void *context, struct http_request *request) {
	(void)context;
	reply(request, 200, "application/yaml",
			(struct bytes){ executor_openapi, executor_openapi_size });
}

static void metrics(void *context, struct http_request *request) {
	struct buf text = BUF_INIT(TEXT_MAX);
	metrics_write(context, &text);
	reply_text(request, "text/plain; version=0.0.4", &text);
	buf_finish(&text);
}

static const struct http_route routes[] = {
	{ .method = "POST",
			.pattern = "/v1/dtvm/execute",
			.handler = execute_post,
			.body_max = EXECUTOR_MESSAGE_MAX },
	{ .method = "GET", .pattern = "/health", .handler = health, .open = true },
	{ .method = "GET", .pattern = "/api/info", .handler = info, .open = true },
	{ .method = "GET", .pattern = "/v1/certificates", .handler = certificates, .open = true },
	{ .method = "GET", .pattern = "/openapi.yaml", .handler = openapi, .open = true },
	{ .method = "GET", .pattern = "/metrics", .handler = metrics, .open = true },
};

static bool is_ready(void *context, struct error *err) {
	const struct executor *executor = context;
	return attestation_possible(executor->attestation, err);
}

struct http_server *rest_open(struct executor *executor, struct error *err) {
	const struct executor_settings *settings = executor->settings;
	const struct http_server_options options = { .host = settings->http_host,
		.port = (uint16_t)settings->http_port,
		.token = settings->http_token,
		.tls = &settings->http_tls,
		.routes = routes,
		.route_count = sizeof(routes) / sizeof(routes[0]),
		.context = executor,
		.program = "propeller-executor",
		.ready = is_ready };
	struct http_server *server = http_server_create(&options, err);
	if (server == NULL) {
		(void)error_wrap(err, "settings EXECUTOR_HTTP_HOST and EXECUTOR_HTTP_PORT");
	}
	return server;
}
