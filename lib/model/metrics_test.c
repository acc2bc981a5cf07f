/* SPDX-License-Identifier: Apache-2.0 */
#include "model/metrics.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"

#define MOMENT INT64_C(1700000000000000000)

static struct bytes text(const char *json) {
	return (struct bytes){ (const uint8_t *)json, strlen(json) };
}

/* As Propeller's Rust workers send it. */
static const char rust_task[] =
		"{\"task_id\":\"t1\",\"proplet_id\":\"p1\",\"metrics\":{\"cpu_percent\":12.5,"
		"\"memory_bytes\":44695552,\"memory_percent\":0.0,\"disk_read_bytes\":1,"
		"\"disk_write_bytes\":2,\"uptime_seconds\":30,\"thread_count\":5,"
		"\"file_descriptor_count\":11},\"aggregated\":{\"avg_cpu_usage\":10.0,"
		"\"max_cpu_usage\":20.0,\"avg_memory_usage\":7,\"max_memory_usage\":8,"
		"\"total_disk_read\":1,\"total_disk_write\":2,\"sample_count\":3},\"timestamp\":"
		"{\"secs_since_epoch\":1700000000,\"nanos_since_epoch\":5}}";
static const char rust_proplet[] =
		"{\"proplet_id\":\"p1\",\"namespace\":\"default\",\"timestamp\":"
		"{\"secs_since_epoch\":1700000000,\"nanos_since_epoch\":0},\"cpu_metrics\":"
		"{\"user_seconds\":1.5,\"system_seconds\":0.25,\"percent\":3.0},"
		"\"memory_metrics\":{\"rss_bytes\":24000000,\"heap_alloc_bytes\":0,"
		"\"heap_sys_bytes\":0,\"heap_inuse_bytes\":0,\"container_usage_bytes\":null}}";
/* As its chips do: the time counts from their start. */
static const char chip_proplet[] =
		"{\"proplet_id\":\"c1\",\"namespace\":\"embedded\",\"timestamp\":123456,"
		"\"cpu_metrics\":{\"user_seconds\":0.0,\"system_seconds\":0.0,\"percent\":41.5},"
		"\"memory_metrics\":{\"rss_bytes\":0,\"heap_alloc_bytes\":1000,"
		"\"heap_free_bytes\":9000,\"heap_max_alloc_bytes\":1200}}";
static const char chip_task[] =
		"{\"task_id\":\"t1\",\"metrics\":{\"cpu_percent\":41.5,\"memory_bytes\":1000,"
		"\"memory_percent\":10.0,\"uptime_seconds\":30,\"thread_count\":5},"
		"\"aggregated\":null,\"timestamp\":123456,\"wasm\":{\"execution_count\":1}}";

static void every_worker_is_understood(void **state) {
	(void)state;
	struct metrics in;
	struct error err;
	assert_true(metrics_decode(&in, METRICS_TASK, text(rust_task), &err));
	assert_string_equal(in.task_id, "t1");
	assert_string_equal(in.proplet_id, "p1");
	assert_int_equal(in.sample.at, MOMENT + 5);
	assert_true(sample_get(&in.sample, METRIC_TASK_CPU_PERCENT) == 12.5);
	assert_true(sample_get(&in.sample, METRIC_TASK_SAMPLES) == 3);
	assert_true(isnan(sample_get(&in.sample, METRIC_TASK_FUEL)));
	metrics_finish(&in);
	assert_true(metrics_decode(&in, METRICS_PROPLET, text(rust_proplet), &err));
	assert_true(sample_get(&in.sample, METRIC_PROPLET_RSS) == 24000000);
	assert_true(isnan(sample_get(&in.sample, METRIC_PROPLET_CONTAINER_USAGE)));
	metrics_finish(&in);
	assert_true(metrics_decode(&in, METRICS_PROPLET, text(chip_proplet), &err));
	assert_int_equal(in.sample.at, 0);
	assert_true(sample_get(&in.sample, METRIC_PROPLET_HEAP_FREE) == 9000);
	metrics_finish(&in);
	assert_true(metrics_decode(&in, METRICS_TASK, text(chip_task), &err));
	assert_null(in.proplet_id);
	assert_true(isnan(sample_get(&in.sample, METRIC_TASK_SAMPLES)));
	metrics_finish(&in);
}

static void what_was_said_is_shown(void **state) {
	(void)state;
	static const struct {
		enum metrics_kind kind;
		const char *json;
	} messages[] = { { METRICS_TASK, rust_task }, { METRICS_TASK, chip_task },
		{ METRICS_PROPLET, rust_proplet }, { METRICS_PROPLET, chip_proplet } };
	static const char *const groups[] = { "metrics", "aggregated", "cpu_metrics",
		"memory_metrics", "task_id", "proplet_id", "namespace" };
	for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
		struct metrics in;
		struct error err;
		json_t *said = json_loads(messages[i].json, 0, NULL);
		json_object_del(json_object_get(said, "memory_metrics"), "container_usage_bytes");
		assert_true(metrics_decode(&in, messages[i].kind, text(messages[i].json), &err));
		json_t *shown = metrics_view(&in);
		for (size_t k = 0; k < sizeof(groups) / sizeof(groups[0]); k++) {
			const json_t *before = json_object_get(said, groups[k]);
			before = json_is_null(before) ? NULL : before;
			assert_true(json_equal(before, json_object_get(shown, groups[k])) ||
					before == json_object_get(shown, groups[k]));
		}
		json_decref(said);
		json_decref(shown);
		metrics_finish(&in);
	}
}

static void ours_come_back(void **state) {
	(void)state;
	struct metrics out = { .proplet_id = str_copy("p"), .task_id = "t" }, in;
	struct error err;
	sample_init(&out.sample, METRICS_TASK);
	out.sample.at = MOMENT;
	sample_set(&out.sample, METRIC_TASK_MEMORY_BYTES, 9007199254740992.0);
	sample_set(&out.sample, METRIC_TASK_FUEL, 7);
	CLEANUP(mem_freep) char *json = metrics_encode(&out);
	assert_non_null(strstr(json, "\"memory_bytes\":9007199254740992"));
	assert_non_null(strstr(json, "\"timestamp\":\"2023-11-14T22:13:20Z\""));
	assert_null(strstr(json, "aggregated"));
	assert_true(metrics_decode(&in, METRICS_TASK, text(json), &err));
	assert_memory_equal(&in.sample.at, &out.sample.at, sizeof(in.sample.at));
	assert_true(sample_get(&in.sample, METRIC_TASK_FUEL) == 7);
	metrics_finish(&in);
	metrics_finish(&out);
}

static void bad_ones_name_the_member(void **state) {
	(void)state;
	static const struct {
		enum metrics_kind kind;
		const char *json, *says;
	} rows[] = {
		{ METRICS_PROPLET, "[]", "object" },
		{ METRICS_PROPLET, "{}", "proplet_id" },
		{ METRICS_PROPLET, "{\"proplet_id\":\"\"}", "proplet_id" },
		{ METRICS_PROPLET, "{\"proplet_id\":\"p\",\"cpu_metrics\":7}", "cpu_metrics" },
		{ METRICS_PROPLET, "{\"proplet_id\":\"p\",\"cpu_metrics\":{\"percent\":\"7\"}}",
				"percent" },
		{ METRICS_TASK, "{\"proplet_id\":\"p\"}", "task_id" },
		{ METRICS_TASK, "{\"task_id\":7}", "task_id" },
		{ METRICS_TASK, "{\"task_id\":\"t\",\"metrics\":[]}", "metrics" },
		{ METRICS_TASK, "{\"task_id\":\"t\",\"metrics\":{\"cpu_percent\":{}}}",
				"cpu_percent" },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct metrics in;
		struct error err;
		assert_false(metrics_decode(&in, rows[i].kind, text(rows[i].json), &err));
		assert_int_equal(err.code, ERROR_INVALID);
		assert_non_null(strstr(err.message, rows[i].says));
	}
}

/* Neither a value nor a time that cannot be loses the rest. */
static void what_cannot_be_is_not_said(void **state) {
	(void)state;
	static const char *const rows[] = { "-1", "1e300", "-0.5", "9223372036854775807", "null" };
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct metrics in;
		struct error err;
		CLEANUP(mem_freep)
		char *json = str_format("{\"task_id\":\"t\",\"timestamp\":\"yesterday\","
					"\"metrics\":{\"memory_bytes\":%s,\"thread_count\":1}}",
				rows[i]);
		assert_true(metrics_decode(&in, METRICS_TASK, text(json), &err));
		assert_int_equal(in.sample.at, 0);
		assert_true(isnan(sample_get(&in.sample, METRIC_TASK_MEMORY_BYTES)));
		assert_true(sample_get(&in.sample, METRIC_TASK_THREADS) == 1);
		metrics_finish(&in);
	}
}

/* --- packed -------------------------------------------------------------------------------- */

static void what_is_packed_comes_back(void **state) {
	(void)state;
	uint8_t bytes[SAMPLE_PACKED_MAX];
	struct sample in, out = { .kind = METRICS_TASK };
	sample_init(&in, METRICS_TASK);
	assert_int_equal(sample_pack(&in, bytes), 4);
	assert_true(sample_unpack(&out, (struct bytes){ bytes, 4 }));
	assert_true(isnan(sample_get(&out, METRIC_TASK_CPU_PERCENT)));
	sample_set(&in, METRIC_TASK_CPU_PERCENT, 12.5);
	sample_set(&in, METRIC_TASK_MEMORY_BYTES, 9007199254740992);
	sample_set(&in, METRIC_TASK_SAMPLES, 0);
	assert_int_equal(sample_pack(&in, bytes), 4 + 3 * 8);
	static const uint8_t first[] = { 3, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0x29, 0x40 };
	assert_memory_equal(bytes, first, sizeof(first)); /* the same on every machine */
	assert_true(sample_unpack(&out, (struct bytes){ bytes, 4 + 3 * 8 }));
	assert_true(sample_get(&out, METRIC_TASK_CPU_PERCENT) == 12.5);
	assert_true(sample_get(&out, METRIC_TASK_MEMORY_BYTES) == 9007199254740992);
	assert_true(sample_get(&out, METRIC_TASK_SAMPLES) == 0);
	assert_true(isnan(sample_get(&out, METRIC_TASK_FUEL)));
}

static void what_is_full_fits(void **state) {
	(void)state;
	uint8_t bytes[SAMPLE_PACKED_MAX];
	struct sample in, out = { .kind = METRICS_TASK };
	sample_init(&in, METRICS_TASK);
	for (int i = METRICS_FIRST_OF_TASK; i < METRICS; i++) {
		sample_set(&in, (enum metric)i, i);
	}
	size_t size = sample_pack(&in, bytes);
	assert_int_equal(size, SAMPLE_PACKED_MAX);
	assert_true(sample_unpack(&out, (struct bytes){ bytes, size }));
	assert_memory_equal(out.values, in.values, sizeof(in.values));
}

/* Any length but the right one, values that cannot be, and those of a newer program. */
static void packed_bytes_are_not_trusted(void **state) {
	(void)state;
	uint8_t bytes[4 + 32 * 8];
	struct sample out = { .kind = METRICS_PROPLET };
	memset(bytes, 0xff, sizeof(bytes)); /* 32 values, each not a number */
	for (size_t size = 0; size < sizeof(bytes); size++) {
		assert_false(sample_unpack(&out, (struct bytes){ bytes, size }));
		assert_true(isnan(out.values[0]));
	}
	assert_true(sample_unpack(&out, (struct bytes){ bytes, sizeof(bytes) }));
	assert_true(isnan(out.values[0]));
	static const uint8_t newer[] = { 1, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f, 1, 2, 3, 4, 5,
		6, 7, 8 };
	assert_true(sample_unpack(&out, (struct bytes){ newer, sizeof(newer) }));
	assert_true(out.values[0] == 1);
	static const uint8_t negative[] = { 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xf0, 0xbf };
	assert_true(sample_unpack(&out, (struct bytes){ negative, sizeof(negative) }));
	assert_true(isnan(out.values[0]));
	assert_false(sample_unpack(&out, (struct bytes){ 0 }));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_worker_is_understood),
		cmocka_unit_test(what_was_said_is_shown),
		cmocka_unit_test(ours_come_back),
		cmocka_unit_test(bad_ones_name_the_member),
		cmocka_unit_test(what_cannot_be_is_not_said),
		cmocka_unit_test(what_is_packed_comes_back),
		cmocka_unit_test(what_is_full_fits),
		cmocka_unit_test(packed_bytes_are_not_trusted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
