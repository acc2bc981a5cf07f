/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/settings.h"

#include <stddef.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/str.h"

#define ROW(env_, flag_, kind_, field_, fallback_, help_, ...)                                     \
	{                                                                                          \
		.env = env_, .flag = flag_, .kind = SETTING_##kind_,                               \
		.offset = offsetof(struct manager_settings, field_), .fallback = fallback_,        \
		.help = help_, __VA_ARGS__                                                         \
	}

static const struct setting rows[] = {
	ROW("MANAGER_CONFIG_FILE", "config", FILE, config, NULL, "settings file; see below",
			.min = 0),
	ROW("MANAGER_CONFIG_SECTION", "config-section", SECTION, section, "manager", "its section",
			.min = 0),
	ROW("MANAGER_LOG_LEVEL", "log-level", TEXT, log_level, "info", "debug, info, warn or error",
			.min = 0),
	ROW("MANAGER_LOG_FORMAT", "log-format", TEXT, log_format, "text", "text or json", .min = 0),
	ROW("MANAGER_MQTT_ADDRESS", "mqtt-address", TEXT, mqtt_address, "tcp://localhost:1883",
			"the broker", .required = true),
	ROW("MANAGER_MQTT_TLS_CA_CERT", "mqtt-tls-ca-cert", TEXT, mqtt_ca, NULL,
			"PEM file with the authorities of the broker's certificate; turns TLS on",
			.min = 0),
	ROW("MANAGER_MQTT_TLS_CLIENT_CERT", "mqtt-tls-client-cert", TEXT, mqtt_cert, NULL,
			"PEM file with a certificate for the broker; turns TLS on", .min = 0),
	ROW("MANAGER_MQTT_TLS_CLIENT_KEY", "mqtt-tls-client-key", TEXT, mqtt_key, NULL,
			"PEM file with its key, for its owner only", .min = 0),
	ROW("MANAGER_MQTT_TLS_INSECURE_SKIP_VERIFY", NULL, BOOL, mqtt_insecure, NULL,
			"refused: the broker is always verified", .min = 0),
	ROW("MANAGER_MQTT_QOS", "mqtt-qos", NUMBER, mqtt_qos, "1",
			"quality of service, 0 to 2; 1 loses nothing here", .max = 2),
	ROW("MANAGER_MQTT_TIMEOUT", "mqtt-timeout", DURATION, mqtt_timeout_ms, "30s",
			"how long a clean end waits for the broker", .min = 100, .max = 3600000),
	ROW("MANAGER_MQTT_KEEP_ALIVE", "mqtt-keep-alive", DURATION, mqtt_keepalive_ms, "30s",
			"between pings to the broker", .min = 5000, .max = 3600000),
	ROW("MANAGER_DOMAIN_ID", "domain-id", TEXT, domain_id, NULL, "first part of every topic",
			.alias = { "MANAGER_TENANT_ID" }, .required = true),
	ROW("MANAGER_CHANNEL_ID", "channel-id", TEXT, channel_id, NULL,
			"second part of every topic", .required = true),
	ROW("MANAGER_CLIENT_ID", "client-id", TEXT, client_id, NULL, "MQTT client id and user name",
			.alias = { "MANAGER_ENTITY_ID" }, .required = true),
	ROW("MANAGER_CLIENT_KEY", NULL, SECRET, client_key, NULL, "MQTT password",
			.alias = { "MANAGER_API_KEY" }),
	ROW("MANAGER_WORKLOAD_KEY", NULL, SECRET, workload_key, NULL,
			"64 hexadecimal digits: with it modules, commands and results are sealed; "
			"more keys, behind commas, are still good for opening",
			.alias = { "MANAGER_WORKLOAD_KEYS" }),
	ROW("MANAGER_WORKLOAD_ALLOW_V1", "workload-allow-v1", BOOL, allow_v1, "false",
			"workers of Propeller get their modules sealed in its form", .min = 0),
	ROW("MANAGER_HTTP_HOST", "http-host", TEXT, http_host, "localhost", "address to listen on",
			.required = true),
	ROW("MANAGER_HTTP_PORT", "http-port", NUMBER, http_port, "7070",
			"port to listen on; 0: a free one", .max = 65535),
	ROW("MANAGER_HTTP_TOKEN", NULL, SECRET, http_token, NULL,
			"clients must send it as Bearer token; needed off loopback", .min = 0),
	ROW("MANAGER_TOKENS_FILE", "tokens-file", TEXT, tokens_file, NULL,
			"file of tokens with roles, for its owner only", .min = 0),
	ROW("MANAGER_HTTP_SERVER_CERT", "http-server-cert", TEXT, http_cert, NULL,
			"PEM file with the certificate for https", .min = 0),
	ROW("MANAGER_HTTP_SERVER_KEY", "http-server-key", TEXT, http_key, NULL,
			"PEM file with its key, for its owner only", .min = 0),
	ROW("MANAGER_HTTP_SERVER_CA", "http-server-ca", TEXT, http_ca, NULL,
			"PEM file with authorities: then clients need a certificate of theirs",
			.min = 0),
	ROW("MANAGER_STORAGE_TYPE", "storage", TEXT, storage, "sqlite",
			"sqlite, or memory (for tests)", .min = 0),
	ROW("MANAGER_STATE_DIR", "state-dir", TEXT, state_dir, "./propeller-manager",
			"folder of the database and the module files", .required = true),
	ROW("MANAGER_SQLITE_PATH", "sqlite-path", TEXT, sqlite_path, NULL,
			"the database; default: manager.db in the state folder", .min = 0),
	ROW("MANAGER_MODULE_MAX", "module-max", BYTES, module_max, "100MiB",
			"largest module that is taken", .min = 8, .max = UINT64_C(4) << 30),
	ROW("MANAGER_TASK_RETENTION", "task-retention", DURATION, retention_ms, "720h",
			"ended tasks are removed after this time; 0: never", .min = 0,
			.max = UINT64_C(3155760000000)),
	ROW("MANAGER_QUEUE_MAX", "queue-max", NUMBER, queue_max, "8192",
			"requests at work at once; beyond it: 429", .min = 1, .max = 1000000),
};

static const struct settings table = {
	.program = "propeller-manager",
	.summary = "takes tasks over REST and runs them on workers",
	.usage = "[FLAGS]",
	.rows = rows,
	.count = sizeof(rows) / sizeof(rows[0]),
};

static bool is_loopback(const char *host) {
	return str_equal(host, "localhost") || str_starts(host, "127.") || str_equal(host, "::1") ||
	       str_equal(host, "[::1]");
}

static bool read_mqtt_tls(struct manager_settings *settings, struct error *err) {
	const struct tls_files files = {
		.ca = { "MANAGER_MQTT_TLS_CA_CERT", settings->mqtt_ca },
		.cert = { "MANAGER_MQTT_TLS_CLIENT_CERT", settings->mqtt_cert },
		.key = { "MANAGER_MQTT_TLS_CLIENT_KEY", settings->mqtt_key },
	};
	if (settings->mqtt_insecure) {
		return error_set(err, ERROR_INVALID,
				"setting MANAGER_MQTT_TLS_INSECURE_SKIP_VERIFY: the broker is "
				"always "
				"verified; set MANAGER_MQTT_TLS_CA_CERT to the certificate of its "
				"authority (its own one, if it is self-signed), and remove this "
				"setting");
	}
	return tls_read(&files, &settings->mqtt_tls, err);
}

static bool read_http_tls(struct manager_settings *settings, struct error *err) {
	const struct tls_files files = {
		.ca = { "MANAGER_HTTP_SERVER_CA", settings->http_ca },
		.cert = { "MANAGER_HTTP_SERVER_CERT", settings->http_cert },
		.key = { "MANAGER_HTTP_SERVER_KEY", settings->http_key },
	};
	if (!tls_read(&files, &settings->http_tls, err)) {
		return false;
	}
	return settings->http_tls.ca == NULL || settings->http_tls.cert != NULL ||
	       error_set(err, ERROR_INVALID,
			       "setting MANAGER_HTTP_SERVER_CA: client certificates need https; "
			       "set "
			       "MANAGER_HTTP_SERVER_CERT and MANAGER_HTTP_SERVER_KEY as well");
}

static bool check(struct manager_settings *settings, struct error *err) {
	if (!is_loopback(settings->http_host) && settings->tokens_file == NULL &&
			(settings->http_token == NULL || settings->http_token[0] == 0)) {
		return error_set(err, ERROR_INVALID,
				"setting MANAGER_HTTP_HOST: %s is not a loopback address, and "
				"without "
				"MANAGER_HTTP_TOKEN everybody there could start programs: set the "
				"token, or MANAGER_TOKENS_FILE",
				settings->http_host);
	}
	if (!str_equal(settings->storage, "sqlite") && !str_equal(settings->storage, "memory")) {
		return error_set(err, ERROR_INVALID,
				"setting MANAGER_STORAGE_TYPE: \"%.40s\" is neither sqlite nor "
				"memory",
				settings->storage);
	}
	if (!log_configure("MANAGER", settings->log_level, settings->log_format, err)) {
		return false;
	}
	if (settings->config != NULL) {
		log_info("settings read file=%s section=%s", settings->config, settings->section);
	}
	return read_mqtt_tls(settings, err) && read_http_tls(settings, err);
}

enum settings_outcome manager_settings_load(
		struct manager_settings *settings, int argc, char **argv, struct error *err) {
	enum settings_outcome outcome = settings_load(&table, settings, argc, argv, err);
	if (outcome != SETTINGS_RUN) {
		return outcome;
	}
	if (!check(settings, err)) {
		manager_settings_finish(settings);
		return SETTINGS_BAD;
	}
	if (settings->sqlite_path == NULL || settings->sqlite_path[0] == 0) {
		free(settings->sqlite_path);
		settings->sqlite_path = str_format("%s/manager.db", settings->state_dir);
	}
	return SETTINGS_RUN;
}

void manager_settings_finish(struct manager_settings *settings) {
	tls_finish(&settings->mqtt_tls);
	tls_finish(&settings->http_tls);
	settings_finish(&table, settings);
}
