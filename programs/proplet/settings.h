/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The worker's settings: one table (settings.c), filled once at the start. */
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/settings.h"
#include "base/tls.h"

struct proplet_settings {
	char *config, *section; /* the settings file that was read (NULL: none), its section */
	char *log_level, *log_format, *instance_id;
	char *mqtt_address, *domain_id, *channel_id, *client_id, *client_key;
	uint64_t mqtt_qos, mqtt_keepalive_ms, mqtt_timeout_ms;
	char *mqtt_ca, *mqtt_cert, *mqtt_key; /* paths */
	bool mqtt_insecure;                   /* refused */
	struct tls_parts mqtt_tls;            /* what is in them */
	char *workload_key;                   /* gone once it is in worker.ring */
	bool allow_v1, allow_swap, cache_decrypted;
	char *fetch_hosts, *fetch_ca;
	bool fetch_insecure;        /* refused */
	struct tls_parts fetch_tls; /* what is in fetch_ca */
	char *space, *external, *dirs, *state_dir, *description, *tags, *location;
	uint64_t interval_ms, fetch_ms, slots, cache_bytes, module_max, compile_ms;
	uint64_t compile_memory, compile_cpu_ms;
	uint64_t pulls, pull_ms, metrics_ms;
	bool system_info, monitoring;
};

enum settings_outcome proplet_settings_load(struct proplet_settings *settings, int argc,
		char **argv, struct error *err) MUST_CHECK;
void proplet_settings_finish(struct proplet_settings *settings);
