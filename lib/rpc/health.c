/* SPDX-License-Identifier: Apache-2.0 */
/*
 * grpc.health.v1.Health (https://github.com/grpc/grpc/blob/master/doc/health-checking.md). All
 * services are as healthy as the server is.
 */
#include <string.h>

#include "base/mem.h"
#include "base/proto.h"
#include "base/str.h"
#include "rpc/builtin.h"

enum { SERVICE = 1, STATUS = 1 };
enum health { HEALTH_UNKNOWN, HEALTH_SERVING, HEALTH_NOT_SERVING, HEALTH_SERVICE_UNKNOWN };

static enum health health_of(const struct rpc_server *server, struct bytes service) {
	if (service.size != 0 && !rpc_service_known(server, service)) {
		return HEALTH_SERVICE_UNKNOWN;
	}
	return atomic_load(&server->serving) ? HEALTH_SERVING : HEALTH_NOT_SERVING;
}

static void send_health(struct rpc_call *call, enum health health) {
	const uint8_t message[] = { STATUS << 3, (uint8_t)health };
	rpc_answer_message(call, (struct bytes){ message, sizeof(message) });
}

/* False, answered, for what is no HealthCheckRequest. */
static bool take_service(struct rpc_call *call, struct bytes message, struct bytes *service) {
	struct proto_reader reader = { .left = message };
	struct proto_field field;
	while (proto_next(&reader, &field)) {
	}
	*service = proto_find(message, SERVICE);
	bool valid = !reader.malformed && str_is_utf8((const char *)service->data, service->size);
	if (!valid) {
		rpc_answer_finish(call, RPC_INTERNAL, "the message is no HealthCheckRequest");
	}
	return valid;
}

static void check(struct rpc_call *call, struct bytes message) {
	struct bytes service;
	if (!take_service(call, message, &service)) {
		return;
	}
	enum health health = health_of(call->server, service);
	if (health == HEALTH_SERVICE_UNKNOWN) {
		rpc_answer_failure(call, RPC_NOT_FOUND, "there is no service %.*s here",
				service.size < 200 ? (int)service.size : 200,
				(const char *)service.data);
		return;
	}
	send_health(call, health);
	rpc_answer_finish(call, RPC_OK, NULL);
}

void rpc_health_refresh(struct rpc_call *call) {
	const struct rpc_server *server = call->server;
	if (call->watched == NULL || call->finished) {
		return;
	}
	enum health health = health_of(server,
			(struct bytes){ (const uint8_t *)call->watched, strlen(call->watched) });
	if ((int)health != call->told) {
		call->told = (int)health;
		send_health(call, health);
	}
}

static void watch(struct rpc_call *call, struct bytes message) {
	struct bytes service;
	if (take_service(call, message, &service)) {
		call->watched = mem_copy(
				service.size != 0 ? (const void *)service.data : "", service.size);
		call->told = -1;
		rpc_health_refresh(call);
	}
}

const struct rpc_builtin rpc_health_methods[] = {
	{ "/grpc.health.v1.Health/Check", { .message = check } },
	{ "/grpc.health.v1.Health/Watch", { .message = watch } },
	{ NULL, { 0 } },
};
