/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The services that are always there: their methods, and how their messages are described. */
#include <stddef.h>

#include "rpc/inside.h"

struct rpc_builtin {
	const char *path;
	struct rpc_route route;
};

/* Ended by a NULL path. */
extern const struct rpc_builtin rpc_health_methods[];
extern const struct rpc_builtin rpc_reflection_methods[];

/* A FileDescriptorSet of proto/, made by protoc. */
extern const unsigned char rpc_builtin_set[];
extern const size_t rpc_builtin_set_size;

/* True if a method of that service ("package.Service") is here. */
bool rpc_service_known(const struct rpc_server *server, struct bytes service);
/* A watcher of health may have to hear of something. */
void rpc_health_refresh(struct rpc_call *call);
