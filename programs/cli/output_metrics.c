/* SPDX-License-Identifier: Apache-2.0 */
/* Tables of what was measured, and of when a worker was heard. What was not said is "-". */
#include <stdio.h>

#include "base/mem.h"
#include "cli/cli.h"

enum form { PLAIN, SIZE, TENTHS };

struct column {
	const char *title, *group, *member;
	enum form form;
};

static const struct column of_task[] = {
	{ "CPU %", "metrics", "cpu_percent", TENTHS },
	{ "MEMORY", "metrics", "memory_bytes", SIZE },
	{ "MEM %", "metrics", "memory_percent", TENTHS },
	{ "READ", "metrics", "disk_read_bytes", SIZE },
	{ "WRITTEN", "metrics", "disk_write_bytes", SIZE },
	{ "UPTIME s", "metrics", "uptime_seconds", PLAIN },
	{ "FUEL", "metrics", "fuel_used", PLAIN },
	{ NULL, NULL, NULL, PLAIN },
};

static const struct column of_proplet[] = {
	{ "CPU %", "cpu_metrics", "percent", TENTHS },
	{ "USER s", "cpu_metrics", "user_seconds", TENTHS },
	{ "SYSTEM s", "cpu_metrics", "system_seconds", TENTHS },
	{ "RSS", "memory_metrics", "rss_bytes", SIZE },
	{ "HEAP", "memory_metrics", "heap_alloc_bytes", SIZE },
	{ NULL, NULL, NULL, PLAIN },
};

static void print_size(double bytes) {
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	char text[32];
	size_t unit = 0;
	while (bytes >= 1024 && unit + 1 < sizeof(units) / sizeof(units[0])) {
		bytes /= 1024;
		unit++;
	}
	(void)snprintf(text, sizeof(text), unit == 0 ? "%.0f %s" : "%.1f %s", bytes, units[unit]);
	(void)printf(" %10s", text);
}

static void print_value(const json_t *value, enum form form) {
	if (!json_is_number(value)) {
		(void)printf(" %10s", "-");
	} else if (form == SIZE) {
		print_size(json_number_value(value));
	} else {
		(void)printf(form == TENTHS ? " %10.1f" : " %10.0f", json_number_value(value));
	}
}

static void print_time(const json_t *value) {
	const char *text = json_string_value(value);
	CLEANUP(mem_freep) char *safe = printable(text != NULL ? text : "", 0);
	(void)printf("%-19.19s", safe);
}

static void print_total(const json_t *page, const char *name) {
	(void)printf("%zu of %lld\n", json_array_size(json_object_get(page, name)),
			(long long)json_integer_value(json_object_get(page, "total")));
}

static void print_row(const json_t *sample, const struct column *columns) {
	const char *id = json_string_value(json_object_get(sample, "proplet_id"));
	CLEANUP(mem_freep) char *worker = printable(id != NULL ? id : "", 24);
	print_time(json_object_get(sample, "timestamp"));
	for (const struct column *column = columns; column->title != NULL; column++) {
		const json_t *group = json_object_get(sample, column->group);
		print_value(json_object_get(group, column->member), column->form);
	}
	(void)printf("  %s\n", worker);
}

static void print_metrics(const json_t *page, const struct column *columns) {
	size_t i;
	json_t *sample;
	(void)printf("%-19s", "TIME");
	for (const struct column *column = columns; column->title != NULL; column++) {
		(void)printf(" %10s", column->title);
	}
	(void)puts("  WORKER");
	json_array_foreach(json_object_get(page, "metrics"), i, sample) {
		print_row(sample, columns);
	}
	print_total(page, "metrics");
}

void print_task_metrics(const json_t *page) {
	print_metrics(page, of_task);
}

void print_proplet_metrics(const json_t *page) {
	print_metrics(page, of_proplet);
}

void print_beats(const json_t *page) {
	size_t i;
	json_t *time;
	(void)puts("HEARD");
	json_array_foreach(json_object_get(page, "history"), i, time) {
		print_time(time);
		(void)putchar('\n');
	}
	print_total(page, "history");
}
