/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The proxy's settings: one table (settings.c), filled once at the start. */
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/settings.h"
#include "base/str.h"
#include "base/tls.h"
#include "image/credentials.h"

struct proxy_settings {
	char *config, *section; /* the settings file that was read (NULL: none), its section */
	char *log_level, *log_format, *instance_id;
	char *workload_key; /* keys_open() wipes it */
	bool allow_v1, allow_swap;
	char *mqtt_address, *domain_id, *channel_id, *client_id, *client_key;
	uint64_t mqtt_qos, mqtt_keepalive_ms, mqtt_timeout_ms, inflight;
	char *mqtt_ca, *mqtt_cert, *mqtt_key; /* paths */
	bool mqtt_insecure;                   /* refused */
	struct tls_parts mqtt_tls;            /* what is in them */
	char *registry_url, *registry_username, *registry_password, *registry_token;
	char *registry_config, *registry_ca, *plain_http;
	bool authenticate;
	struct tls_parts registry_tls;  /* only authorities */
	struct credentials credentials; /* of all of these */
	struct strings plain;
	uint64_t chunk_size, size_max, pulls, pull_ms, quiet_ms, cache_bytes;
	char *state_dir, *http_host;
	uint64_t http_port;
};

enum settings_outcome proxy_settings_load(struct proxy_settings *settings, int argc, char **argv,
		struct error *err) MUST_CHECK;
void proxy_settings_finish(struct proxy_settings *settings);
