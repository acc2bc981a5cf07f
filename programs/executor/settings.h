/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The executor's settings: one table (settings.c), filled once at the start. */
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/settings.h"
#include "base/tls.h"

/* The most that is taken as one request, by gRPC and by REST. */
enum { EXECUTOR_MESSAGE_MAX = 16 * 1024 * 1024, EXECUTOR_WORKERS_MAX = 128 };

struct executor_settings {
	char *config, *section; /* the settings file that was read (NULL: none), its section */
	char *log_level, *log_format;
	bool grpc_on, http_on;
	char *grpc_host, *http_host, *http_token;
	uint64_t grpc_port, http_port;
	char *grpc_cert, *grpc_key, *grpc_ca, *http_cert, *http_key, *http_ca; /* paths */
	struct tls_parts grpc_tls, http_tls;                                   /* in them */
	char *attester;
	uint64_t vmpl;
	uint64_t workers; /* never 0 */
	uint64_t queue_max, wall_ms, drain_ms, gas_default, memory_bytes, cache_bytes;
	uint64_t compile_memory, compile_cpu_ms;
	bool self_test;
};

enum settings_outcome executor_settings_load(struct executor_settings *settings, int argc,
		char **argv, struct error *err) MUST_CHECK;
void executor_settings_finish(struct executor_settings *settings);
