/* SPDX-License-Identifier: Apache-2.0 */
/* The forms in which Propeller's installations give the worker's settings. */
#include "proplet/settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *const required[][2] = { { "PROPLET_DOMAIN_ID", "d" },
	{ "PROPLET_CHANNEL_ID", "c" }, { "PROPLET_CLIENT_ID", "w" } };

static int set_up(void **state) {
	(void)state;
	for (size_t i = 0; i < sizeof(required) / sizeof(required[0]); i++) {
		(void)setenv(required[i][0], required[i][1], 1);
	}
	return 0;
}

static enum settings_outcome load(
		struct proplet_settings *settings, const char *name, const char *value) {
	char *argv[] = { (char[]){ "proplet" }, (char[]){ "--config=" }, NULL };
	struct error err;
	*settings = (struct proplet_settings){ 0 };
	if (name != NULL) {
		(void)setenv(name, value, 1);
	}
	enum settings_outcome outcome = proplet_settings_load(settings, 2, argv, &err);
	if (name != NULL) {
		(void)unsetenv(name);
	}
	if (outcome == SETTINGS_BAD && name != NULL) {
		assert_non_null(strstr(err.message, name));
	}
	return outcome;
}

#define AT(field) offsetof(struct proplet_settings, field)

static void times_with_and_without_a_unit(void **state) {
	(void)state;
	static const struct {
		const char *name, *value;
		size_t offset;
		uint64_t ms;
	} rows[] = {
		{ NULL, NULL, AT(mqtt_timeout_ms), 30000 },
		{ "PROPLET_MQTT_TIMEOUT", "30", AT(mqtt_timeout_ms), 30000 },
		{ "PROPLET_MQTT_TIMEOUT", "30s", AT(mqtt_timeout_ms), 30000 },
		{ "PROPLET_MQTT_TIMEOUT", "1m", AT(mqtt_timeout_ms), 60000 },
		{ "PROPLET_MQTT_KEEP_ALIVE", "45", AT(mqtt_keepalive_ms), 45000 },
		{ "PROPLET_MQTT_KEEP_ALIVE", "45s", AT(mqtt_keepalive_ms), 45000 },
		{ NULL, NULL, AT(interval_ms), 10000 },
		{ "PROPLET_LIVELINESS_INTERVAL", "5", AT(interval_ms), 5000 },
		{ "PROPLET_LIVELINESS_INTERVAL", "10s", AT(interval_ms), 10000 },
		{ "PROPLET_LIVELINESS_INTERVAL", "500ms", AT(interval_ms), 500 },
		{ NULL, NULL, AT(metrics_ms), 10000 },
		{ "PROPLET_METRICS_INTERVAL", "7", AT(metrics_ms), 7000 },
		{ "PROPLET_METRICS_INTERVAL", "7s", AT(metrics_ms), 7000 },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct proplet_settings settings;
		uint64_t ms;
		assert_int_equal(load(&settings, rows[i].name, rows[i].value), SETTINGS_RUN);
		memcpy(&ms, (const char *)&settings + rows[i].offset, sizeof(ms));
		assert_int_equal(ms, rows[i].ms);
		proplet_settings_finish(&settings);
	}
}

static void texts(void **state) {
	(void)state;
	static const struct {
		const char *name, *value;
		size_t offset;
		const char *expected;
	} rows[] = {
		{ NULL, NULL, AT(instance_id), NULL },
		{ "PROPLET_INSTANCE_ID", "i-1", AT(instance_id), "i-1" },
		{ NULL, NULL, AT(space), "default" },
		{ "PROPLET_MANAGER_K8S_NAMESPACE", "edge", AT(space), "edge" },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct proplet_settings settings;
		const char *text;
		assert_int_equal(load(&settings, rows[i].name, rows[i].value), SETTINGS_RUN);
		memcpy(&text, (const char *)&settings + rows[i].offset, sizeof(text));
		if (rows[i].expected == NULL) {
			assert_null(text);
		} else {
			assert_string_equal(text, rows[i].expected);
		}
		proplet_settings_finish(&settings);
	}
}

static void monitoring_is_on_unless_it_is_off(void **state) {
	(void)state;
	static const struct {
		const char *value;
		bool on;
	} rows[] = { { NULL, true }, { "true", true }, { "YES", true }, { "1", true },
		{ "on", true }, { "false", false }, { "0", false }, { "off", false } };
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct proplet_settings settings;
		const char *name = rows[i].value != NULL ? "PROPLET_ENABLE_MONITORING" : NULL;
		assert_int_equal(load(&settings, name, rows[i].value), SETTINGS_RUN);
		assert_true(settings.monitoring == rows[i].on);
		proplet_settings_finish(&settings);
	}
}

static void what_is_wrong_is_named(void **state) {
	(void)state;
	static const char *const rows[][2] = { { "PROPLET_MQTT_TIMEOUT", "soon" },
		{ "PROPLET_MQTT_TIMEOUT", "-1" }, { "PROPLET_LIVELINESS_INTERVAL", "10x" },
		{ "PROPLET_LIVELINESS_INTERVAL", "0" }, { "PROPLET_METRICS_INTERVAL", "1ms" },
		{ "PROPLET_ENABLE_MONITORING", "maybe" } };
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct proplet_settings settings;
		assert_int_equal(load(&settings, rows[i][0], rows[i][1]), SETTINGS_BAD);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(times_with_and_without_a_unit),
		cmocka_unit_test(texts),
		cmocka_unit_test(monitoring_is_on_unless_it_is_off),
		cmocka_unit_test(what_is_wrong_is_named),
	};
	return cmocka_run_group_tests(tests, set_up, NULL);
}
