/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What holds for every kind of message: null is as good as absent, members that nobody knows are
 * ignored, what is needed is missed by its name, and times come in every form that peers use.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "model/message.h"
#include "model/metrics.h"

#define TASK_ID "01234567-89ab-4cde-8f01-23456789abcd"
#define BOOT "76543210-89ab-4cde-8f01-23456789abcd"
#define DIGEST "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

/* Decodes, and encodes what came of it; NULL with err. */
typedef char *(*again_fn)(struct bytes payload, struct error *err);

static char *presence_again(struct bytes payload, struct error *err) {
	struct presence presence;
	if (!presence_decode(&presence, payload, err)) {
		return NULL;
	}
	char *text = presence_encode(&presence, true);
	presence_finish(&presence);
	return text;
}

static char *command_again(struct bytes payload, struct error *err) {
	struct command command;
	if (!command_decode(&command, payload, err)) {
		return NULL;
	}
	char *text = command_encode(&command);
	command_finish(&command);
	return text;
}

static char *old_again(enum command_kind kind, struct bytes payload, struct error *err) {
	struct command command;
	if (!command_decode_old(&command, kind, payload, err)) {
		return NULL;
	}
	char *text = command_encode_old(&command, 0);
	command_finish(&command);
	return text;
}

static char *old_start_again(struct bytes payload, struct error *err) {
	return old_again(COMMAND_START, payload, err);
}

static char *old_stop_again(struct bytes payload, struct error *err) {
	return old_again(COMMAND_STOP, payload, err);
}

static char *report_again(struct bytes payload, struct error *err) {
	struct report report;
	if (!report_decode(&report, payload, err)) {
		return NULL;
	}
	char *text = report_encode(&report);
	report_finish(&report);
	return text;
}

static char *notice_again(struct bytes payload, struct error *err) {
	struct notice notice;
	if (!notice_decode(&notice, payload, err)) {
		return NULL;
	}
	char *text = notice_encode(&notice);
	notice_finish(&notice);
	return text;
}

static char *request_again(struct bytes payload, struct error *err) {
	struct chunk_request request;
	if (!chunk_request_decode(&request, payload, err)) {
		return NULL;
	}
	char *text = chunk_request_encode(&request);
	chunk_request_finish(&request);
	return text;
}

static char *metrics_again(enum metrics_kind kind, struct bytes payload, struct error *err) {
	struct metrics metrics;
	if (!metrics_decode(&metrics, kind, payload, err)) {
		return NULL;
	}
	char *text = metrics_encode(&metrics);
	metrics_finish(&metrics);
	return text;
}

static char *proplet_metrics_again(struct bytes payload, struct error *err) {
	return metrics_again(METRICS_PROPLET, payload, err);
}

static char *task_metrics_again(struct bytes payload, struct error *err) {
	return metrics_again(METRICS_TASK, payload, err);
}

enum { NEEDS_MAX = 8, OPTIONAL_MAX = 32, TIMES_MAX = 3 };

static const struct kind {
	const char *name;
	again_fn again;
	const char *least; /* a message with what it needs and nothing else */
	const char *needs[NEEDS_MAX];
	const char *optional[OPTIONAL_MAX];
	const char *times[TIMES_MAX];
} kinds[] = {
	{ "presence", presence_again, "{\"proplet_id\":\"p\"}", { "proplet_id" },
			{ "namespace", "boot", "status", "features", "engines", "slots",
					"interval_ms", "cpus", "memory_bytes", "memory_free_bytes",
					"command", "running", "held", "metadata" },
			{ NULL } },
	{ "start", command_again,
			"{\"type\":\"start\",\"boot\":\"" BOOT
			"\",\"number\":1,\"task_id\":\"" TASK_ID
			"\",\"attempt\":1,\"name\":\"n\",\"digest\":\"" DIGEST "\"}",
			{ "type", "boot", "number", "task_id", "attempt", "name", "digest" },
			{ "proplet_id", "invoke", "engine", "cli_args", "inputs", "env", "dirs",
					"stdin", "daemon", "limits", "monitoring_profile",
					"module_size", "image_url" },
			{ NULL } },
	{ "stop", command_again,
			"{\"type\":\"stop\",\"boot\":\"" BOOT "\",\"task_id\":\"" TASK_ID
			"\",\"attempt\":1}",
			{ "type", "boot", "task_id", "attempt" },
			{ "number", "proplet_id", "name" }, { NULL } },
	{ "ack", command_again, "{\"type\":\"ack\",\"boot\":\"" BOOT "\"}", { "type", "boot" },
			{ "attempts" }, { NULL } },
	{ "old start", old_start_again, "{\"id\":\"" TASK_ID "\",\"name\":\"n\"}", { "id", "name" },
			{ "proplet_id", "broadcast", "file", "image_url", "encrypted", "latent",
					"state", "inputs", "cli_args", "env", "daemon",
					"monitoring_profile", "mode", "kbs_resource_path",
					"hal_storage_path", "parent_results" },
			{ NULL } },
	{ "old stop", old_stop_again, "{\"id\":\"" TASK_ID "\"}", { "id" },
			{ "proplet_id", "broadcast", "name", "state" }, { NULL } },
	{ "results", report_again, "{\"task_id\":\"" TASK_ID "\"}", { "task_id" },
			{ "proplet_id", "attempt", "boot", "results", "error", "stdout", "stderr",
					"stdout_base64", "stderr_base64", "exit_code", "truncated",
					"interrupted", "started_at", "finished_at", "fuel_used",
					"gas_used" },
			{ "started_at", "finished_at" } },
	{ "state", notice_again,
			"{\"task_id\":\"" TASK_ID "\",\"attempt\":1,\"proplet_id\":\"p\",\"boot\":"
			"\"" BOOT "\",\"state\":\"gone\"}",
			{ "task_id", "attempt", "proplet_id", "boot", "state" }, { "at", "reason" },
			{ "at" } },
	{ "chunk request", request_again, "{\"proplet_id\":\"p\",\"digest\":\"" DIGEST "\"}",
			{ "proplet_id", "digest" }, { "boot", "first", "count" }, { NULL } },
	{ "metrics", proplet_metrics_again, "{\"proplet_id\":\"p\"}", { "proplet_id" },
			{ "namespace", "timestamp", "cpu_metrics", "memory_metrics" },
			{ "timestamp" } },
	{ "task metrics", task_metrics_again, "{\"task_id\":\"" TASK_ID "\"}", { "task_id" },
			{ "proplet_id", "timestamp", "metrics", "aggregated" }, { "timestamp" } },
};

enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };

/* The least message of a kind with a member set to some JSON (NULL: taken out), decoded and encoded
 * again. */
static char *with(
		const struct kind *kind, const char *member, const char *json, struct error *err) {
	json_t *object = json_loads(kind->least, 0, NULL);
	assert_non_null(object);
	if (json != NULL) {
		json_t *value = json_loads(json, JSON_DECODE_ANY, NULL);
		assert_non_null(value);
		json_object_set_new(object, member, value);
	} else {
		json_object_del(object, member);
	}
	CLEANUP(mem_freep) char *text = json_dumps(object, JSON_COMPACT);
	json_decref(object);
	return kind->again((struct bytes){ (const uint8_t *)text, strlen(text) }, err);
}

static void assert_same(const struct kind *kind, const char *member, const char *json) {
	struct error err;
	CLEANUP(mem_freep) char *least = with(kind, "absent", NULL, &err);
	assert_non_null(least);
	CLEANUP(mem_freep) char *other = with(kind, member, json, &err);
	if (other == NULL) {
		fail_msg("%s with \"%s\":%s: %s", kind->name, member, json, err.message);
	}
	assert_string_equal(other, least);
}

static void null_is_absent(void **state) {
	(void)state;
	for (size_t i = 0; i < KINDS; i++) {
		for (size_t k = 0; kinds[i].optional[k] != NULL; k++) {
			assert_same(&kinds[i], kinds[i].optional[k], "null");
		}
	}
}

static void unknown_members_are_ignored(void **state) {
	(void)state;
	static const char *const values[] = { "null", "7", "\"text\"", "[[]]", "{\"a\":{}}" };
	for (size_t i = 0; i < KINDS; i++) {
		for (size_t k = 0; k < sizeof(values) / sizeof(values[0]); k++) {
			assert_same(&kinds[i], "unheard_of", values[k]);
		}
	}
}

static void what_is_needed_is_missed_by_name(void **state) {
	(void)state;
	for (size_t i = 0; i < KINDS; i++) {
		for (size_t k = 0; k < NEEDS_MAX && kinds[i].needs[k] != NULL; k++) {
			const char *member = kinds[i].needs[k];
			struct error absent, null;
			assert_null(with(&kinds[i], member, NULL, &absent));
			assert_null(with(&kinds[i], member, "null", &null));
			assert_int_equal(absent.code, ERROR_INVALID);
			assert_string_equal(absent.message, null.message);
			CLEANUP(mem_freep) char *quoted = str_format("\"%s\"", member);
			if (strstr(null.message, quoted) == NULL) {
				fail_msg("%s without %s: %s", kinds[i].name, member, null.message);
			}
		}
	}
}

static void members_of_members_may_be_null(void **state) {
	(void)state;
	static const char *const rows[][2] = {
		{ "limits", "{\"memory_bytes\":null,\"wall_seconds\":null,\"fuel\":null,\"gas\":"
			    "null,"
			    "\"output_bytes\":null,\"unheard\":1}" },
		{ "monitoring_profile", "{\"enabled\":null,\"interval\":null,\"collect_cpu\":null,"
					"\"history_size\":null,\"unheard\":[]}" },
		{ "dirs", "[{\"host\":\"/data\",\"guest\":null,\"write\":null,\"unheard\":{}}]" },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (size_t k = 0; k < KINDS; k++) {
			bool start = str_ends(kinds[k].name, "start");
			struct error err;
			CLEANUP(mem_freep)
			char *text = with(&kinds[k], rows[i][0], rows[i][1], &err);
			if (start && text == NULL) {
				fail_msg("%s: %s", rows[i][0], err.message);
			}
		}
	}
}

static void times_have_three_forms(void **state) {
	(void)state;
	static const char *const forms[] = { "\"2023-11-14T22:13:20Z\"",
		"\"2023-11-14T23:13:20.000+01:00\"",
		"{\"secs_since_epoch\":1700000000,\"nanos_since_epoch\":0}",
		"{\"secs\":1700000000,\"nanos\":0}", "1700000000", "1700000000000" };
	for (size_t i = 0; i < KINDS; i++) {
		for (size_t k = 0; kinds[i].times[k] != NULL; k++) {
			for (size_t f = 0; f < sizeof(forms) / sizeof(forms[0]); f++) {
				struct error err;
				CLEANUP(mem_freep)
				char *text = with(&kinds[i], kinds[i].times[k], forms[f], &err);
				CLEANUP(mem_freep)
				char *expected = str_format("\"%s\":\"2023-11-14T22:13:20Z\"",
						kinds[i].times[k]);
				if (text == NULL || strstr(text, expected) == NULL) {
					fail_msg("%s, %s as %s", kinds[i].name, kinds[i].times[k],
							forms[f]);
				}
			}
		}
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(null_is_absent),
		cmocka_unit_test(unknown_members_are_ignored),
		cmocka_unit_test(what_is_needed_is_missed_by_name),
		cmocka_unit_test(members_of_members_may_be_null),
		cmocka_unit_test(times_have_three_forms),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
