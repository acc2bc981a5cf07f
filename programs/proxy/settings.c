/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy/settings.h"

#include <stddef.h>
#include <stdlib.h>

#include "base/log.h"
#include "bus/topics.h"
#include "image/image.h"
#include "image/session.h"

#define ROW(env_, flag_, kind_, field_, fallback_, help_, ...)                                     \
	{                                                                                          \
		.env = env_, .flag = flag_, .kind = SETTING_##kind_,                               \
		.offset = offsetof(struct proxy_settings, field_), .fallback = fallback_,          \
		.help = help_, __VA_ARGS__                                                         \
	}

static const struct setting rows[] = {
	ROW("PROXY_CONFIG_FILE", "config", FILE, config, NULL, "settings file; see below",
			.min = 0),
	ROW("PROXY_CONFIG_SECTION", "config-section", SECTION, section, "proxy", "its section",
			.min = 0),
	ROW("PROXY_LOG_LEVEL", "log-level", TEXT, log_level, "info", "debug, info, warn or error",
			.min = 0),
	ROW("PROXY_LOG_FORMAT", "log-format", TEXT, log_format, "text", "text or json", .min = 0),
	ROW("PROXY_INSTANCE_ID", "instance-id", TEXT, instance_id, NULL, "shown in the log",
			.min = 0),
	ROW("PROXY_MQTT_ADDRESS", "mqtt-address", TEXT, mqtt_address, "tcp://localhost:1883",
			"the broker", .required = true),
	ROW("PROXY_MQTT_TLS_CA_CERT", "mqtt-tls-ca-cert", TEXT, mqtt_ca, NULL,
			"PEM file with the authorities that the broker's certificate may come "
			"from; turns TLS on",
			.min = 0),
	ROW("PROXY_MQTT_TLS_CLIENT_CERT", "mqtt-tls-client-cert", TEXT, mqtt_cert, NULL,
			"PEM file with a certificate for the broker; turns TLS on", .min = 0),
	ROW("PROXY_MQTT_TLS_CLIENT_KEY", "mqtt-tls-client-key", TEXT, mqtt_key, NULL,
			"PEM file with its key, for its owner only", .min = 0),
	ROW("PROXY_MQTT_TLS_INSECURE_SKIP_VERIFY", NULL, BOOL, mqtt_insecure, NULL,
			"refused: the broker is always verified", .min = 0),
	ROW("PROXY_MQTT_TIMEOUT", "mqtt-timeout", DURATION, mqtt_timeout_ms, "30",
			"how long a chunk waits for the broker until its image is given up",
			.min = 100, .max = 3600000),
	ROW("PROXY_MQTT_QOS", "mqtt-qos", NUMBER, mqtt_qos, "1",
			"quality of service, 1 or 2: chunks wait for acknowledgements", .min = 1,
			.max = 2),
	ROW("PROXY_MQTT_KEEP_ALIVE", "mqtt-keep-alive", DURATION, mqtt_keepalive_ms, "30",
			"between pings to the broker", .min = 5000, .max = 3600000),
	ROW("PROXY_MQTT_INFLIGHT", "mqtt-inflight", NUMBER, inflight, "2",
			"chunks that the broker has not acknowledged yet; they are in memory",
			.min = 1, .max = 1000),
	ROW("PROXY_DOMAIN_ID", "domain-id", TEXT, domain_id, NULL, "first part of every topic",
			.alias = { "PROXY_TENANT_ID" }, .required = true),
	ROW("PROXY_CHANNEL_ID", "channel-id", TEXT, channel_id, NULL, "second part of every topic",
			.required = true),
	ROW("PROXY_CLIENT_ID", "client-id", TEXT, client_id, NULL,
			"the proxy's MQTT client id and user name", .alias = { "PROXY_ENTITY_ID" },
			.required = true),
	ROW("PROXY_CLIENT_KEY", NULL, SECRET, client_key, NULL, "MQTT password",
			.alias = { "PROXY_API_KEY" }),
	ROW("PROXY_WORKLOAD_KEY", NULL, SECRET, workload_key, NULL,
			"64 hexadecimal digits, the channel's key: images go sealed to each "
			"worker, and lie sealed on disk; more keys behind commas",
			.alias = { "PROXY_WORKLOAD_KEYS" }),
	ROW("PROXY_WORKLOAD_ALLOW_V1", "workload-allow-v1", BOOL, allow_v1, "false",
			"with a workload key: workers without one get images in the open",
			.min = 0),
	ROW("PROXY_ALLOW_SWAP", "allow-swap", BOOL, allow_swap, "false",
			"with a workload key: start even if memory could be written to swap",
			.min = 0),
	ROW("PROXY_REGISTRY_URL", "registry-url", TEXT, registry_url, NULL,
			"the registry that the next ones are for: HOST, HOST:PORT or an address",
			.min = 0),
	ROW("PROXY_REGISTRY_USERNAME", "registry-username", TEXT, registry_username, NULL,
			"user name there", .min = 0),
	ROW("PROXY_REGISTRY_PASSWORD", NULL, SECRET, registry_password, NULL, "password there",
			.min = 0),
	ROW("PROXY_REGISTRY_TOKEN", NULL, SECRET, registry_token, NULL,
			"a bearer token there, in place of the two", .min = 0),
	ROW("PROXY_AUTHENTICATE", "authenticate", BOOL, authenticate, "true",
			"use the three; false: leave them alone", .min = 0),
	ROW("PROXY_REGISTRY_CONFIG", "registry-config", TEXT, registry_config, NULL,
			"docker's config.json (or podman's auth.json) with names and passwords of "
			"other registries",
			.min = 0),
	ROW("PROXY_REGISTRY_CA", "registry-ca", TEXT, registry_ca, NULL,
			"PEM file with the authorities that registries' certificates may come "
			"from, and no others; default: the system's",
			.min = 0),
	ROW("PROXY_PLAIN_HTTP", "plain-http", TEXT, plain_http, NULL,
			"registries that are spoken to without TLS, separated by commas: HOST:PORT",
			.min = 0),
	ROW("PROXY_CHUNK_SIZE", "chunk-size", BYTES, chunk_size, "512000",
			"of an image in one message, before base64", .min = 1024,
			.max = 11 * 1024 * 1024),
	ROW("PROXY_IMAGE_MAX", "image-max", BYTES, size_max, "512MiB",
			"largest module that is pulled", .min = 8, .max = IMAGE_SIZE_MAX),
	ROW("PROXY_PULLS", "pulls", NUMBER, pulls, "4", "images that are pulled and sent at once",
			.min = 1, .max = 64),
	ROW("PROXY_PULL_TIMEOUT", "pull-timeout", DURATION, pull_ms, "1800",
			"how long one image may take, until its last chunk is sent", .min = 100,
			.max = 86400000),
	ROW("PROXY_REGISTRY_TIMEOUT", "registry-timeout", DURATION, quiet_ms, "30",
			"a registry that says nothing for so long is asked again, or given up",
			.min = 100, .max = 3600000),
	ROW("PROXY_CACHE", "cache", BYTES, cache_bytes, "1GiB",
			"modules kept on disk, the least used go first; 0: none", .min = 0),
	ROW("PROXY_STATE_DIR", "state-dir", TEXT, state_dir, NULL,
			"folder for them, and for what is on its way; default: $STATE_DIRECTORY, "
			"or propeller in $XDG_STATE_HOME or ~/.local/state",
			.min = 0),
	ROW("PROXY_HTTP_HOST", "http-host", TEXT, http_host, "localhost",
			"address for /health and /metrics", .min = 0),
	ROW("PROXY_HTTP_PORT", "http-port", NUMBER, http_port, "9191", "and port; 0: a free one",
			.min = 0, .max = 65535),
};

static const struct settings table = {
	.program = "propeller-proxy",
	.summary = "pulls images from registries for workers that ask over MQTT",
	.usage = "[FLAGS]",
	.rows = rows,
	.count = sizeof(rows) / sizeof(rows[0]),
};

static bool read_mqtt_tls(struct proxy_settings *settings, struct error *err) {
	const struct tls_files files = {
		.ca = { "PROXY_MQTT_TLS_CA_CERT", settings->mqtt_ca },
		.cert = { "PROXY_MQTT_TLS_CLIENT_CERT", settings->mqtt_cert },
		.key = { "PROXY_MQTT_TLS_CLIENT_KEY", settings->mqtt_key },
	};
	if (settings->mqtt_insecure) {
		return error_set(err, ERROR_INVALID,
				"setting PROXY_MQTT_TLS_INSECURE_SKIP_VERIFY: the broker is always "
				"verified; set PROXY_MQTT_TLS_CA_CERT to the certificate of its "
				"authority (its own one, if it is self-signed), and remove this "
				"setting");
	}
	return tls_read(&files, &settings->mqtt_tls, err);
}

static bool check_pair(const struct proxy_settings *s, struct error *err) {
	if ((s->registry_username != NULL) != (s->registry_password != NULL)) {
		return error_set(err, ERROR_INVALID,
				"setting %s is missing: PROXY_REGISTRY_USERNAME and "
				"PROXY_REGISTRY_PASSWORD belong together",
				s->registry_username == NULL ? "PROXY_REGISTRY_USERNAME"
							     : "PROXY_REGISTRY_PASSWORD");
	}
	return s->registry_url != NULL ||
	       error_set(err, ERROR_INVALID,
			       "setting PROXY_REGISTRY_URL is missing: it says for which registry "
			       "PROXY_REGISTRY_USERNAME, _PASSWORD and _TOKEN are");
}

static bool read_credentials(struct proxy_settings *s, struct error *err) {
	bool own = s->authenticate &&
		   (s->registry_username != NULL || s->registry_password != NULL ||
				   s->registry_token != NULL);
	if (own && !check_pair(s, err)) {
		return false;
	}
	if (s->registry_config != NULL &&
			!credentials_read(&s->credentials, s->registry_config, err)) {
		return error_wrap(err, "setting PROXY_REGISTRY_CONFIG");
	}
	if (own) {
		const struct credential one = { .registry = s->registry_url,
			.username = s->registry_username,
			.password = s->registry_password,
			.token = s->registry_token };
		credentials_add(&s->credentials, &one);
	}
	return true;
}

static bool check_registries(struct proxy_settings *s, struct error *err) {
	if (s->plain_http != NULL) {
		strings_split(&s->plain, s->plain_http, ',');
	}
	if (!session_check_plain(&s->plain, err)) {
		return error_wrap(err, "setting PROXY_PLAIN_HTTP");
	}
	const struct tls_files files = { .ca = { "PROXY_REGISTRY_CA", s->registry_ca } };
	return tls_read(&files, &s->registry_tls, err) && read_credentials(s, err);
}

static bool check(struct proxy_settings *settings, struct error *err) {
	if (!log_configure("PROXY", settings->log_level, settings->log_format, err)) {
		return false;
	}
	if (!topics_id_valid(settings->client_id)) {
		return error_set(err, ERROR_INVALID,
				"setting PROXY_CLIENT_ID: 1 to 128 characters, no spaces, '/', '+' "
				"or '#'");
	}
	if (settings->config != NULL) {
		log_info("settings read file=%s section=%s", settings->config, settings->section);
	}
	return check_registries(settings, err) && read_mqtt_tls(settings, err);
}

enum settings_outcome proxy_settings_load(
		struct proxy_settings *settings, int argc, char **argv, struct error *err) {
	enum settings_outcome outcome = settings_load(&table, settings, argc, argv, err);
	if (outcome == SETTINGS_RUN && !check(settings, err)) {
		proxy_settings_finish(settings);
		outcome = SETTINGS_BAD;
	}
	return outcome;
}

void proxy_settings_finish(struct proxy_settings *settings) {
	credentials_finish(&settings->credentials);
	strings_finish(&settings->plain);
	tls_finish(&settings->mqtt_tls);
	tls_finish(&settings->registry_tls);
	settings_finish(&table, settings);
}
