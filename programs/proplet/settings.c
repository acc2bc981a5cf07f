/* SPDX-License-Identifier: Apache-2.0 */
#include "proplet/settings.h"

#include <stddef.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/str.h"
#include "bus/topics.h"
#include "engine/dirs.h"
#include "http/download.h"

#define ROW(env_, flag_, kind_, field_, fallback_, help_, ...)                                     \
	{                                                                                          \
		.env = env_, .flag = flag_, .kind = SETTING_##kind_,                               \
		.offset = offsetof(struct proplet_settings, field_), .fallback = fallback_,        \
		.help = help_, __VA_ARGS__                                                         \
	}

static const struct setting rows[] = {
	ROW("PROPLET_CONFIG_FILE", "config", FILE, config, NULL, "settings file; see below",
			.min = 0),
	ROW("PROPLET_CONFIG_SECTION", "config-section", SECTION, section, "proplet", "its section",
			.min = 0),
	ROW("PROPLET_LOG_LEVEL", "log-level", TEXT, log_level, "info", "debug, info, warn or error",
			.min = 0),
	ROW("PROPLET_LOG_FORMAT", "log-format", TEXT, log_format, "text", "text or json", .min = 0),
	ROW("PROPLET_INSTANCE_ID", "instance-id", TEXT, instance_id, NULL, "shown in the metadata",
			.min = 0),
	ROW("PROPLET_MQTT_ADDRESS", "mqtt-address", TEXT, mqtt_address, "tcp://localhost:1883",
			"the broker", .required = true),
	ROW("PROPLET_MQTT_TLS_CA_CERT", "mqtt-tls-ca-cert", TEXT, mqtt_ca, NULL,
			"PEM file with the authorities of the broker's certificate; turns TLS on",
			.min = 0),
	ROW("PROPLET_MQTT_TLS_CLIENT_CERT", "mqtt-tls-client-cert", TEXT, mqtt_cert, NULL,
			"PEM file with a certificate for the broker; turns TLS on", .min = 0),
	ROW("PROPLET_MQTT_TLS_CLIENT_KEY", "mqtt-tls-client-key", TEXT, mqtt_key, NULL,
			"PEM file with its key, for its owner only", .min = 0),
	ROW("PROPLET_MQTT_TLS_INSECURE_SKIP_VERIFY", NULL, BOOL, mqtt_insecure, NULL,
			"refused: the broker is always verified", .min = 0),
	ROW("PROPLET_MQTT_TIMEOUT", "mqtt-timeout", DURATION, mqtt_timeout_ms, "30",
			"how long a clean end waits for the manager's acknowledgements", .min = 0,
			.max = 3600000),
	ROW("PROPLET_MQTT_QOS", "mqtt-qos", NUMBER, mqtt_qos, "1",
			"quality of service, 0 to 2; 1 loses nothing here", .max = 2),
	ROW("PROPLET_MQTT_KEEP_ALIVE", "mqtt-keep-alive", DURATION, mqtt_keepalive_ms, "30",
			"between pings to the broker", .min = 5000, .max = 3600000),
	ROW("PROPLET_DOMAIN_ID", "domain-id", TEXT, domain_id, NULL, "first part of every topic",
			.alias = { "PROPLET_TENANT_ID" }, .required = true),
	ROW("PROPLET_CHANNEL_ID", "channel-id", TEXT, channel_id, NULL,
			"second part of every topic", .required = true),
	ROW("PROPLET_CLIENT_ID", "client-id", TEXT, client_id, NULL,
			"this worker's id, and its MQTT client id and user name",
			.alias = { "PROPLET_ENTITY_ID" }, .required = true),
	ROW("PROPLET_CLIENT_KEY", NULL, SECRET, client_key, NULL, "MQTT password",
			.alias = { "PROPLET_API_KEY" }),
	ROW("PROPLET_WORKLOAD_KEY", NULL, SECRET, workload_key, NULL,
			"64 hexadecimal digits: the channel's key, or this worker's own; with it "
			"only sealed commands and modules are taken; more keys behind commas",
			.alias = { "PROPLET_WORKLOAD_KEYS" }),
	ROW("PROPLET_WORKLOAD_ALLOW_V1", "workload-allow-v1", BOOL, allow_v1, "false",
			"managers of Propeller may send modules sealed in its form", .min = 0),
	ROW("PROPLET_ALLOW_SWAP", "allow-swap", BOOL, allow_swap, "false",
			"with a workload key: start even if memory could be written to swap",
			.min = 0),
	ROW("PROPLET_CACHE_DECRYPTED", "cache-decrypted", BOOL, cache_decrypted, "false",
			"with a workload key: keep compiled modules when their tasks have ended",
			.min = 0),
	ROW("PROPLET_LIVELINESS_INTERVAL", "liveliness-interval", DURATION, interval_ms, "10",
			"between heartbeats", .min = 100, .max = 3600000),
	ROW("PROPLET_ENABLE_MONITORING", "enable-monitoring", BOOL, monitoring, "true",
			"send metrics of the worker and of tasks", .min = 0),
	ROW("PROPLET_METRICS_INTERVAL", "metrics-interval", DURATION, metrics_ms, "10",
			"between metrics of the worker; tasks say their own", .min = 1000,
			.max = 86400000),
	ROW("PROPLET_SLOTS", "slots", NUMBER, slots, "1024", "tasks at once", .min = 1,
			.max = 30000),
	ROW("PROPLET_MODULE_CACHE", "module-cache", BYTES, cache_bytes, "512MiB",
			"compiled modules kept in memory", .min = 0),
	ROW("PROPLET_MODULE_MAX", "module-max", BYTES, module_max, "100MiB",
			"largest module that is taken", .min = 8, .max = UINT64_C(4) << 30),
	ROW("PROPLET_PULL_CONCURRENT_LIMIT", "pull-concurrent-limit", NUMBER, pulls, "4",
			"images that are on their way from the proxy at once; the others wait",
			.min = 1, .max = 1000),
	ROW("PROPLET_PULL_TIMEOUT", "pull-timeout", DURATION, pull_ms, "60",
			"an image of which nothing more comes for so long is given up", .min = 100,
			.max = 86400000),
	ROW("PROPLET_COMPILE_TIMEOUT", "compile-timeout", DURATION, compile_ms, "600",
			"how long a compilation may take", .min = 1000, .max = 86400000),
	ROW("PROPLET_COMPILE_MEMORY", "compile-memory", BYTES, compile_memory, "6GiB",
			"addresses of a child that compiles a large module; 0: no limit", .min = 0),
	ROW("PROPLET_COMPILE_CPU", "compile-cpu", DURATION, compile_cpu_ms, "1200",
			"CPU time of such a child; 0: no limit", .min = 0, .max = 86400000),
	ROW("PROPLET_EXTERNAL_WASM_RUNTIME", "external-wasm-runtime", TEXT, external, NULL,
			"program that runs modules of engine \"external\"", .min = 0),
	ROW("PROPLET_DIRS", "dirs", TEXT, dirs, NULL,
			"directories that tasks may ask for, separated by colons; one that ends in "
			"\"=ro\" only to read",
			.min = 0),
	ROW("PROPLET_FETCH_HOSTS", "fetch-hosts", TEXT, fetch_hosts, NULL,
			"web servers that an image_url with http:// or https:// may name, "
			"separated "
			"by commas: HOST, HOST:PORT, HOST:* or *.DOMAIN",
			.min = 0),
	ROW("PROPLET_FETCH_CA", "fetch-ca", TEXT, fetch_ca, NULL,
			"file with the certificates (PEM) that vouch for them; default: the "
			"system's",
			.alias = { "PROPLET_HTTP_TLS_CA_CERT" }),
	ROW("PROPLET_HTTP_TLS_INSECURE_SKIP_VERIFY", NULL, BOOL, fetch_insecure, NULL,
			"refused: web servers are always verified", .min = 0),
	ROW("PROPLET_FETCH_TIMEOUT", "fetch-timeout", DURATION, fetch_ms, "300",
			"how long such a fetch may take", .min = 100, .max = 86400000),
	ROW("PROPLET_STATE_DIR", "state-dir", TEXT, state_dir, NULL,
			"folder for results that the manager has not taken yet; default: "
			"$STATE_DIRECTORY, or propeller in $XDG_STATE_HOME or ~/.local/state",
			.min = 0),
	ROW("PROPLET_MANAGER_K8S_NAMESPACE", "namespace", TEXT, space, "default",
			"the namespace it announces", .min = 0),
	ROW("PROPLET_DESCRIPTION", "description", TEXT, description, NULL, "shown in the metadata",
			.min = 0),
	ROW("PROPLET_TAGS", "tags", TEXT, tags, NULL, "shown in the metadata, separated by commas",
			.min = 0),
	ROW("PROPLET_LOCATION", "location", TEXT, location, NULL, "shown in the metadata",
			.min = 0),
	ROW("PROPLET_COLLECT_SYSTEM_INFO", "system-info", BOOL, system_info, "true",
			"announce host name, address, system and memory", .min = 0),
};

static const struct settings table = {
	.program = "proplet",
	.summary = "a worker: runs WebAssembly tasks that a manager sends over MQTT",
	.usage = "[FLAGS]",
	.rows = rows,
	.count = sizeof(rows) / sizeof(rows[0]),
};

static bool check_list(const char *text, char separator, const char *name,
		bool (*sound)(const struct strings *, struct error *), struct error *err) {
	struct strings list = { 0 };
	if (text != NULL) {
		strings_split(&list, text, separator);
	}
	bool ok = sound(&list, err) || error_wrap(err, "setting %s", name);
	strings_finish(&list);
	return ok;
}

/* `wrong`: somebody wants a server to be taken unverified. */
static bool refuse_insecure(
		bool wrong, const char *what, const char *name, const char *ca, struct error *err) {
	return !wrong || error_set(err, ERROR_INVALID,
					 "setting %s: the %s is always verified; set %s to the "
					 "certificate of its authority (its own one, if it is "
					 "self-signed), and remove this setting",
					 name, what, ca);
}

static bool read_mqtt_tls(struct proplet_settings *settings, struct error *err) {
	const struct tls_files files = {
		.ca = { "PROPLET_MQTT_TLS_CA_CERT", settings->mqtt_ca },
		.cert = { "PROPLET_MQTT_TLS_CLIENT_CERT", settings->mqtt_cert },
		.key = { "PROPLET_MQTT_TLS_CLIENT_KEY", settings->mqtt_key },
	};
	return refuse_insecure(settings->mqtt_insecure, "broker",
			       "PROPLET_MQTT_TLS_INSECURE_SKIP_VERIFY", files.ca.setting, err) &&
	       tls_read(&files, &settings->mqtt_tls, err);
}

static bool read_fetch_tls(struct proplet_settings *settings, struct error *err) {
	const struct tls_files files = { .ca = { "PROPLET_FETCH_CA", settings->fetch_ca } };
	return refuse_insecure(settings->fetch_insecure, "web server",
			       "PROPLET_HTTP_TLS_INSECURE_SKIP_VERIFY", files.ca.setting, err) &&
	       tls_read(&files, &settings->fetch_tls, err);
}

static bool check(struct proplet_settings *settings, struct error *err) {
	if (!log_configure("PROPLET", settings->log_level, settings->log_format, err)) {
		return false;
	}
	if (!topics_id_valid(settings->client_id)) {
		return error_set(err, ERROR_INVALID,
				"setting PROPLET_CLIENT_ID: 1 to 128 characters, no spaces, '/', "
				"'+' or '#'");
	}
	if (settings->config != NULL) {
		log_info("settings read file=%s section=%s", settings->config, settings->section);
	}
	return check_list(settings->fetch_hosts, ',', "PROPLET_FETCH_HOSTS", download_check_hosts,
			       err) &&
	       check_list(settings->dirs, ':', "PROPLET_DIRS", dirs_check, err) &&
	       read_mqtt_tls(settings, err) && read_fetch_tls(settings, err);
}

enum settings_outcome proplet_settings_load(
		struct proplet_settings *settings, int argc, char **argv, struct error *err) {
	enum settings_outcome outcome = settings_load(&table, settings, argc, argv, err);
	if (outcome == SETTINGS_RUN && !check(settings, err)) {
		proplet_settings_finish(settings);
		outcome = SETTINGS_BAD;
	}
	return outcome;
}

void proplet_settings_finish(struct proplet_settings *settings) {
	tls_finish(&settings->mqtt_tls);
	tls_finish(&settings->fetch_tls);
	settings_finish(&table, settings);
}
