/* SPDX-License-Identifier: Apache-2.0 */
#include "executor/settings.h"

#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/str.h"

#define ROW(env_, flag_, kind_, field_, fallback_, help_, ...)                                     \
	{                                                                                          \
		.env = env_, .flag = flag_, .kind = SETTING_##kind_,                               \
		.offset = offsetof(struct executor_settings, field_), .fallback = fallback_,       \
		.help = help_, __VA_ARGS__                                                         \
	}

static const struct setting rows[] = {
	ROW("EXECUTOR_CONFIG_FILE", "config", FILE, config, NULL, "settings file; see below",
			.min = 0),
	ROW("EXECUTOR_CONFIG_SECTION", "config-section", SECTION, section, "executor",
			"its section", .min = 0),
	ROW("EXECUTOR_LOG_LEVEL", "log-level", TEXT, log_level, "info",
			"debug, info, warn or error", .min = 0),
	ROW("EXECUTOR_LOG_FORMAT", "log-format", TEXT, log_format, "text", "text or json",
			.min = 0),
	ROW("EXECUTOR_GRPC_HOST", "grpc-host", TEXT, grpc_host, "localhost",
			"address to listen on for gRPC", .min = 0),
	ROW("EXECUTOR_GRPC_PORT", "grpc-port", NUMBER, grpc_port, "50051",
			"and port; 0: a free one; also --port", .flag_alias = "port", .min = 0,
			.max = 65535),
	ROW("EXECUTOR_ENABLE_GRPC", "enable-grpc", BOOL, grpc_on, "true", "gRPC at all", .min = 0),
	ROW("EXECUTOR_GRPC_SERVER_CERT", "grpc-server-cert", TEXT, grpc_cert, NULL,
			"PEM file with the certificate for gRPC; turns TLS on", .min = 0),
	ROW("EXECUTOR_GRPC_SERVER_KEY", "grpc-server-key", TEXT, grpc_key, NULL,
			"PEM file with its key, for its owner only", .min = 0),
	ROW("EXECUTOR_GRPC_SERVER_CA", "grpc-server-ca", TEXT, grpc_ca, NULL,
			"PEM file with the authorities that clients' certificates have to come "
			"from",
			.min = 0),
	ROW("EXECUTOR_HTTP_HOST", "http-host", TEXT, http_host, "localhost",
			"address to listen on for REST", .min = 0),
	ROW("EXECUTOR_HTTP_PORT", "http-port", NUMBER, http_port, "8080", "and port; 0: a free one",
			.min = 0, .max = 65535),
	ROW("EXECUTOR_ENABLE_HTTP", "enable-http", BOOL, http_on, "true", "REST at all", .min = 0),
	ROW("EXECUTOR_HTTP_TOKEN", NULL, SECRET, http_token, NULL,
			"what REST clients have to send as a bearer token", .min = 0),
	ROW("EXECUTOR_HTTP_SERVER_CERT", "http-server-cert", TEXT, http_cert, NULL,
			"PEM file with the certificate for REST; turns https on", .min = 0),
	ROW("EXECUTOR_HTTP_SERVER_KEY", "http-server-key", TEXT, http_key, NULL,
			"PEM file with its key, for its owner only", .min = 0),
	ROW("EXECUTOR_HTTP_SERVER_CA", "http-server-ca", TEXT, http_ca, NULL,
			"PEM file with the authorities that clients' certificates have to come "
			"from",
			.min = 0),
	ROW("EXECUTOR_ATTESTER", "attester", TEXT, attester, "auto",
			"who attests: auto (the TEE that this is, else nothing is executed), "
			"sev-snp, or sample (for development: proves nothing, and says so)",
			.min = 0),
	ROW("EXECUTOR_VMPL", "vmpl", NUMBER, vmpl, "0",
			"the privilege level that SEV-SNP reports are asked for", .min = 0,
			.max = 3),
	ROW("EXECUTOR_WORKERS", "workers", NUMBER, workers, "0",
			"calls that run at once; 0: as many as there are processors", .min = 0,
			.max = EXECUTOR_WORKERS_MAX),
	ROW("EXECUTOR_QUEUE", "queue", NUMBER, queue_max, "256",
			"calls that may wait beside those; more are refused", .min = 1,
			.max = 100000),
	ROW("EXECUTOR_WALL_SECONDS", "wall-seconds", DURATION, wall_ms, "60", "longest call",
			.min = 1, .max = 86400000),
	ROW("EXECUTOR_GAS", "gas", NUMBER, gas_default, "10000000000",
			"the limit of calls that do not say one", .min = 0, .max = INT64_MAX),
	ROW("EXECUTOR_MEMORY", "memory", BYTES, memory_bytes, "256MiB",
			"most memory of a call; growth beyond fails as memory.grow does",
			.min = 65536, .max = (uint64_t)1 << 40),
	ROW("EXECUTOR_CACHE", "cache", BYTES, cache_bytes, "256MiB",
			"compiled modules kept in memory, about; the least used go first",
			.min = 0),
	ROW("EXECUTOR_COMPILE_MEMORY", "compile-memory", BYTES, compile_memory, "4GiB",
			"most addresses of the child that compiles a large module; 0: no limit",
			.min = 0),
	ROW("EXECUTOR_COMPILE_CPU", "compile-cpu", DURATION, compile_cpu_ms, "60",
			"most time of a processor for that", .min = 1000, .max = 86400000),
	ROW("EXECUTOR_DRAIN", "drain", DURATION, drain_ms, "30",
			"at the end: how long calls that run are waited for", .min = 1,
			.max = 3600000),
	ROW(NULL, "self-test", BOOL, self_test, "false",
			"run the known calls in every mode, compare, tell, and end", .min = 0),
};

static const struct settings table = {
	.program = "propeller-executor",
	.summary = "executes WebAssembly functions and attests what came of it",
	.usage = "[FLAGS]",
	.rows = rows,
	.count = sizeof(rows) / sizeof(rows[0]),
};

static bool check_ca(const char *setting, const struct tls_parts *tls, struct error *err) {
	return tls->ca == NULL || tls->cert != NULL ||
	       error_set(err, ERROR_INVALID,
			       "setting %s_CA: client certificates need TLS; set %s_CERT and "
			       "%s_KEY as well",
			       setting, setting, setting);
}

static bool read_tls(struct executor_settings *s, struct error *err) {
	const struct tls_files grpc = {
		.ca = { "EXECUTOR_GRPC_SERVER_CA", s->grpc_ca },
		.cert = { "EXECUTOR_GRPC_SERVER_CERT", s->grpc_cert },
		.key = { "EXECUTOR_GRPC_SERVER_KEY", s->grpc_key },
	};
	const struct tls_files http = {
		.ca = { "EXECUTOR_HTTP_SERVER_CA", s->http_ca },
		.cert = { "EXECUTOR_HTTP_SERVER_CERT", s->http_cert },
		.key = { "EXECUTOR_HTTP_SERVER_KEY", s->http_key },
	};
	return tls_read(&grpc, &s->grpc_tls, err) && tls_read(&http, &s->http_tls, err) &&
	       check_ca("EXECUTOR_GRPC_SERVER", &s->grpc_tls, err) &&
	       check_ca("EXECUTOR_HTTP_SERVER", &s->http_tls, err);
}

static void choose_workers(struct executor_settings *s) {
	if (s->workers == 0) {
		long cores = sysconf(_SC_NPROCESSORS_ONLN);
		s->workers = cores < 1 ? 1 : (uint64_t)cores;
		s->workers = s->workers > EXECUTOR_WORKERS_MAX ? EXECUTOR_WORKERS_MAX : s->workers;
	}
}

static bool check(struct executor_settings *s, struct error *err) {
	if (!log_configure("EXECUTOR", s->log_level, s->log_format, err)) {
		return false;
	}
	if (!s->grpc_on && !s->http_on) {
		return error_set(err, ERROR_INVALID,
				"settings EXECUTOR_ENABLE_GRPC and EXECUTOR_ENABLE_HTTP: one of "
				"them has to be true");
	}
	if (s->config != NULL) {
		log_info("settings read file=%s section=%s", s->config, s->section);
	}
	choose_workers(s);
	return read_tls(s, err);
}

enum settings_outcome executor_settings_load(
		struct executor_settings *settings, int argc, char **argv, struct error *err) {
	enum settings_outcome outcome = settings_load(&table, settings, argc, argv, err);
	if (outcome == SETTINGS_RUN && !check(settings, err)) {
		executor_settings_finish(settings);
		outcome = SETTINGS_BAD;
	}
	return outcome;
}

void executor_settings_finish(struct executor_settings *settings) {
	tls_finish(&settings->grpc_tls);
	tls_finish(&settings->http_tls);
	settings_finish(&table, settings);
}
