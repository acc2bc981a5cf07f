/* SPDX-License-Identifier: Apache-2.0 */
/* What people see of each kind of answer: the columns of tables, the lines about one thing. */
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "cli/output.h"

#define END                                                                                        \
	{ NULL, NULL, FORM_TEXT, 0, false }

static const struct column of_tasks[] = {
	{ "ID", "id", FORM_TEXT, 0, false },
	{ "NAME", "name", FORM_TEXT, 32, false },
	{ "STATE", "state", FORM_STATE, 0, false },
	{ "ATTEMPT", "attempt", FORM_NUMBER, 0, false },
	{ "PROPLET", "proplet_id", FORM_TEXT, 0, true },
	{ "ENGINE", "engine", FORM_TEXT, 0, true },
	{ "CREATED", "created_at", FORM_TIME, 0, true },
	{ "FINISHED", "finish_time", FORM_TIME, 0, true },
	{ "EXIT", "exit_code", FORM_NUMBER, 0, true },
	{ "RESULTS", "results", FORM_TEXT, 40, false },
	{ "ERROR", "error", FORM_TEXT, 40, true },
	END,
};

static const struct column of_task[] = {
	{ "id", "id", FORM_TEXT, 0, false },
	{ "name", "name", FORM_TEXT, 0, false },
	{ "state", "state", FORM_STATE, 0, false },
	{ "queued", "queued", FORM_TEXT, 0, false },
	{ "proplet", "proplet_id", FORM_TEXT, 0, false },
	{ "engine", "engine", FORM_TEXT, 0, false },
	{ "invoke", "invoke", FORM_TEXT, 0, true },
	{ "inputs", "inputs", FORM_TEXT, 0, true },
	{ "cli args", "cli_args", FORM_TEXT, 0, true },
	{ "image", "image_url", FORM_TEXT, 0, true },
	{ "module", "module_size", FORM_SIZE, 0, true },
	{ "digest", "digest", FORM_TEXT, 0, true },
	{ "daemon", "daemon", FORM_TEXT, 0, true },
	{ "priority", "priority", FORM_NUMBER, 0, true },
	{ "restart", "restart", FORM_TEXT, 0, true },
	{ "metadata", "metadata", FORM_TEXT, 0, true },
	{ "limits", "limits", FORM_TEXT, 0, true },
	{ "created", "created_at", FORM_TIME, 0, true },
	{ "started", "start_time", FORM_TIME, 0, true },
	{ "finished", "finish_time", FORM_TIME, 0, true },
	{ "exit code", "exit_code", FORM_NUMBER, 0, true },
	{ "results", "results", FORM_TEXT, 0, false },
	{ "error", "error", FORM_TEXT, 0, false },
	END,
};

static const struct column of_proplets[] = {
	{ "ID", "id", FORM_TEXT, 0, false },
	{ "NAME", "name", FORM_TEXT, 32, false },
	{ "ALIVE", "alive", FORM_YES, 0, false },
	{ "TASKS", "task_count", FORM_NUMBER, 0, false },
	{ "LAST HEARD", "last_alive_at", FORM_TIME, 0, false },
	{ "NAMESPACE", "namespace", FORM_TEXT, 32, true },
	{ "TAGS", "metadata.tags", FORM_TEXT, 32, true },
	{ "HOST", "metadata.hostname", FORM_TEXT, 32, true },
	{ "ARCH", "metadata.cpu_arch", FORM_TEXT, 0, true },
	{ "MEMORY", "metadata.total_memory_bytes", FORM_SIZE, 0, true },
	{ "VERSION", "metadata.proplet_version", FORM_TEXT, 16, true },
	{ "ENGINES", "engines", FORM_TEXT, 40, true },
	END,
};

static const struct column of_proplet[] = {
	{ "id", "id", FORM_TEXT, 0, false },
	{ "name", "name", FORM_TEXT, 0, false },
	{ "alive", "alive", FORM_YES, 0, false },
	{ "last heard", "last_alive_at", FORM_TIME, 0, false },
	{ "tasks", "task_count", FORM_NUMBER, 0, false },
	{ "slots", "slots", FORM_NUMBER, 0, false },
	{ "key", "key", FORM_TEXT, 0, false },
	{ "namespace", "namespace", FORM_TEXT, 0, false },
	{ "tags", "metadata.tags", FORM_TEXT, 0, false },
	{ "engines", "engines", FORM_TEXT, 0, false },
	{ "host", "metadata.hostname", FORM_TEXT, 0, false },
	{ "address", "metadata.ip", FORM_TEXT, 0, false },
	{ "system", "metadata.os", FORM_TEXT, 0, false },
	{ "arch", "metadata.cpu_arch", FORM_TEXT, 0, false },
	{ "memory", "metadata.total_memory_bytes", FORM_SIZE, 0, false },
	{ "version", "metadata.proplet_version", FORM_TEXT, 0, false },
	{ "runtime", "metadata.wasm_runtime", FORM_TEXT, 0, false },
	{ "boot", "boot", FORM_TEXT, 0, true },
	{ "metadata", "metadata", FORM_TEXT, 0, true },
	END,
};

static const struct column of_workers[] = { { "WORKER", "proplet_id", FORM_TEXT, 0, false },
	{ "CAN", "eligible", FORM_YES, 0, false }, { "WHY", "reason", FORM_TEXT, 0, false }, END };

static const struct column of_task_metrics[] = {
	{ "TIME", "timestamp", FORM_TIME, 0, false },
	{ "CPU %", "metrics.cpu_percent", FORM_TENTHS, 0, false },
	{ "MEMORY", "metrics.memory_bytes", FORM_SIZE, 0, false },
	{ "MEM %", "metrics.memory_percent", FORM_TENTHS, 0, false },
	{ "READ", "metrics.disk_read_bytes", FORM_SIZE, 0, false },
	{ "WRITTEN", "metrics.disk_write_bytes", FORM_SIZE, 0, false },
	{ "UPTIME s", "metrics.uptime_seconds", FORM_NUMBER, 0, false },
	{ "FUEL", "metrics.fuel_used", FORM_NUMBER, 0, false },
	{ "WORKER", "proplet_id", FORM_TEXT, 0, false },
	END,
};

static const struct column of_proplet_metrics[] = {
	{ "TIME", "timestamp", FORM_TIME, 0, false },
	{ "CPU %", "cpu_metrics.percent", FORM_TENTHS, 0, false },
	{ "USER s", "cpu_metrics.user_seconds", FORM_TENTHS, 0, false },
	{ "SYSTEM s", "cpu_metrics.system_seconds", FORM_TENTHS, 0, false },
	{ "RSS", "memory_metrics.rss_bytes", FORM_SIZE, 0, false },
	{ "HEAP", "memory_metrics.heap_alloc_bytes", FORM_SIZE, 0, false },
	{ "WORKER", "proplet_id", FORM_TEXT, 0, false },
	END,
};

static const struct column of_contexts[] = {
	{ "NAME", "name", FORM_TEXT, 0, false },
	{ "CURRENT", "current", FORM_YES, 0, false },
	{ "MANAGER", "manager_url", FORM_TEXT, 60, false },
	{ "TOKEN FILE", "token_file", FORM_TEXT, 40, false },
	{ "CA", "ca", FORM_TEXT, 40, true },
	{ "CERT", "cert", FORM_TEXT, 40, true },
	{ "KEY", "key", FORM_TEXT, 40, true },
	END,
};

static const struct column of_context[] = {
	{ "name", "name", FORM_TEXT, 0, false },
	{ "current", "current", FORM_YES, 0, false },
	{ "manager", "manager_url", FORM_TEXT, 0, false },
	{ "token file", "token_file", FORM_TEXT, 0, false },
	{ "ca", "ca", FORM_TEXT, 0, false },
	{ "cert", "cert", FORM_TEXT, 0, false },
	{ "key", "key", FORM_TEXT, 0, false },
	END,
};

static const struct column of_backup[] = {
	{ "file", "file", FORM_TEXT, 0, false },
	{ "size", "bytes", FORM_SIZE, 0, false },
	{ "created", "created", FORM_TIME, 0, false },
	{ "tasks", "tasks", FORM_NUMBER, 0, false },
	{ "modules", "modules", FORM_NUMBER, 0, false },
	{ "missing", "missing", FORM_NUMBER, 0, true },
	{ "damaged", "damaged", FORM_NUMBER, 0, true },
	{ "schema", "schema", FORM_NUMBER, 0, true },
	{ "version", "version", FORM_TEXT, 0, true },
	{ "sha256", "sha256", FORM_TEXT, 0, false },
	{ "state dir", "state_dir", FORM_TEXT, 0, false },
	END,
};

static const struct column of_beats[] = { { "HEARD", "", FORM_TIME, 0, false }, END };

/* A line for each move; one after the other below the word. */
static void print_history(const json_t *task) {
	size_t i;
	json_t *move;
	json_array_foreach(json_object_get(task, "history"), i, move) {
		const char *at = json_string_value(json_object_get(move, "at"));
		const char *cause = json_string_value(json_object_get(move, "cause"));
		CLEANUP(mem_freep) char *when = printable(at != NULL ? at : "", 0);
		CLEANUP(mem_freep) char *why = printable(cause != NULL ? cause : "", 0);
		(void)printf("%-12s %.19s  %lld  %-12s %s\n", i == 0 ? "history" : "", when,
				(long long)json_integer_value(json_object_get(move, "attempt")),
				state_name(move), why);
	}
}

static void print_placement(const json_t *answer) {
	const char *text = json_string_value(json_object_get(answer, "summary"));
	CLEANUP(mem_freep) char *summary = printable(text != NULL ? text : "", 0);
	struct table table = { .columns = of_workers };
	(void)printf("%s\n\n", summary);
	table_print(&table, json_object_get(answer, "workers"));
}

static void print_results(const json_t *answer) {
	const json_t *results = json_object_get(answer, "results");
	if (json_is_string(results)) {
		size_t size = json_string_length(results);
		(void)fwrite(json_string_value(results), 1, size, stdout);
		if (size == 0 || json_string_value(results)[size - 1] != '\n') {
			(void)putchar('\n');
		}
	} else if (results != NULL && !json_is_null(results)) {
		print_json(LOOK_JSON, results); /* of a worker that is not ours */
	} else {
		(void)puts("no results yet");
	}
}

static void print_logs(const json_t *task) {
	print_bytes(task, "stdout", "stdout_base64", stdout);
	print_bytes(task, "stderr", "stderr_base64", stderr);
}

static void print_created(const json_t *task) {
	const char *id = json_string_value(json_object_get(task, "id"));
	CLEANUP(mem_freep) char *safe = printable(id != NULL ? id : "", 0);
	(void)puts(safe);
}

static void print_health(const json_t *answer) {
	const char *status = json_string_value(json_object_get(answer, "status"));
	const char *version = json_string_value(json_object_get(answer, "version"));
	CLEANUP(mem_freep) char *safe = printable(status != NULL ? status : "?", 0);
	CLEANUP(mem_freep) char *number = printable(version != NULL ? version : "?", 0);
	(void)printf("%s (version %s)\n", safe, number);
}

const struct view view_tasks = { .rows = "tasks", .id = "id", .columns = of_tasks };
const struct view view_task = {
	.id = "id", .must = "id", .columns = of_task, .more = print_history
};
const struct view view_created = { .id = "id", .text = print_created };
const struct view view_results = { .must = "results", .may_be_empty = true, .text = print_results };
const struct view view_logs = { .id = "id", .must = "id", .text = print_logs };
const struct view view_placement = {
	.rows = "workers", .id = "proplet_id", .text = print_placement
};
const struct view view_task_metrics = {
	.rows = "metrics", .oldest_first = true, .columns = of_task_metrics
};
const struct view view_proplets = { .rows = "proplets", .id = "id", .columns = of_proplets };
const struct view view_proplet = { .id = "id", .must = "id", .columns = of_proplet };
const struct view view_proplet_metrics = {
	.rows = "metrics", .oldest_first = true, .columns = of_proplet_metrics
};
const struct view view_beats = { .rows = "history", .oldest_first = true, .columns = of_beats };
const struct view view_health = { .must = "status", .text = print_health };
const struct view view_contexts = { .rows = "contexts", .id = "name", .columns = of_contexts };
const struct view view_context = { .id = "name", .columns = of_context };
const struct view view_backup = { .id = "file", .columns = of_backup };
