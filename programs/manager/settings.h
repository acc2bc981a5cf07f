/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The manager's settings: one table (settings.c), filled once at the start. */
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/settings.h"
#include "base/tls.h"

struct manager_settings {
	char *config, *section; /* the settings file that was read (NULL: none), its section */
	char *log_level, *log_format;
	char *mqtt_address, *domain_id, *channel_id, *client_id, *client_key;
	uint64_t mqtt_qos, mqtt_keepalive_ms, mqtt_timeout_ms;
	char *mqtt_ca, *mqtt_cert, *mqtt_key; /* paths */
	bool mqtt_insecure;                   /* refused */
	struct tls_parts mqtt_tls;            /* what is in them */
	char *workload_key;                   /* gone once it is in manager.ring */
	bool allow_v1;
	char *http_host, *http_token, *tokens_file;
	char *http_ca, *http_cert, *http_key; /* paths */
	struct tls_parts http_tls;            /* what is in them */
	uint64_t http_port;
	char *storage, *sqlite_path, *state_dir;
	uint64_t module_max, queue_max;
	uint64_t retention_ms; /* of ended tasks; 0: for ever */
};

/* As settings_load(), and what the table alone cannot check. */
enum settings_outcome manager_settings_load(struct manager_settings *settings, int argc,
		char **argv, struct error *err) MUST_CHECK;
void manager_settings_finish(struct manager_settings *settings);
