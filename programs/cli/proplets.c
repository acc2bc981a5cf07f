/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs of `proplets`, and health. */
#include <stdlib.h>

#include "base/mem.h"
#include "base/str.h"
#include "cli/ask.h"

int proplets_list(const struct arguments *arguments, struct error *err) {
	const char *status = arguments->flags[FLAG_STATUS];
	CLEANUP(mem_freep) char *escaped = http_escape(status != NULL ? status : "");
	CLEANUP(mem_freep) char *query = str_format("status=%s", escaped);
	return ask_rows(arguments, "/proplets", query, &view_proplets, err);
}

static char *proplet_path(const char *id, const char *rest) {
	CLEANUP(mem_freep) char *escaped = http_escape(id);
	return str_format("/proplets/%s%s", escaped, rest);
}

int proplets_view(const struct arguments *arguments, struct error *err) {
	CLEANUP(mem_freep) char *path = proplet_path(arguments->items[0], "");
	return ask_view(arguments, path, &view_proplet, err);
}

int proplets_metrics(const struct arguments *arguments, struct error *err) {
	CLEANUP(mem_freep) char *path = proplet_path(arguments->items[0], "/metrics");
	return ask_rows(arguments, path, "", &view_proplet_metrics, err);
}

int proplets_history(const struct arguments *arguments, struct error *err) {
	CLEANUP(mem_freep) char *path = proplet_path(arguments->items[0], "/alive-history");
	return ask_rows(arguments, path, "", &view_beats, err);
}

int proplets_delete(const struct arguments *arguments, struct error *err) {
	CLEANUP(mem_freep) char *path = proplet_path(arguments->items[0], "");
	return ask(arguments, "DELETE", path, NULL, NULL, err);
}

int health(const struct arguments *arguments, struct error *err) {
	return ask_view(arguments, "/health", &view_health, err);
}
