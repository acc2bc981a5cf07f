/* SPDX-License-Identifier: Apache-2.0 */
#include "model/profile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static bool read(struct profile *profile, const char *text, struct error *err) {
	json_t *object = json_object();
	json_t *value = json_loads(text, JSON_DECODE_ANY, NULL);
	assert_non_null(value);
	json_object_set_new(object, "monitoring_profile", value);
	bool ok = profile_read(profile, object, err);
	json_decref(object);
	return ok;
}

static int64_t integer(const json_t *object, const char *name) {
	assert_true(json_is_integer(json_object_get(object, name)));
	return json_integer_value(json_object_get(object, name));
}

static void an_interval_has_three_forms(void **state) {
	(void)state;
	static const struct {
		const char *text;
		uint64_t ms;
	} rows[] = { { "{\"interval\":5}", 5000 }, { "{\"interval\":2.5}", 2500 },
		{ "{\"interval\":999999}", 999999000 }, { "{\"interval\":1000000}", 1 },
		{ "{\"interval\":10000000000}", 10000 }, { "{\"interval\":1.5e9}", 1500 },
		{ "{\"interval\":\"10s\"}", 10000 }, { "{\"interval\":\"1m30s\"}", 90000 },
		{ "{\"interval\":0}", 0 }, { "{\"interval\":null}", 0 }, { "{}", 0 } };
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct profile profile;
		struct error err;
		profile_init(&profile);
		assert_true(read(&profile, rows[i].text, &err));
		assert_int_equal(profile.interval_ms, rows[i].ms);
	}
}

static void what_is_wrong_is_named(void **state) {
	(void)state;
	static const char *const rows[][2] = { { "7", "monitoring_profile" },
		{ "[]", "monitoring_profile" }, { "{\"enabled\":1}", "enabled" },
		{ "{\"collect_cpu\":\"yes\"}", "collect_cpu" },
		{ "{\"retain_history\":[]}", "retain_history" },
		{ "{\"interval\":-1}", "interval" }, { "{\"interval\":true}", "interval" },
		{ "{\"interval\":1e300}", "interval" }, { "{\"interval\":\"soon\"}", "interval" },
		{ "{\"interval\":\"9000h\"}", "interval" },
		{ "{\"history_size\":-1}", "history_size" },
		{ "{\"history_size\":1.5}", "history_size" } };
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct profile profile;
		struct error err;
		profile_init(&profile);
		assert_false(read(&profile, rows[i][0], &err));
		assert_int_equal(err.code, ERROR_INVALID);
		assert_non_null(strstr(err.message, rows[i][1]));
		assert_false(profile.given);
	}
}

static void workers_get_all_ten_members(void **state) {
	(void)state;
	struct profile profile;
	struct error err;
	static const char *const bools[] = { "enabled", "collect_cpu", "collect_memory",
		"collect_disk_io", "collect_threads", "collect_file_descriptors", "export_to_mqtt",
		"retain_history" };
	profile_init(&profile);
	for (int daemon = 0; daemon < 2; daemon++) {
		json_t *object = profile_encode(&profile, daemon != 0);
		assert_int_equal(json_object_size(object), 10);
		for (size_t i = 0; i < sizeof(bools) / sizeof(bools[0]); i++) {
			assert_true(json_is_true(json_object_get(object, bools[i])));
		}
		assert_int_equal(integer(object, "interval"), daemon ? 120 : 10);
		assert_int_equal(integer(object, "history_size"), daemon ? 500 : 100);
		json_decref(object);
	}
	assert_true(read(&profile,
			"{\"collect_cpu\":false,\"interval\":1500000000,\"history_size\":7,"
			"\"more\":1}",
			&err));
	json_t *object = profile_encode(&profile, false);
	assert_int_equal(json_object_size(object), 10);
	assert_true(json_is_false(json_object_get(object, "collect_cpu")));
	assert_int_equal(integer(object, "interval"), 2); /* whole seconds, not less often */
	assert_int_equal(integer(object, "history_size"), 7);
	json_decref(object);
}

/* A client reads back the unit in which it wrote. */
static void answers_show_what_was_asked(void **state) {
	(void)state;
	static const struct {
		const char *text;
		json_int_t interval;
	} rows[] = { { "{\"interval\":5}", 5 }, { "{\"interval\":5000000000}", 5000000000 },
		{ "{\"interval\":\"1m\"}", 60 } };
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct profile profile, again;
		struct error err;
		profile_init(&profile);
		profile_init(&again);
		assert_null(profile_write(&profile));
		assert_true(read(&profile, rows[i].text, &err));
		json_t *written = profile_write(&profile);
		assert_int_equal(integer(written, "interval"), rows[i].interval);
		json_t *object = json_pack("{s:o}", "monitoring_profile", written);
		assert_true(profile_read(&again, object, &err));
		assert_int_equal(again.interval_ms, profile.interval_ms);
		assert_true(again.given && again.nanos == profile.nanos);
		json_decref(object);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_interval_has_three_forms),
		cmocka_unit_test(what_is_wrong_is_named),
		cmocka_unit_test(workers_get_all_ten_members),
		cmocka_unit_test(answers_show_what_was_asked),
	};
	return cmocka_run_group_tests_name("model/profile", tests, NULL, NULL);
}
