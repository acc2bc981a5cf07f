/* SPDX-License-Identifier: Apache-2.0 */
#include "proplet/settings.h"

#include <stddef.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/str.h"
#include "bus/topics.h"

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
	ROW("PROPLET_INSTANCE_ID", "instance-id", TEXT, instance_id, NULL, "shown in the metadata",
			.min = 0),
	ROW("PROPLET_MQTT_ADDRESS", "mqtt-address", TEXT, mqtt_address, "tcp://localhost:1883",
			"the broker", .required = true),
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
	ROW("PROPLET_LIVELINESS_INTERVAL", "liveliness-interval", DURATION, interval_ms, "10",
			"between heartbeats", .min = 100, .max = 3600000),
	ROW("PROPLET_SLOTS", "slots", NUMBER, slots, "1024", "tasks at once", .min = 1,
			.max = 30000),
	ROW("PROPLET_MODULE_CACHE", "module-cache", BYTES, cache_bytes, "512MiB",
			"compiled modules kept in memory", .min = 0),
	ROW("PROPLET_MODULE_MAX", "module-max", BYTES, module_max, "100MiB",
			"largest module that is taken", .min = 8, .max = UINT64_C(4) << 30),
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

enum settings_outcome proplet_settings_load(
		struct proplet_settings *settings, int argc, char **argv, struct error *err) {
	enum log_level level;
	enum settings_outcome outcome = settings_load(&table, settings, argc, argv, err);
	if (outcome != SETTINGS_RUN) {
		return outcome;
	}
	if (!log_level_parse(settings->log_level, &level, err)) {
		(void)error_wrap(err, "setting PROPLET_LOG_LEVEL");
		settings_finish(&table, settings);
		return SETTINGS_BAD;
	}
	if (!topics_id_valid(settings->client_id)) {
		error_set(err, ERROR_INVALID,
				"setting PROPLET_CLIENT_ID: 1 to 128 characters, no spaces, '/', "
				"'+' or '#'");
		settings_finish(&table, settings);
		return SETTINGS_BAD;
	}
	log_set_level(level);
	if (settings->config != NULL) {
		log_info("settings read file=%s section=%s", settings->config, settings->section);
	}
	return SETTINGS_RUN;
}

void proplet_settings_finish(struct proplet_settings *settings) {
	settings_finish(&table, settings);
}
