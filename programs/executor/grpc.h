/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The gRPC surface: one handler for the three paths by which clients know Execute. */
#include "executor/executor.h"
#include "rpc/rpc.h"

struct rpc_server *grpc_open(struct executor *executor, struct error *err) MUST_CHECK;
